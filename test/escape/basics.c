/* Tries one thing that a contained program must not be able to do, harmlessly, and prints what the kernel answered: 0 or the errno's number. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/ioctl.h>
#include <unistd.h>

static long opened(const char *path, int flags) { return open(path, flags | O_CLOEXEC | O_NONBLOCK); }

static long abstract_socket(const char *name)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);
	strncpy(address.sun_path + 1, name, sizeof address.sun_path - 2);
	return connect(fd, (struct sockaddr *)&address, (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + strlen(name)));
}

int main(int argc, char **argv)
{
	const char *what = argc > 1 ? argv[1] : "", *with = argc > 2 ? argv[2] : "";
	long r = 12345;
	char byte = 'x', buffer[64];
	errno = 0;
#define IS(name) (!strcmp(what, name))
	if (IS("mount")) r = mount("none", "/tmp", "tmpfs", 0, "");
	if (IS("remount")) r = mount("", "/", "", MS_REMOUNT | MS_BIND, "");
	if (IS("umount")) r = umount2("/proc", MNT_DETACH);
	if (IS("fsopen")) r = syscall(SYS_fsopen, "tmpfs", 0);
	if (IS("pivot_root")) r = syscall(SYS_pivot_root, ".", ".");
	if (IS("unshare-user")) r = unshare(CLONE_NEWUSER);
	if (IS("unshare-mount")) r = unshare(CLONE_NEWNS);
	if (IS("setns")) r = setns(open("/proc/self/ns/mnt", O_RDONLY), 0);
	if (IS("mknod")) r = mknod("/tmp/node", S_IFCHR | 0600, makedev(1, 1));
	if (IS("kill-init-of-host")) r = kill(with[0] ? (pid_t)strtol(with, 0, 10) : 99999, 0);
	if (IS("write")) r = opened(with, O_WRONLY);
	if (IS("read")) { long fd = opened(with, O_RDONLY); r = fd < 0 ? -1 : read((int)fd, buffer, 1) > 0 ? 0 : (errno = errno ? errno : ENODATA, -1); }
	if (IS("socket")) r = socket((int)strtol(with, 0, 10), SOCK_SEQPACKET, 0);
	if (IS("io_uring")) r = syscall(SYS_io_uring_setup, 1, buffer);
	if (IS("keyctl")) r = syscall(SYS_keyctl, 0, -3, 0, 0, 0);
	if (IS("add_key")) r = syscall(SYS_add_key, "user", "pidbox-test", "x", 1, -3);
	if (IS("userfaultfd")) r = syscall(SYS_userfaultfd, O_CLOEXEC);
	if (IS("bpf")) r = syscall(SYS_bpf, 0, buffer, 0);
	if (IS("perf")) r = syscall(SYS_perf_event_open, buffer, 0, -1, -1, 0);
	if (IS("ptrace-init")) r = ptrace(PTRACE_SEIZE, 1, 0, 0);
	if (IS("tiocsti")) r = ioctl(0, TIOCSTI, &byte);
	if (IS("abstract")) r = abstract_socket(with);
	if (IS("chroot")) r = chroot("/tmp");
	if (IS("sethostname")) r = sethostname("x", 1);
	if (IS("swapon")) r = syscall(SYS_swapon, "/none", 0);
	if (IS("init_module")) r = syscall(SYS_init_module, buffer, 0, "");
	if (IS("reboot")) r = syscall(SYS_reboot, 0, 0, 0, 0);
	if (IS("setuid")) r = syscall(SYS_setuid, 1);
	if (IS("x32")) r = syscall(0x40000000 + SYS_getpid);
	if (r == 12345) return 2;
	printf("%d\n", r < 0 ? errno : 0);
	return 0;
}
