/** pidbox's own containers as its state directory has them, for joining with those that /proc shows. */
import { SIGNAL } from "../kernel/abi/constants.ts";
import { readText } from "../kernel/file.ts";
import { parseProcessStat } from "../kernel/process-status.ts";
import { readFreezer } from "./cgroup-freeze.ts";
import type { StoredContainer } from "./discover.ts";
import { publishedText } from "../spec/publish.ts";
import { readEnd } from "./end-record.ts";
import { readPublished } from "./published-ports.ts";
import { type ContainerState, type ContainerStatus, imageOf, isSupervised, listContainers, readState, readStatus } from "./store.ts";

/**
 * Where a container is in its life. `created`: nobody has started it yet. `starting`: it has not said anything yet. `restarting`: its supervisor waits until it
 * starts it again. `lost`: its supervisor was killed.
 */
export type Life = "created" | "starting" | "running" | "restarting" | "ended" | "lost";

export function lifeOf(directory: string, state: ContainerState | undefined, status: ContainerStatus | undefined): Life {
  const supervised = (): boolean => isSupervised(directory);
  if (status === undefined) return state?.kept !== undefined && !state.remove && !supervised() ? "created" : "starting";
  // Once more, for it may have ended in order between the two looks.
  if (status.state === "running") return supervised() ? "running" : readStatus(directory)?.state === "running" ? "lost" : "ended";
  return state?.kept !== undefined && readEnd(directory).delay !== undefined && supervised() ? "restarting" : "ended";
}

// A supervised PID cannot be given out again: it is the supervisor's child, unreaped.
function startOf(pid: number): number | undefined {
  const text = readText(`/proc/${pid}/stat`, 4096);
  return typeof text === "number" ? undefined : parseProcessStat(text).start;
}

function storedContainer(directory: string, state: ContainerState): StoredContainer | undefined {
  const status = readStatus(directory);
  const life = lifeOf(directory, state, status);
  const { id, name, unsafe, degraded, created, command, labels } = state;
  const known = { id, name, unsafe, degraded, created, command, labels, image: imageOf(state), ...(state.remove ? {} : { kept: true }) };
  if (life === "created") return { ...known, initPid: 0, state: "created" };
  if (status === undefined || life === "starting") return undefined;
  const end = { initPid: 0, exitCode: status.code, ended: status.ended };
  if (life === "ended" || life === "restarting") return { ...known, ...end, state: life === "ended" ? "exited" : life };
  if (life === "lost") return { ...known, initPid: status.pid, exitCode: 128 + SIGNAL.KILL, lost: true };
  const initStart = startOf(status.pid);
  const paused = readFreezer(state.cgroups) === "frozen";
  const ports = readPublished(directory, state)?.map(publishedText);
  const running = { ...known, initPid: status.pid, ...(ports === undefined ? {} : { ports }) };
  return { ...running, ...(initStart === undefined ? {} : { initStart }), ...(paused ? { state: "paused" } : {}) };
}

/** All containers in the store of `root` (see stateRoot), those that are starting excepted. */
export function readStored(root: string): StoredContainer[] {
  return listContainers(root).flatMap((id) => {
    const directory = `${root}/containers/${id}`;
    const state = readState(directory);
    const stored = state === undefined || state.id !== id ? undefined : storedContainer(directory, state);
    return stored === undefined ? [] : [stored];
  });
}
