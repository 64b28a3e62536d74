/**
 * Where on a cgroup v2 host a container's cgroup can be made (cgroup-v2.rst, "Delegation" and "No Internal Process Constraint").
 *
 * Trusts: the kernel. An attacker controls: nothing here; the caller's own cgroup is where its service manager has put it.
 */
import { SYSCALLS } from "../kernel/abi/host.ts";
import { AT } from "../kernel/abi/constants.ts";
import { cgroupDirectory } from "../kernel/cgroup.ts";
import type { CgroupMount } from "../kernel/cgroup.ts";
import { address, syscall } from "../kernel/ffi.ts";
import { cString, readText, stat } from "../kernel/file.ts";
import type { CgroupHierarchy } from "../plan/host-facts.ts";

const W_OK = 2;
/** Leaf of a delegated cgroup for the supervisor. */
const LEAF = "pidbox-supervisor";
/** Where plan/cgroups.ts puts containers unless --cgroup-parent says otherwise. */
const PARENT = "pidbox";

function words(path: string): string[] {
  const text = readText(path, 1 << 16);
  return typeof text === "string" ? text.split(/\s+/).filter((word) => word !== "") : [];
}

/** Whether the caller may make cgroups in `directory` and move its own processes there; a read-only mount counts, too. */
function isDelegated(directory: string): boolean {
  return [directory, `${directory}/cgroup.procs`, `${directory}/cgroup.subtree_control`].every((path) => syscall(SYSCALLS.faccessat, AT.FDCWD, address(cString(path)), W_OK) === 0);
}

/**
 * The cgroup that the caller shares with nobody, else the highest one above it that is delegated and has no processes of its own: `user@UID.service`
 * for whatever a user starts from a desktop or a user service. Processes can be moved there, for the way to it is delegated as well.
 */
function delegatedPlace(mountPoint: string, own: string): { directory: string; leaf?: string } | undefined {
  if (!isDelegated(own)) return undefined;
  const alone = words(`${own}/cgroup.procs`).length <= 1;
  if (alone) return { directory: own, leaf: `${own}/${LEAF}` };
  let highest: string | undefined;
  for (let path = own; path.length > mountPoint.length; ) {
    path = path.slice(0, path.lastIndexOf("/"));
    if (path.length < mountPoint.length || !isDelegated(path)) break;
    if (words(`${path}/cgroup.procs`).length === 0) highest = path;
  }
  // Without one, the plan fails where the kernel refuses, and says why.
  return highest === undefined ? { directory: own, leaf: `${own}/${LEAF}` } : { directory: highest };
}

export interface UnifiedQuery {
  /** `linux.cgroupsPath`. */
  readonly path?: string;
  /** Also a tree without controllers: the v2 part of a hybrid host has the freezer, cgroup.kill, pressure and device programs. */
  readonly bare?: boolean;
}

/** What each directory on the way down hands to the next, as far as they are there. */
function handedDownAlong(base: string, parts: readonly string[]): Record<string, readonly string[]> {
  const found: Record<string, readonly string[]> = {};
  let level = base;
  for (const part of ["", ...parts]) {
    if (part !== "") level = `${level}/${part}`;
    if (typeof stat(level) === "number") break;
    found[level] = words(`${level}/cgroup.subtree_control`);
  }
  return found;
}

function exists(path: string): boolean {
  return typeof stat(path) !== "number";
}

type Place = Pick<CgroupHierarchy, "controllers" | "directory" | "handedDown">;

/** For a path from the mount on: root may hand down anything from the top, others only from the lowest cgroup that is there and theirs. */
function absolutePlace(mountPoint: string, parts: readonly string[], privileged: boolean): Place | undefined {
  if (privileged) return { controllers: words(`${mountPoint}/cgroup.controllers`), directory: mountPoint, handedDown: handedDownAlong(mountPoint, parts) };
  let [lowest, depth] = [mountPoint, 0];
  while (depth < parts.length && exists(`${lowest}/${parts[depth]}`)) lowest = `${lowest}/${parts[depth++]}`;
  if (!isDelegated(lowest)) return undefined;
  const controllers = words(`${lowest}/cgroup.controllers`);
  const above = Object.fromEntries(parts.slice(0, depth).map((_part, i) => [[mountPoint, ...parts.slice(0, i)].join("/"), controllers]));
  return { controllers, directory: mountPoint, handedDown: { ...above, [lowest]: words(`${lowest}/cgroup.subtree_control`) } };
}

/** The hierarchy for a caller whose cgroup is `path`, or undefined where it may not make cgroups. */
export function unifiedHierarchy(mount: CgroupMount, path: string, privileged: boolean, query: UnifiedQuery = {}): CgroupHierarchy | undefined {
  const { mountPoint } = mount;
  const parts = (query.path ?? PARENT).split("/").filter((part) => part !== "");
  const base = { version: 2, mountPoint, name: "unified" } as const;
  if (query.path?.startsWith("/") === true) {
    const place = absolutePlace(mountPoint, parts, privileged);
    return place === undefined || (place.controllers.length === 0 && query.bare !== true) ? undefined : { ...base, ...place };
  }
  // Only the real root has no cgroup.type, and only there may a cgroup with processes hand controllers down.
  const atRoot = privileged && !exists(`${mountPoint}/cgroup.type`);
  const own = cgroupDirectory(mount, path);
  const place = atRoot ? { directory: mountPoint } : own === undefined ? undefined : delegatedPlace(mountPoint, own);
  if (place === undefined) return undefined;
  const controllers = words(`${place.directory}/cgroup.controllers`);
  if (controllers.length === 0 && query.bare !== true) return undefined;
  return { ...base, controllers, ...place, handedDown: handedDownAlong(place.directory, parts) };
}
