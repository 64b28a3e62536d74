/**
 * Small, bounded file access for host paths, procfs and cgroupfs, without node:fs (its import alone costs 0.8 ms at start).
 *
 * Every function returns a value or `-errno`; nothing throws, for an absent file is an answer here and not an accident.
 * Reads are O_NONBLOCK | O_CLOEXEC and bounded. Not verified: where the path leads; see openat2 in kernel/inroot.ts for hostile trees.
 */
import { AT } from "./abi/constants.ts";
import { SYSCALLS } from "./abi/host.ts";
import { address, currentObserver, syscall } from "./ffi.ts";
import type { Observer } from "./ffi.ts";

export const AT_FDCWD: number = AT.FDCWD;
export const O = {
  RDONLY: 0, WRONLY: 1, RDWR: 2, CREAT: 0o100, EXCL: 0o200, TRUNC: 0o1000, APPEND: 0o2000,
  NONBLOCK: 0o4000, DIRECTORY: 0o200000, NOFOLLOW: 0o400000, CLOEXEC: 0o2000000, PATH: 0o10000000,
} as const;

const encoder = new TextEncoder();
const decoder = new TextDecoder();
const CHUNK = 64 * 1024;
let chunk: Uint8Array | undefined;

/** `path` as a NUL-terminated buffer. A path with a NUL inside is cut there by the kernel, so callers reject it first. */
export function cString(path: string): Uint8Array {
  return encoder.encode(`${path}\0`);
}

/** Opens `path` below `dirfd`; the caller owns the descriptor. Returns the fd or -errno. */
export function open(path: string, flags: number, mode = 0, dirfd = AT_FDCWD): number {
  return syscall(SYSCALLS.openat, dirfd, address(cString(path)), flags | O.CLOEXEC, mode);
}

/** Closes a descriptor that the caller owns. */
export function close(fd: number): void {
  syscall(SYSCALLS.close, fd);
}

/** All bytes of an open descriptor from its current offset, at most `limit`; longer content is -EFBIG (-27). */
export function readDescriptor(fd: number, limit = 1 << 20): Uint8Array | number {
  chunk ??= new Uint8Array(CHUNK);
  let whole = new Uint8Array(0);
  for (;;) {
    const n = syscall(SYSCALLS.read, fd, address(chunk), CHUNK);
    if (n < 0) return n;
    if (n === 0) return whole;
    if (whole.length + n > limit) return -27;
    const next = new Uint8Array(whole.length + n);
    next.set(whole);
    next.set(chunk.subarray(0, n), whole.length);
    whole = next;
  }
}

/** The bytes of the file at `path`, at most `limit`, or -errno. */
export function readBytes(path: string, limit = 1 << 20, dirfd = AT_FDCWD): Uint8Array | number {
  const fd = open(path, O.RDONLY | O.NONBLOCK, 0, dirfd);
  if (fd < 0) return fd;
  const bytes = readDescriptor(fd, limit);
  close(fd);
  return bytes;
}

/** The file at `path` as text (invalid UTF-8 becomes U+FFFD), or -errno. */
export function readText(path: string, limit = 1 << 20, dirfd = AT_FDCWD): string | number {
  const bytes = readBytes(path, limit, dirfd);
  return typeof bytes === "number" ? bytes : decoder.decode(bytes);
}

/** The first bytes of the file at `path`, at most `limit` (up to 64 KiB), for files such as cmdline whose length a process chooses; or -errno. */
export function readStart(path: string, limit: number, dirfd = AT_FDCWD): Uint8Array | number {
  const fd = open(path, O.RDONLY | O.NONBLOCK, 0, dirfd);
  if (fd < 0) return fd;
  chunk ??= new Uint8Array(CHUNK);
  const n = syscall(SYSCALLS.read, fd, address(chunk), Math.min(limit, CHUNK));
  close(fd);
  return n < 0 ? n : chunk.slice(0, n);
}

/** PATH_MAX of the kernel. */
const LONGEST = 4096;

/** The target of the symbolic link at `path`, or -errno. */
export function readLink(path: string, dirfd = AT_FDCWD): string | number {
  // One buffer for all: a survey of a host reads tens of thousands of links.
  chunk ??= new Uint8Array(CHUNK);
  const n = syscall(SYSCALLS.readlinkat, dirfd, address(cString(path)), address(chunk), LONGEST);
  return n < 0 ? n : decoder.decode(chunk.subarray(0, n));
}

export interface DirectoryEntry {
  readonly name: string;
  /** d_type of getdents64(2): 4 directory, 8 regular, 10 symbolic link, 0 unknown. */
  readonly type: number;
}

/** The entries of a directory without `.` and `..`, in the kernel's order, at most `limit` of them, or -errno. */
export function listDirectory(path: string, limit = 1 << 20, dirfd = AT_FDCWD): DirectoryEntry[] | number {
  const fd = open(path, O.RDONLY | O.DIRECTORY | O.NONBLOCK, 0, dirfd);
  if (fd < 0) return fd;
  const buffer = new Uint8Array(32 * 1024);
  const view = new DataView(buffer.buffer);
  const entries: DirectoryEntry[] = [];
  for (;;) {
    const n = syscall(SYSCALLS.getdents64, fd, address(buffer), buffer.length);
    if (n <= 0 || entries.length >= limit) {
      close(fd);
      return n < 0 ? n : entries;
    }
    // struct linux_dirent64: u64 ino, s64 off, u16 reclen, u8 type, char name[] (NUL-terminated)
    for (let at = 0; at < n; ) {
      const length = view.getUint16(at + 16, true);
      const end = buffer.indexOf(0, at + 19);
      const name = decoder.decode(buffer.subarray(at + 19, end));
      if (name !== "." && name !== ".." && entries.length < limit) entries.push({ name, type: buffer[at + 18] ?? 0 });
      at += length;
    }
  }
}

export interface FileStatus {
  /** File type and permission bits, as st_mode. */
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  /** Exact up to 2^53; inode numbers of nsfs, procfs and cgroupfs are far below. */
  readonly inode: number;
  readonly device: { readonly major: number; readonly minor: number };
  /** The device that a device node stands for. */
  readonly rdev: { readonly major: number; readonly minor: number };
  readonly size: number;
  /** Names that it has. */
  readonly links: number;
  /** Modification time in milliseconds since the epoch. */
  readonly modified: number;
}

/** Removes a name of a file that is no directory. Returns 0 or -errno. */
export function unlink(path: string): number {
  return syscall(SYSCALLS.unlinkat, AT_FDCWD, address(cString(path)), 0);
}

/** Removes an empty directory. Returns 0 or -errno. */
export function removeDirectory(path: string): number {
  return syscall(SYSCALLS.unlinkat, AT_FDCWD, address(cString(path)), AT.REMOVEDIR);
}

const X_OK = 1;

/** Whether this process may enter a directory (access(2)). */
export function canEnter(path: string): boolean {
  return syscall(SYSCALLS.faccessat, AT_FDCWD, address(cString(path)), X_OK) === 0;
}

const STATX_BASIC_STATS = 0x7ff;

/** What changes with every file that is written is not compared at another start: who uses it is told of. */
function observed(status: FileStatus, observer: Observer): FileStatus {
  const { uid, gid, mode, rdev } = status;
  const told = <K extends keyof FileStatus>(name: K): FileStatus[K] => {
    observer.spoil();
    return status[name];
  };
  return {
    uid, gid, mode, rdev,
    get inode() {
      return told("inode");
    },
    get size() {
      return told("size");
    },
    get links() {
      return told("links");
    },
    get modified() {
      return told("modified");
    },
    get device() {
      return told("device");
    },
  };
}

function statusOf(buffer: Uint8Array): FileStatus {
  const view = new DataView(buffer.buffer);
  const u32 = (at: number): number => view.getUint32(at, true);
  const u64 = (at: number): number => u32(at) + u32(at + 4) * 2 ** 32;
  const nanoseconds = u32(120);
  return {
    links: u32(16), uid: u32(20), gid: u32(24), mode: view.getUint16(28, true), inode: u64(32), size: u64(40),
    modified: u64(112) * 1000 + (nanoseconds - (nanoseconds % 1e6)) / 1e6,
    rdev: { major: u32(128), minor: u32(132) }, device: { major: u32(136), minor: u32(140) },
  };
}

const AT_STATX_DONT_SYNC = 0x4000;

/**
 * statx(2) of `path`, following a final symbolic link unless `noFollow`, or of `dirfd` itself if `path` is empty; or -errno. With `noSync` the server of a
 * filesystem that is mounted there is not asked.
 */
export function stat(path: string, options: { noFollow?: boolean; noSync?: boolean; dirfd?: number } = {}): FileStatus | number {
  const buffer = new Uint8Array(256);
  const which = path === "" && options.dirfd !== undefined ? AT.EMPTY_PATH : options.noFollow === true ? AT.SYMLINK_NOFOLLOW : 0;
  const flags = which | (options.noSync === true ? AT_STATX_DONT_SYNC : 0);
  const result = syscall(SYSCALLS.statx, options.dirfd ?? AT_FDCWD, address(cString(path)), flags, STATX_BASIC_STATS, address(buffer));
  if (result < 0) return result;
  const status = statusOf(buffer);
  const observer = currentObserver();
  return observer === undefined ? status : observed(status, observer);
}

/** statx(2) of an entry of an open directory, itself and not what it may lead to, or -errno. `name` ends with NUL. */
export function statAt(dirfd: number, name: Uint8Array): FileStatus | number {
  const buffer = new Uint8Array(256);
  const result = syscall(SYSCALLS.statx, dirfd, address(name), AT.SYMLINK_NOFOLLOW, STATX_BASIC_STATS, address(buffer));
  return result < 0 ? result : statusOf(buffer);
}

/** Writes all of `data` to `path`, created with `mode` if `create`; returns 0 or -errno. A short write is -EIO (-5). */
export function writeFile(path: string, data: string | Uint8Array, create?: { mode: number; exclusive?: boolean }, dirfd = AT_FDCWD): number {
  const flags = create === undefined ? O.WRONLY : O.WRONLY | O.CREAT | (create.exclusive === true ? O.EXCL : O.TRUNC);
  const fd = open(path, flags, create?.mode ?? 0, dirfd);
  if (fd < 0) return fd;
  const bytes = typeof data === "string" ? encoder.encode(data) : data;
  const n = bytes.length === 0 ? 0 : syscall(SYSCALLS.write, fd, address(bytes), bytes.length);
  close(fd);
  if (n < 0) return n;
  return n === bytes.length ? 0 : -5;
}

/** Renames over what is there. Returns 0 or -errno. */
export function rename(from: string, to: string): number {
  return syscall(SYSCALLS.renameat2, AT_FDCWD, address(cString(from)), AT_FDCWD, address(cString(to)), 0);
}

/**
 * Puts `data` in the place of the file at `path`, whole or not at all: it is written to `temporary` beside it first, which nobody else writes to meanwhile. Of
 * one that was left there nothing is believed. Returns 0, or -errno; then `path` is as before, and nothing else is left.
 */
export function replaceFile(path: string, data: string | Uint8Array, mode: number, temporary = `${path}.new`): number {
  unlink(temporary);
  const written = writeFile(temporary, data, { mode, exclusive: true });
  const result = written < 0 ? written : rename(temporary, path);
  if (result < 0) unlink(temporary);
  return result;
}
