/**
 * The seccomp filters of another process, by PTRACE_SECCOMP_GET_FILTER (ptrace(2), Linux 4.4), which needs the process stopped for a moment.
 *
 * All requests come from the thread that seized, as the kernel demands: there is one thread that makes system calls here, and nothing is awaited between
 * them. Should pidbox die in between, the kernel lets the process go on, for PTRACE_O_EXITKILL is not set. A signal that arrives meanwhile is delivered.
 * The process sees what it sees of SIGSTOP and SIGCONT: some calls that wait, such as epoll_wait, may answer EINTR (signal(7)).
 * An attacker controls: the process. One that is stuck in the kernel does not stop in time; it is let go when it does, or when pidbox ends.
 */
import { PidboxError } from "../base/error.ts";
import { errnoName } from "./abi/errno.ts";
import { SYSCALLS } from "./abi/host.ts";
import { address, syscall } from "./ffi.ts";
import { readText } from "./file.ts";
import { INITIAL_NAMESPACES, readNamespaces } from "./namespaces.ts";
import { parseProcessStatus } from "./process-status.ts";
import { pause } from "./wait.ts";

const PTRACE = { DETACH: 17, SEIZE: 0x4206, INTERRUPT: 0x4207, SECCOMP_GET_FILTER: 0x420c } as const;
const PTRACE_EVENT_STOP = 128;
const WAIT = { NOHANG: 1, ALL: 0x40000000 } as const;
const ENOENT = -2;
const ESRCH = -3;
const ROUND_MS = 0.5;
const ROUNDS = 60;
/** A thread may stack as many as fit into 32768 instructions (MAX_INSNS_PER_PATH, kernel/seccomp.c); whoever has more than this many is told of as unknown. */
const MOST_FILTERS = 64;

/** Why there is no answer. */
export interface FilterRefusal {
  readonly why: string;
  readonly errno?: number;
}

const CAP_SYS_ADMIN = 1n << 21n;

/** Why the kernel would give nothing whoever is stopped (seccomp_get_filter, kernel/seccomp.c). Pure. */
export function incapable(own: string, userNamespace: number): string | undefined {
  const { capabilities, seccomp } = parseProcessStatus(own);
  if ((capabilities.effective & CAP_SYS_ADMIN) === 0n || userNamespace !== INITIAL_NAMESPACES.user) return "it takes CAP_SYS_ADMIN on the host to read filters";
  return seccomp === 0 ? undefined : "pidbox has a seccomp filter itself";
}

/** Processes that did not stop in time, by PID. */
const seized = new Set<number>();

/** The signal that waits to be delivered to a stopped process, 0 for none; undefined: it is not stopped. Negative: it ended. */
function stopSignal(pid: number): number | undefined {
  const status = new Int32Array(1);
  const result = syscall(SYSCALLS.wait4, pid, address(status), WAIT.NOHANG | WAIT.ALL, 0);
  if (result === 0) return undefined;
  const word = status[0] ?? 0;
  if (result < 0 || (word & 0xff) !== 0x7f) return -1;
  return word >> 16 === PTRACE_EVENT_STOP ? 0 : (word >> 8) & 0xff;
}

function awaitStop(pid: number): number | undefined {
  for (let round = 0; round < ROUNDS; round++) {
    const signal = stopSignal(pid);
    if (signal !== undefined) return signal;
    pause(ROUND_MS);
  }
  return undefined;
}

/** Lets those go that stopped too late. Returns how many are still seized; they are let go when this process ends. */
export function releaseSeized(): number {
  for (const pid of seized) {
    const signal = stopSignal(pid);
    if (signal === undefined) continue;
    if (signal >= 0) syscall(SYSCALLS.ptrace, PTRACE.DETACH, pid, 0, signal);
    seized.delete(pid);
  }
  return seized.size;
}

function dump(pid: number): Uint8Array[] | FilterRefusal {
  const programs: Uint8Array[] = [];
  for (let index = 0; index < MOST_FILTERS; index++) {
    const length = syscall(SYSCALLS.ptrace, PTRACE.SECCOMP_GET_FILTER, pid, index, 0);
    if (length === ENOENT) return programs;
    if (length < 0) return { why: "the kernel does not give the filter", errno: length };
    const program = new Uint8Array(length * 8);
    const read = syscall(SYSCALLS.ptrace, PTRACE.SECCOMP_GET_FILTER, pid, index, address(program));
    if (read !== length) return { why: "the kernel does not give the filter", errno: read < 0 ? read : ENOENT };
    programs.push(program);
  }
  return { why: `it has more than ${MOST_FILTERS} filters` };
}

/** Why it is better not to touch a process, from /proc/PID/status. Pure. */
export function untouchable(text: string): string | undefined {
  const { tracer, state } = parseProcessStatus(text);
  if (tracer !== 0) return "another program traces it";
  if (state === "T" || state === "t") return "it is stopped";
  if (state === "D") return "it waits in the kernel, or its cgroup is frozen";
  return state === "Z" || state === "X" ? "it has ended" : undefined;
}

/**
 * The programs of all filters of a process's first thread, as struct sock_filter[]. `dirfd` is its open /proc/PID, which it is checked against once it is
 * seized: the number cannot have been given to another then. Needs CAP_SYS_ADMIN in the initial user namespace, and that this process has no filter itself.
 */
export function readSeccompFilters(pid: number, dirfd: number): readonly Uint8Array[] | FilterRefusal {
  const before = readText("status", 1 << 20, dirfd);
  if (typeof before === "number") return { why: "it has ended", errno: before };
  const reason = untouchable(before);
  if (reason !== undefined) return { why: reason };
  const own = readText("/proc/self/status");
  const forbidden = typeof own === "number" ? "pidbox cannot read its own capabilities" : incapable(own, readNamespaces("self").user ?? 0);
  if (forbidden !== undefined) return { why: forbidden };
  const seize = syscall(SYSCALLS.ptrace, PTRACE.SEIZE, pid, 0, 0);
  if (seize < 0) return { why: "it cannot be stopped by this user", errno: seize };
  const interrupt = syscall(SYSCALLS.ptrace, PTRACE.INTERRUPT, pid, 0, 0);
  const signal = interrupt === ESRCH ? -1 : awaitStop(pid);
  if (signal === undefined) {
    seized.add(pid);
    return { why: `it did not stop within ${ROUND_MS * ROUNDS} ms` };
  }
  if (signal < 0) return { why: "it has ended" };
  const same = readText("status", 1 << 20, dirfd);
  const answer = typeof same === "number" ? { why: "it has ended", errno: same } : dump(pid);
  const detach = syscall(SYSCALLS.ptrace, PTRACE.DETACH, pid, 0, signal);
  // ESRCH: it was killed meanwhile, and there is nobody to let go.
  if (detach < 0 && detach !== ESRCH) throw new PidboxError("DEFECT", `Cannot let process ${pid} go: ${errnoName(detach)}`);
  return answer;
}
