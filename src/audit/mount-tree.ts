/** Which mount a path of a container is on, from its mount table alone: names are taken as they are, for links a table does not show. Pure. */
import type { Mount } from "../kernel/mountinfo.ts";
import { remembered } from "./remembered.ts";

/** Whether `path` is `tree` or below it. */
export function under(path: string, tree: string): boolean {
  return tree === "/" || path === tree || path.startsWith(`${tree}/`);
}

export function joinPath(directory: string, rest: string): string {
  return rest === "" || rest === "/" ? directory : directory === "/" ? rest : directory + rest;
}

export function isReadOnly(mount: Mount): boolean {
  return mount.options.includes("ro") || mount.superOptions.includes("ro");
}

export function sameDevice(a: Mount["device"], b: Mount["device"]): boolean {
  return a.major === b.major && a.minor === b.minor;
}

/** A mount table, ready for questions about paths. */
export class MountTree {
  /** By parent and mount point: there is at most one, for what is mounted on a mount point later is a child of what is there. */
  readonly #children = new Map<string, Mount>();
  readonly #parents: ReadonlySet<number>;
  readonly #root: Mount | undefined;
  /** Answers that were given: most questions have the same directories above them. */
  readonly #known = new Map<string, Mount>();

  constructor(mounts: readonly Mount[]) {
    const ids = new Set(mounts.map((mount) => mount.id));
    this.#parents = new Set(mounts.map((mount) => mount.parent));
    for (const mount of mounts) if (mount.parent !== mount.id) this.#children.set(`${mount.parent} ${mount.mountPoint}`, mount);
    this.#root = mounts.find((mount) => mount.mountPoint === "/" && (!ids.has(mount.parent) || mount.parent === mount.id));
  }

  /** The mount that a lookup of `path` ends on: what is mounted over something hides it. */
  at(path: string): Mount | undefined {
    const before = this.#known.get(path);
    if (before !== undefined) return before;
    const end = path.lastIndexOf("/");
    let current = path.length <= 1 ? this.#root : this.at(end <= 0 ? "/" : path.slice(0, end));
    const seen = new Set<Mount>();
    for (let next = current; next !== undefined && !seen.has(next); next = this.#children.get(`${next.id} ${path}`)) {
      current = next;
      seen.add(next);
    }
    if (current !== undefined) this.#known.set(path, current);
    return current;
  }

  /** Whether anything of a mount can be reached by its own mount point. */
  shows(mount: Mount): boolean {
    return this.at(mount.mountPoint)?.id === mount.id;
  }

  /** Whether a lookup of `path`, which is below the mount point of `mount`, ends on that mount. */
  reaches(mount: Mount, path: string): boolean {
    if (!this.shows(mount)) return false;
    if (!this.#parents.has(mount.id)) return true;
    for (let end = path.length; end > mount.mountPoint.length; end = path.lastIndexOf("/", end - 1)) {
      if (this.#children.has(`${mount.id} ${path.slice(0, end)}`)) return false;
    }
    return true;
  }
}

/** The tree of a table that is asked about more than once. */
export const treeOf = remembered((mounts: readonly Mount[]) => new MountTree(mounts));

/** A place where a file of a kind of filesystem can be reached. */
export interface Place {
  readonly path: string;
  readonly mount: Mount;
}

/** Where the file `name` (from the filesystem's root) of filesystems of `type` can be reached in a container, masks and later mounts considered. */
export function placesOf(mounts: readonly Mount[], type: string, name: string): Place[] {
  const tree = treeOf(mounts);
  const places = mounts.filter((mount) => mount.type === type && under(name, mount.root)).map((mount): Place => {
    return { path: joinPath(mount.mountPoint, mount.root === "/" ? name : name.slice(mount.root.length)), mount };
  });
  return places.filter(({ path, mount }) => tree.reaches(mount, path));
}

/** Filesystems of the kernel: a mount of one is no way to files of the host, whatever else it is. */
const KERNEL_TYPES = new Set([
  "proc", "sysfs", "cgroup", "cgroup2", "mqueue", "devpts", "securityfs", "debugfs", "tracefs", "bpf", "configfs", "pstore", "efivarfs", "binfmt_misc",
  "hugetlbfs", "fusectl", "nsfs", "rpc_pipefs", "selinuxfs", "resctrl",
]);

export function isKernelType(type: string): boolean {
  return KERNEL_TYPES.has(type);
}

/** Kinds of filesystem of which no server answers: a lookup there comes to an end. */
const LOCAL_TYPES = new Set(["tmpfs", "devtmpfs", "ramfs", "overlay", "ext4", "xfs", "btrfs", "zfs", "f2fs", "erofs", "squashfs"]);

export function isLocalType(type: string): boolean {
  return LOCAL_TYPES.has(type);
}

const deviceKey = ({ major, minor }: Mount["device"]): string => `${major}:${minor}`;
const byDevice = remembered((mounts: readonly Mount[]) => Map.groupBy(mounts, ({ device }) => deviceKey(device)));

/** The paths on the host that a mount of a container shows, from the host's own mount table; none where the host has its filesystem nowhere. */
export function hostPaths(mount: Mount, host: readonly Mount[]): string[] {
  if (isKernelType(mount.type)) return [];
  const found = (byDevice(host).get(deviceKey(mount.device)) ?? [])
    .filter((one) => under(mount.root, one.root))
    .map((one) => joinPath(one.mountPoint, one.root === "/" ? mount.root : mount.root.slice(one.root.length)));
  return [...new Set(found)];
}

/** A file of the host by its place in its filesystem, which is how a mount of a container would lead to it. */
export interface FilePlace {
  readonly device: Mount["device"];
  /** Path from the root of the filesystem. */
  readonly path: string;
}

/** The place of `path` on the host, as far as names tell. /var/run is the usual link to /run. */
export function placeOf(path: string, mounts: readonly Mount[]): FilePlace | undefined {
  const plain = path.replace(/^\/var\/run\//, "/run/");
  const mount = treeOf(mounts).at(plain);
  if (mount === undefined) return undefined;
  const rest = mount.mountPoint === "/" ? plain : plain.slice(mount.mountPoint.length);
  return { device: mount.device, path: mount.root === "/" ? rest : mount.root + rest };
}

/** A mount as evidence tells of it. */
export function mountText({ device, root, mountPoint, type, options }: Mount): string {
  return `${device.major}:${device.minor} ${root} on ${mountPoint}, ${type}, ${options.join(",")}`;
}
