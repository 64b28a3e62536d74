/**
 * Reading a file below a directory that an attacker wrote: names are resolved by openat2(2) with RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS, what is opened
 * must be a regular file, and nothing blocks. No host path is ever reached through it.
 */
import { RESOLVE } from "./abi/constants.ts";
import { SYSCALLS } from "./abi/host.ts";
import { address, syscall } from "./ffi.ts";
import { close, cString, O, open, readDescriptor, stat } from "./file.ts";

const S_IFMT = 0o170000;
const S_IFREG = 0o100000;
const EXDEV = -18;
const EAGAIN = -11;

/** openat2(2) with the given bits of RESOLVE. Returns the fd or -errno; a race with a rename is tried again a few times. `path` ends with NUL. */
export function openResolved(dirfd: number, path: Uint8Array, flags: number, resolve: number): number {
  const how = new BigUint64Array([BigInt(flags | O.CLOEXEC), 0n, BigInt(resolve)]);
  let fd = EAGAIN;
  for (let tries = 0; tries < 16 && (fd === EAGAIN || fd === EXDEV); tries++) fd = syscall(SYSCALLS.openat2, dirfd, address(path), address(how), 24);
  return fd;
}

/** openat2(2) of `path` in the root `dirfd`; the caller owns the descriptor. `resolve` adds bits of RESOLVE. Returns the fd or -errno. */
export function openInRoot(dirfd: number, path: string, flags: number, resolve = 0): number {
  return openResolved(dirfd, cString(path), flags, RESOLVE.IN_ROOT | RESOLVE.NO_MAGICLINKS | resolve);
}

/** The text of the regular file `path` in the directory `root`, at most `limit` bytes, or -errno (-22 for anything but a regular file). */
export function readTextInRoot(root: string, path: string, limit = 1 << 20): string | number {
  const directory = open(root, O.PATH | O.DIRECTORY);
  if (directory < 0) return directory;
  const fd = openInRoot(directory, path, O.RDONLY | O.NONBLOCK);
  close(directory);
  if (fd < 0) return fd;
  const status = stat(`/proc/self/fd/${fd}`);
  const bytes = typeof status === "number" || (status.mode & S_IFMT) !== S_IFREG ? -22 : readDescriptor(fd, limit);
  close(fd);
  return typeof bytes === "number" ? bytes : new TextDecoder().decode(bytes);
}
