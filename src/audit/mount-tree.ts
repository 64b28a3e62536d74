/** Which mount a path of a container is on, from its mount table alone: names are taken as they are, for links a table does not show. Pure. */
import type { Mount } from "../kernel/mountinfo.ts";

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
  readonly #children = new Map<number, Mount[]>();
  readonly #root: Mount | undefined;

  constructor(mounts: readonly Mount[]) {
    const ids = new Set(mounts.map((mount) => mount.id));
    for (const mount of mounts) {
      const siblings = this.#children.get(mount.parent) ?? [];
      siblings.push(mount);
      this.#children.set(mount.parent, siblings);
    }
    this.#root = mounts.find((mount) => mount.mountPoint === "/" && (!ids.has(mount.parent) || mount.parent === mount.id));
  }

  /** The mount that a lookup of `path` ends on: what is mounted over something hides it. */
  at(path: string): Mount | undefined {
    let current = this.#root;
    const seen = new Set<number>();
    while (current !== undefined && !seen.has(current.id)) {
      seen.add(current.id);
      let next: Mount | undefined;
      for (const child of this.#children.get(current.id) ?? []) {
        const nearer = next === undefined || child.mountPoint.length < next.mountPoint.length;
        if (child.id !== current.id && nearer && under(path, child.mountPoint)) next = child;
      }
      if (next === undefined) return current;
      current = next;
    }
    return current;
  }

  /** Whether anything of a mount can be reached by its own mount point. */
  shows(mount: Mount): boolean {
    return this.at(mount.mountPoint)?.id === mount.id;
  }
}

/** A place where a file of a kind of filesystem can be reached. */
export interface Place {
  readonly path: string;
  readonly mount: Mount;
}

/** Where the file `name` (from the filesystem's root) of filesystems of `type` can be reached in a container, masks and later mounts considered. */
export function placesOf(mounts: readonly Mount[], type: string, name: string): Place[] {
  const tree = new MountTree(mounts);
  const places = mounts.filter((mount) => mount.type === type && under(name, mount.root)).map((mount): Place => {
    return { path: joinPath(mount.mountPoint, mount.root === "/" ? name : name.slice(mount.root.length)), mount };
  });
  return places.filter(({ path, mount }) => tree.at(path)?.id === mount.id);
}

/** Filesystems of the kernel: a mount of one is no way to files of the host, whatever else it is. */
const KERNEL_TYPES = new Set([
  "proc", "sysfs", "cgroup", "cgroup2", "mqueue", "devpts", "securityfs", "debugfs", "tracefs", "bpf", "configfs", "pstore", "efivarfs", "binfmt_misc",
  "hugetlbfs", "fusectl", "nsfs", "rpc_pipefs", "selinuxfs", "resctrl",
]);

export function isKernelType(type: string): boolean {
  return KERNEL_TYPES.has(type);
}

/** The paths on the host that a mount of a container shows, from the host's own mount table; none where the host has its filesystem nowhere. */
export function hostPaths(mount: Mount, host: readonly Mount[]): string[] {
  if (isKernelType(mount.type)) return [];
  const found = host
    .filter((one) => sameDevice(one.device, mount.device) && under(mount.root, one.root))
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
  const mount = new MountTree(mounts).at(plain);
  if (mount === undefined) return undefined;
  const rest = mount.mountPoint === "/" ? plain : plain.slice(mount.mountPoint.length);
  return { device: mount.device, path: mount.root === "/" ? rest : mount.root + rest };
}

/** A mount as evidence tells of it. */
export function mountText({ device, root, mountPoint, type, options }: Mount): string {
  return `${device.major}:${device.minor} ${root} on ${mountPoint}, ${type}, ${options.join(",")}`;
}
