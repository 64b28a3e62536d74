/** Ends what is left of a container and takes it off the host. Every step may be done already, by the supervisor or by another pidbox. */
import { readLink, removeDirectory, stat, unlink } from "../kernel/file.ts";
import { pause } from "../kernel/wait.ts";
import { childCgroups } from "./cgroup-files.ts";
import { thawCgroups } from "./cgroup-freeze.ts";
import { killCgroups } from "./cgroup-processes.ts";
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
export function removeData(state: Pick<ContainerState, "logs" | "layer"> | undefined): string[] {
  return [state?.logs, state?.layer].filter((path) => path !== undefined).filter((path) => removeTree(path) < 0);
}

/** Files of a container's directory. */
const FILES = ["state.json", "state.json.new", "status", "attach", "end.json", "end.json.new", "stop", "ports"];

/** Removes cgroups and reservations, and unless `keep` the record, log and layer too. Returns paths that could not be removed. */
export function removeContainer(directory: string, state: ContainerState | undefined, keep: boolean): string[] {
  // A paused v1 container would not die: its cgroups are taken away one after the other, and the freezer's may be the last.
  thawCgroups(state?.cgroups ?? []);
  const left = (state?.cgroups ?? []).filter((cgroup) => !removeCgroup(cgroup));
  const id = directory.slice(directory.lastIndexOf("/") + 1);
  // Links are taken back only if they still lead to this container.
  const own = (link: string): boolean => readLink(link) === id;
  for (const link of state?.reservations ?? []) if (own(link)) unlink(link);
  if (keep || left.length > 0) return left;
  // The record goes last: with it goes the knowledge of the rest.
  const data = removeData(state);
  if (data.length > 0) return data;
  for (const link of state?.names ?? []) if (own(link)) unlink(link);
  for (let tries = 0; tries < TRIES; tries++) {
    for (const file of FILES) unlink(`${directory}/${file}`);
    const result = removeDirectory(directory);
    if (result === 0 || result === ENOENT) return [];
    if (result !== ENOTEMPTY) break;
    // Whoever asks for the charge of a container makes its status file.
    pause(1);
  }
  return typeof stat(directory) === "number" ? [] : [directory];
}
