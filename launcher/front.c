/*
 * The first code of the pidbox executable, before Bun: tools/graft.ts makes it the entry point.
 *
 * It takes Bun's own variables out of the environment, which would make Bun run somebody's code (BUN_OPTIONS=--preload, BUN_BE_BUN). And it carries out
 * `pidbox-oci start ID` and `delete ID` by plans that `create` has left in the container's directory, for starting Bun takes longer than they do. Whatever is
 * not simple, or fails, goes on in Bun as if this had not been here.
 *
 * Trusts: the plans, which only the owner of the process can have written; each is checked as the launcher checks its own. An attacker controls: nothing.
 */
#define FRONT
#include "launcher.c"

#include <asm/fcntl.h>
#include <linux/mman.h>
#include <asm/stat.h>

#define PLAN_LIMIT (1 << 20)
#define PATH_ROOM 4096

static word length(const char *text)
{
	word n = 0;
	while (text[n]) n++;
	return n;
}

static int same(const char *a, const char *b)
{
	while (*a && *a == *b) a++, b++;
	return *a == *b;
}

/* Whether `text` begins with `start`; then the rest of it. */
static const char *after(const char *text, const char *start)
{
	while (*start) if (*text++ != *start++) return 0;
	return text;
}

/* A variable is left out by another one's coming twice: what lies after the array on the stack has to stay where it is. */
static void sanitize(char **environment)
{
	static char nothing[] = "PIDBOX_FRONT=";
	for (; *environment; environment++) if (after(*environment, "BUN_")) *environment = nothing;
}

struct request { const char *root, *verb, *id; };

/* The option's value if `word` is `-name` or `--name`, with the value joined to it or as the next word. */
static const char *option(char ***words, const char *name)
{
	const char *word = **words;
	word += *word == '-';
	word += *word == '-';
	const char *rest = after(word, name);
	if (**words == word || !rest) return 0;
	if (*rest == '=') return rest + 1;
	if (*rest || !(*words)[1]) return 0;
	return *++*words;
}

/* Understands `[--root R] [--log F] [--log-format F] [--systemd-cgroup] start|delete [-f] ID` and nothing else. */
static int parse(char **words, struct request *request)
{
	const char *value;
	for (; *words && **words == '-'; words++) {
		if ((value = option(&words, "root"))) request->root = value;
		else if (!option(&words, "log") && !option(&words, "log-format") && !same(*words, "--systemd-cgroup")) return 0;
	}
	if (!*words || !(same(*words, "start") || same(*words, "delete"))) return 0;
	request->verb = *words++;
	if (*words && *request->verb == 'd' && (same(*words, "-f") || same(*words, "--force"))) words++;
	request->id = *words;
	if (!*words || words[1] || **words == '-' || **words == '.') return 0;
	for (const char *c = *words; *c; c++) if (*c == '/' || (unsigned char)*c <= ' ') return 0;
	return 1;
}

/* Maps the plan at `path` to be run, if it is a file of this user that no other can write; returns its size, or 0. */
static uint64_t map_plan(const char *path, uint8_t **base)
{
	struct stat status;
	word fd = CALL(__NR_openat, -100, path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK, 0, 0, 0);
	if (fd < 0) return 0;
	uint64_t size = 0;
	if (CALL(__NR_fstat, fd, &status, 0, 0, 0, 0) == 0 && (status.st_mode & 0170022) == 0100000
		&& (word)status.st_uid == CALL(__NR_geteuid, 0, 0, 0, 0, 0, 0) && status.st_size > 0 && status.st_size <= PLAN_LIMIT) {
		word at = CALL(__NR_mmap, 0, status.st_size, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);
		if (at > 0) {
			*base = (uint8_t *)at;
			size = (uint64_t)status.st_size;
		}
	}
	CALL(__NR_close, fd, 0, 0, 0, 0, 0);
	return size;
}

/* The parts as one path, without libc; 0 if it has no room. */
static int join_path(char *path, const char *const *parts, unsigned count)
{
	word at = 0;
	for (unsigned i = 0; i < count; i++) {
		word n = length(parts[i]);
		if (at + n + 1 > PATH_ROOM) return 0;
		for (word j = 0; j < n; j++) path[at++] = parts[i][j];
	}
	path[at] = 0;
	return *path == '/';
}

/* The variables of launcher.c have an address of their own (front.ld), and no segment. */
extern char variables[], variables_end[];

static int map_variables(void)
{
	return CALL(__NR_mmap, variables, variables_end - variables, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0) == (word)variables;
}

static void unmap_variables(void)
{
	CALL(__NR_munmap, variables, variables_end - variables, 0, 0, 0, 0);
}

#include "known.h"

/* ROOT/ID/VERB.plan. Does not return if the command was carried out. What its plan opened is closed: a lock among it. */
static void shortcut(char **argv)
{
	struct request request = { "/run/pidbox-oci", 0, 0 };
	char path[PATH_ROOM];
	uint8_t *base = 0;
	uint64_t size;
	if (!parse(argv + 1, &request)) return;
	const char *parts[] = { request.root, "/", request.id, "/", request.verb, ".plan" };
	if (!join_path(path, parts, 6) || !(size = map_plan(path, &base)) || !map_variables()) return;
	report_fd = -1;
	/* Plans name files relative to the container's directory; Bun goes on where the caller was. */
	word here = CALL(__NR_openat, -100, ".", O_PATH | O_DIRECTORY | O_CLOEXEC, 0, 0, 0);
	if (here >= 0 && decode(base, size)) {
		run(0, header->op_count);
		CALL(__NR_fchdir, here, 0, 0, 0, 0, 0);
		CALL(__NR_close_range, 3, ~0u, 0, 0, 0, 0);
	}
	CALL(__NR_munmap, base, size, 0, 0, 0, 0);
	unmap_variables();
}

/* Whether `word` is in `list`, whose texts end with NUL, the last with another one. */
static int among(const char *list, const char *word)
{
	for (; *list; list += length(list) + 1) if (same(list, word)) return 1;
	return 0;
}

/* The first word that is no option; a path relative to the working directory that is given to an option before it comes in its place. */
static const char *verb_of(char **words)
{
	for (; *words && (**words == '-' || among("oci\0container\0", *words)); words++) {
		const char *path = option(&words, "root");
		if (!path) path = option(&words, "log");
		if (path && *path != '/') return path;
		if (!path && !option(&words, "log-format") && !option(&words, "rootless")) option(&words, "color");
	}
	return *words ? *words : "help";
}

/* Bun refuses to begin in a directory that was removed. Verbs that take no path do as well in the root directory; all others are refused in pidbox's words. */
static void leave_removed(char **argv, const char *name)
{
	static const char placeless[] = "attach\0completion\0delete\0diff\0events\0features\0gc\0help\0inspect\0kill\0list\0logs\0pause\0prune\0ps\0rename\0"
		"restart\0resume\0rm\0start\0state\0stats\0stop\0top\0tree\0unpause\0verify\0version\0wait\0__failed\0__ended\0__left\0__verify\0"
		"__oci-failed\0__oci-start-failed\0__oci-exec-failed\0";
	static const char why[] = "pidbox: The working directory was removed [NOT_FOUND]\n  hint: cd to a directory that is there\n";
	char path[PATH_ROOM];
	if (CALL(__NR_getcwd, path, PATH_ROOM, 0, 0, 0, 0) != -ENOENT) return;
	const char *verb = verb_of(argv + 1);
	if (!among(placeless, verb)) {
		CALL(__NR_write, 2, why, sizeof why - 1, 0, 0, 0);
		int engine = !same(name, "pidbox") || (argv[1] && same(argv[1], "oci"));
		leave(!engine && among("do\0run\0create\0exec\0", verb) ? EXIT_LAUNCH : 1);
	}
	CALL(__NR_chdir, "/", 0, 0, 0, 0, 0);
}

/* `stack` is what the kernel made: argc, argv, NULL, environment, NULL. */
__attribute__((used)) static void front(word *stack)
{
	char **argv = (char **)(stack + 1);
	char **environment = argv + stack[0] + 1;
	sanitize(environment);
	if (stack[0] < 1) return;
	const char *name = argv[0];
	for (const char *c = name; *c; c++) if (*c == '/') name = c + 1;
	leave_removed(argv, name);
	if (stack[0] < 3) return;
	if (same(name, "pidbox") && START_VERBS(argv[1])) start_known(argv + 1, environment);
	if (!same(name, "pidbox-oci")) return;
	for (char **e = environment; *e; e++) if (after(*e, "ROOTLESSKIT_STATE_DIR=")) return;
	if (CALL(__NR_geteuid, 0, 0, 0, 0, 0, 0) == 0) shortcut(argv);
}

/* Bun finds its registers and its stack as the loader left them. The number is put in by tools/graft.ts. */
__asm__(
	".pushsection .start,\"ax\"\n.globl front_start\nfront_start:\n"
	"\tmov %rsp, %rbx\n\tmov %rdx, %r12\n\tmov %rsp, %rdi\n\tand $-16, %rsp\n\tcall front\n"
	"\tmov %rbx, %rsp\n\tmov %r12, %rdx\n\tmovabs $0x1122334455667788, %rax\n\tjmp *%rax\n\t.popsection\n");
