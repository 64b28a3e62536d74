/**
 * What dead containers left on the host, and taking it away: state directories without a supervisor, cgroups without a state, links that lead nowhere.
 *
 * Nothing of a container that lives is touched: the living are told by the lock on their status file, and cgroups without a state by the launcher that
 * their processes have as parent (another state directory of the same user, or a pidbox inside a container, may own them).
 */
import { close, listDirectory, readLink, readText, stat, unlink } from "../kernel/file.ts";
import type { CgroupHierarchy } from "../plan/host-facts.ts";
import { removeLostData, withLostData } from "./data-garbage.ts";
import { keptPlans } from "./plan-cache.ts";
import { isCutOff, looksOf, removeLook } from "./looks.ts";
import { killInit, settleLost, tellLost } from "./lost.ts";
import { keptStarts } from "./start-signs.ts";
import { removeCgroup, removeContainer } from "./removal.ts";
import { type ContainerState, type ContainerStatus, isSupervised, listContainers, readState, readStatus, release, takeCharge } from "./store.ts";
import { lifeOf } from "./stored.ts";

export interface Garbage {
  readonly kind: "container" | "record" | "directory" | "cgroup" | "name" | "id range" | "data" | "plan";
  readonly path: string;
  /** Id of the container that it was of; empty for what was of none. */
  readonly id: string;
  /** Why it is not needed any more, as words. */
  readonly why: string;
  /** Paths that could not be removed; absent: it is gone, or nothing was tried. */
  readonly left?: readonly string[];
}

/** How old a directory or cgroup without a record must be before it counts as left behind: a start takes milliseconds. */
const SETTLED_MS = 60_000;
const ID = /^[0-9a-f]{64}$/;
const MOST_ENTRIES = 1 << 16;
const ENOENT = -2;

function names(directory: string): string[] {
  const entries = listDirectory(directory, MOST_ENTRIES);
  return typeof entries === "number" ? [] : entries.map((entry) => entry.name);
}

function settled(path: string, now: number): boolean {
  const status = stat(path, { noFollow: true });
  return typeof status !== "number" && now - status.modified > SETTLED_MS;
}

/** Whether somebody is still at work on the end of a container: its cgroups and reservations go before its record does. */
function isClosing(id: string, state: ContainerState | undefined, status: ContainerStatus | undefined, now: number): boolean {
  const reserved = state?.reservations.some((link) => readLink(link) === id) ?? true;
  const open = reserved || state?.remove !== false || state.cgroups.some((path) => typeof stat(path) !== "number");
  return open && status !== undefined && now - status.ended < SETTLED_MS;
}

/** What is left of the container in a directory of the store, or undefined if it lives, is starting, or is a record that is kept. */
export function judgeContainer(directory: string, all: boolean, now: number): Garbage | undefined {
  const id = directory.slice(directory.lastIndexOf("/") + 1);
  const state = readState(directory);
  const life = lifeOf(directory, state, readStatus(directory));
  if (life === "running" || life === "created" || life === "restarting") return undefined;
  if (life === "starting") {
    // An old one may still be held up on its way, at the gate of --verify for example: then its supervisor has the lock.
    if (!settled(directory, now) || isSupervised(directory)) return undefined;
    return { kind: "directory", path: directory, id, why: state === undefined ? "half made" : "never started" };
  }
  if (life === "lost") return { kind: "container", path: directory, id, why: "its supervisor was killed" };
  if (state?.remove === false && !all) return undefined;
  if (isClosing(id, state, readStatus(directory), now)) return undefined;
  return { kind: "record", path: directory, id, why: state?.remove === false ? "it has ended" : "it has ended and was not to be kept" };
}

function extraCgroups(id: string, hierarchies: readonly CgroupHierarchy[], state: ContainerState | undefined): string[] {
  const known = new Set(state?.cgroups ?? []);
  return hierarchies.map(({ directory }) => `${directory}/pidbox/${id}`).filter((path) => !known.has(path) && typeof stat(path) !== "number");
}

/** Removes a container; the end of a lost one is told by whoever gets charge of it. */
function removeRest({ path, kind }: Garbage, state: ContainerState | undefined, status: ContainerStatus | undefined): string[] {
  const charge = kind === "container" ? takeCharge(path) : undefined;
  if (charge !== undefined && state !== undefined && status !== undefined) tellLost(path, state, status);
  const left = removeContainer(path, state, false);
  if (charge !== undefined) close(charge);
  return left;
}

/** Takes away what judgeContainer found, processes first. Returns what could not be removed. */
export function removeGarbage(garbage: Garbage, hierarchies: readonly CgroupHierarchy[]): Garbage {
  const state = readState(garbage.path);
  const status = readStatus(garbage.path);
  const lost = garbage.kind === "container";
  if (status !== undefined && lost) killInit(status);
  const stuck = extraCgroups(garbage.id, hierarchies, state).filter((cgroup) => !removeCgroup(cgroup));
  // One that is kept has its record, log and layer until somebody removes it.
  const settled = lost && state?.remove === false && state.kept !== undefined;
  const left = [...stuck, ...(settled ? settleLost(garbage.path, Date.now()) : removeRest(garbage, state, status))];
  return left.length === 0 ? garbage : { ...garbage, left };
}

/** Whether a process of this cgroup, or of one below it, has a launcher of pidbox as its parent: somebody waits for it. */
function isTended(cgroup: string): boolean {
  const text = readText(`${cgroup}/cgroup.procs`, 4 << 20);
  for (const word of typeof text === "string" ? text.split("\n") : []) {
    if (word === "") continue;
    // A process of a PID namespace outside of this one: nothing can be known of it (cgroups(7), v2).
    if (word === "0") return true;
    const parent = readText(`/proc/${word}/stat`, 4096);
    const ppid = typeof parent === "string" ? parent.slice(parent.lastIndexOf(")") + 4).split(" ")[0] : undefined;
    if (ppid !== undefined && readLink(`/proc/${ppid}/exe`) === "/memfd:pidbox (deleted)" && readText(`/proc/${ppid}/comm`, 64) === "pidbox\n") return true;
  }
  const entries = listDirectory(cgroup, MOST_ENTRIES);
  return typeof entries !== "number" && entries.some((entry) => entry.type === 4 && isTended(`${cgroup}/${entry.name}`));
}

/** Cgroups that pidbox made and that belong to no container of this store. Fresh ones are left: another store of this user may be about to use them. */
function findCgroups(root: string, hierarchies: readonly CgroupHierarchy[], now: number): Garbage[] {
  const stored = new Set(listContainers(root));
  const paths = hierarchies.flatMap(({ directory }) => names(`${directory}/pidbox`).map((id) => ({ id, path: `${directory}/pidbox/${id}` })));
  const orphans = paths.filter(({ id, path }) => ID.test(id) && !stored.has(id) && settled(path, now) && !isTended(path));
  return orphans.map(({ id, path }) => ({ kind: "cgroup", path, id, why: "no container has it" }));
}

/** Names and id ranges that lead to no container. A container's directory is made before its links and goes after them. */
export function findLinks(root: string): Garbage[] {
  return (["names", "ids"] as const).flatMap((folder) => names(`${root}/${folder}`).flatMap((name): Garbage[] => {
    const path = `${root}/${folder}/${name}`;
    const id = readLink(path);
    if (typeof id !== "string" || (ID.test(id) && typeof stat(`${root}/containers/${id}`) !== "number")) return [];
    return [{ kind: folder === "names" ? "name" : "id range", path, id, why: "its container is gone" }];
  }));
}

function removeLink(garbage: Garbage): Garbage {
  const result = release(garbage.path, garbage.id);
  return result < 0 && result !== ENOENT ? { ...garbage, left: [garbage.path] } : garbage;
}

/** Looks into containers whose launcher was killed. */
function findLooks(root: string, now: number): Garbage[] {
  const found = names(looksOf(root)).map((id) => ({ id, path: `${looksOf(root)}/${id}` }));
  const cut = found.filter(({ id, path }) => ID.test(id) && settled(path, now) && isCutOff(root, id));
  return cut.map(({ id, path }) => ({ kind: "directory", path, id, why: "a look into its container was cut off" }));
}

function sweepLook(root: string, garbage: Garbage, hierarchies: readonly CgroupHierarchy[]): Garbage[] {
  const left = removeLook(root, garbage.id, hierarchies);
  return left === undefined ? [] : [left.length === 0 ? garbage : { ...garbage, left }];
}

function collectData(root: string, { data, uid, dry }: CollectOptions): Garbage[] {
  if (data === undefined) return [];
  return withLostData(data, root, uid, (all) => all.flatMap((lost) => {
    const left = dry ? [] : removeLostData(lost);
    return lost.paths.map((path): Garbage => {
      const garbage: Garbage = { kind: "data", path, id: lost.id, why: "the machine was booted again, and its container's record is gone" };
      return left.includes(path) ? { ...garbage, left: [path] } : garbage;
    });
  }));
}

export interface CollectOptions {
  /** Also records of containers that have ended in order, and plans that are kept for the next start. */
  readonly all: boolean;
  /** Only say what there is. */
  readonly dry: boolean;
  readonly hierarchies: readonly CgroupHierarchy[];
  /** The data directory; undefined if there is no place for one. */
  readonly data: string | undefined;
  readonly uid: number;
  /** Milliseconds since the epoch. */
  readonly now: number;
}

/** Finds, and unless `dry` removes, everything that dead containers left. */
export function collectGarbage(root: string, options: CollectOptions): Garbage[] {
  const { all, dry, hierarchies, now } = options;
  const containers = listContainers(root).map((id) => judgeContainer(`${root}/containers/${id}`, all, now)).filter((found) => found !== undefined);
  const removed = dry ? containers : containers.map((garbage) => removeGarbage(garbage, hierarchies));
  const found = findLooks(root, now);
  const looks = dry ? found : found.flatMap((garbage) => sweepLook(root, garbage, hierarchies));
  // After the containers: what these left behind by failing is found once more, as what it is.
  const cgroups = findCgroups(root, hierarchies, now);
  const links = findLinks(root);
  const data = collectData(root, options);
  const plans = all ? [...keptPlans(root), ...keptStarts(root)].map((path): Garbage => ({ kind: "plan", path, id: "", why: "it can be made anew" })) : [];
  if (dry) return [...removed, ...looks, ...cgroups, ...links, ...data, ...plans];
  const swept = cgroups.map((garbage) => (removeCgroup(garbage.path) ? garbage : { ...garbage, left: [garbage.path] }));
  const emptied = plans.map((plan) => (unlink(plan.path) < 0 ? { ...plan, left: [plan.path] } : plan));
  return [...removed, ...looks, ...swept, ...links.map(removeLink), ...data, ...emptied];
}
