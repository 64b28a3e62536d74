/**
 * Removes a tree that a container wrote.
 *
 * An attacker controls: names (any bytes but "/" and NUL), modes, depth and number of what is below; nobody else changes it meanwhile. Nothing is followed:
 * each entry is unlinked in an open directory. Directories that are not empty are moved up beside the first, so that no depth is too deep, and a removal
 * that was interrupted is taken up where it stopped.
 */
import { AT } from "../kernel/abi/constants.ts";
import { SYSCALLS } from "../kernel/abi/host.ts";
import { rawEntries } from "../kernel/entries.ts";
import { address, syscall } from "../kernel/ffi.ts";
import { close, cString, O, open, removeDirectory } from "../kernel/file.ts";

const [ENOENT, EACCES, EISDIR, EPERM, ENOTEMPTY, EEXIST] = [-2, -13, -21, -1, -39, -17];
/** Opens `name` for reading its entries. Its owner may have closed it to itself. */
function openDirectory(base: number, name: Uint8Array): number {
  const flags = O.RDONLY | O.DIRECTORY | O.NOFOLLOW | O.CLOEXEC;
  const fd = syscall(SYSCALLS.openat, base, address(name), flags);
  if (fd !== EACCES) return fd;
  syscall(SYSCALLS.fchmodat, base, address(name), 0o700);
  return syscall(SYSCALLS.openat, base, address(name), flags);
}

/** Removes `name` in `at`, or moves it to `base` under the name of the next number. Returns a queue entry, or 0, or -errno. */
function removeEntry(at: number, name: Uint8Array, base: number, next: () => Uint8Array): Uint8Array | number {
  const file = syscall(SYSCALLS.unlinkat, at, address(name), 0);
  if (file === 0 || file === ENOENT) return 0;
  if (file !== EISDIR && file !== EPERM) return file;
  const directory = syscall(SYSCALLS.unlinkat, at, address(name), AT.REMOVEDIR);
  if (directory === 0 || directory === ENOENT) return 0;
  if (directory !== ENOTEMPTY && directory !== EEXIST && directory !== EACCES) return directory;
  // Its own ".." changes: that takes the right to write to it.
  syscall(SYSCALLS.fchmodat, at, address(name), 0o700);
  for (;;) {
    const moved = next();
    const result = syscall(SYSCALLS.renameat2, at, address(name), base, address(moved), 1 /* RENAME_NOREPLACE */);
    if (result === 0) return moved;
    if (result !== EEXIST) return result;
  }
}

/** Empties `name` in `base`; what is not empty below it is moved to `base` and queued. Returns 0 or -errno. */
function emptyDirectory(base: number, name: Uint8Array, queue: Uint8Array[], next: () => Uint8Array): number {
  const fd = openDirectory(base, name);
  if (fd < 0) return fd === ENOENT ? 0 : fd;
  syscall(SYSCALLS.fchmodat, base, address(name), 0o700);
  let worst = 0;
  for (const { name: entry } of rawEntries(fd)) {
    const left = removeEntry(fd, entry, base, next);
    if (typeof left !== "number") queue.push(left);
    else if (left < 0) worst = left;
  }
  close(fd);
  const result = syscall(SYSCALLS.unlinkat, base, address(name), AT.REMOVEDIR);
  return result === 0 || result === ENOENT ? 0 : worst < 0 ? worst : result;
}

/** Removes the directory `path` and all below it. Returns 0, or -errno of what could not be removed. */
export function removeTree(path: string): number {
  const base = open(path, O.RDONLY | O.DIRECTORY | O.NOFOLLOW);
  if (base < 0) return base === ENOENT ? 0 : base;
  let count = 0;
  const next = (): Uint8Array => cString(`removed-${count++}`);
  const queue: Uint8Array[] = [];
  let worst = 0;
  for (const { name: entry } of rawEntries(base)) {
    const result = syscall(SYSCALLS.unlinkat, base, address(entry), 0);
    if (result === EISDIR || result === EPERM) queue.push(entry);
    else if (result < 0 && result !== ENOENT) worst = result;
  }
  for (let entry = queue.pop(); entry !== undefined; entry = queue.pop()) {
    const result = emptyDirectory(base, entry, queue, next);
    if (result < 0) worst = result;
  }
  close(base);
  const result = removeDirectory(path);
  return result === 0 || result === ENOENT ? 0 : worst < 0 ? worst : result;
}
