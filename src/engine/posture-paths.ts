/**
 * Looks at paths as a container's processes see them, through /proc/PID/root and openat2(2) with RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS.
 *
 * An attacker controls: the whole tree below that root. Nothing is opened for reading but directories of a tmpfs, and no name is looked up on a
 * filesystem that a server answers (FUSE, NFS, 9p): it could keep the caller waiting for ever.
 */
import { RESOLVE } from "../kernel/abi/constants.ts";
import { close, listDirectory, O, open, readLink } from "../kernel/file.ts";
import { openInRoot } from "../kernel/inroot.ts";
import type { Mount } from "../kernel/mountinfo.ts";
import { parseNamespaceLink } from "../kernel/namespaces.ts";
import { statObject } from "../kernel/object.ts";
import type { PathFacts } from "./posture.ts";

const EREMOTE = -66;
const ELOOP = -40;
const SERVED = /^(fuse|fuseblk|fuse\..*|nfs4?|9p|virtiofs|cifs|smb3|ceph|afs|gfs2|ocfs2|lustre|autofs)$/;
const DIRECTORY = 0o040000;
const TYPE = 0o170000;

/** Whether a server answers for filesystems of this type: it could keep the caller waiting. */
export function isServedType(type: string): boolean {
  return SERVED.test(type);
}

function under(path: string, tree: string): boolean {
  return tree === "/" || path === tree || path.startsWith(`${tree}/`);
}

/** Whether looking up `path` could ask a server. A link may lead to any mount, so one such mount spoils all but the paths of the kernel's own filesystems. */
function asksServer(mounts: readonly Mount[], path: string): boolean {
  const served = mounts.filter((mount) => SERVED.test(mount.type));
  if (served.length === 0) return false;
  return served.some((mount) => under(path, mount.mountPoint)) || !/^\/(proc|sys|dev)(\/|$)/.test(path);
}

/** The directory that a process has as its root, as O_PATH; the caller closes it. Returns the fd or -errno. */
export function openRoot(dirfd: number): number {
  return open("root", O.PATH | O.DIRECTORY, 0, dirfd);
}

function lookAt(root: number, mounts: readonly Mount[], path: string): PathFacts {
  if (asksServer(mounts, path)) return { object: EREMOTE };
  // In a /dev or /proc of the container's own making a name may be a link to a server's mount.
  const wary = mounts.some(({ type }) => SERVED.test(type));
  const fd = openInRoot(root, path, O.PATH, wary ? RESOLVE.NO_SYMLINKS : 0);
  if (fd < 0) return { object: wary && fd === ELOOP ? EREMOTE : fd };
  const object = statObject("", fd);
  const tmpfs = typeof object !== "number" && mounts.some((mount) => mount.id === object.mountId && mount.type === "tmpfs");
  const entries = tmpfs && (object.mode & TYPE) === DIRECTORY ? listDirectory(".", 1, fd) : undefined;
  close(fd);
  return { object, ...(typeof entries === "object" ? { empty: entries.length === 0 } : {}) };
}

/** What each path is, below the root directory open as `root`. */
export function readPaths(root: number, mounts: readonly Mount[], paths: Iterable<string>): ReadonlyMap<string, PathFacts> {
  const found = new Map<string, PathFacts>();
  for (const path of paths) if (!found.has(path)) found.set(path, lookAt(root, mounts, path));
  return found;
}

/** The caller's own procfs: a mount of the same device shows the same processes. */
export interface OwnProcfs {
  readonly device: Mount["device"];
  /** Inode of its PID namespace. */
  readonly namespace: number;
}

/** The PID namespace that the procfs open as `top` shows, or -errno. */
function shownNamespace(top: number, { device, mountPoint }: Mount, mounts: readonly Mount[], own: OwnProcfs | undefined): number {
  if (own !== undefined && device.major === own.device.major && device.minor === own.device.minor) return own.namespace;
  if (asksServer(mounts, `${mountPoint}/1/ns/pid`)) return EREMOTE;
  // What is mounted below it meanwhile is not entered.
  const fd = openInRoot(top, "1/ns", O.PATH | O.DIRECTORY, RESOLVE.NO_XDEV);
  if (fd < 0) return fd;
  const link = readLink("pid", fd);
  close(fd);
  return typeof link === "number" ? link : parseNamespaceLink(link);
}

/** The PID namespace that each procfs of the container shows, told by the PID 1 in it; -errno where it cannot be told. Covered ones are left out. */
export function readProcfs(root: number, mounts: readonly Mount[], own: OwnProcfs | undefined): ReadonlyMap<string, number> {
  const found = new Map<string, number>();
  for (const mount of mounts) {
    if (mount.type !== "proc" || mount.root !== "/") continue;
    const top = asksServer(mounts, mount.mountPoint) ? EREMOTE : openInRoot(root, mount.mountPoint, O.PATH | O.DIRECTORY);
    if (top < 0) {
      found.set(mount.mountPoint, top);
      continue;
    }
    const object = statObject("", top);
    if (typeof object === "number" || object.mountId === mount.id) found.set(mount.mountPoint, shownNamespace(top, mount, mounts, own));
    close(top);
  }
  return found;
}
