/** What is at the mount points of a container that lead to files of the host, the engines' sockets that can be reached there, and its other mount tables. */
import type { Container } from "../engine/discover.ts";
import type { TaskFacts } from "../engine/posture.ts";
import { RESOLVE } from "../kernel/abi/constants.ts";
import { close, O } from "../kernel/file.ts";
import { openInRoot } from "../kernel/inroot.ts";
import { type Mount, readMountinfo } from "../kernel/mountinfo.ts";
import { type KernelObject, statObject } from "../kernel/object.ts";
import { isKernelType, joinPath, sameDevice, treeOf, under } from "./mount-tree.ts";
import type { EngineSocket } from "./facts-sockets.ts";

export interface SocketInside {
  readonly path: string;
  readonly object: KernelObject;
}

export interface BindFacts {
  /** Mount tables of the namespaces of its other threads, by the namespace's inode. */
  readonly tables: ReadonlyMap<number, readonly Mount[] | number>;
  /** What is at the mount points that may lead to files of the host, by mount id. */
  readonly objects: ReadonlyMap<number, KernelObject | number>;
  /** Sockets at the places where the engines' are. */
  readonly sockets: readonly SocketInside[];
  /** False: it has more such mounts than are looked at. */
  readonly complete: boolean;
}

const SOCKET = 0o140000;
const TYPE = 0o170000;
const MOST_MOUNTS = 512;
const MOST_TABLES = 64;
/** A server answers for what is below: it could keep the caller waiting. */
const SERVED = /^(fuse|fuseblk|fuse\..*|nfs4?|9p|virtiofs|cifs|smb3|ceph|afs|gfs2|ocfs2|lustre|autofs)$/;

/** What is at a path of a mount table, which holds no links: one that came in its place meanwhile is not followed. */
function look(root: number, path: string): KernelObject | number {
  const fd = openInRoot(root, path, O.PATH, RESOLVE.NO_SYMLINKS);
  if (fd < 0) return fd;
  const object = statObject("", fd);
  close(fd);
  return object;
}

/** Paths in the container at which a socket would be, by the place of the socket in its filesystem. */
function candidates({ place }: EngineSocket, mounts: readonly Mount[]): string[] {
  if (place === null) return [];
  return mounts.filter((mount) => sameDevice(mount.device, place.device) && under(place.path, mount.root)).map((mount) => {
    return joinPath(mount.mountPoint, mount.root === "/" ? place.path : place.path.slice(mount.root.length));
  });
}

/** A reader for the containers of one host, whose mount table and engines' sockets are given. */
export function bindReader(host: readonly Mount[], engines: readonly EngineSocket[]) {
  const devices = new Set(host.filter(({ type }) => !isKernelType(type)).map(({ device }) => `${device.major}:${device.minor}`));
  const known = new Map<number, readonly Mount[] | number>();
  const tableOf = (inode: number, pid: number): readonly Mount[] | number => {
    const before = known.get(inode);
    if (before !== undefined) return before;
    const table = readMountinfo(pid);
    known.set(inode, table);
    return table;
  };
  return (root: number, container: Container, tasks: readonly TaskFacts[], mounts: readonly Mount[]): BindFacts => {
    const tables = new Map<number, readonly Mount[] | number>();
    for (const { pid, namespaces } of tasks) {
      const inode = namespaces.mnt;
      if (inode !== undefined && inode !== container.namespaces.mnt && !tables.has(inode) && tables.size < MOST_TABLES) tables.set(inode, tableOf(inode, pid));
    }
    const objects = new Map<number, KernelObject | number>();
    // In the host's own mount namespace every mount is the host's: there is nothing to find by looking at each.
    if (root < 0 || container.sharedWithHost.includes("mnt")) return { tables, objects, sockets: [], complete: root >= 0 };
    const tree = treeOf(mounts);
    const serves = mounts.some(({ type }) => SERVED.test(type));
    const shown = mounts.filter((mount) => devices.has(`${mount.device.major}:${mount.device.minor}`) && !SERVED.test(mount.type) && !isKernelType(mount.type));
    const all = shown.filter((mount) => mount.mountPoint !== "/" && tree.shows(mount));
    const wanted = all.slice(0, MOST_MOUNTS);
    const safe = (path: string): boolean => !serves || !SERVED.test(tree.at(path)?.type ?? "fuse");
    for (const mount of wanted) if (safe(mount.mountPoint)) objects.set(mount.id, look(root, mount.mountPoint));
    const sockets = wanted.flatMap((mount): SocketInside[] => {
      const object = objects.get(mount.id);
      return typeof object === "object" && (object.mode & TYPE) === SOCKET ? [{ path: mount.mountPoint, object }] : [];
    });
    const paths = new Set(engines.flatMap((engine) => candidates(engine, shown)).filter((path) => !sockets.some((socket) => socket.path === path)));
    for (const path of [...paths].slice(0, MOST_MOUNTS)) {
      const object = safe(path) ? look(root, path) : -1;
      if (typeof object === "object" && (object.mode & TYPE) === SOCKET) sockets.push({ path, object });
    }
    return { tables, objects, sockets, complete: all.length <= MOST_MOUNTS && paths.size <= MOST_MOUNTS };
  };
}
