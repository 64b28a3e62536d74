/*
 * Loads a filter in a child for each request and reports what a real system call gives: the check of the compiler against the kernel.
 * Usage: kernel FILTER_FILE < requests     one request a line: ABI NR A0 A1 A2 A3 A4 A5, numbers in hexadecimal, ABI 64 or 32 (int 0x80)
 * Answers: "= RESULT" (signed decimal) or "! SIGNAL". x86-64 only.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static long call64(long nr, const unsigned long *a)
{
	long result;
	register unsigned long r10 __asm__("r10") = a[3], r8 __asm__("r8") = a[4], r9 __asm__("r9") = a[5];
	__asm__ volatile("syscall" : "=a"(result) : "a"(nr), "D"(a[0]), "S"(a[1]), "d"(a[2]), "r"(r10), "r"(r8), "r"(r9) : "rcx", "r11", "memory");
	return result;
}

/* The sixth argument (ebp) is left alone. */
static long call32(long nr, const unsigned long *a)
{
	int result;
	__asm__ volatile("int $0x80" : "=a"(result) : "a"((int)nr), "b"(a[0]), "c"(a[1]), "d"(a[2]), "S"(a[3]), "D"(a[4])
			 : "r8", "r9", "r10", "r11", "memory");
	return result;
}

int main(int argc, char **argv)
{
	static struct sock_filter code[4096];
	struct sock_fprog program = { 0, code };
	long *shared = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	struct rlimit no_core = { 0, 0 };
	unsigned abi;
	unsigned long nr, a[6];
	int fd = argc == 2 ? open(argv[1], O_RDONLY | O_CLOEXEC) : -1;
	long size = fd < 0 ? -1 : read(fd, code, sizeof code);

	if (size <= 0 || shared == MAP_FAILED)
		return 2;
	program.len = (unsigned short)(size / 8);
	setrlimit(RLIMIT_CORE, &no_core);
	while (scanf("%u %lx %lx %lx %lx %lx %lx %lx", &abi, &nr, a, a + 1, a + 2, a + 3, a + 4, a + 5) == 8) {
		int status;
		pid_t child;
		shared[0] = 0;
		fflush(stdout);
		child = fork();
		if (child == 0) {
			prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
			if (syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program) != 0)
				_exit(99);
			shared[1] = abi == 32 ? call32((long)nr, a) : call64((long)nr, a);
			shared[0] = 1;
			/* exit_group may be refused too: a write to address 0 ends the child in any case */
			_exit(0);
			*(volatile int *)0 = 0;
		}
		if (waitpid(child, &status, 0) != child)
			return 3;
		if (WIFEXITED(status) && WEXITSTATUS(status) == 99)
			printf("refused\n");
		else if (shared[0] == 1)
			printf("= %ld\n", shared[1]);
		else
			printf("! %d\n", WTERMSIG(status));
	}
	return 0;
}
