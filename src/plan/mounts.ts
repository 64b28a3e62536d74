/** Stage: the mounts of the config, in its order (config.md, "Mounts"). Pure. */
import { PidboxError } from "../base/error.ts";
import { quote } from "../base/text.ts";
import { AT, ERRNO, FSCONFIG, FSMOUNT_CLOEXEC, FSOPEN_CLOEXEC, FSPICK, OPEN, OPEN_TREE } from "../kernel/abi/constants.ts";
import { MOUNT_ATTR } from "../kernel/abi/mount.ts";
import { SYSCALLS } from "../kernel/abi/host.ts";
import type { Mount } from "../spec/runtime-config.ts";
import { attributeSteps, dressMount, dressSource, openSource } from "./bind.ts";
import { mountCgroups, openCgroupViews } from "./cgroup-mounts.ts";
import type { CgroupViews } from "./cgroup-mounts.ts";
import type { CgroupHandles } from "./cgroups.ts";
import { bindNodes, hasPreparedDev, isPreparedPlace, ownDevIndex, placeDevices, placeLateDevices } from "./devices.ts";
import type { BoundNodes } from "./devices.ts";
import { attach, makeFilesystem, setAttributes, setParameter } from "./filesystem.ts";
import { hold, take } from "./held.ts";
import type { Held } from "./held.ts";
import { mapNamespace } from "./idmap.ts";
import type { MapNamespaces } from "./idmap.ts";
import { dataParameters } from "./mount-data.ts";
import { hasOwnUsers, isBind, isCgroup, isChange, isIdmapped, isMarkedFile, mountName, optionsOf, placeOf } from "./mount-kind.ts";
import { createsNamespace, HOW_SIZE } from "./names.ts";
import type { Compilation } from "./names.ts";
import { FLAG } from "./op.ts";
import type { Sources } from "./sources.ts";
import { ensureTarget } from "./target.ts";
import type { TargetOptions } from "./target.ts";

/** What was made or opened while the host's tree was still there. */
export interface Opened {
  /** Detached mounts by config pointer. */
  readonly mounts: ReadonlyMap<string, Held>;
  /** Register of a procfs of the container's PID namespace that is attached nowhere yet. */
  readonly proc: number | undefined;
  readonly views: CgroupViews;
  readonly nodes: BoundNodes;
  readonly maps: MapNamespaces;
}

/** Filesystems that have no source on the host, and no condition that the host's tree must fulfil. */
const INSIDE_TYPES = ["tmpfs", "devpts", "mqueue"];

/** They show the kernel itself, so nothing may lead them elsewhere (CVE-2019-16884). */
const KERNEL_TYPES = ["proc", "sysfs"];

/** A filesystem with all that the config says of it, but read-only where that comes last. */
function makeMount(c: Compilation, mount: Mount, maps: MapNamespaces): number {
  const options = optionsOf(mount);
  const late = isSealedLate(mount) ? MOUNT_ATTR.RDONLY : 0;
  const made = makeFilesystem(c, mount.type ?? "none", dataParameters(c, mount, options), options.attributes.set & ~late);
  const own = isIdmapped(mount) ? mapNamespace(maps, mount) : undefined;
  if (options.recursive.set === 0 && options.recursive.clear === 0 && options.propagation.length === 0 && own === undefined) return made;
  const userns = own === undefined ? undefined : take(c, own);
  const rest = { ...options, attributes: { set: 0, clear: 0 }, recursive: { ...options.recursive, set: options.recursive.set & ~late } };
  dressMount(c, made, rest, { ...(userns === undefined ? {} : { userns }), whole: false, deep: false });
  if (userns !== undefined) c.writer.release(userns);
  return made;
}

/** A tmpfs is made to be filled, by pidbox itself too: `ro` waits until all mounts are there, as in runc. */
function isSealedLate(mount: Mount): boolean {
  return mount.type === "tmpfs";
}

/**
 * Container's ops before the pivot: everything that needs the host's tree. In a user namespace the kernel allows a new proc and sysfs only next to an
 * unmasked one (mount_too_revealing, fs/namespace.c); other filesystems may name a device or directories of the host.
 */
export function openMounts(c: Compilation, sources: Sources, handles: CgroupHandles): Opened {
  const { writer: w, blueprint } = c;
  const mounts = new Map(sources.mounts);
  let proc: number | undefined;
  (blueprint.config.mounts ?? []).forEach((mount, i) => {
    const pointer = `/mounts/${i}`;
    if (mounts.has(pointer) || isChange(mount) || isCgroup(mount)) return;
    w.from(mountName(i, mount));
    if (isBind(mount)) {
      const tree = openSource(c, mount, optionsOf(mount));
      dressSource(c, tree, optionsOf(mount), undefined);
      mounts.set(pointer, hold(c, tree));
    } else if (!INSIDE_TYPES.includes(mount.type ?? "")) {
      const made = mount.type === "sysfs" && mayLackNetwork(c) ? makeSysfs(c, mount) : makeMount(c, mount, sources.maps);
      const held = hold(c, made);
      // One that is read-only takes no labels and no settings.
      if (mount.type === "proc" && (optionsOf(mount).attributes.set & MOUNT_ATTR.RDONLY) === 0) proc ??= take(c, held);
      mounts.set(pointer, held);
    }
  });
  return { mounts, proc, maps: sources.maps, views: openCgroupViews(c, handles), nodes: bindNodes(c) };
}

/** A new sysfs shows a network namespace, so the kernel wants the rights over that one: a container with users of its own on another's network has none. */
function mayLackNetwork(c: Compilation): boolean {
  return (hasOwnUsers(c.blueprint) || !c.facts.privileged) && !createsNamespace(c.blueprint, "network");
}

/** Ops that make a sysfs or, where that is not allowed, bind the caller's. */
function makeSysfs(c: Compilation, mount: Mount): number {
  const { writer: w } = c;
  const options = optionsOf(mount);
  const [refused, done] = [w.label(), w.label()];
  const [made, answer] = [w.register(), w.register()];
  w.call(SYSCALLS.fsopen, w.text("sysfs"), FSOPEN_CLOEXEC).into(made).tolerate(ERRNO.EPERM).jumpError(refused, made);
  if (mount.source !== undefined) w.call(SYSCALLS.fsconfig, made, FSCONFIG.SET_STRING, w.text("source"), w.text(mount.source));
  w.call(SYSCALLS.fsconfig, made, FSCONFIG.CREATE).into(answer).tolerate(ERRNO.EPERM).jumpError(refused, answer);
  w.call(SYSCALLS.fsmount, made, FSMOUNT_CLOEXEC, options.attributes.set).into(made).tolerate(ERRNO.EPERM).jumpError(refused, made);
  w.jump(done).place(refused).release(answer);
  w.call(SYSCALLS.open_tree, AT.FDCWD, w.text("/sys"), OPEN_TREE.CLONE | OPEN_TREE.CLOEXEC | AT.RECURSIVE).into(made);
  dressMount(c, made, options, { whole: true, deep: true });
  w.place(done);
  return made;
}

function attachTo(c: Compilation, mount: number, destination: string, options: TargetOptions = {}): void {
  const target = ensureTarget(c, destination, options);
  attach(c, mount, target);
  c.writer.close(target);
}

/** Attaches a bind. What pidbox has not looked at before is looked at now: its place is made as what it is. */
function attachBind(c: Compilation, mount: number, config: Mount): void {
  const { writer: w } = c;
  const options = { strict: placeOf(config) === "dev" };
  if (isMarkedFile(config) || c.blueprint.runtime === undefined) return attachTo(c, mount, config.destination, { ...options, file: isMarkedFile(config) });
  const kind = w.register();
  w.call(SYSCALLS.openat, mount, w.text("."), OPEN.PATH | OPEN.DIRECTORY | OPEN.CLOEXEC).into(kind).tolerate(ERRNO.ENOTDIR);
  attachTo(c, mount, config.destination, { ...options, file: kind });
  w.call(SYSCALLS.close, kind).flags(FLAG.IGNORE).release(kind);
}

/** A tmpfs takes the mode of the directory that it hides, if the config gives none, and with tmpcopyup what is in it. */
function attachTmpfs(c: Compilation, config: Mount, maps: MapNamespaces): number {
  const { writer: w } = c;
  const options = optionsOf(config);
  const given = dataParameters(c, config, options).some(([key]) => key === "mode");
  const mode = given ? undefined : w.register();
  const target = ensureTarget(c, config.destination, {
    ...(mode === undefined ? {} : { mode }), present: isPreparedPlace(c, config), strict: placeOf(config) === "dev",
  });
  const mount = makeMount(c, config, maps);
  if (options.tmpcopyup) {
    const [from, to] = [w.register(), w.register()];
    w.call(SYSCALLS.openat, target, w.text("."), OPEN.RDONLY | OPEN.DIRECTORY | OPEN.CLOEXEC).into(from);
    w.call(SYSCALLS.openat, mount, w.text("."), OPEN.RDONLY | OPEN.DIRECTORY | OPEN.CLOEXEC).into(to);
    w.copy(from, to).close(from, to);
  }
  if (mode !== undefined) w.call(SYSCALLS.fchmodat, mount, w.text("."), mode).release(mode);
  attach(c, mount, target);
  w.close(target);
  return mount;
}

/** Changes the mount that is at the destination already. */
function changeMount(c: Compilation, mount: Mount): void {
  const { writer: w } = c;
  const options = optionsOf(mount);
  const target = w.register();
  w.call(SYSCALLS.openat2, c.root, w.text(placeOf(mount) === "" ? "." : placeOf(mount)), c.how.target, HOW_SIZE).into(target);
  if (options.remount && !isBind(mount)) {
    const parameters = dataParameters(c, mount, options).filter(([key]) => key !== "source");
    const context = w.register();
    w.call(SYSCALLS.fspick, target, c.empty, FSPICK.CLOEXEC | FSPICK.EMPTY_PATH).into(context);
    for (const parameter of parameters) setParameter(c, context, parameter);
    w.call(SYSCALLS.fsconfig, context, FSCONFIG.RECONFIGURE).close(context);
  }
  // What is given no propagation keeps the one that it has.
  for (const step of attributeSteps(options, { whole: false, deep: true }, { clears: true, ownUsers: hasOwnUsers(c.blueprint) })) {
    const propagation = options.propagation.length === 0 ? 0 : step.propagation;
    if (step.set === 0 && step.clear === 0 && propagation === 0) continue;
    setAttributes(c, target, step.set, { clear: step.clear, propagation, recursive: step.recursive });
  }
  w.close(target);
}

/** SELinux labels the files of a message queue filesystem one by one. */
function labelQueue(c: Compilation, mount: number): void {
  const { writer: w } = c;
  const label = c.blueprint.config.linux?.mountLabel;
  if (label === undefined) return;
  const directory = w.register();
  w.call(SYSCALLS.openat, mount, w.text("."), OPEN.RDONLY | OPEN.DIRECTORY | OPEN.CLOEXEC).into(directory);
  w.call(SYSCALLS.fsetxattr, directory, w.text("security.selinux"), w.text(label), new TextEncoder().encode(label).length + 1, 0).close(directory);
}

/** Descriptors of mounts that get read-only at last. */
export type LateSeals = readonly { readonly name: string; readonly mount: Held }[];

/** Container's ops: the mounts, and nodes after them. */
export function makeMounts(c: Compilation, opened: Opened, handles: CgroupHandles): LateSeals {
  const { writer: w, blueprint } = c;
  const seals: { name: string; mount: Held }[] = [];
  const dev = ownDevIndex(c);
  (blueprint.config.mounts ?? []).forEach((mount, i) => {
    const pointer = `/mounts/${i}`;
    w.from(mountName(i, mount));
    if (placeOf(mount) === "" && !isChange(mount)) {
      throw new PidboxError("CONFIG_INVALID", `Cannot mount ${quote(mount.source ?? mount.type ?? "", 120)} on "/": that is the root filesystem`, { context: { from: `${pointer}/destination` } });
    }
    if (isChange(mount)) return changeMount(c, mount);
    if (isCgroup(mount)) return mountCgroups(c, pointer, mount, handles, opened.views);
    const made = placeMount(c, mount, opened, i === dev && hasPreparedDev(c) ? "/dev" : pointer);
    const readonly = ((optionsOf(mount).attributes.set | optionsOf(mount).recursive.set) & MOUNT_ATTR.RDONLY) !== 0;
    if (isSealedLate(mount) && !isBind(mount) && readonly) seals.push({ name: mountName(i, mount), mount: hold(c, made) });
    else w.close(made);
    if (i === dev && !hasPreparedDev(c)) placeDevices(c, opened.nodes);
  });
  placeLateDevices(c, opened.nodes);
  return seals;
}

/** Attaches one mount; its descriptor is in the register returned. */
function placeMount(c: Compilation, mount: Mount, opened: Opened, pointer: string): number {
  const held = opened.mounts.get(pointer);
  if (held === undefined && mount.type === "tmpfs") return attachTmpfs(c, mount, opened.maps);
  const made = held === undefined ? makeMount(c, mount, opened.maps) : take(c, held);
  if (held === undefined && mount.type === "mqueue") labelQueue(c, made);
  const strict = KERNEL_TYPES.includes(mount.type ?? "") || placeOf(mount) === "dev";
  if (isBind(mount)) attachBind(c, made, mount);
  else attachTo(c, made, mount.destination, { strict, present: held === undefined && isPreparedPlace(c, mount) });
  return made;
}

/** Container's ops after everything that is made on a tmpfs: those that the config wants read-only are so from here on. */
export function sealMounts(c: Compilation, seals: LateSeals): void {
  for (const { name, mount } of seals) {
    c.writer.from(name);
    const made = take(c, mount);
    setAttributes(c, made, MOUNT_ATTR.RDONLY);
    c.writer.close(made);
  }
}
