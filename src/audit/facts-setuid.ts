/**
 * Programs of a container that give their caller another user or capabilities: set-uid and set-gid files and those with file capabilities, in the directories
 * that programs are usually in. Other places are not walked: it would cost more than all the rest of an audit.
 *
 * An attacker controls: the directories, and all names and attributes in them. Nothing but directories is opened, on local filesystems only.
 */
import { SYSCALLS } from "../kernel/abi/host.ts";
import { address, syscall } from "../kernel/ffi.ts";
import { close, cString, listDirectory, O, stat } from "../kernel/file.ts";
import { openInRoot } from "../kernel/inroot.ts";
import type { Mount } from "../kernel/mountinfo.ts";
import { statObject } from "../kernel/object.ts";
import { isLocalType, under } from "./mount-tree.ts";

export interface SetuidFile {
  readonly path: string;
  readonly kind: "set-uid" | "set-gid" | "capabilities";
  /** Owner as the host numbers users. */
  readonly uid: number;
}

/** Sorted by path; -errno: not looked at. */
export type SetuidFacts = readonly SetuidFile[] | number;

const DIRECTORIES = [
  "/usr/bin", "/usr/sbin", "/usr/local/bin", "/usr/local/sbin", "/bin", "/sbin", "/usr/lib/dbus-1.0", "/usr/lib/openssh", "/usr/lib/polkit-1", "/usr/libexec", "/opt/bin",
];
const MOST_ENTRIES = 20_000;
const REGULAR = 8;
const S_ISUID = 0o4000;
const S_ISGID = 0o2000;
const GROUP_EXECUTE = 0o010;
const ANY_EXECUTE = 0o111;
const EFBIG = -27;
const EREMOTE = -66;
const CAPABILITY = cString("security.capability");

function hasCapabilities(fd: number, name: string): boolean {
  // The directory is this process's own descriptor and the last name is not followed: nothing of the container is looked up.
  return syscall(SYSCALLS.lgetxattr, address(cString(`/proc/self/fd/${fd}/${name}`)), address(CAPABILITY), 0, 0) > 0;
}

function filesIn(fd: number, directory: string, budget: { left: number }): SetuidFile[] {
  const entries = listDirectory(".", budget.left, fd);
  if (typeof entries === "number") return [];
  budget.left -= entries.length;
  return entries.flatMap(({ name, type }): SetuidFile[] => {
    const status = type === REGULAR || type === 0 ? stat(name, { noFollow: true, noSync: true, dirfd: fd }) : 0;
    if (typeof status === "number" || (status.mode & 0o170000) !== 0o100000 || (status.mode & ANY_EXECUTE) === 0) return [];
    const { mode, uid } = status;
    const path = `${directory}/${name}`;
    if ((mode & S_ISUID) !== 0) return [{ path, kind: "set-uid", uid }];
    if ((mode & S_ISGID) !== 0 && (mode & GROUP_EXECUTE) !== 0) return [{ path, kind: "set-gid", uid }];
    return hasCapabilities(fd, name) ? [{ path, kind: "capabilities", uid }] : [];
  });
}

function walk(root: number, local: ReadonlySet<number>): SetuidFacts {
  const budget = { left: MOST_ENTRIES };
  const seen = new Set<string>();
  const found: SetuidFile[] = [];
  for (const directory of DIRECTORIES) {
    const fd = openInRoot(root, directory, O.RDONLY | O.DIRECTORY | O.NONBLOCK);
    if (fd < 0) continue;
    const object = statObject("", fd);
    const key = typeof object === "number" ? "" : `${object.device.major}:${object.device.minor}:${object.inode}`;
    if (typeof object !== "number" && local.has(object.mountId) && !seen.has(key)) {
      seen.add(key);
      found.push(...filesIn(fd, directory, budget));
    }
    close(fd);
    if (budget.left <= 0) return EFBIG;
  }
  return found.toSorted((a, b) => (a.path < b.path ? -1 : 1));
}

/** What makes two roots the same files as far as images go: layers of an overlay, else the filesystem and the directory in it. */
function contentOf({ type, superOptions, device, root }: Mount): string {
  const lower = superOptions.find((option) => option.startsWith("lowerdir="));
  return type === "overlay" && lower !== undefined ? lower : `${device.major}:${device.minor} ${root}`;
}

/** A reader that walks each image once: a container that put set-uid files into its own upper layer owns them anyway. */
export function setuidReader(): (root: number, mounts: readonly Mount[]) => SetuidFacts {
  const known = new Map<string, SetuidFacts>();
  return (root, mounts) => {
    const top = mounts.findLast(({ mountPoint }) => mountPoint === "/");
    if (root < 0 || top === undefined) return root < 0 ? root : EREMOTE;
    // A link could lead from a directory above to a mount that a server answers for.
    if (!isLocalType(top.type) || mounts.some(({ type }) => /^(fuse|nfs|9p|cifs|smb3|ceph|virtiofs|autofs)/.test(type))) return EREMOTE;
    // What is mounted over programs is this container's own.
    const own = mounts.some(({ mountPoint }) => mountPoint !== "/" && DIRECTORIES.some((path) => under(path, mountPoint) || under(mountPoint, path)));
    const content = contentOf(top);
    const before = own ? undefined : known.get(content);
    if (before !== undefined) return before;
    const found = walk(root, new Set(mounts.filter(({ type }) => isLocalType(type)).map(({ id }) => id)));
    if (!own) known.set(content, found);
    return found;
  };
}
