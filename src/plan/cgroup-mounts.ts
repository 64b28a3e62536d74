/**
 * Stage: the container's view of its cgroups: one mount on v2, a directory of them on v1 (cgroup_namespaces(7)).
 *
 * With a cgroup namespace of its own the filesystem is mounted and shows the container's cgroup as its root. Without one, mounting it would show the
 * host's whole tree on v1 and change its options on v2, so what the host has mounted is bound: on v1 the container's own cgroups; on v2 the tree, as
 * other runtimes do, unless a user namespace stands between. Pure.
 */
import { AT, MOVE_MOUNT } from "../kernel/abi/constants.ts";
import { MOUNT_ATTR } from "../kernel/abi/mount.ts";
import { SYSCALLS } from "../kernel/abi/host.ts";
import type { MountOptions } from "../spec/mount-options.ts";
import type { Mount } from "../spec/runtime-config.ts";
import { dressMount } from "./bind.ts";
import type { CgroupHandles } from "./cgroups.ts";
import { attach, cloneTree, makeFilesystem, setAttributes } from "./filesystem.ts";
import type { Parameter } from "./filesystem.ts";
import { hold, take } from "./held.ts";
import type { Held } from "./held.ts";
import { hasOwnUsers, isCgroup, mountName, optionsOf, placeOf } from "./mount-kind.ts";
import type { Compilation } from "./names.ts";
import { ensureTarget } from "./target.ts";

function hasNamespace(c: Compilation): boolean {
  return c.blueprint.config.linux?.namespaces?.some(({ type }) => type === "cgroup") ?? false;
}

function isUnified(mount: Mount, handles: CgroupHandles): boolean {
  return mount.type === "cgroup2" || (handles.placements.length > 0 && handles.placements.every(({ hierarchy }) => hierarchy.version === 2));
}

const MOUNT_POINT = "/sys/fs/cgroup";

/** Detached copies of the host's mounts, by config pointer and the name of the hierarchy. */
export type CgroupViews = ReadonlyMap<string, Held>;

/** Container's ops before the pivot: copies of what the host has mounted, for a container without a cgroup namespace. */
export function openCgroupViews(c: Compilation, handles: CgroupHandles): CgroupViews {
  const { writer: w } = c;
  const views = new Map<string, Held>();
  if (hasNamespace(c)) return views;
  (c.blueprint.config.mounts ?? []).forEach((mount, i) => {
    if (!isCgroup(mount)) return;
    w.from(mountName(i, mount));
    const unified = isUnified(mount, handles);
    handles.placements.forEach(({ hierarchy }, at) => {
      if (unified !== (hierarchy.version === 2)) return;
      const own = handles.directories[at] ?? hierarchy.directory;
      const path = unified && !hasOwnUsers(c.blueprint) && own.startsWith(`${MOUNT_POINT}/`) ? MOUNT_POINT : own;
      views.set(`/mounts/${i} ${hierarchy.name}`, hold(c, cloneTree(c, AT.FDCWD, w.text(path), !c.facts.privileged)));
    });
  });
  return views;
}

function dressView(c: Compilation, view: number, options: MountOptions): void {
  dressMount(c, view, options, { whole: false, deep: !c.facts.privileged });
}

const source = (mount: Mount): Parameter[] => (mount.source === undefined ? [] : [["source", mount.source]]);

function mountUnified(c: Compilation, mount: Mount, options: MountOptions, view: Held | undefined): void {
  const { writer: w } = c;
  let made: number;
  if (view === undefined) {
    made = makeFilesystem(c, "cgroup2", source(mount), options.attributes.set);
  } else {
    made = take(c, view);
    dressView(c, made, options);
  }
  const target = ensureTarget(c, mount.destination, { present: isInSysfs(c, mount) });
  attach(c, made, target);
  w.close(made, target);
}

/** Whether the place of the mount is the directory that sysfs has for it. */
function isInSysfs(c: Compilation, mount: Mount): boolean {
  const mounts = c.blueprint.config.mounts ?? [];
  const earlier = mounts.slice(0, mounts.indexOf(mount));
  return placeOf(mount) === "sys/fs/cgroup" && earlier.some((other) => other.type === "sysfs" && placeOf(other) === "sys");
}

/** The container's ops. `pointer` is the config's. */
export function mountCgroups(c: Compilation, pointer: string, mount: Mount, handles: CgroupHandles, views: CgroupViews): void {
  const { writer: w } = c;
  const options = optionsOf(mount);
  if (isUnified(mount, handles)) {
    const name = handles.placements.find(({ hierarchy }) => hierarchy.version === 2)?.hierarchy.name;
    return mountUnified(c, mount, options, name === undefined ? undefined : views.get(`${pointer} ${name}`));
  }
  const top = makeFilesystem(c, "tmpfs", [["mode", "0755"], ["size", "64k"], ...source(mount)], options.attributes.set & ~MOUNT_ATTR.RDONLY);
  const target = ensureTarget(c, mount.destination, { present: isInSysfs(c, mount) });
  attach(c, top, target);
  for (const { hierarchy } of handles.placements) {
    if (hierarchy.version !== 1) continue;
    w.call(SYSCALLS.mkdirat, top, w.text(hierarchy.name), 0o755);
    const held = views.get(`${pointer} ${hierarchy.name}`);
    const view = held === undefined ? mountHierarchy(c, hierarchy.controllers, mount, options) : take(c, held);
    if (held !== undefined) dressView(c, view, options);
    // `top` was made a moment ago and nobody else has seen it, so its names are what the plan made them.
    w.call(SYSCALLS.move_mount, view, c.empty, top, w.text(hierarchy.name), MOVE_MOUNT.F_EMPTY_PATH).close(view);
    for (const name of hierarchy.controllers) {
      if (name !== hierarchy.name && !name.includes("=")) w.call(SYSCALLS.symlinkat, w.text(hierarchy.name), top, w.text(name));
    }
  }
  // `top` is attached by now, but only this process has a way to it before exec.
  if ((options.attributes.set & MOUNT_ATTR.RDONLY) !== 0) setAttributes(c, top, MOUNT_ATTR.RDONLY);
  w.close(top, target);
}

function mountHierarchy(c: Compilation, controllers: readonly string[], mount: Mount, options: MountOptions): number {
  const parameters = controllers.map((name): Parameter => (name.startsWith("name=") ? ["name", name.slice("name=".length)] : [name]));
  return makeFilesystem(c, "cgroup", [...parameters, ...source(mount)], options.attributes.set);
}
