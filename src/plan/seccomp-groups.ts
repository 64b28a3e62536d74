/**
 * The system calls of the built-in profiles, in groups with the reason why each group is allowed. Data only.
 *
 * The starting point is Docker's default profile (github.com/moby/profiles, seccomp/default_linux.go), which years of images were run under. Names that only
 * 32-bit ABIs have are left out: the built-in profiles refuse those ABIs. What no group names is denied; the best known of these and why:
 * - keyctl, add_key, request_key: keyrings are not namespaced per container (CVE-2016-0728, CVE-2014-9529);
 * - userfaultfd: stops the kernel at a page fault of the caller's choice, which makes races winnable (vm.unprivileged_userfaultfd, kernel 5.2);
 * - io_uring_*: a second system call interface that seccomp cannot see into; 60 % of Google's kCTF kernel exploits (security.googleblog.com, June 2023);
 * - bpf, perf_event_open: large parsers of untrusted programs (CVE-2020-8835, CVE-2021-3490, CVE-2013-2094), only with CAP_BPF or CAP_PERFMON;
 * - mount, fsopen, move_mount and the rest of the mount API, pivot_root, setns, new namespaces: the way from one container into another;
 * - kexec_load, init_module, reboot, swapon, acct, quotactl, settimeofday, iopl: belong to the machine;
 * - nfsservctl, uselib, _sysctl, ustat, sysfs, vserver and others that no program has used for years.
 */

export interface SyscallGroup {
  /** Why the group is allowed, as one clause. */
  readonly reason: string;
  readonly names: readonly string[];
}

/** Allowed by both built-in profiles. */
export const COMMON_GROUPS: readonly SyscallGroup[] = [
  {
    reason: "files and directories: permissions, mounts and the security module decide which",
    names: [
      "access", "cachestat", "chdir", "chmod", "chown", "close", "close_range", "copy_file_range", "creat", "dup", "dup2", "dup3", "faccessat",
      "faccessat2", "fadvise64", "fallocate", "fchdir", "fchmod", "fchmodat", "fchmodat2", "fchown", "fchownat", "fcntl", "fdatasync", "fgetxattr",
      "flistxattr", "flock", "fremovexattr", "fsetxattr", "fstat", "fstatfs", "fsync", "ftruncate", "futimesat", "getcwd", "getdents", "getdents64",
      "getxattr", "getxattrat", "lchown", "lgetxattr", "link", "linkat", "listxattr", "listxattrat", "llistxattr", "lremovexattr", "lseek",
      "lsetxattr", "lstat", "mkdir", "mkdirat", "mknod", "mknodat", "newfstatat", "open", "openat", "openat2", "pipe", "pipe2", "pread64", "preadv",
      "preadv2", "pwrite64", "pwritev", "pwritev2", "read", "readahead", "readlink", "readlinkat", "readv", "removexattr", "removexattrat", "rename",
      "renameat", "renameat2", "rmdir", "sendfile", "setxattr", "setxattrat", "splice", "stat", "statfs", "statx", "symlink", "symlinkat", "sync",
      "sync_file_range", "syncfs", "tee", "truncate", "umask", "unlink", "unlinkat", "utime", "utimensat", "utimes", "write", "writev",
      "inotify_add_watch", "inotify_init", "inotify_init1", "inotify_rm_watch",
    ],
  },
  {
    reason: "the process's own memory",
    names: [
      "brk", "madvise", "map_shadow_stack", "membarrier", "memfd_create", "mincore", "mlock", "mlock2", "mlockall", "mmap", "mprotect", "mremap",
      "mseal", "msync", "munlock", "munlockall", "munmap", "pkey_alloc", "pkey_free", "pkey_mprotect",
    ],
  },
  {
    reason: "processes and threads of the same PID namespace; uretprobe is the host's tracing, which would kill the traced program (kernel 6.11)",
    names: [
      "arch_prctl", "execve", "execveat", "exit", "exit_group", "fork", "futex", "futex_requeue", "futex_wait", "futex_waitv", "futex_wake",
      "get_robust_list", "getpgid", "getpgrp", "getpid", "getppid", "getsid", "gettid", "kill", "pidfd_open", "pidfd_send_signal", "prctl",
      "restart_syscall", "rseq", "set_robust_list", "set_tid_address", "setpgid", "setsid", "tgkill", "tkill", "uretprobe", "vfork", "wait4", "waitid",
    ],
  },
  {
    reason: "signals",
    names: [
      "pause", "rt_sigaction", "rt_sigpending", "rt_sigprocmask", "rt_sigqueueinfo", "rt_sigreturn", "rt_sigsuspend", "rt_sigtimedwait",
      "rt_tgsigqueueinfo", "sigaltstack", "signalfd", "signalfd4",
    ],
  },
  {
    reason: "identity: the user namespace and the capability sets bound what can be reached",
    names: [
      "capget", "capset", "getegid", "geteuid", "getgid", "getgroups", "getresgid", "getresuid", "getuid", "setfsgid", "setfsuid", "setgid",
      "setgroups", "setregid", "setresgid", "setresuid", "setreuid", "setuid",
    ],
  },
  {
    reason: "reading clocks, sleeping and timers; setting a clock is not here",
    names: [
      "alarm", "clock_getres", "clock_gettime", "clock_nanosleep", "getitimer", "gettimeofday", "nanosleep", "setitimer", "time", "timer_create",
      "timer_delete", "timer_getoverrun", "timer_gettime", "timer_settime", "timerfd_create", "timerfd_gettime", "timerfd_settime", "times",
    ],
  },
  {
    reason: "scheduling and limits of own processes, facts about the system, random bytes",
    names: [
      "getcpu", "getpriority", "getrandom", "getrlimit", "getrusage", "ioprio_get", "ioprio_set", "prlimit64", "sched_get_priority_max",
      "sched_get_priority_min", "sched_getaffinity", "sched_getattr", "sched_getparam", "sched_getscheduler", "sched_rr_get_interval",
      "sched_setaffinity", "sched_setattr", "sched_setparam", "sched_setscheduler", "sched_yield", "setpriority", "setrlimit", "sysinfo", "uname",
    ],
  },
  {
    reason: "waiting for descriptors",
    names: [
      "epoll_create", "epoll_create1", "epoll_ctl", "epoll_pwait", "epoll_pwait2", "epoll_wait", "eventfd", "eventfd2", "poll", "ppoll", "pselect6", "select",
    ],
  },
  {
    reason: "System V IPC and POSIX message queues, inside the IPC namespace",
    names: [
      "mq_getsetattr", "mq_notify", "mq_open", "mq_timedreceive", "mq_timedsend", "mq_unlink", "msgctl", "msgget", "msgrcv", "msgsnd", "semctl", "semget",
      "semop", "semtimedop", "shmat", "shmctl", "shmdt", "shmget",
    ],
  },
  {
    reason: "sockets that exist; which kinds can be made is decided at socket",
    names: [
      "accept", "accept4", "bind", "connect", "getpeername", "getsockname", "getsockopt", "listen", "recvfrom", "recvmmsg", "recvmsg", "sendmmsg", "sendmsg",
      "sendto", "setsockopt", "shutdown",
    ],
  },
  {
    reason: "a program may confine itself further",
    names: ["landlock_add_rule", "landlock_create_ruleset", "landlock_restrict_self", "seccomp"],
  },
];

/** Allowed by `default` because Docker allows them and images use them; `strict` denies them. */
export const DEFAULT_GROUPS: readonly SyscallGroup[] = [
  {
    reason: "debuggers, tracers and leak checkers; strict denies them: they let one process of the sandbox take over another",
    names: ["process_vm_readv", "process_vm_writev", "ptrace"],
  },
  { reason: "native asynchronous I/O of databases; libaio users fall back to plain reads", names: ["io_cancel", "io_destroy", "io_getevents", "io_pgetevents", "io_setup", "io_submit"] },
  { reason: "reading the state of the clock's adjustment (setting it needs CAP_SYS_TIME)", names: ["adjtimex", "clock_adjtime"] },
  { reason: "16-bit and 32-bit segments of emulators such as wine", names: ["modify_ldt"] },
  { reason: "mounts as seen from inside, file handles and marks that need a capability to be of use", names: ["fanotify_mark", "listmount", "name_to_handle_at", "statmount"] },
  { reason: "rare memory calls", names: ["memfd_secret", "process_mrelease", "remap_file_pages", "vmsplice"] },
];

/** What a capability adds to `default`. bpf and perf_event_open come with their own capabilities (kernel 5.8), not with CAP_SYS_ADMIN as in Docker. */
export const CAPABILITY_GROUPS: Readonly<Record<string, readonly string[]>> = {
  CAP_BPF: ["bpf"],
  CAP_DAC_READ_SEARCH: ["open_by_handle_at"],
  CAP_PERFMON: ["perf_event_open"],
  CAP_SYS_ADMIN: [
    "clone", "clone3", "fanotify_init", "fsconfig", "fsmount", "fsopen", "fspick", "lookup_dcookie", "lsm_get_self_attr", "lsm_list_modules",
    "lsm_set_self_attr", "mount", "mount_setattr", "move_mount", "open_tree", "quotactl", "quotactl_fd", "setdomainname", "sethostname", "setns", "syslog",
    "umount2", "unshare",
  ],
  CAP_SYS_BOOT: ["reboot"],
  CAP_SYS_CHROOT: ["chroot"],
  CAP_SYS_MODULE: ["delete_module", "finit_module", "init_module"],
  CAP_SYS_NICE: ["get_mempolicy", "mbind", "set_mempolicy", "set_mempolicy_home_node"],
  CAP_SYS_PACCT: ["acct"],
  CAP_SYS_PTRACE: ["kcmp", "pidfd_getfd", "process_madvise", "process_vm_readv", "process_vm_writev", "ptrace"],
  CAP_SYS_RAWIO: ["ioperm", "iopl"],
  CAP_SYS_TIME: ["clock_settime", "settimeofday"],
  CAP_SYS_TTY_CONFIG: ["vhangup"],
  CAP_SYSLOG: ["syslog"],
};

/** All that the relay of published ports does once it has joined the container's network namespace. */
export const RELAY_GROUP: SyscallGroup = {
  reason: "the loop of launcher/forward.c, which says first that it is there; socket is allowed for TCP alone; rt_sigreturn and restart_syscall are the kernel's own doing",
  names: [
    "accept4", "clock_gettime", "close", "connect", "exit", "exit_group", "getsockopt", "madvise", "ppoll", "recvfrom", "restart_syscall", "rt_sigreturn",
    "sendto", "setsockopt", "shutdown", "write",
  ],
};

/** All that the built-in init, PID 1, does once the main child runs: wait for signals, pass them on, reap, leave. */
export const INIT_GROUP: SyscallGroup = {
  reason: "the loop of the built-in init, which closes the report pipe first; rt_sigreturn and restart_syscall are the kernel's own doing",
  names: ["close", "exit", "exit_group", "kill", "restart_syscall", "rt_sigprocmask", "rt_sigreturn", "rt_sigtimedwait", "wait4", "waitid"],
};
