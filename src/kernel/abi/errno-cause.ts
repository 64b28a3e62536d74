/**
 * The likely cause of an errno when an operation of a container's start fails: one clause each, to follow "failed: EPERM, ".
 * Sources: the ERRORS sections of clone(2), mount(2), fsmount(2), openat2(2), setns(2), seccomp(2), cgroups(7), user_namespaces(7).
 */
import { errnoName } from "./errno.ts";
import type { ErrnoName } from "./errno-table.ts";

export const ERRNO_CAUSES: Readonly<Partial<Record<ErrnoName, string>>> = {
  EPERM: "a capability is missing in the user namespace that owns the object, or seccomp or a security module refused it",
  ENOENT: "a part of the path does not exist, or the kernel was built without the feature",
  ESRCH: "the process has ended already",
  EIO: "the device or the file below reported an error",
  ENXIO: "there is no device or reader behind the file",
  E2BIG: "arguments and environment are too long, or the kernel is older than the structure it was given",
  ENOEXEC: "the file is not a program that this kernel can run: wrong architecture, or no #! line",
  EBADF: "the descriptor is not open, or is not of the kind that the call needs",
  ECHILD: "there is no child process to wait for",
  EAGAIN: "a limit on processes (pids.max, RLIMIT_NPROC) was reached, or the path changed while it was resolved",
  ENOMEM: "the kernel could not allocate memory, or a namespace or memory limit was reached",
  EACCES: "permission bits, a mount option (noexec, nodev) or a security module forbid it",
  EFAULT: "an address in the plan is outside its buffer",
  EBUSY: "the object is in use: a mount point, a cgroup with processes, or a device",
  EEXIST: "it exists already",
  EXDEV: "the path leads outside its root, or to another filesystem",
  ENODEV: "the kernel does not have this filesystem type or device",
  ENOTDIR: "a part of the path is not a directory",
  EISDIR: "the path is a directory",
  EINVAL: "the kernel does not accept this value here, or is too old to know it",
  ENFILE: "the system's limit on open files was reached",
  EMFILE: "the process's limit on open files (RLIMIT_NOFILE) was reached",
  ENOTTY: "the descriptor is not a terminal",
  ETXTBSY: "the program is open for writing",
  EFBIG: "the file is larger than the limit",
  ENOSPC: "no space is left, or a limit on namespaces (/proc/sys/user/max_*) was reached",
  EROFS: "the filesystem is mounted read-only",
  EMLINK: "there are too many links",
  EPIPE: "the reader has closed its end",
  ERANGE: "the value is outside the range that the kernel accepts",
  EDEADLK: "it would wait for itself",
  ENAMETOOLONG: "a name is longer than 255 bytes or the path longer than 4095",
  ENOSYS: "the kernel does not have this system call, or an outer seccomp filter hides it",
  ENOTEMPTY: "the directory is not empty",
  ELOOP: "a symbolic link was met where none is allowed, or there are too many",
  EOVERFLOW: "an id has no mapping in the user namespace, or a value does not fit",
  EUSERS: "namespaces are nested too deeply (32 levels)",
  EOPNOTSUPP: "the filesystem or the object does not support this operation",
  EADDRINUSE: "the address is in use already",
  ECONNREFUSED: "nothing listens there",
  ESTALE: "the file was replaced or deleted meanwhile",
  EDQUOT: "a disk quota or a limit on namespaces was reached",
  EKEYREJECTED: "a security policy refused the key or the signature",
};

/** The likely cause of `-errno` or `errno` during a container's start, or undefined if there is nothing better than the name. */
export function errnoCause(number: number): string | undefined {
  const name = errnoName(number);
  return Object.hasOwn(ERRNO_CAUSES, name) ? ERRNO_CAUSES[name as ErrnoName] : undefined;
}
