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

/** The hierarchy for a caller whose cgroup is `path`, or undefined where it may not make cgroups. */
export function unifiedHierarchy(mount: CgroupMount, path: string, privileged: boolean): CgroupHierarchy | undefined {
  // Only the real root has no cgroup.type, and only there may a cgroup with processes hand controllers down.
  const atRoot = privileged && typeof stat(`${mount.mountPoint}/cgroup.type`) === "number";
  const own = cgroupDirectory(mount, path);
  const place = atRoot ? { directory: mount.mountPoint } : own === undefined ? undefined : delegatedPlace(mount.mountPoint, own);
  if (place === undefined) return undefined;
  const controllers = words(`${place.directory}/cgroup.controllers`);
  if (controllers.length === 0) return undefined;
  const levels = [place.directory, `${place.directory}/${PARENT}`];
  const handedDown = Object.fromEntries(levels.map((level) => [level, words(`${level}/cgroup.subtree_control`)]));
  return { version: 2, controllers, ...place, name: "unified", handedDown };
}
