/** Why a container ended, when it was not its program's own choice. The counters are read before the cgroup goes. */
import { bytesText, printable } from "../base/text.ts";
import { SIGNALS } from "../kernel/abi/signals.ts";
import { SYSCALLS } from "../kernel/abi/host.ts";
import { close, O, open, readText } from "../kernel/file.ts";
import { address, syscall } from "../kernel/ffi.ts";
import type { Blueprint } from "../plan/blueprint.ts";
import type { ContainerState, ContainerStatus } from "./store.ts";

/** What the container's cgroups counted. */
export interface LimitEvents {
  /** Processes killed because memory ran out. */
  readonly oomKills: number;
  /** Forks refused because of the pids limit. */
  readonly forksRefused: number;
}

function counter(text: string | number, name: string): number {
  const found = typeof text === "string" ? new RegExp(`^${name} (\\d+)$`, "m").exec(text)?.[1] : undefined;
  return found === undefined ? 0 : Number(found);
}

/** Reads the counters of v1 and v2 cgroups. */
export function readLimitEvents(cgroups: readonly string[]): LimitEvents {
  let [oomKills, forksRefused] = [0, 0];
  for (const cgroup of cgroups) {
    oomKills += counter(readText(`${cgroup}/memory.events`, 4096), "oom_kill") + counter(readText(`${cgroup}/memory.oom_control`, 4096), "oom_kill");
    forksRefused += counter(readText(`${cgroup}/pids.events`, 4096), "max");
  }
  return { oomKills, forksRefused };
}

/** `SIGTERM` for 15. */
export function signalName(number: number): string {
  const found = Object.entries(SIGNALS).find(([, value]) => value === number);
  return found === undefined ? `signal ${number}` : found[0];
}

/** The last system call that a seccomp filter killed in the container, from the kernel's log if it may be read: `audit: type=1326 ... syscall=N`. */
export function readSeccompKill(since: number, pid: number): number | undefined {
  const fd = open("/dev/kmsg", O.RDONLY | O.NONBLOCK);
  if (fd < 0) return undefined;
  const record = new Uint8Array(8192);
  let found: number | undefined;
  for (;;) {
    const n = syscall(SYSCALLS.read, fd, address(record), record.length);
    if (n === -32) continue; // EPIPE: records were overwritten meanwhile
    if (n <= 0) break;
    const text = new TextDecoder().decode(record.subarray(0, n));
    const m = /audit\((\d+)\.\d+:\d+\).* pid=(\d+) .* syscall=(\d+) /.exec(text);
    if (m !== null && text.includes("type=1326") && Number(m[1]) * 1000 + 999 >= since && (pid === 0 || Number(m[2]) !== pid)) found = Number(m[3]);
  }
  close(fd);
  return found;
}

export interface EndFacts {
  readonly status: ContainerStatus;
  readonly events: LimitEvents;
  readonly memoryLimit: number | undefined;
  readonly pidsLimit: number | undefined;
  /** Name of the system call that a filter killed, if known. */
  readonly killedCall: string | undefined;
  /** Command of the process that sent the last forwarded signal, if it is still there. */
  readonly sender: string | undefined;
  /** --stop-signal and --stop-timeout. */
  readonly stop?: Blueprint["stop"];
}

/** One line that says why, or undefined if the program chose to end so. Pure. */
export function endText(facts: EndFacts): string | undefined {
  const { status, events } = facts;
  const memory = facts.memoryLimit === undefined ? "" : ` (limit ${bytesText(facts.memoryLimit)})`;
  const name = signalName(status.signal);
  if (status.signal === SIGNALS.SIGKILL && events.oomKills > 0) return `the kernel killed it: out of memory${memory}`;
  if (status.signal === SIGNALS.SIGSYS) return `seccomp killed it${facts.killedCall === undefined ? "" : ` at ${facts.killedCall}`}: the call is not allowed here`;
  const who = status.sender === 0 ? "the kernel or the keyboard" : `process ${status.sender}${facts.sender === undefined ? "" : ` (${printable(facts.sender)})`}`;
  if (status.signal !== 0 && status.forwarded === status.signal) return `${name} from ${who} ended it`;
  if (status.signal === SIGNALS.SIGKILL && facts.stop?.timeout !== undefined && status.forwarded === (facts.stop.signal ?? SIGNALS.SIGTERM)) {
    return `it did not end within ${facts.stop.timeout} s of ${signalName(status.forwarded)} from ${who}, so it was killed`;
  }
  if (status.signal === SIGNALS.SIGKILL && status.forwarded === SIGNALS.SIGINT) return "a second Ctrl-C killed it";
  const forks = events.forksRefused === 0 ? "" : `; ${events.forksRefused} forks were refused (limit ${facts.pidsLimit ?? "unknown"})`;
  if (status.signal !== 0) return `${name} ended it${status.core ? ", core dumped" : ""}${forks}`;
  if (events.oomKills > 0) return `it ended with ${status.code} after the kernel killed ${events.oomKills} of its processes: out of memory${memory}`;
  return forks === "" ? undefined : `it ended with ${status.code}${forks}`;
}

/** The limits that the container was given. */
export function limitsOf(state: ContainerState): { memory: number | undefined; pids: number | undefined } {
  const resources = state.blueprint.config.linux?.resources;
  const memory = resources?.memory?.limit;
  return { memory: memory === undefined ? undefined : Number(memory), pids: resources?.pids?.limit };
}
