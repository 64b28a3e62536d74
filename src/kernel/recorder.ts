/**
 * Writes down what was asked of the kernel and what it answered, so that a later start can ask the same and need not think again (launcher/known.h).
 *
 * Sound by refusal: a call that is not in the table, a descriptor from before, and an answer of which more is used than is compared spoil the record.
 */
import { SYSCALLS } from "./abi/host.ts";
import { AT, STATX } from "./abi/constants.ts";
import { address, bytesAt, observe, syscall, textAt } from "./ffi.ts";
import type { Observer } from "./ffi.ts";
import type { Observation, Question } from "../plan/evidence.ts";

/** How an argument is to be read: a number, a descriptor, a text, a struct of so many bytes, or room for the answer. */
type Part = "number" | "fd" | "text" | "room" | number;
type Range = readonly [at: number, length: number];

interface Shape {
  readonly args: readonly Part[];
  readonly opens?: boolean;
  readonly room?: number;
  /** The kernel writes its answer with gaps. */
  readonly own?: boolean;
  /** Parts of the answer that are used, for a call that went well. */
  readonly used?: (result: number, args: readonly number[]) => readonly Range[];
  /** The room's size among the arguments, as small as it may be and still show that there is more now. */
  readonly count?: (result: number) => readonly [argument: number, size: number];
}

const TCGETS = 0x5401;
const MODE_ONLY = 2;

const SHAPES: Readonly<Record<number, Shape>> = {
  [SYSCALLS.openat]: { args: ["fd", "text", "number", "number"], opens: true },
  [SYSCALLS.openat2]: { args: ["fd", "text", 24, "number"], opens: true },
  [SYSCALLS.close]: { args: ["fd"] },
  [SYSCALLS.read]: { args: ["fd", "room", "number"], used: (n) => [[0, n]], count: (n) => [2, n + 8] },
  // struct linux_dirent64 has 24 bytes at least.
  [SYSCALLS.getdents64]: { args: ["fd", "room", "number"], used: (n) => [[0, n]], count: (n) => [2, n + 23], own: true },
  [SYSCALLS.readlinkat]: { args: ["fd", "text", "room", "number"], used: (n) => [[0, n]], count: (n) => [3, n + 8] },
  // Mode; or uid, gid and mode, and the device that a device node stands for. See `FileStatus` in file.ts.
  [SYSCALLS.statx]: {
    args: ["fd", "text", "number", "number", "room"], room: STATX.size,
    used: (_n, args) => (args[3] === MODE_ONLY ? [[STATX.modeAt, 2]] : [[20, 10], [STATX.rdevMajorAt, 8]]),
  },
  [SYSCALLS.faccessat]: { args: ["fd", "text", "number"] },
  // struct new_utsname: the release is the third of six fields of 65 bytes.
  [SYSCALLS.uname]: { args: ["room"], room: 390, used: () => [[130, 65]] },
  [SYSCALLS.capget]: { args: [8, "room"], room: 24, used: () => [[0, 24]] },
  // struct sysinfo: totalram is the fifth long. Half of it is the memory limit of `do`.
  [SYSCALLS.sysinfo]: { args: ["room"], room: 128, used: () => [[32, 8]] },
  // The hard limit; the soft one is Bun's.
  [SYSCALLS.prlimit64]: { args: ["number", "number", "number", "room"], room: 16, used: () => [[8, 8]] },
  [SYSCALLS.geteuid]: { args: [] },
  [SYSCALLS.getegid]: { args: [] },
  [SYSCALLS.landlock_create_ruleset]: { args: ["number", "number", "number"] },
  [SYSCALLS.ioctl]: { args: ["number", "number", "room"], room: 64 },
};

const STATX_BASIC_STATS = 0x7ff;
const O_PATH = 0o10000000;
/** Access modes but reading, CREAT, TRUNC, and TMPFILE without O_DIRECTORY. */
const O_CHANGES = 0o3 | 0o100 | 0o1000 | 0o20000000;
const S_IFMT = 0o170000;
const [S_IFREG, S_IFDIR] = [0o100000, 0o040000];
const OWN_FDS = "/proc/self/fd/";

/** Whether reading from a descriptor takes nothing away from whoever reads next. */
function isLasting(fd: number): boolean {
  const status = new Uint8Array(STATX.size);
  const empty = new Uint8Array(1);
  if (syscall(SYSCALLS.statx, fd, address(empty), AT.EMPTY_PATH, STATX.TYPE, address(status)) < 0) return false;
  const type = ((status[STATX.modeAt] ?? 0) | ((status[STATX.modeAt + 1] ?? 0) << 8)) & S_IFMT;
  return type === S_IFREG || type === S_IFDIR;
}

function openFlags(nr: number, args: readonly number[]): number {
  const at = args[2] ?? 0;
  return nr === SYSCALLS.openat2 ? new Uint32Array(bytesAt(at, 4).buffer)[0] ?? 0 : at;
}

/** Whether a call of the table does more than ask. */
function changes(nr: number, args: readonly number[]): boolean {
  if (nr === SYSCALLS.openat || nr === SYSCALLS.openat2) return (openFlags(nr, args) & O_CHANGES) !== 0;
  if (nr === SYSCALLS.prlimit64) return args[0] !== 0 || args[2] !== 0;
  return nr === SYSCALLS.ioctl && args[1] !== TCGETS;
}

export class Recorder implements Observer {
  readonly #observations: Observation[] = [];
  /** Descriptors that are open, and the observation that opened each. */
  readonly #open = new Map<number, number>();
  #spoiled = false;

  /** Everything from now on. */
  resume(): void {
    observe(this);
  }

  /** What is done now changes something, and is done anew at each start. */
  pause(): void {
    observe(undefined);
  }

  spoil(): void {
    this.#spoiled = true;
  }

  /** That `path` leads to the very file that it does now: inode, size, time of change and device. */
  identify(path: string): void {
    const [status, text] = [new Uint8Array(STATX.size), new TextEncoder().encode(`${path}\0`)];
    this.pause();
    const result = syscall(SYSCALLS.statx, AT.FDCWD, address(text), 0, STATX_BASIC_STATS, address(status));
    this.resume();
    const answers = [[32, 16], [96, 16], [136, 8]].map(([at = 0, length = 0]) => ({ at, bytes: status.slice(at, at + length) }));
    const number = (value: number): Question => ({ kind: "number", value });
    const room: Question = { kind: "room", size: STATX.size, own: false };
    const args = [number(AT.FDCWD), { kind: "text", bytes: text.slice(0, -1) } as const, number(0), number(STATX_BASIC_STATS), room];
    if (result < 0) this.spoil();
    this.#observations.push({ nr: SYSCALLS.statx, args, result, opens: false, answers });
  }

  /** What was asked; undefined if that is not all that was used. */
  get observations(): readonly Observation[] | undefined {
    return this.#spoiled || this.#open.size > 0 ? undefined : this.#observations;
  }

  called(nr: number, args: readonly number[], result: number): void {
    const shape = SHAPES[nr];
    if (shape === undefined || changes(nr, args)) return this.spoil();
    const count = result >= 0 ? shape.count?.(result) : undefined;
    const size = shape.room ?? count?.[1] ?? 8;
    const questions = shape.args.map((part, i): Question => {
      const value = args[i] ?? 0;
      return i === count?.[0] ? { kind: "number", value: count[1] } : this.#question(part, value, size, shape.own === true);
    });
    const room = args[shape.args.indexOf("room")] ?? 0;
    const answers = result < 0 ? [] : (shape.used?.(result, args) ?? []).map(([at, length]) => ({ at, bytes: bytesAt(room + at, length) }));
    const index = this.#observations.push({ nr, args: questions, result, opens: shape.opens === true, answers }) - 1;
    if (shape.opens === true && result >= 0) this.#opened(index, nr, args, result);
    if (nr === SYSCALLS.close) this.#open.delete(args[0] ?? -1);
  }

  #question(part: Part, value: number, size: number, own: boolean): Question {
    if (typeof part === "number") return { kind: "struct", bytes: bytesAt(value, part) };
    switch (part) {
      case "number": return { kind: "number", value };
      case "room": return { kind: "room", size, own };
      case "text": return this.#text(textAt(value));
      case "fd": {
        const of = this.#open.get(value);
        if (of !== undefined) return { kind: "fd", of };
        if (value !== AT.FDCWD) this.spoil();
        return { kind: "number", value };
      }
    }
  }

  /** Numbers of descriptors are others at another start. */
  #text(bytes: Uint8Array): Question {
    const text = new TextDecoder().decode(bytes);
    if (!text.startsWith(OWN_FDS)) return { kind: "text", bytes };
    const fd = this.#open.get(Number(text.slice(OWN_FDS.length)));
    if (fd === undefined) this.spoil();
    return { kind: "text", bytes: bytes.slice(0, OWN_FDS.length), ...(fd === undefined ? {} : { fd }) };
  }

  #opened(index: number, nr: number, args: readonly number[], fd: number): void {
    this.#open.set(fd, index);
    if ((openFlags(nr, args) & O_PATH) !== 0) return;
    this.pause();
    if (!isLasting(fd)) this.spoil();
    this.resume();
  }
}
