/**
 * What a name leads to, without asking the server of a filesystem: statx(2) with AT_STATX_DONT_SYNC, so that a FUSE or network filesystem of a container
 * cannot make the caller wait.
 *
 * Trusts: the kernel's mount ids. An attacker controls: which object a magic link of /proc/PID leads to, but not how the kernel describes it.
 */
import { STATX } from "./abi/constants.ts";
import { SYSCALLS } from "./abi/host.ts";
import { address, syscall } from "./ffi.ts";
import { AT_FDCWD, cString } from "./file.ts";

export interface KernelObject {
  /** File type and permission bits, as st_mode. */
  readonly mode: number;
  /** Id of the mount, as in mountinfo (Linux 5.8). */
  readonly mountId: number;
  readonly device: { readonly major: number; readonly minor: number };
  readonly inode: number;
  /** The device that a device node stands for. */
  readonly rdev: { readonly major: number; readonly minor: number };
  readonly size: number;
  /** The root of its mount: what is mounted there is this very object. */
  readonly mountRoot: boolean;
}

const AT_EMPTY_PATH = 0x1000;
const AT_STATX_DONT_SYNC = 0x4000;
const STATX_BASIC_STATS = 0x7ff;
const STATX_ATTR_MOUNT_ROOT = 0x2000;

/** What statx(2) fills; read before the next call. */
let buffer: Uint8Array<ArrayBuffer> | undefined;

/** The object at `path` below `dirfd` (an empty path: `dirfd` itself), following links; or -errno. */
export function statObject(path: string, dirfd = AT_FDCWD): KernelObject | number {
  buffer ??= new Uint8Array(STATX.size);
  const flags = AT_STATX_DONT_SYNC | (path === "" ? AT_EMPTY_PATH : 0);
  const result = syscall(SYSCALLS.statx, dirfd, address(cString(path)), flags, STATX_BASIC_STATS | STATX.MNT_ID, address(buffer));
  if (result < 0) return result;
  const view = new DataView(buffer.buffer);
  const u32 = (at: number): number => view.getUint32(at, true);
  return {
    mode: view.getUint16(STATX.modeAt, true), mountId: Number(view.getBigUint64(STATX.mountIdAt, true)), inode: Number(view.getBigUint64(STATX.inodeAt, true)),
    rdev: { major: u32(STATX.rdevMajorAt), minor: u32(STATX.rdevMinorAt) }, device: { major: u32(136), minor: u32(140) },
    size: Number(view.getBigUint64(40, true)),
    mountRoot: (view.getBigUint64(8, true) & BigInt(STATX_ATTR_MOUNT_ROOT)) !== 0n,
  };
}
