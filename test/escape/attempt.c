/*
 * One attempt of a program in a container to get out or to look out: `attempt NAME [ARG...]` prints the name of the errno, or "ok" with what it got.
 * Nothing here does harm where it succeeds: calls that would are made with arguments that the kernel refuses after its permission check.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <linux/keyctl.h>
#include <sched.h>
#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

/* Numbers that are the same on every architecture since Linux 5.0, and those that are newer than some headers. */
enum { NR_open_tree = 428, NR_move_mount, NR_fsopen, NR_fsconfig, NR_fsmount, NR_clone3 = 435, NR_pidfd_getfd = 438, NR_mount_setattr = 442, NR_landlock_create_ruleset = 444, NR_open_tree_attr = 467 };

static const char *argument;

static long call(long number, long a, long b, long c, long d, long e) { return syscall(number, a, b, c, d, e, 0L); }

/* The child, if there is one, ends at once; its parent says that it could be made. */
static long born(long pid) {
  if (pid == 0) _exit(0);
  if (pid > 0) waitpid(pid, NULL, __WALL);
  return pid < 0 ? -1 : 0;
}

static long clone_user(void) { return born(call(SYS_clone, CLONE_NEWUSER | SIGCHLD, 0, 0, 0, 0)); }

static long clone3_user(void) {
  uint64_t arguments[8] = {CLONE_NEWUSER, 0, 0, 0, SIGCHLD};
  return born(call(NR_clone3, (long)arguments, sizeof arguments, 0, 0, 0));
}

static long enter(void) {
  int fd = open(argument, O_RDONLY);
  return fd < 0 ? -1 : setns(fd, 0);
}

static long own_namespace(void) {
  argument = "/proc/self/ns/net";
  return enter();
}

/* Opened, not written: a value that gets through could do harm. */
static int opens(const char *path, const struct stat *status, int kind, struct FTW *place) {
  (void)place;
  if (kind == FTW_D && strncmp(path, "/proc/", 6) == 0 && path[6] >= '0' && path[6] <= '9') return FTW_SKIP_SUBTREE;
  if (kind != FTW_F || !S_ISREG(status->st_mode)) return FTW_CONTINUE;
  int fd = open(path, O_WRONLY | O_NONBLOCK);
  if (fd < 0) return FTW_CONTINUE;
  printf("(%s) ", path);
  return close(fd) == 0 ? FTW_CONTINUE : FTW_STOP;
}

static long write_any(void) {
  long result = nftw(argument, opens, 64, FTW_PHYS | FTW_ACTIONRETVAL);
  return result < 0 ? -1 : 0;
}

static long write_file(void) { return open(argument, O_WRONLY | O_NONBLOCK); }

static long read_file(void) {
  char bytes[64];
  int fd = open(argument, O_RDONLY | O_NONBLOCK);
  return fd < 0 ? -1 : read(fd, bytes, sizeof bytes) < 0 ? -1 : 0;
}

static long exists(void) {
  struct stat status;
  return stat(argument, &status);
}

static long abstract(void) {
  struct sockaddr_un address = {.sun_family = AF_UNIX};
  size_t length = strlen(argument);
  memcpy(address.sun_path + 1, argument, length);
  int fd = socket(AF_UNIX, SOCK_STREAM, 0);
  return fd < 0 ? -1 : connect(fd, (struct sockaddr *)&address, offsetof(struct sockaddr_un, sun_path) + 1 + length);
}

static long read_memory(void) {
  char byte;
  struct iovec here = {&byte, 1}, there = {(void *)0x400000, 1};
  return process_vm_readv(atoi(argument), &here, 1, &there, 1, 0) < 0 ? -1 : 0;
}

static long push_input(void) {
  char byte = 'x';
  return ioctl(0, TIOCSTI, &byte);
}

static long make_device(void) {
  return mknod("/tmp/attempt-device", S_IFCHR | 0600, makedev(1, 1));
}

static long setgroups_none(void) { return call(SYS_setgroups, 0, 0, 0, 0, 0); }

#ifdef __x86_64__
/* getpid(2) by the i386 entry: a negative errno, or 20's result. */
static long int80(void) {
  long result;
  __asm__ volatile("int $0x80" : "=a"(result) : "a"(20L) : "memory", "r8", "r9", "r10", "r11");
  if ((int)result < 0) {
    errno = -(int)result;
    return -1;
  }
  return 0;
}

static long x32(void) { return syscall(0x40000000 | 39) < 0 ? -1 : 0; }
#endif

struct attempt {
  const char *name;
  long (*make)(void);
  long number, a, b, c, d, e;
};

#define S(text) ((long)(text))
static const struct attempt attempts[] = {
  {"mount", 0, SYS_mount, S("none"), S("/tmp"), S("tmpfs"), 0, 0},
  {"bind", 0, SYS_mount, S("/"), S("/tmp"), 0, MS_BIND | MS_REC, 0},
  {"remount", 0, SYS_mount, 0, S("/proc/sys"), 0, MS_REMOUNT | MS_BIND, 0},
  {"propagation", 0, SYS_mount, 0, S("/"), 0, MS_SHARED | MS_REC, 0},
  {"umount", 0, SYS_umount2, S("/proc/sys"), 2},
  {"pivot_root", 0, SYS_pivot_root, S("."), S(".")},
  {"chroot", 0, SYS_chroot, S("/tmp")},
  {"fsopen", 0, NR_fsopen, S("tmpfs")},
  {"open_tree", 0, NR_open_tree, AT_FDCWD, S("/"), 1},
  {"open_tree_attr", 0, NR_open_tree_attr, AT_FDCWD, S("/"), 1},
  {"move_mount", 0, NR_move_mount, AT_FDCWD, S("/proc"), AT_FDCWD, S("/tmp")},
  {"mount_setattr", 0, NR_mount_setattr, AT_FDCWD, S("/proc/sys"), 0, S("\0\0\0\0\0\0\0\0\1\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"), 32},
  {"unshare-user", 0, SYS_unshare, CLONE_NEWUSER},
  {"unshare-mount", 0, SYS_unshare, CLONE_NEWNS},
  {"unshare-pid", 0, SYS_unshare, CLONE_NEWPID},
  {"unshare-net", 0, SYS_unshare, CLONE_NEWNET},
  {"unshare-cgroup", 0, SYS_unshare, CLONE_NEWCGROUP},
  {"clone-user", clone_user},
  {"clone3-user", clone3_user},
  {"setns", own_namespace},
  {"enter", enter},
  {"mknod", make_device},
  {"af-alg", 0, SYS_socket, AF_ALG, SOCK_SEQPACKET},
  {"af-vsock", 0, SYS_socket, AF_VSOCK, SOCK_STREAM},
  {"af-packet", 0, SYS_socket, AF_PACKET, SOCK_RAW},
  {"af-netlink-audit", 0, SYS_socket, AF_NETLINK, SOCK_RAW, 9},
  {"raw-socket", 0, SYS_socket, AF_INET, SOCK_RAW, 1},
  {"io_uring_setup", 0, SYS_io_uring_setup, 1},
  {"keyctl", 0, SYS_keyctl, KEYCTL_GET_KEYRING_ID, KEY_SPEC_SESSION_KEYRING, 0},
  {"add_key", 0, SYS_add_key, S("user"), S("attempt"), S("x"), 1, KEY_SPEC_PROCESS_KEYRING},
  {"request_key", 0, SYS_request_key, S("user"), S("attempt")},
  {"userfaultfd", 0, SYS_userfaultfd, 1},
  {"bpf", 0, SYS_bpf, 0},
  {"perf_event_open", 0, SYS_perf_event_open},
  {"ptrace-init", 0, SYS_ptrace, PTRACE_SEIZE, 1},
  {"read-memory", read_memory},
  {"pidfd_getfd", 0, NR_pidfd_getfd, -1},
  {"kcmp", 0, SYS_kcmp, 1, 1},
  {"push-input", push_input},
  {"abstract", abstract},
  {"write", write_file},
  {"write-any", write_any},
  {"read", read_file},
  {"exists", exists},
  {"landlock", 0, NR_landlock_create_ruleset, 0, 0, 1},
  {"init_module", 0, SYS_init_module},
  {"finit_module", 0, SYS_finit_module, -1},
  {"delete_module", 0, SYS_delete_module, S("none")},
  {"kexec_load", 0, SYS_kexec_load, 0, 0, 0, -1},
  {"reboot", 0, SYS_reboot},
  {"swapon", 0, SYS_swapon, S("/none")},
  {"acct", 0, SYS_acct, S("/none")},
  {"syslog", 0, SYS_syslog, 10},
  {"sethostname", 0, SYS_sethostname, S("x"), 1},
  {"settimeofday", 0, SYS_settimeofday, S("\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff")},
  {"open_by_handle_at", 0, SYS_open_by_handle_at, AT_FDCWD, S("\0\0\0\0\0\0\0")},
  {"quotactl", 0, SYS_quotactl, -1},
  {"vhangup", 0, SYS_vhangup},
  {"setgroups", setgroups_none},
#ifdef __x86_64__
  {"iopl", 0, SYS_iopl, 3},
  {"ioperm", 0, SYS_ioperm, 0x80, 1, 1},
  {"int80", int80},
  {"x32", x32},
#endif
};

/* What the seals of a memfd are: the host's side of the tests calls it with a path of /proc. */
static int seals(void) {
  int fd = open(argument, O_RDONLY);
  long found = fd < 0 ? -1 : fcntl(fd, F_GET_SEALS);
  const long content = F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE;
  /* F_SEAL_EXEC, since Linux 6.3. */
  printf("%s\n", found < 0 ? strerrorname_np(errno) : (found & content) != content ? "open" : (found & 0x20) == 0 ? "sealed" : "sealed, mode too");
  return 0;
}

static int run(const struct attempt *one) {
  errno = 0;
  long result = one->make ? one->make() : call(one->number, one->a, one->b, one->c, one->d, one->e);
  printf("%s %s\n", one->name, result < 0 ? strerrorname_np(errno) : "ok");
  return fflush(stdout);
}

/* Names of the attempts, each with its argument after "=": each is made in a child of its own, as a filter may kill. */
int main(int count, char **words) {
  if (count > 2 && strcmp(words[1], "--session") == 0) {
    printf("%ld\n", syscall(SYS_keyctl, KEYCTL_JOIN_SESSION_KEYRING, NULL));
    fflush(stdout);
    return execvp(words[2], words + 2);
  }
  if (count == 2 && strcmp(words[1], "--keyring") == 0) return printf("%ld\n", syscall(SYS_keyctl, KEYCTL_GET_KEYRING_ID, KEY_SPEC_SESSION_KEYRING, 0)) < 0;
  if (count == 3 && strcmp(words[1], "--seals") == 0) {
    argument = words[2];
    return seals();
  }
  if (count == 2 && strcmp(words[1], "--ids") == 0) return printf("%d %d\n", getuid(), geteuid()) < 0;
  for (int i = 1; i < count; i++) {
    char *equals = strchr(words[i], '=');
    if (equals) *equals = 0;
    argument = equals ? equals + 1 : "1";
    const struct attempt *one = NULL;
    for (size_t at = 0; at < sizeof attempts / sizeof *attempts; at++) if (strcmp(attempts[at].name, words[i]) == 0) one = &attempts[at];
    if (!one) return fprintf(stderr, "no attempt %s\n", words[i]), 2;
    pid_t pid = fork();
    if (pid == 0) _exit(run(one));
    int status = 0;
    waitpid(pid, &status, 0);
    if (WIFSIGNALED(status)) printf("%s SIG%s\n", one->name, sigabbrev_np(WTERMSIG(status)));
    fflush(stdout);
  }
  return 0;
}
