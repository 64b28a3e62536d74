/** The ops of a plan and their binary layout, as launcher/plan.h has them (a test compares the two). Pure. */

export const PLAN = { magic: 0x786f6270, version: 1, headerSize: 64, opSize: 64, maxOps: 8192, maxPorts: 128, noOp: 0xffffffff } as const;

export const OP = {
  SYSCALL: 0, CLONE: 1, JUMP: 2, JUMP_ERROR: 3, JUMP_SET: 4, EXPECT: 5, LOAD: 6, STORE: 7, DECIMAL: 8, BITS: 9,
  EXECUTE: 10, SUPERVISE: 11, INIT: 12, EXIT: 13, EACH: 14, COPY: 15, KEEP: 16, CLIENT: 17, ADOPT: 18, SAME: 19, TELL: 20, FORWARD: 21,
} as const;

export const FLAG = { IGNORE: 1, FULL: 2, NOT: 4, FIRST: 8, BUSY: 16 } as const;

/** Moments of TELL. */
export const TELL = { now: 0, start: 1, end: 2 } as const;

export const KIND = { IMMEDIATE: 0, REGISTER: 1, DATA: 2 } as const;

/** What the launcher reports instead of an errno: an EXPECT that did not hold, and a fault asked for by a test. */
export const REPORT = { expectation: 4096, fault: 4097 } as const;

/** The status file: struct plan_record. Byte offsets. */
export const RECORD = {
  magic: 0, state: 4, pid: 8, code: 12, signal: 16, core: 20, forwarded: 24, sender: 28, started: 32, ended: 40, user: 48, system: 56, peak: 64, supervisor: 72,
  lost: 76, size: 80,
} as const;

/** struct plan_watch: the record and then 32-bit members. */
export const WATCH = { status: 80, terminal: 84, output: 88, master: 92, guard: 96, stopAtSecond: 100, stopSignal: 104, stopTimeout: 108, size: 112 } as const;

/** struct plan_keep: the watch and then 32-bit members; `logSize` has 64. */
export const KEEP = {
  out: 112, err: 116, in: 120, listener: 124, client: 128, ready: 132, nothing: 136, input: 140, logFormat: 144, logDirectory: 148, logFile: 152, logFiles: 156,
  logSize: 160, size: 168,
} as const;

/** struct plan_client: the watch, 32-bit members, and the bytes of the keys. */
export const CLIENT = { socket: 112, pidfd: 116, out: 120, err: 124, tty: 128, keyCount: 132, keys: 136, size: 152 } as const;
/** Results of CLIENT that are no exit code: the byte that is not 0. */
export const VISIT = { detached: 1, left: 2 } as const;

/** `log_format` and `input` of struct plan_keep. */
export const LOG_FORMAT = { none: 0, json: 1, cri: 2 } as const;
export const INPUT = { none: 0, open: 1, once: 2 } as const;

/**
 * An argument of an op is a plain number: itself, or one of these two ranges, so that compiling allocates nothing per argument.
 * No immediate of ours comes near 2^50.
 */
export const REGISTER_BASE = 2 ** 50;
export const DATA_BASE = 2 ** 51;

/** The value of register `n` (1 to 255; 0 is "nowhere"). Registers 1 to 3 hold the failure report in the clean-up ops. */
export function register(n: number): number {
  return REGISTER_BASE + n;
}

/** The register number or data offset inside an argument; an immediate is itself. */
export function argumentValue(value: number): number {
  if (value >= DATA_BASE) return value - DATA_BASE;
  return value >= REGISTER_BASE ? value - REGISTER_BASE : value;
}

/** Registers that the launcher fills when a plan failed: the op's index, errno, and the value that an EXPECT found. */
export const FAILURE = { op: register(1), error: register(2), value: register(3) } as const;
