/**
 * What /proc/PID/status and /proc/PID/stat say of a process (proc_pid_status(5), proc_pid_stat(5)).
 *
 * Trusts: the kernel's field names. An attacker controls: the process's name, which may hold any byte but NUL, so it needs `printable`.
 */
import { PidboxError } from "../base/error.ts";
import { quote } from "../base/text.ts";

/** Real, effective, saved and filesystem id, as seen from the reader's user namespace; 65534 is an id without a mapping there. */
export interface IdSet {
  readonly real: number;
  readonly effective: number;
  readonly saved: number;
  readonly filesystem: number;
}

/** The five capability sets as bit masks; bit N is capability number N of capability.h. */
export interface CapabilitySets {
  readonly inheritable: bigint;
  readonly permitted: bigint;
  readonly effective: bigint;
  readonly bounding: bigint;
  readonly ambient: bigint;
}

export interface ProcessStatus {
  /** The command name of at most 15 bytes (kernel threads: up to 63), with the kernel's escapes undone. */
  readonly name: string;
  /** One letter: R, S, D, T, t, Z, X, I or another one of a newer kernel. */
  readonly state: string;
  readonly pid: number;
  readonly threadGroup: number;
  /** 0 when the parent is outside the PID namespace of the /proc that was read. */
  readonly parent: number;
  /** PID of the process that traces this one, or 0. */
  readonly tracer: number;
  readonly uids: IdSet;
  readonly gids: IdSet;
  readonly groups: readonly number[];
  /** The PID in each PID namespace from the reader's /proc down to the process's own (NSpid, Linux 4.1). */
  readonly pids: readonly number[];
  readonly threads: number;
  /** Resident memory in bytes; absent for kernel threads and zombies. */
  readonly residentBytes?: number;
  readonly capabilities: CapabilitySets;
  /** Absent on kernels that do not say: unknown, not off. */
  readonly noNewPrivileges?: boolean;
  /** 0 none, 1 strict, 2 filter. */
  readonly seccomp?: number;
  /** How many filters are stacked (Linux 5.9). */
  readonly seccompFilters?: number;
  /** How this thread is kept from speculation, as the kernel words it (`thread vulnerable`, `conditional enabled`; Linux 4.17 and 5.12). */
  readonly storeBypass?: string;
  readonly indirectBranch?: string;
  /** Signals with a handler; bit N-1 is signal N. PID 1 of a namespace receives only these from inside it. */
  readonly caughtSignals: bigint;
}

export interface ProcessStat {
  readonly pid: number;
  readonly name: string;
  readonly state: string;
  readonly parent: number;
  readonly session: number;
  /** Device number of the controlling terminal, 0 for none. */
  readonly tty: number;
  /** Clock ticks of CPU time in user mode and in the kernel. */
  readonly userTicks: number;
  readonly systemTicks: number;
  /** Clock ticks from boot to the start of the process: with the PID, its identity. */
  readonly start: number;
}

/** Clock ticks a second in /proc: USER_HZ, 100 on x86-64 and arm64 whatever the kernel's own HZ (include/asm-generic/param.h). */
export const TICKS_PER_SECOND = 100;

function bad(field: string, text: string): PidboxError {
  return new PidboxError("PARSE", `Cannot read process status: ${field} is ${quote(text, 80)}`);
}

function decimal(field: string, text: string | undefined): number {
  const value = text?.trim() ?? "";
  if (!/^[0-9]{1,15}$/.test(value)) throw bad(field, value);
  return Number(value);
}

function decimals(field: string, text: string | undefined): number[] {
  const words = (text ?? "").trim().split(/[ \t]+/);
  if (words.length === 1 && words[0] === "") return [];
  return words.map((word) => decimal(field, word));
}

function ids(field: string, text: string | undefined): IdSet {
  const [real, effective, saved, filesystem] = decimals(field, text);
  if (real === undefined || effective === undefined || saved === undefined || filesystem === undefined) throw bad(field, text ?? "");
  return { real, effective, saved, filesystem };
}

function mask(field: string, text: string | undefined): bigint {
  const value = text?.trim() ?? "";
  if (!/^[0-9a-f]{1,32}$/i.test(value)) throw bad(field, value);
  return BigInt(`0x${value}`);
}

// Only backslash and newline are escaped in Name (proc_task_name, fs/proc/array.c).
function unescapeName(text: string): string {
  return text.includes("\\") ? text.replace(/\\([n\\])/g, (_, c: string) => (c === "n" ? "\n" : "\\")) : text;
}

/** Parses the whole of /proc/PID/status; PARSE if a field that every kernel since 4.1 prints is missing or malformed. */
export function parseProcessStatus(text: string): ProcessStatus {
  const fields = new Map<string, string>();
  for (const line of text.split("\n")) {
    const colon = line.indexOf(":\t");
    if (colon > 0 && !fields.has(line.slice(0, colon))) fields.set(line.slice(0, colon), line.slice(colon + 2));
  }
  const name = fields.get("Name");
  const state = fields.get("State")?.[0];
  if (name === undefined) throw bad("Name", "");
  if (state === undefined || !/[A-Za-z]/.test(state)) throw bad("State", fields.get("State") ?? "");
  const pid = decimal("Pid", fields.get("Pid"));
  const pids = decimals("NSpid", fields.get("NSpid"));
  const resident = fields.get("VmRSS");
  const flag = fields.get("NoNewPrivs");
  const seccomp = fields.get("Seccomp");
  const filters = fields.get("Seccomp_filters");
  const storeBypass = fields.get("Speculation_Store_Bypass");
  const indirectBranch = fields.get("SpeculationIndirectBranch");
  return {
    name: unescapeName(name), state, pid,
    threadGroup: decimal("Tgid", fields.get("Tgid")), parent: decimal("PPid", fields.get("PPid")), tracer: decimal("TracerPid", fields.get("TracerPid")),
    uids: ids("Uid", fields.get("Uid")), gids: ids("Gid", fields.get("Gid")), groups: decimals("Groups", fields.get("Groups")),
    // A kernel without CONFIG_PID_NS prints no NSpid: there is one namespace.
    pids: pids.length === 0 ? [pid] : pids,
    threads: decimal("Threads", fields.get("Threads")),
    ...(resident === undefined ? {} : { residentBytes: decimal("VmRSS", resident.replace(/ kB$/, "")) * 1024 }),
    capabilities: {
      inheritable: mask("CapInh", fields.get("CapInh")), permitted: mask("CapPrm", fields.get("CapPrm")), effective: mask("CapEff", fields.get("CapEff")),
      bounding: mask("CapBnd", fields.get("CapBnd")), ambient: mask("CapAmb", fields.get("CapAmb")),
    },
    ...(flag === undefined ? {} : { noNewPrivileges: decimal("NoNewPrivs", flag) !== 0 }),
    ...(seccomp === undefined ? {} : { seccomp: decimal("Seccomp", seccomp) }),
    ...(filters === undefined ? {} : { seccompFilters: decimal("Seccomp_filters", filters) }),
    ...(storeBypass === undefined ? {} : { storeBypass }), ...(indirectBranch === undefined ? {} : { indirectBranch }),
    caughtSignals: mask("SigCgt", fields.get("SigCgt")),
  };
}

/** Parses /proc/PID/stat. The name may hold spaces and parentheses: it ends at the last `)`, for only numbers follow. */
export function parseProcessStat(text: string): ProcessStat {
  const open = text.indexOf(" (");
  const close = text.lastIndexOf(") ");
  if (open < 0 || close < open + 1) throw bad("stat", text);
  // Field 3 of proc_pid_stat(5) is rest[0].
  const rest = text.slice(close + 2).trim().split(" ");
  const state = rest[0] ?? "";
  if (!/^[A-Za-z]$/.test(state)) throw bad("state", state);
  const tty = rest[4] ?? "";
  if (!/^-?[0-9]{1,10}$/.test(tty)) throw bad("tty_nr", tty);
  return {
    pid: decimal("pid", text.slice(0, open)), name: text.slice(open + 2, close), state,
    parent: decimal("ppid", rest[1]), session: decimal("session", rest[3]), tty: Number(tty),
    userTicks: decimal("utime", rest[11]), systemTicks: decimal("stime", rest[12]), start: decimal("starttime", rest[19]),
  };
}
