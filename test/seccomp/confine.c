/* Loads the filter in the file argv[1] and becomes the program argv[2]. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

int main(int argc, char **argv)
{
	static struct sock_filter code[4096];
	struct sock_fprog program = { 0, code };
	int fd = argc > 2 ? open(argv[1], O_RDONLY | O_CLOEXEC) : -1;
	long size = fd < 0 ? -1 : read(fd, code, sizeof code);

	if (size <= 0)
		return 124;
	program.len = (unsigned short)(size / 8);
	prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	if (syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program) != 0)
		return 123;
	execvp(argv[2], argv + 2);
	return 127;
}
