/** The processes of a container by its cgroups: whoever is in one of them, or in one below, whatever PID namespace or parent it has. */
import { SYSCALLS } from "../kernel/abi/host.ts";
import { SIGNAL } from "../kernel/abi/constants.ts";
import { syscall } from "../kernel/ffi.ts";
import { close, readText, writeFile } from "../kernel/file.ts";
import { childCgroups, directoryWith } from "./cgroup-files.ts";
import { readFreezer, thawCgroups, tryFreeze } from "./cgroup-freeze.ts";

function collect(cgroup: string, pids: Set<number>): void {
  const text = readText(`${cgroup}/cgroup.procs`, 4 << 20);
  // 0 is a process that the reader's PID namespace does not have.
  if (typeof text === "string") for (const word of text.split("\n")) if (word !== "" && word !== "0") pids.add(Number(word));
  for (const child of childCgroups(cgroup)) collect(child, pids);
}

/** PIDs in the caller's PID namespace, in ascending order. */
export function listCgroupProcesses(cgroups: readonly string[]): number[] {
  const pids = new Set<number>();
  for (const cgroup of cgroups) collect(cgroup, pids);
  return [...pids].toSorted((a, b) => a - b);
}

/**
 * Signals the processes that are there now; returns which. A PID that was given to another process meanwhile is safe: a pidfd is opened first, and only
 * what is still listed afterwards is signalled, so it is the process that was listed, or a dead one.
 */
function signalListed(cgroups: readonly string[], signal: number): number[] {
  const pidfds = listCgroupProcesses(cgroups).map((pid) => [pid, syscall(SYSCALLS.pidfd_open, pid, 0)] as const);
  const still = new Set(listCgroupProcesses(cgroups));
  const signalled: number[] = [];
  for (const [pid, pidfd] of pidfds) {
    if (pidfd < 0) continue;
    if (still.has(pid) && syscall(SYSCALLS.pidfd_send_signal, pidfd, signal, 0, 0) === 0) signalled.push(pid);
    close(pidfd);
  }
  return signalled;
}

/** Rounds for those that fork while they are killed. */
const ROUNDS = 100;

/**
 * Kills all processes of the cgroups: at once where the kernel can (cgroup.kill, 5.14), else one by one until none is new. A paused v1 container is
 * thawed, for it would not die before. They are gone a moment later.
 */
export function killCgroups(cgroups: readonly string[]): void {
  const v2 = directoryWith(cgroups, "cgroup.kill");
  if (v2 === undefined || writeFile(`${v2}/cgroup.kill`, "1") < 0) {
    const seen = new Set<number>();
    for (let [round, news] = [0, true]; round < ROUNDS && news; round++) {
      const killed = signalListed(cgroups, SIGNAL.KILL);
      news = killed.some((pid) => !seen.has(pid));
      for (const pid of killed) seen.add(pid);
      thaw(cgroups);
    }
  }
  thaw(cgroups);
}

function thaw(cgroups: readonly string[]): void {
  if (directoryWith(cgroups, "freezer.state") !== undefined) thawCgroups(cgroups);
}

/** Sends `signal` to each process of the container, once: it stands still meanwhile, if it can be frozen. Returns the PIDs. */
export function signalCgroups(cgroups: readonly string[], signal: number): number[] {
  if (signal === SIGNAL.KILL) {
    const pids = listCgroupProcesses(cgroups);
    killCgroups(cgroups);
    return pids;
  }
  // Whoever forks right now may be missed where nothing can be frozen; that is better than no signal.
  const frozen = readFreezer(cgroups) === "thawed" && tryFreeze(cgroups, 1000);
  try {
    return signalListed(cgroups, signal);
  } finally {
    if (frozen) thawCgroups(cgroups);
  }
}
