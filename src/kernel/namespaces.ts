/**
 * Namespaces of a process, their relations, and id maps (namespaces(7), user_namespaces(7), ioctl_nsfs(2)).
 *
 * Trusts: nsfs inode numbers, unique among live namespaces. An attacker controls: how many there are, and the id maps of what they own.
 * A link that the kernel refuses to show (EACCES without ptrace access) is unknown, which is never the same as "not shared".
 */
import { PidboxError } from "../base/error.ts";
import { quote } from "../base/text.ts";
import { SYSCALLS } from "./abi/host.ts";
import { address, syscall } from "./ffi.ts";
import { close, O, open, readLink, readText } from "./file.ts";

/** The eight types by the name that /proc/PID/ns gives them, in the order in which people ask about them. */
export const NAMESPACE_TYPES = ["user", "pid", "mnt", "net", "ipc", "uts", "cgroup", "time"] as const;
export type NamespaceType = (typeof NAMESPACE_TYPES)[number];
type NamespaceLink = NamespaceType | "pid_for_children";

/** Inode numbers by type; a type that is absent is unknown. `pid_for_children` differs from `pid` after unshare(CLONE_NEWPID). */
export type NamespaceInodes = Readonly<Partial<Record<NamespaceLink, number>>>;

/**
 * Inode numbers of the initial namespaces: fixed since Linux 3.8 (include/linux/proc_ns.h) for all but mnt and net,
 * for which they are fixed since 6.18 (include/uapi/linux/nsfs.h).
 */
export const INITIAL_NAMESPACES = {
  ipc: 0xefffffff, uts: 0xeffffffe, user: 0xeffffffd, pid: 0xeffffffc, cgroup: 0xeffffffb, time: 0xeffffffa,
} as const satisfies NamespaceInodes;

/** The inode of a link target such as `pid:[4026531836]`; PARSE on anything else. */
export function parseNamespaceLink(text: string): number {
  const match = /^[a-z_]{1,32}:\[([0-9]{1,15})\]$/.exec(text);
  if (match === null) throw new PidboxError("PARSE", `Cannot read namespace link: ${quote(text)} is not of the form TYPE:[INODE]`);
  return Number(match[1]);
}

/** The inode of one namespace of the process whose /proc/PID is open as `dirfd`, or -errno. */
export function readNamespace(dirfd: number, type: NamespaceLink): number {
  const link = readLink(`ns/${type}`, dirfd);
  return typeof link === "number" ? link : parseNamespaceLink(link);
}

/** All namespaces of a process; those that cannot be read are absent. With `dirfd`, an open /proc/PID, `pid` is not used. */
export function readNamespaces(pid: number | "self", dirfd?: number): NamespaceInodes {
  const found: Partial<Record<NamespaceLink, number>> = {};
  for (const type of [...NAMESPACE_TYPES, "pid_for_children"] as const) {
    const link = dirfd === undefined ? readLink(`/proc/${pid}/ns/${type}`) : readLink(`ns/${type}`, dirfd);
    if (typeof link === "string") found[type] = parseNamespaceLink(link);
  }
  return found;
}

const NS_GET_USERNS = 0xb701;
const NS_GET_PARENT = 0xb702;
const NS_GET_OWNER_UID = 0xb704;

export interface NamespaceRelations {
  /** Inode of the parent PID or user namespace; absent when it is outside the caller's view (EPERM) or cannot be read. */
  readonly parent?: number;
  /** Inode of the user namespace that owns this one. */
  readonly owner?: number;
  /** uid, in the caller's user namespace, of the creator of that user namespace. */
  readonly ownerUid?: number;
}

// The caller owns the descriptor, and it is closed here. ioctl_nsfs(2) gives descriptors whose link text carries type and inode.
function inodeOf(fd: number): number {
  if (fd < 0) return fd;
  const link = readLink(`/proc/self/fd/${fd}`);
  return typeof link === "number" ? link : parseNamespaceLink(link);
}

/** Parent and owner of the `pid` or `user` namespace of the process whose /proc/PID is open as `dirfd`. What the kernel refuses is absent. */
export function readNamespaceRelations(dirfd: number, type: "pid" | "user"): NamespaceRelations {
  const fd = open(`ns/${type}`, O.RDONLY, 0, dirfd);
  if (fd < 0) return {};
  const found: { parent?: number; owner?: number; ownerUid?: number } = {};
  const parentFd = syscall(SYSCALLS.ioctl, fd, NS_GET_PARENT);
  const parent = inodeOf(parentFd);
  if (parent >= 0) found.parent = parent;
  if (parentFd >= 0) close(parentFd);
  // NS_GET_USERNS of a user namespace is its parent, so the owner asked for is that of a pid namespace; for `user` it is itself.
  const ownerFd = type === "user" ? fd : syscall(SYSCALLS.ioctl, fd, NS_GET_USERNS);
  const owner = inodeOf(ownerFd);
  if (owner >= 0) {
    found.owner = owner;
    const uid = new Uint32Array(1);
    // SAFETY: NS_GET_OWNER_UID stores one uid_t at the address, which stays referenced until the call returns.
    if (syscall(SYSCALLS.ioctl, ownerFd, NS_GET_OWNER_UID, address(uid)) === 0) found.ownerUid = uid[0] ?? 0;
  }
  if (ownerFd >= 0 && ownerFd !== fd) close(ownerFd);
  close(fd);
  return found;
}

/** PID namespaces nest 32 deep at most (MAX_PID_NS_LEVEL, include/linux/pid_namespace.h). */
const DEEPEST = 32;

/** Inodes of the PID namespace of the process whose /proc/PID is open as `dirfd`, and of those above it as far as the caller may see, innermost first. */
export function readPidAncestry(dirfd: number): number[] {
  const found: number[] = [];
  let fd = open("ns/pid", O.RDONLY, 0, dirfd);
  while (fd >= 0) {
    const inode = inodeOf(fd);
    if (inode >= 0) found.push(inode);
    const parent = inode < 0 || found.length > DEEPEST ? -1 : syscall(SYSCALLS.ioctl, fd, NS_GET_PARENT);
    close(fd);
    fd = parent;
  }
  return found;
}

/** One line of uid_map or gid_map: `count` ids from `inside` stand for those from `outside`, as the reader's user namespace numbers them. */
export interface IdRange {
  readonly inside: number;
  readonly outside: number;
  readonly count: number;
}

/** Parses /proc/PID/uid_map or gid_map; the kernel allows 340 lines since 4.15. PARSE on other text. */
export function parseIdMap(text: string): IdRange[] {
  return text.split("\n").filter((line) => line !== "").map((line) => {
    const words = line.trim().split(/ +/);
    const [inside, outside, count] = words.map(Number);
    if (words.length !== 3 || !words.every((word) => /^[0-9]{1,10}$/.test(word)) || inside === undefined || outside === undefined || count === undefined) {
      throw new PidboxError("PARSE", `Cannot read id map: ${quote(line)} is not three numbers`);
    }
    return { inside, outside, count };
  });
}

/** The id map of the process whose /proc/PID is open as `dirfd`, or -errno. */
export function readIdMap(dirfd: number, kind: "uid" | "gid"): IdRange[] | number {
  const text = readText(`${kind}_map`, 1 << 16, dirfd);
  return typeof text === "number" ? text : parseIdMap(text);
}

/** The id inside for an id outside, or undefined where the map has none (the kernel shows 65534 there). */
export function idInside(map: readonly IdRange[], outside: number): number | undefined {
  const range = map.find((r) => outside >= r.outside && outside - r.outside < r.count);
  return range === undefined ? undefined : range.inside + (outside - range.outside);
}

/** The id outside for an id inside, or undefined where the map has none. */
export function idOutside(map: readonly IdRange[], inside: number): number | undefined {
  const range = map.find((r) => inside >= r.inside && inside - r.inside < r.count);
  return range === undefined ? undefined : range.outside + (inside - range.inside);
}
