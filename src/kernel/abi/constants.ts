/** Constants of the kernel's UAPI headers, by subsystem, under their kernel names without the prefix. Pure. */

/** linux/mount.h: flags of open_tree(2), move_mount(2), fsopen(2), fsmount(2), fsconfig(2); attributes are in mount.ts. */
export const OPEN_TREE = { CLONE: 1, CLOEXEC: 0o2000000 } as const;
export const MOVE_MOUNT = { F_EMPTY_PATH: 4, T_EMPTY_PATH: 0x40 } as const;
export const FSOPEN_CLOEXEC = 1;
export const FSMOUNT_CLOEXEC = 1;
export const FSPICK = { CLOEXEC: 1, EMPTY_PATH: 8 } as const;
export const FSCONFIG = { SET_FLAG: 0, SET_STRING: 1, SET_FD: 5, CREATE: 6, RECONFIGURE: 7 } as const;
export const MNT_DETACH = 2;

/** fcntl.h */
export const AT = { FDCWD: -100, SYMLINK_NOFOLLOW: 0x100, REMOVEDIR: 0x200, EMPTY_PATH: 0x1000, RECURSIVE: 0x8000 } as const;
export const OPEN = {
  RDONLY: 0, WRONLY: 1, RDWR: 2, CREAT: 0o100, EXCL: 0o200, NOCTTY: 0o400, TRUNC: 0o1000, NONBLOCK: 0o4000, DIRECTORY: 0o200000, NOFOLLOW: 0o400000,
  CLOEXEC: 0o2000000, PATH: 0o10000000,
} as const;
/** linux/openat2.h */
export const RESOLVE = { NO_XDEV: 1, NO_MAGICLINKS: 2, NO_SYMLINKS: 4, BENEATH: 8, IN_ROOT: 0x10 } as const;
export const FILE_TYPE = {
  MASK: 0o170000, DIRECTORY: 0o040000, CHARACTER: 0o020000, BLOCK: 0o060000, REGULAR: 0o100000, FIFO: 0o010000, LINK: 0o120000,
} as const;
/** poll(2) */
export const POLLIN = 1;
export const LOCK = { SH: 1, EX: 2, NB: 4 } as const;
export const F = { DUPFD: 0, SETFD: 2, SETFL: 4, OFD_GETLK: 36, OFD_SETLK: 37, ADD_SEALS: 1033, SEAL_ALL: 0xf, SEAL_EXEC: 0x20 } as const;
export const MFD = { CLOEXEC: 1, ALLOW_SEALING: 2, EXEC: 0x10 } as const;

/** linux/sched.h: also the values that setns(2) takes. */
export const CLONE = {
  NEWTIME: 0x80, NEWNS: 0x20000, NEWCGROUP: 0x2000000, NEWUTS: 0x4000000, NEWIPC: 0x8000000, NEWUSER: 0x10000000, NEWPID: 0x20000000, NEWNET: 0x40000000,
  PIDFD: 0x1000, INTO_CGROUP: 2 ** 33, VM: 0x100, VFORK: 0x4000, PARENT: 0x8000,
} as const;

/** linux/prctl.h */
export const PR = {
  SET_PDEATHSIG: 1, SET_DUMPABLE: 4, SET_KEEPCAPS: 8, SET_NAME: 15, GET_SECCOMP: 21, CAPBSET_READ: 23, CAPBSET_DROP: 24, SET_SECUREBITS: 28,
  SET_CHILD_SUBREAPER: 36, SET_NO_NEW_PRIVS: 38, GET_NO_NEW_PRIVS: 39, CAP_AMBIENT: 47, CAP_AMBIENT_IS_SET: 1, CAP_AMBIENT_RAISE: 2, CAP_AMBIENT_CLEAR_ALL: 4,
} as const;
export const SIGNAL = { INT: 2, QUIT: 3, KILL: 9, PIPE: 13, TERM: 15, CHLD: 17, STOP: 19, XFSZ: 25 } as const;
export const SIG_BLOCK = 0;
export const SEEK_SET = 0;
export const FIONREAD = 0x541b;
export const SIG_SETMASK = 2;

/** asm-generic/errno-base.h and errno.h: those that plans name. */
export const ERRNO = {
  EPERM: 1, ENOENT: 2, ESRCH: 3, EIO: 5, EBADF: 9, ECHILD: 10, EAGAIN: 11, EACCES: 13, EBUSY: 16, EEXIST: 17, EXDEV: 18, ENODEV: 19, ENOTDIR: 20, EISDIR: 21,
  EINVAL: 22, ENOSPC: 28, EROFS: 30, ENOSYS: 38, ELOOP: 40, EOPNOTSUPP: 95, EADDRINUSE: 98, EADDRNOTAVAIL: 99,
} as const;

/** statx(2): the masks that are asked for and the byte offsets of what is read from struct statx. */
export const STATX = {
  TYPE: 1, MODE: 2, INO: 0x100, MNT_ID: 0x1000, modeAt: 28, inodeAt: 32, rdevMajorAt: 128, rdevMinorAt: 132, mountIdAt: 144, size: 256,
} as const;

/** seccomp(2) */
export const SECCOMP_SET_MODE_FILTER = 1;
/** linux/bpf.h: commands of bpf(2), and what device programs need. */
export const BPF = {
  PROG_LOAD: 5, PROG_ATTACH: 8, PROG_DETACH: 9, PROG_GET_FD_BY_ID: 13, OBJ_GET_INFO_BY_FD: 15, PROG_QUERY: 16,
  PROG_TYPE_CGROUP_DEVICE: 15, CGROUP_DEVICE: 6, F_ALLOW_MULTI: 2, F_REPLACE: 4, F_QUERY_EFFECTIVE: 1,
} as const;
/** linux/capability.h */
export const CAPABILITY_VERSION_3 = 0x20080522;
/** linux/landlock.h */
export const LANDLOCK = {
  RULE_PATH_BENEATH: 1,
  FS_MAKE_CHAR: 1 << 6, FS_MAKE_BLOCK: 1 << 11, FS_REFER: 1 << 13, FS_IOCTL_DEV: 1 << 15,
  SCOPE_ABSTRACT_UNIX_SOCKET: 1, SCOPE_SIGNAL: 2,
} as const;
/** keyctl(2) */
export const KEYCTL_JOIN_SESSION_KEYRING = 1;
/** sockets */
export const AF_UNIX = 1;
export const AF_INET = 2;
export const AF_INET6 = 10;
export const AF_NETLINK = 16;
export const SOCK = { STREAM: 1, DGRAM: 2, RAW: 3, SEQPACKET: 5, CLOEXEC: 0o2000000, NONBLOCK: 0o4000 } as const;
/** socket(7): the level of setsockopt(2) and its options; ipv6(7). */
export const SOCKET = { LEVEL: 1, REUSEADDR: 2 } as const;
export const IPV6_V6ONLY = { level: 41, name: 26 } as const;
export const MSG = { PEEK: 2, DONTWAIT: 0x40, CMSG_CLOEXEC: 0x40000000, NOSIGNAL: 0x4000 } as const;
export const SIOCSIFFLAGS = 0x8914;
export const IFF_UP_RUNNING = 0x41;
/** Terminals: asm-generic/ioctls.h */
export const TTY = { GETS: 0x5401, SETS: 0x5402, SCTTY: 0x540e, SPTLCK: 0x40045431, GPTPEER: 0x5441, GWINSZ: 0x5413, SWINSZ: 0x5414 } as const;
export const RLIMIT: Readonly<Record<string, number>> = {
  RLIMIT_CPU: 0, RLIMIT_FSIZE: 1, RLIMIT_DATA: 2, RLIMIT_STACK: 3, RLIMIT_CORE: 4, RLIMIT_RSS: 5, RLIMIT_NPROC: 6, RLIMIT_NOFILE: 7,
  RLIMIT_MEMLOCK: 8, RLIMIT_AS: 9, RLIMIT_LOCKS: 10, RLIMIT_SIGPENDING: 11, RLIMIT_MSGQUEUE: 12, RLIMIT_NICE: 13, RLIMIT_RTPRIO: 14,
  RLIMIT_RTTIME: 15,
};
