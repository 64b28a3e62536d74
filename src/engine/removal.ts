/** Ends what is left of a container and takes it off the host. Every step may be done already, by the supervisor or by another pidbox. */
import { removeDirectory, stat, unlink } from "../kernel/file.ts";
import { pause } from "../kernel/wait.ts";
import { childCgroups } from "./cgroup-files.ts";
import { thawCgroups } from "./cgroup-freeze.ts";
import { killCgroups } from "./cgroup-processes.ts";
import { dataRootOf } from "./data-directory.ts";
import { forgetOwner } from "./data-owner.ts";
import { subjectOf, tell } from "./journal.ts";
import { readStatus, release, rootOf } from "./store.ts";
import type { ContainerState } from "./store.ts";
import { removeTree } from "./tree-removal.ts";

const EBUSY = -16;
const ENOENT = -2;
const ENOTEMPTY = -39;
const TRIES = 500;

/** Removes a cgroup and those below it, killing what is in them. Returns whether it is gone. */
export function removeCgroup(cgroup: string): boolean {
  for (let tries = 0; tries < TRIES; tries++) {
    const result = removeDirectory(cgroup);
    if (result === 0 || result === -2) return true;
    // Cgroups are never ENOTEMPTY for more than cgroups below them.
    if (result !== EBUSY && (result !== ENOTEMPTY || tries > 0)) return false;
    for (const child of childCgroups(cgroup)) removeCgroup(child);
    killCgroups([cgroup]);
    if (tries > 0) pause(tries < 50 ? 1 : 10);
  }
  return false;
}

/** Removes log and layer. Returns paths that could not be removed. */
export function removeData(state: Pick<ContainerState, "id" | "logs" | "layer"> | undefined): string[] {
  const left = [state?.logs, state?.layer].filter((path) => path !== undefined).filter((path) => removeTree(path) < 0);
  const root = dataRootOf(state?.layer ?? state?.logs);
  if (left.length === 0 && state !== undefined && root !== undefined) forgetOwner(root, state.id);
  return left;
}

/** Files of a container's directory. */
const FILES = ["state.json", "state.json.new", "status", "attach", "end.json", "end.json.new", "stop", "ports"];

/** Whether there was an event of its beginning: one that is gone when it ends has none before its program runs. */
function wasTold(directory: string, state: ContainerState | undefined): state is ContainerState {
  return state !== undefined && (state.kept !== undefined || readStatus(directory) !== undefined);
}

/** Removes cgroups and reservations, and unless `keep` the record, log and layer too. Returns paths that could not be removed. */
export function removeContainer(directory: string, state: ContainerState | undefined, keep: boolean): string[] {
  // A paused v1 container would not die: its cgroups are taken away one after the other, and the freezer's may be the last.
  thawCgroups(state?.cgroups ?? []);
  const left = (state?.cgroups ?? []).filter((cgroup) => !removeCgroup(cgroup));
  const id = directory.slice(directory.lastIndexOf("/") + 1);
  for (const link of state?.reservations ?? []) release(link, id);
  if (keep || left.length > 0) return left;
  // The record goes last: with it goes the knowledge of the rest.
  const data = removeData(state);
  if (data.length > 0) return data;
  for (const link of state?.names ?? []) release(link, id);
  const told = wasTold(directory, state);
  for (let tries = 0; tries < TRIES; tries++) {
    for (const file of FILES) unlink(`${directory}/${file}`);
    const result = removeDirectory(directory);
    // Of several processes that remove it one alone gets this answer.
    if (result === 0 && told) tell(rootOf(directory), subjectOf(state), ["destroy"]);
    if (result === 0 || result === ENOENT) return [];
    if (result !== ENOTEMPTY) break;
    // Whoever asks for the charge of a container makes its status file.
    pause(1);
  }
  return typeof stat(directory) === "number" ? [] : [directory];
}
