/** pidbox's own containers as its state directory has them, for joining with those that /proc shows. */
import { readText } from "../kernel/file.ts";
import { parseProcessStat } from "../kernel/process-status.ts";
import type { StoredContainer } from "./discover.ts";
import { type ContainerState, type ContainerStatus, isSupervised, listContainers, readState, readStatus } from "./store.ts";

/** Whether a container runs, has ended in order, or has lost its supervisor. `starting`: it has not said anything yet. */
export type Life = "starting" | "running" | "ended" | "lost";

/**
 * The lock is tried only once the supervisor has written its first record: before that it may be about to take the lock, and a look must not stand in
 * its way.
 */
export function lifeOf(directory: string, status: ContainerStatus | undefined): Life {
  if (status === undefined) return "starting";
  if (status.state === "ended") return "ended";
  return isSupervised(directory) ? "running" : "lost";
}

// A supervised PID cannot be given out again: it is the supervisor's child, unreaped.
function startOf(pid: number): number | undefined {
  const text = readText(`/proc/${pid}/stat`, 4096);
  return typeof text === "number" ? undefined : parseProcessStat(text).start;
}

function storedContainer(directory: string, state: ContainerState): StoredContainer | undefined {
  const status = readStatus(directory);
  const life = lifeOf(directory, status);
  if (status === undefined || life === "starting") return undefined;
  const { id, name, unsafe, degraded, created, command } = state;
  const known = { id, name, initPid: status.pid, unsafe, degraded, created, command };
  if (life === "ended") return { ...known, initPid: 0, exitCode: status.code };
  if (life === "lost") return { ...known, lost: true };
  const initStart = startOf(status.pid);
  return { ...known, ...(initStart === undefined ? {} : { initStart }) };
}

/** All containers in the store of `root` (see stateRoot), those that have not run yet excepted. */
export function readStored(root: string): StoredContainer[] {
  return listContainers(root).flatMap((id) => {
    const directory = `${root}/containers/${id}`;
    const state = readState(directory);
    const stored = state === undefined || state.id !== id ? undefined : storedContainer(directory, state);
    return stored === undefined ? [] : [stored];
  });
}
