/**
 * Looks into containers that do not run (verbs/container-held.ts): each has cgroups, an id range and a place in the store of its own, and whoever looks is in
 * charge of the container. The launcher takes all of it away; here is what is left where it was killed.
 */
import { PidboxError } from "../base/error.ts";
import { close, listDirectory, removeDirectory, stat, unlink } from "../kernel/file.ts";
import { pause } from "../kernel/wait.ts";
import type { CgroupHierarchy } from "../plan/host-facts.ts";
import { killInit } from "./lost.ts";
import { removeCgroup } from "./removal.ts";
import { isSupervised, readStatus, release, takeCharge } from "./store.ts";

const FOLDER = "held";
const TRIES = 500;

/** Where the places of looks are. */
export function looksOf(root: string): string {
  return `${root}/${FOLDER}`;
}

/** Removes what is left of a look; the caller is in charge of the container, or that is gone. Returns paths that could not be removed. */
function remove(root: string, id: string, hierarchies: readonly CgroupHierarchy[]): string[] {
  const path = `${looksOf(root)}/${id}`;
  const status = readStatus(path);
  if (status !== undefined) killInit(status);
  const cgroups = hierarchies.map(({ directory }) => `${directory}/pidbox/${id}`).filter((cgroup) => typeof stat(cgroup) !== "number");
  const left = cgroups.filter((cgroup) => !removeCgroup(cgroup));
  const ranges = listDirectory(`${root}/ids`);
  for (const { name } of typeof ranges === "number" ? [] : ranges) release(`${root}/ids/${name}`, id);
  unlink(`${path}/status`);
  const result = removeDirectory(path);
  return result === 0 || result === -2 ? left : [...left, path];
}

/** Whether a look is left that nobody is at, nor at its container. */
export function isCutOff(root: string, id: string): boolean {
  return !isSupervised(`${looksOf(root)}/${id}`) && !isSupervised(`${root}/containers/${id}`);
}

/** Removes a look that was cut off. Returns paths that could not be removed, or undefined: another command is at work on the container by now. */
export function removeLook(root: string, id: string, hierarchies: readonly CgroupHierarchy[]): string[] | undefined {
  const container = `${root}/containers/${id}`;
  const charge = takeCharge(container);
  if (charge === undefined && typeof stat(container) !== "number") return undefined;
  const left = remove(root, id, hierarchies);
  if (charge !== undefined) close(charge);
  return left;
}

/**
 * Makes room for the next start or look, by whoever is in charge of the container: of a look before, whose caller is gone, the launcher may be at its end.
 * Throws CONFLICT.
 */
export function clearLook(root: string, id: string, hierarchies: readonly CgroupHierarchy[]): void {
  const path = `${looksOf(root)}/${id}`;
  if (typeof stat(path) === "number") return;
  for (let tries = 0; isSupervised(path) && tries < TRIES; tries++) pause(10);
  const left = isSupervised(path) ? [path] : remove(root, id, hierarchies);
  if (left.length === 0) return;
  throw new PidboxError("CONFLICT", `Cannot start the container: what a look into it left is still there: ${left.join(", ")}`, { context: { path: left[0] ?? path } });
}
