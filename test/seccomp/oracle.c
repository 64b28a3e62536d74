/*
 * Compiles rules with libseccomp and writes the BPF to standard output, as the oracle for the compiler in src/plan/seccomp*.ts.
 * Usage: oracle ARCH                      ARCH: x86_64, x86 or aarch64; rules on standard input
 *        oracle names                     writes "name number" (native number, negative: other ABIs only) for each name on standard input that it knows
 * Rules, one per line: "default ACTION", then "ACTION NAME [INDEX OP VALUE VALUE2]...", numbers in hexadecimal; ACTION is the kernel's return word.
 */
#include <seccomp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

static int names(void)
{
	char name[128];
	while (scanf("%127s", name) == 1) {
		int number = seccomp_syscall_resolve_name(name);
		if (number != __NR_SCMP_ERROR)
			printf("%s %d\n", name, number);
	}
	return 0;
}

static enum scmp_compare operator(const char *name)
{
	static const char *const names[] = { "NE", "LT", "LE", "EQ", "GE", "GT", "MASKED_EQ" };
	for (int i = 0; i < 7; i++)
		if (strcmp(name, names[i]) == 0)
			return (enum scmp_compare)(SCMP_CMP_NE + i);
	fprintf(stderr, "operator %s\n", name);
	exit(2);
}

int main(int argc, char **argv)
{
	char line[4096];
	scmp_filter_ctx filter = NULL;
	uint32_t default_word = 0;

	if (argc != 2)
		return 2;
	if (strcmp(argv[1], "names") == 0)
		return names();
	/* libseccomp 2.5.4 goes round for ever in some sets of rules that compare one argument by order: SIGXCPU then. A real profile takes milliseconds. */
	setrlimit(RLIMIT_CPU, &(struct rlimit){ 2, 4 });
	seccomp_api_set(6);
	while (fgets(line, sizeof line, stdin) != NULL) {
		char *word = strtok(line, " \n");
		char *name = strtok(NULL, " \n");
		struct scmp_arg_cmp args[6];
		unsigned count = 0;
		int number, rc;
		if (word == NULL || name == NULL)
			return 2;
		if (strcmp(word, "default") == 0) {
			uint32_t arch = seccomp_arch_resolve_name(argv[1]);
			default_word = (uint32_t)strtoul(name, NULL, 16);
			filter = seccomp_init(default_word);
			if (filter == NULL)
				return 3;
			if (arch != seccomp_arch_native() && (seccomp_arch_add(filter, arch) != 0 || seccomp_arch_remove(filter, SCMP_ARCH_NATIVE) != 0))
				return 3;
			continue;
		}
		for (char *index; count < 6 && (index = strtok(NULL, " \n")) != NULL; count++) {
			char *op = strtok(NULL, " \n"), *a = strtok(NULL, " \n"), *b = strtok(NULL, " \n");
			args[count] = (struct scmp_arg_cmp){ (unsigned)atoi(index), operator(op), strtoull(a, NULL, 16), strtoull(b, NULL, 16) };
		}
		number = seccomp_syscall_resolve_name(name);
		if (number == __NR_SCMP_ERROR)
			continue;
		/* runc and crun leave rules out that repeat the default action: libseccomp refuses them */
		if ((uint32_t)strtoul(word, NULL, 16) == default_word)
			continue;
		rc = seccomp_rule_add_array(filter, (uint32_t)strtoul(word, NULL, 16), number, count, args);
		if (rc != 0) {
			fprintf(stderr, "rule %s %s: %s\n", word, name, strerror(-rc));
			return 4;
		}
	}
	return filter != NULL && seccomp_export_bpf(filter, STDOUT_FILENO) == 0 ? 0 : 5;
}
