/**
 * Stage: device nodes (config-linux.md, "Devices" and "Default Devices").
 *
 * On a tmpfs of the config at /dev a privileged supervisor makes them: a container's own tmpfs could hold none that works. Where there is no such tmpfs, or
 * a node is elsewhere, the container makes them after all mounts. In a user namespace of which no map is known, and rootless, each host node is bound after
 * the kernel confirmed that it is that device (CVE-2025-31133, CVE-2026-88265). Nothing is made in a /dev that is a bind mount. Pure.
 */
import { AT, ERRNO, FILE_TYPE, OPEN, STATX, TTY } from "../kernel/abi/constants.ts";
import { MOUNT_ATTR, MS } from "../kernel/abi/mount.ts";
import { SYSCALLS } from "../kernel/abi/host.ts";
import { hostId } from "../spec/id-mapping.ts";
import type { IdMapping, LinuxDevice, Mount } from "../spec/runtime-config.ts";
import { attach, cloneTree, makeFilesystem, setAttributes } from "./filesystem.ts";
import type { Parameter } from "./filesystem.ts";
import { hold, take } from "./held.ts";
import type { Held } from "./held.ts";
import { dataParameters } from "./mount-data.ts";
import { hasOwnUsers, isBind, optionsOf, placeOf } from "./mount-kind.ts";
import { HOW_SIZE } from "./names.ts";
import type { Compilation } from "./names.ts";
import { FLAG } from "./op.ts";
import { components, ensureTarget } from "./target.ts";

/** config-linux.md, "Default Devices"; ptmx is a link to the container's own devpts. */
export const DEFAULT_DEVICES: readonly LinuxDevice[] = [
  { type: "c", path: "/dev/null", major: 1, minor: 3, fileMode: 0o666 },
  { type: "c", path: "/dev/zero", major: 1, minor: 5, fileMode: 0o666 },
  { type: "c", path: "/dev/full", major: 1, minor: 7, fileMode: 0o666 },
  { type: "c", path: "/dev/random", major: 1, minor: 8, fileMode: 0o666 },
  { type: "c", path: "/dev/urandom", major: 1, minor: 9, fileMode: 0o666 },
  { type: "c", path: "/dev/tty", major: 5, minor: 0, fileMode: 0o666 },
];

const LINKS: readonly (readonly [name: string, target: string])[] = [
  ["fd", "/proc/self/fd"], ["stdin", "/proc/self/fd/0"], ["stdout", "/proc/self/fd/1"], ["stderr", "/proc/self/fd/2"], ["ptmx", "pts/ptmx"],
];

const NODE_TYPE = { c: FILE_TYPE.CHARACTER, u: FILE_TYPE.CHARACTER, b: FILE_TYPE.BLOCK, p: FILE_TYPE.FIFO } as const;

/** makedev(3) as the kernel's new_encode_dev has it: enough for majors below 4096 and minors below 2^20. */
function deviceNumber(major: number, minor: number): number {
  return ((minor & 0xff) | ((major & 0xfff) << 8) | ((minor & ~0xff) << 12)) >>> 0;
}

const nodeMode = (device: LinuxDevice): number => NODE_TYPE[device.type] | (device.fileMode ?? 0o666);
const nodeNumber = (device: LinuxDevice): number => (device.type === "p" ? 0 : deviceNumber(device.major ?? 0, device.minor ?? 0));

/** A path as its components from "/", joined. */
const place = (path: string): string => components(path).join("/");
const isBelow = (path: string, directory: string): boolean => path.startsWith(`${directory}/`);

/** The place of the tmpfs at /dev in the config's mounts, or -1. A bind mount there leaves no /dev of the container's own. */
export function ownDevIndex(c: Compilation): number {
  const mounts = c.blueprint.config.mounts ?? [];
  if (mounts.some((mount) => isBind(mount) && placeOf(mount) === "dev")) return -1;
  return mounts.findIndex((mount) => mount.type === "tmpfs" && placeOf(mount) === "dev");
}

export function hasOwnDev(c: Compilation): boolean {
  return ownDevIndex(c) >= 0;
}

/** Whether the supervisor makes /dev: it has the rights, and knows who the container's root is. */
export function hasPreparedDev(c: Compilation): boolean {
  const { facts, blueprint } = c;
  return facts.privileged && hasOwnDev(c) && (blueprint.mapping !== undefined || !hasOwnUsers(blueprint));
}

/** The nodes of a container by when they are made. */
interface Nodes {
  /** On the tmpfs at /dev, with it. */
  readonly dev: readonly LinuxDevice[];
  /** After all mounts. */
  readonly late: readonly LinuxDevice[];
}

function nodesOf(c: Compilation): Nodes {
  const { mounts = [], linux } = c.blueprint.config;
  if (mounts.some((mount) => isBind(mount) && placeOf(mount) === "dev")) return { dev: [], late: [] };
  const listed = (linux?.devices ?? []).filter((device) => place(device.path) !== "dev/ptmx");
  const taken = new Set(listed.map((device) => place(device.path)));
  const all = [...DEFAULT_DEVICES.filter((device) => !taken.has(place(device.path))), ...listed];
  if (!hasOwnDev(c)) return { dev: [], late: all };
  const others = mounts.map((mount) => placeOf(mount)).filter((destination) => isBelow(destination, "dev"));
  const onDev = (device: LinuxDevice): boolean => {
    const at = place(device.path);
    return isBelow(at, "dev") && !others.some((other) => isBelow(at, other));
  };
  return { dev: all.filter(onDev), late: all.filter((device) => !onDev(device)) };
}

/** The host's id of an owner in the container; one that is not mapped cannot own anything, and the container's root does instead. */
function ownerId(map: readonly IdMapping[] | undefined, id: number): number {
  return hostId(map, id) ?? hostId(map, 0) ?? id;
}

/** The options of the tmpfs at /dev as its maker outside of the user namespace has to write them. */
function devParameters(c: Compilation, mount: Mount): Parameter[] {
  const { mapping } = c.blueprint;
  const parameters = dataParameters(c, mount, optionsOf(mount)).map(([key, value]): Parameter => {
    if ((key !== "uid" && key !== "gid") || value === undefined || !/^\d{1,10}$/.test(value)) return value === undefined ? [key] : [key, value];
    return [key, String(ownerId(mapping?.[key], Number(value)))];
  });
  return parameters.some(([key]) => key === "mode") ? parameters : [["mode", "0755"], ...parameters];
}

/** Supervisor's ops (privileged): a detached tmpfs with nodes, links and empty directories, owned by the container's root. */
export function prepareDevices(c: Compilation): number {
  const { writer: w, blueprint } = c;
  const mount = blueprint.config.mounts?.[ownDevIndex(c)] ?? { destination: "/dev", type: "tmpfs" };
  const options = optionsOf(mount);
  w.from("/linux/devices");
  const dev = makeFilesystem(c, "tmpfs", devParameters(c, mount), options.attributes.set & ~MOUNT_ATTR.RDONLY);
  const uid = ownerId(blueprint.mapping?.uid, 0);
  const gid = ownerId(blueprint.mapping?.gid, 0);
  const owned = uid !== 0 || gid !== 0;
  const own = (name: number): void => {
    if (owned) w.call(SYSCALLS.fchownat, dev, name, uid, gid, AT.SYMLINK_NOFOLLOW);
  };
  if (owned) w.call(SYSCALLS.fchownat, dev, c.empty, uid, gid, AT.EMPTY_PATH);
  const made = new Set<string>();
  const directory = (path: string): void => {
    if (path === "" || made.has(path)) return;
    directory(path.slice(0, Math.max(path.lastIndexOf("/"), 0)));
    made.add(path);
    w.call(SYSCALLS.mkdirat, dev, w.text(path), 0o755);
    own(w.text(path));
  };
  // mknod obeys the umask; the mode asked for is the mode given.
  const umask = w.register();
  w.call(SYSCALLS.umask, 0).into(umask);
  for (const device of nodesOf(c).dev) {
    const path = place(device.path).slice("dev/".length);
    directory(path.slice(0, Math.max(path.lastIndexOf("/"), 0)));
    made.add(path);
    const name = w.text(path);
    w.call(SYSCALLS.mknodat, dev, name, nodeMode(device), nodeNumber(device));
    const [owner, group] = [ownerId(blueprint.mapping?.uid, device.uid ?? 0), ownerId(blueprint.mapping?.gid, device.gid ?? 0)];
    if (owner !== 0 || group !== 0) w.call(SYSCALLS.fchownat, dev, name, owner, group, AT.SYMLINK_NOFOLLOW);
  }
  w.call(SYSCALLS.umask, umask).release(umask);
  links(c, dev, own);
  for (const other of blueprint.config.mounts ?? []) if (isPreparedPlace(c, other)) directory(placeOf(other).slice("dev/".length));
  return dev;
}

/** Whether the supervisor's /dev comes with a directory for this mount. */
export function isPreparedPlace(c: Compilation, mount: Mount): boolean {
  return hasPreparedDev(c) && !isBind(mount) && /^dev\/[^/]+$/.test(placeOf(mount));
}

/** The standard links in the directory of register `dev`, made a moment ago by pidbox. `own` gives one to the container's root. */
function links(c: Compilation, dev: number, own?: (name: number) => void): void {
  const { writer: w } = c;
  for (const [name, target] of LINKS) {
    w.call(SYSCALLS.symlinkat, w.text(target), dev, w.text(name));
    own?.(w.text(name));
  }
  if (c.blueprint.runtime !== undefined) linkCore(c, dev, w.register());
}

/** What other runtimes add where the kernel has it. */
function linkCore(c: Compilation, dev: number, found: number): void {
  const { writer: w } = c;
  const none = w.label();
  w.call(SYSCALLS.faccessat, AT.FDCWD, w.text("/proc/kcore"), 0).into(found).tolerate(ERRNO.ENOENT).jumpError(none, found);
  w.call(SYSCALLS.symlinkat, w.text("/proc/kcore"), dev, w.text("core")).tolerate(ERRNO.EEXIST).place(none).release(found);
}

/** Whether the container can make nodes itself. */
function makesNodes(c: Compilation): boolean {
  return c.facts.privileged && !hasOwnUsers(c.blueprint);
}

/** Ops that fail unless the descriptor of register `file` is the device. */
function assertDevice(c: Compilation, file: number, device: LinuxDevice): void {
  const { writer: w } = c;
  const status = w.room(STATX.size);
  const found = w.register();
  w.call(SYSCALLS.statx, file, c.empty, AT.EMPTY_PATH, STATX.TYPE, status);
  w.load(found, status + STATX.modeAt, 2).expect(found, NODE_TYPE[device.type], { mask: FILE_TYPE.MASK });
  if (device.type !== "p") {
    w.load(found, status + STATX.rdevMajorAt, 4).expect(found, device.major ?? 0);
    w.load(found, status + STATX.rdevMinorAt, 4).expect(found, device.minor ?? 0);
  }
  w.release(found);
}

/** Detached mounts of the host's nodes, by device. */
export type BoundNodes = ReadonlyMap<LinuxDevice, Held>;

/** Container's ops before the pivot: a detached mount of each host node that it cannot make. */
export function bindNodes(c: Compilation): BoundNodes {
  const { writer: w } = c;
  const binds = new Map<LinuxDevice, Held>();
  const { dev, late } = nodesOf(c);
  const needed = [...(hasPreparedDev(c) ? [] : dev), ...late].filter((device) => device.type !== "p");
  if (makesNodes(c)) return binds;
  for (const device of needed) {
    w.from("/linux/devices");
    const mount = cloneTree(c, AT.FDCWD, w.text(`/${place(device.path)}`), false);
    assertDevice(c, mount, device);
    setAttributes(c, mount, 0, { propagation: MS.PRIVATE });
    binds.set(device, hold(c, mount));
  }
  return binds;
}

function placeBound(c: Compilation, path: string, held: Held): void {
  const target = ensureTarget(c, path, { file: true });
  const mount = take(c, held);
  attach(c, mount, target);
  c.writer.close(mount, target);
}

/** One node where it belongs, made or found: a file that is something else is an error (config-linux.md, "Devices"). */
function makeNode(c: Compilation, device: LinuxDevice): void {
  const { writer: w } = c;
  const parts = components(device.path);
  const directory = ensureTarget(c, parts.slice(0, -1).join("/"));
  const name = w.text(parts.at(-1) ?? "");
  const node = w.register();
  w.call(SYSCALLS.mknodat, directory, name, nodeMode(device), nodeNumber(device)).into(node).tolerate(ERRNO.EEXIST);
  const there = w.label();
  const made = w.register();
  w.call(SYSCALLS.openat2, directory, name, c.how.entry, HOW_SIZE).into(made);
  assertDevice(c, made, device);
  w.jumpError(there, node);
  if (device.uid !== undefined || device.gid !== undefined) w.call(SYSCALLS.fchownat, made, c.empty, device.uid ?? 0, device.gid ?? 0, AT.EMPTY_PATH);
  w.place(there).close(made, directory).release(node);
}

function placeNodes(c: Compilation, devices: readonly LinuxDevice[], binds: BoundNodes): void {
  const made = devices.filter((device) => !binds.has(device));
  if (made.length > 0) c.writer.call(SYSCALLS.umask, 0);
  for (const device of devices) {
    const held = binds.get(device);
    if (held === undefined) makeNode(c, device);
    else placeBound(c, device.path, held);
  }
  if (made.length > 0) c.writer.call(SYSCALLS.umask, 0o022);
}

/** Container's ops after its own tmpfs is at /dev: nodes and links. */
export function placeDevices(c: Compilation, binds: BoundNodes): void {
  const { writer: w } = c;
  w.from("/linux/devices");
  placeNodes(c, nodesOf(c).dev, binds);
  const dev = ensureTarget(c, "/dev", { strict: true });
  links(c, dev);
  w.close(dev);
}

/** Container's ops after all mounts: nodes outside of that tmpfs, and what a /dev of the root's own lacks. */
export function placeLateDevices(c: Compilation, binds: BoundNodes): void {
  const { writer: w, blueprint: { config } } = c;
  const { late } = nodesOf(c);
  if (late.length === 0) return;
  w.from("/linux/devices");
  placeNodes(c, late, binds);
  if (hasOwnDev(c)) return;
  const dev = ensureTarget(c, "/dev", { strict: true });
  // On the host's own devtmpfs a ptmx that works is there, and not the container's to replace.
  const shared = config.mounts?.some((mount) => mount.type === "devtmpfs" && placeOf(mount) === "dev") ?? false;
  if (!shared) w.call(SYSCALLS.unlinkat, dev, w.text("ptmx"), 0).tolerate(ERRNO.ENOENT);
  for (const [name, target] of LINKS) w.call(SYSCALLS.symlinkat, w.text(target), dev, w.text(name)).tolerate(ERRNO.EEXIST);
  linkCore(c, dev, w.register());
  w.close(dev);
}

/** The pty of the container: master and slave descriptors. */
export interface Console {
  readonly master: number;
  readonly slave: number;
}

const DEVPTS_MAGIC = 0x1cd1;

/**
 * Container's ops for `terminal`: a pty of the container's own devpts, its slave by TIOCGPTPEER and never by path, bound on /dev/console unless a process joins
 * (CVE-2025-52565, CVE-2026-47766).
 */
export function openConsole(c: Compilation, options: { readonly bind: boolean } = { bind: true }): Console {
  const { writer: w, blueprint } = c;
  w.from("/process/terminal");
  const master = w.register();
  const slave = w.register();
  const how = w.cells(OPEN.RDWR | OPEN.NOCTTY | OPEN.CLOEXEC, 0, 0x10 | 2 | 4);
  w.call(SYSCALLS.openat2, c.root, w.text("dev/pts/ptmx"), how, 24).into(master);
  const status = w.room(128);
  const magic = w.register();
  w.call(SYSCALLS.fstatfs, master, status).load(magic, status, 8).expect(magic, DEVPTS_MAGIC);
  w.call(SYSCALLS.ioctl, master, TTY.SPTLCK, w.cells(0));
  w.call(SYSCALLS.ioctl, master, TTY.GPTPEER, OPEN.RDWR | OPEN.NOCTTY | OPEN.CLOEXEC).into(slave);
  const user = blueprint.config.process?.user;
  w.call(SYSCALLS.fchown, slave, user?.uid ?? 0, -1);
  if (options.bind) {
    const bind = cloneTree(c, slave, c.empty, false);
    const target = ensureTarget(c, "/dev/console", { file: true });
    attach(c, bind, target);
    w.close(bind, target);
  }
  const size = blueprint.config.process?.consoleSize;
  if (size !== undefined) w.call(SYSCALLS.ioctl, slave, TTY.SWINSZ, w.words(size.height | (size.width << 16), 0)).flags(FLAG.IGNORE);
  else if (blueprint.runtime?.consoleSocket === undefined) copyWindow(c, slave);
  return { master, slave };
}

/** The supervisor does it again whenever the caller's terminal changes; here, because a program may ask before the supervisor is there. */
function copyWindow(c: Compilation, slave: number): void {
  const { writer: w } = c;
  const size = w.room(8);
  for (const caller of [0, 1]) w.call(SYSCALLS.ioctl, caller, TTY.GWINSZ, size).flags(FLAG.IGNORE);
  w.call(SYSCALLS.ioctl, slave, TTY.SWINSZ, size).flags(FLAG.IGNORE);
}
