/** Stage: the mounts of the config, in its order (config.md, "Mounts"). Pure. */
import { AT, MOVE_MOUNT, OPEN, RESOLVE } from "../kernel/abi/constants.ts";
import { MOUNT_ATTR, MS } from "../kernel/abi/mount.ts";
import { SYSCALLS } from "../kernel/abi/host.ts";
import { parseMountOptions } from "../spec/mount-options.ts";
import type { MountOptions } from "../spec/mount-options.ts";
import type { Mount } from "../spec/runtime-config.ts";
import type { CgroupHandles } from "./cgroups.ts";
import { hasOwnDev, placeDevices } from "./devices.ts";
import { attach, cloneTree, makeFilesystem, setAttributes } from "./filesystem.ts";
import type { Parameter } from "./filesystem.ts";
import { HOW_SIZE } from "./names.ts";
import type { Compilation } from "./names.ts";
import { ensureTarget } from "./target.ts";
import type { TargetOptions } from "./target.ts";

/** A bind mount is decided by its options, not by its type. */
export function isBind(mount: Mount): boolean {
  return mount.options?.some((o) => o === "bind" || o === "rbind") ?? false;
}

/** Where bind sources are files; the compiler cannot look. */
const FILE_MARK = "x-pidbox.file";

/** Marks a bind mount whose source is not a directory: its target is then made as a file. */
export function fileBind(options: readonly string[]): string[] {
  return [...options, FILE_MARK];
}

/**
 * Ops that open the source of a bind mount: supervisor (privileged) or container before its pivot (rootless).
 * The path is canonical, so a link in it is a change since.
 */
export function openSource(c: Compilation, mount: Mount, options: MountOptions): number {
  const { writer: w } = c;
  const source = w.register();
  w.call(SYSCALLS.openat2, AT.FDCWD, w.text(mount.source ?? ""), w.cells(OPEN.PATH | OPEN.CLOEXEC, 0, RESOLVE.NO_SYMLINKS), HOW_SIZE).into(source);
  // In a user namespace a tree with mounts in it can only be copied whole, or what they hide would show.
  const tree = cloneTree(c, source, c.empty, options.bind === "rbind" || !c.facts.privileged);
  w.close(source);
  return tree;
}

/** Ops that give an opened bind source its attributes, and its id map if `userns` is the register of one. */
export function dressSource(c: Compilation, tree: number, options: MountOptions, userns: number | undefined): void {
  const recursive = options.bind === "rbind";
  const { attributes } = options;
  const idmapped = userns !== undefined && options.idmap !== "no";
  const last = options.propagation.at(-1);
  setAttributes(c, tree, attributes.set | (idmapped ? MOUNT_ATTR.IDMAP : 0), {
    clear: c.facts.privileged ? attributes.clear : 0,
    propagation: last?.type ?? MS.PRIVATE,
    recursive,
    ...(idmapped ? { idmap: userns } : {}),
  });
  if (options.recursive.set !== 0 || options.recursive.clear !== 0) {
    setAttributes(c, tree, options.recursive.set, { clear: options.recursive.clear, recursive: true });
  }
}

const KERNEL_FILESYSTEMS = ["proc", "sysfs"];

/** A data option as a parameter of fsconfig(2). */
export function parameter(option: string): Parameter {
  const at = option.indexOf("=");
  return at < 0 ? [option] : [option.slice(0, at), option.slice(at + 1)];
}

function parameters(mount: Mount, options: MountOptions): Parameter[] {
  const list: Parameter[] = [...options.superblock.map((name): Parameter => [name]), ...options.data.map(parameter)];
  if (mount.source !== undefined && !["proc", "sysfs", "tmpfs", "devpts", "mqueue", "cgroup"].includes(mount.type ?? "")) list.push(["source", mount.source]);
  return list;
}

function place(c: Compilation, mount: number, destination: string, options: TargetOptions = {}): void {
  const target = ensureTarget(c, destination, options);
  attach(c, mount, target);
  c.writer.close(mount, target);
}

/** The container's view of its own cgroups: one mount on v2, a directory of them on v1. */
function mountCgroups(c: Compilation, mount: Mount, options: MountOptions, handles: CgroupHandles): void {
  const { writer: w } = c;
  const v2 = handles.placements.find((p) => p.hierarchy.version === 2);
  if (v2 !== undefined) return place(c, makeFilesystem(c, "cgroup2", [], options.attributes.set), mount.destination);
  const top = makeFilesystem(c, "tmpfs", [["mode", "0755"], ["size", "64k"]], options.attributes.set & ~MOUNT_ATTR.RDONLY);
  // sysfs has the directory for it.
  const target = ensureTarget(c, mount.destination, { present: mount.destination === "/sys/fs/cgroup" });
  attach(c, top, target);
  for (const { hierarchy } of handles.placements) {
    w.call(SYSCALLS.mkdirat, top, w.text(hierarchy.name), 0o755);
    const view = makeFilesystem(c, "cgroup", hierarchy.controllers.map((name): Parameter => [name]), options.attributes.set);
    // `top` was made a moment ago and nobody else has seen it, so its names are what the plan made them.
    w.call(SYSCALLS.move_mount, view, c.empty, top, w.text(hierarchy.name), MOVE_MOUNT.F_EMPTY_PATH).close(view);
    for (const name of hierarchy.controllers) if (name !== hierarchy.name) w.call(SYSCALLS.symlinkat, w.text(hierarchy.name), top, w.text(name));
  }
  // `top` is attached by now, but only this process has a way to it before exec.
  if ((options.attributes.set & MOUNT_ATTR.RDONLY) !== 0) setAttributes(c, top, MOUNT_ATTR.RDONLY);
  w.close(top, target);
}

/** Container's ops. `received` has the registers of mounts that came from the supervisor or were opened before the pivot, by config pointer. */
export function makeMounts(
  c: Compilation,
  received: ReadonlyMap<string, number>,
  handles: CgroupHandles,
  nodes: ReadonlyMap<string, number> | undefined,
): void {
  const { writer: w, blueprint } = c;
  (blueprint.config.mounts ?? []).forEach((mount, i) => {
    const pointer = `/mounts/${i}`;
    w.from(pointer);
    const options = parseMountOptions((mount.options ?? []).filter((o) => o !== FILE_MARK));
    const strict = KERNEL_FILESYSTEMS.includes(mount.type ?? "") || mount.destination === "/dev";
    const prepared = received.get(pointer);
    if (prepared !== undefined) return place(c, prepared, mount.destination, { file: mount.options?.includes(FILE_MARK) ?? false, strict });
    if (mount.type === "cgroup" || mount.type === "cgroup2") return mountCgroups(c, mount, options, handles);
    // The supervisor's /dev came with a directory for each of these.
    const present = c.facts.privileged && hasOwnDev(c) && /^\/dev\/[^/]+$/.test(mount.destination);
    place(c, makeFilesystem(c, mount.type ?? "none", parameters(mount, options), options.attributes.set), mount.destination, { strict, present });
    if (mount.destination === "/dev" && nodes !== undefined && hasOwnDev(c)) placeDevices(c, nodes);
  });
}
