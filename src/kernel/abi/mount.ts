/** Mount constants of include/uapi/linux/mount.h. */

/** attr_set and attr_clr of struct mount_attr, mount_setattr(2). `ATIME` is an enum in three bits: clear all of it before one value is set. */
export const MOUNT_ATTR = {
  RDONLY: 0x1, NOSUID: 0x2, NODEV: 0x4, NOEXEC: 0x8, ATIME: 0x70, RELATIME: 0x0, NOATIME: 0x10, STRICTATIME: 0x20, NODIRATIME: 0x80,
  IDMAP: 0x100000, NOSYMFOLLOW: 0x200000,
} as const;

/** mountflags of mount(2); SHARED to PRIVATE are also the values of `propagation` in struct mount_attr. */
export const MS = {
  RDONLY: 1, NOSUID: 2, NODEV: 4, NOEXEC: 8, SYNCHRONOUS: 0x10, REMOUNT: 0x20, MANDLOCK: 0x40, DIRSYNC: 0x80, NOSYMFOLLOW: 0x100,
  NOATIME: 0x400, NODIRATIME: 0x800, BIND: 0x1000, MOVE: 0x2000, REC: 0x4000, SILENT: 0x8000, UNBINDABLE: 0x20000, PRIVATE: 0x40000,
  SLAVE: 0x80000, SHARED: 0x100000, RELATIME: 0x200000, I_VERSION: 0x800000, STRICTATIME: 0x1000000, LAZYTIME: 0x2000000,
} as const;
