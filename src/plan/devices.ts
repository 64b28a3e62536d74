/**
 * Stage: /dev. A privileged supervisor makes the nodes on a tmpfs of the host's user namespace (a container's own tmpfs cannot hold any);
 * rootless, each host node is bound after the kernel confirmed that it is that device (CVE-2025-31133, CVE-2026-88265). Pure.
 */
import { AT, FILE_TYPE, OPEN, STATX } from "../kernel/abi/constants.ts";
import { MOUNT_ATTR } from "../kernel/abi/mount.ts";
import { SYSCALLS } from "../kernel/abi/host.ts";
import type { LinuxDevice } from "../spec/runtime-config.ts";
import { attach, cloneTree, makeFilesystem } from "./filesystem.ts";
import type { Compilation } from "./names.ts";
import { FLAG } from "./op.ts";
import { ensureTarget } from "./target.ts";

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

/** makedev(3) as the kernel's new_encode_dev has it: enough for majors below 4096 and minors below 256. */
function deviceNumber(major: number, minor: number): number {
  return (minor & 0xff) | ((major & 0xfff) << 8) | ((minor & ~0xff) << 12);
}

function wanted(c: Compilation): LinuxDevice[] {
  return [...DEFAULT_DEVICES, ...(c.blueprint.config.linux?.devices ?? [])];
}

/** Whether the config has a tmpfs at /dev, the only place where pidbox puts device nodes. */
export function hasOwnDev(c: Compilation): boolean {
  return c.blueprint.config.mounts?.some((m) => m.destination === "/dev" && m.type === "tmpfs") ?? false;
}

/** Supervisor's ops (privileged): a detached tmpfs with nodes, links and empty directories, owned by the container's root. */
export function prepareDevices(c: Compilation): number {
  const { writer: w, blueprint } = c;
  w.from("/linux/devices");
  const dev = makeFilesystem(c, "tmpfs", [["mode", "0755"], ["size", "64k"], ["nr_inodes", "512"]], MOUNT_ATTR.NOSUID | MOUNT_ATTR.NOEXEC);
  const uid = blueprint.mapping?.uid[0]?.hostID ?? 0;
  const gid = blueprint.mapping?.gid[0]?.hostID ?? 0;
  const owned = uid !== 0 || gid !== 0;
  if (owned) w.call(SYSCALLS.fchownat, dev, c.empty, uid, gid, AT.EMPTY_PATH);
  for (const device of wanted(c)) {
    const name = w.text(device.path.replace(/^\/dev\//, ""));
    const type = device.type === "b" ? 0o060000 : FILE_TYPE.CHARACTER;
    w.call(SYSCALLS.mknodat, dev, name, type | (device.fileMode ?? 0o666), deviceNumber(device.major ?? 0, device.minor ?? 0));
    // mknod obeys the umask; the mode asked for is the mode given.
    w.call(SYSCALLS.fchmodat, dev, name, device.fileMode ?? 0o666);
    if (owned) w.call(SYSCALLS.fchownat, dev, name, uid + (device.uid ?? 0), gid + (device.gid ?? 0), AT.SYMLINK_NOFOLLOW);
  }
  links(c, dev);
  for (const mount of blueprint.config.mounts ?? []) {
    const inside = /^\/dev\/([^/]+)$/.exec(mount.destination)?.[1];
    if (inside === undefined || mount.type === "bind") continue;
    w.call(SYSCALLS.mkdirat, dev, w.text(inside), 0o755);
    if (owned) w.call(SYSCALLS.fchownat, dev, w.text(inside), uid, gid, AT.SYMLINK_NOFOLLOW);
  }
  return dev;
}

function links(c: Compilation, dev: number): void {
  for (const [name, target] of LINKS) c.writer.call(SYSCALLS.symlinkat, c.writer.text(target), dev, c.writer.text(name));
}

/** Container's ops before the pivot (rootless): a detached mount of each host node, by device path. */
export function bindDevices(c: Compilation): Map<string, number> {
  const { writer: w } = c;
  const binds = new Map<string, number>();
  const status = w.room(STATX.size);
  for (const device of wanted(c)) {
    w.from("/linux/devices");
    const mount = cloneTree(c, AT.FDCWD, w.text(device.path), false);
    w.call(SYSCALLS.statx, mount, c.empty, AT.EMPTY_PATH, STATX.TYPE, status);
    const found = w.register();
    w.load(found, status + STATX.rdevMajorAt, 4).expect(found, device.major ?? 0);
    w.load(found, status + STATX.rdevMinorAt, 4).expect(found, device.minor ?? 0);
    binds.set(device.path, mount);
  }
  return binds;
}

/** Container's ops after /dev is in place (rootless): the binds and links. */
export function placeDevices(c: Compilation, binds: ReadonlyMap<string, number>): void {
  const { writer: w } = c;
  w.from("/linux/devices");
  for (const [path, mount] of binds) {
    const target = ensureTarget(c, path, { file: true });
    attach(c, mount, target);
    w.close(mount, target);
  }
  const dev = ensureTarget(c, "/dev", { strict: true });
  links(c, dev);
}

/** The pty of the container: master and slave descriptors. */
export interface Console {
  readonly master: number;
  readonly slave: number;
}

const DEVPTS_MAGIC = 0x1cd1;
const TIOCSPTLCK = 0x40045431;
const TIOCGPTPEER = 0x5441;

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
  w.call(SYSCALLS.ioctl, master, TIOCSPTLCK, w.cells(0));
  w.call(SYSCALLS.ioctl, master, TIOCGPTPEER, OPEN.RDWR | OPEN.NOCTTY | OPEN.CLOEXEC).into(slave);
  const user = blueprint.config.process?.user;
  w.call(SYSCALLS.fchown, slave, user?.uid ?? 0, -1);
  if (options.bind) {
    const bind = cloneTree(c, slave, c.empty, false);
    const target = ensureTarget(c, "/dev/console", { file: true });
    attach(c, bind, target);
    w.close(bind, target);
  }
  const size = blueprint.config.process?.consoleSize;
  if (size !== undefined) w.call(SYSCALLS.ioctl, slave, 0x5414, w.words(size.height | (size.width << 16), 0)).flags(FLAG.IGNORE);
  return { master, slave };
}
