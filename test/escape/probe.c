/*
 * Makes system calls as the command line says and prints what each answered: the attacker's side of the escape tests.
 *
 * probe [x32|int80] NR ARG... [-- NR ARG...]: an argument is a number, s:TEXT, x:HEX (bytes), z:SIZE (zeros), or r, the last call's result.
 */
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static long last;

static long value(const char *word)
{
	if (!strcmp(word, "r")) return last;
	if (!strncmp(word, "s:", 2)) return (long)(word + 2);
	if (!strncmp(word, "z:", 2)) return (long)calloc(1, strtoul(word + 2, 0, 0));
	if (!strncmp(word, "x:", 2)) {
		size_t length = strlen(word + 2) / 2;
		uint8_t *bytes = malloc(length + 1);
		for (size_t i = 0; i < length; i++) {
			unsigned one;
			sscanf(word + 2 + 2 * i, "%2x", &one);
			bytes[i] = (uint8_t)one;
		}
		return (long)bytes;
	}
	return (long)strtoull(word, 0, 0);
}

#if defined(__x86_64__)
/* The 32-bit entry: pointers do not fit, so it is for calls that take none. */
static long call_int80(long nr, const long *a)
{
	long result;
	__asm__ volatile("int $0x80" : "=a"(result) : "a"(nr), "b"(a[0]), "c"(a[1]), "d"(a[2]), "S"(a[3]), "D"(a[4]) : "memory", "r8", "r9", "r10", "r11");
	return result;
}
#endif

int main(int argc, char **argv)
{
	for (int i = 1; i < argc; i++) {
		int x32 = !strcmp(argv[i], "x32"), int80 = !strcmp(argv[i], "int80");
		if (x32 || int80) i++;
		long nr = strtol(argv[i++], 0, 0), a[6] = { 0 };
		for (int n = 0; i < argc && strcmp(argv[i], "--"); i++, n++) if (n < 6) a[n] = value(argv[i]);
		if (x32) nr |= 0x40000000;
#if defined(__x86_64__)
		if (int80) {
			last = (int)call_int80(nr, a);
		} else
#endif
		{
			last = syscall(nr, a[0], a[1], a[2], a[3], a[4], a[5]);
			if (last < 0) last = -errno;
		}
		printf("%ld\n", last);
		fflush(stdout);
	}
	return 0;
}
