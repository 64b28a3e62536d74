/*
 * What a program sees inside a container. Each argument is a query, `name:argument:argument`, answered by one line `query=value`.
 * `probe hook FILE NAME QUERY...` is a hook: it appends one line to FILE, with the text of its standard input and the answers.
 * Static, and needs no /proc for what system calls can tell.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ifaddrs.h>
#include <linux/capability.h>
#include <net/if.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/personality.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

extern char **environ;
static char **arguments;
static char out[1 << 16];
static size_t used;

__attribute__((format(printf, 1, 2))) static void say(const char *format, ...)
{
	va_list list;
	va_start(list, format);
	int n = vsnprintf(out + used, sizeof out - used, format, list);
	va_end(list);
	used = used + n < sizeof out ? used + n : sizeof out - 1;
}

static const char *name_of(int error) { return error == 0 ? "ok" : strerrorname_np(error); }
static void said(long result) { say("%s", result < 0 ? name_of(errno) : "ok"); }

/* Text of others on one line. */
static void escape(const char *text, size_t length)
{
	for (size_t i = 0; i < length; i++) {
		unsigned char c = text[i];
		if (c == '\n') say("\\n");
		else if (c == 0) say("\\0");
		else if (c < ' ') say("\\x%02x", c);
		else say("%c", c);
	}
}

static void contents(int fd)
{
	char text[8192];
	size_t length = 0;
	for (ssize_t n; length < sizeof text && (n = read(fd, text + length, sizeof text - length)) != 0; length += n)
		if (n < 0) { say("%s", name_of(errno)); return; }
	while (length > 0 && text[length - 1] == '\n') length--;
	escape(text, length);
}

static int by_number(const void *a, const void *b) { return *(const gid_t *)a < *(const gid_t *)b ? -1 : 1; }

static void ids(void)
{
	uid_t r, e, s;
	gid_t rg, eg, sg, groups[64];
	getresuid(&r, &e, &s);
	getresgid(&rg, &eg, &sg);
	int n = getgroups(64, groups);
	qsort(groups, n, sizeof *groups, by_number);
	say("%d %d %d, %d %d %d,", r, e, s, rg, eg, sg);
	for (int i = 0; i < n; i++) say(" %d", groups[i]);
}

static void capabilities(void)
{
	struct __user_cap_header_struct header = { _LINUX_CAPABILITY_VERSION_3, 0 };
	struct __user_cap_data_struct data[2];
	syscall(SYS_capget, &header, data);
	uint64_t bounding = 0, ambient = 0;
	for (int i = 0; i < 64; i++) {
		if (prctl(PR_CAPBSET_READ, i, 0, 0, 0) == 1) bounding |= 1ull << i;
		if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_IS_SET, i, 0, 0) == 1) ambient |= 1ull << i;
	}
#define BOTH(field) ((uint64_t)data[1].field << 32 | data[0].field)
	say("bounding %lx effective %lx permitted %lx inheritable %lx ambient %lx", bounding, BOTH(effective), BOTH(permitted), BOTH(inheritable), ambient);
}

static const struct { const char *name; int resource; } LIMITS[] = {
	{ "AS", RLIMIT_AS }, { "CORE", RLIMIT_CORE }, { "CPU", RLIMIT_CPU }, { "DATA", RLIMIT_DATA }, { "FSIZE", RLIMIT_FSIZE },
	{ "LOCKS", RLIMIT_LOCKS }, { "MEMLOCK", RLIMIT_MEMLOCK }, { "MSGQUEUE", RLIMIT_MSGQUEUE }, { "NICE", RLIMIT_NICE },
	{ "NOFILE", RLIMIT_NOFILE }, { "NPROC", RLIMIT_NPROC }, { "RSS", RLIMIT_RSS }, { "RTPRIO", RLIMIT_RTPRIO },
	{ "RTTIME", RLIMIT_RTTIME }, { "SIGPENDING", RLIMIT_SIGPENDING }, { "STACK", RLIMIT_STACK },
};

static void limit(const char *name)
{
	for (size_t i = 0; i < sizeof LIMITS / sizeof *LIMITS; i++) {
		struct rlimit found;
		if (strcmp(LIMITS[i].name, name) == 0 && getrlimit(LIMITS[i].resource, &found) == 0) say("%lu %lu", found.rlim_cur, found.rlim_max);
	}
}

static void scheduling(void)
{
	struct { uint32_t size, policy; uint64_t flags; int32_t nice; uint32_t priority; uint64_t runtime, deadline, period; } found = { 0 };
	if (syscall(SYS_sched_getattr, 0, &found, sizeof found, 0) < 0) { said(-1); return; }
	say("policy %u nice %d priority %u flags %lx deadline %lu %lu %lu", found.policy, found.nice, found.priority, found.flags, found.runtime, found.deadline,
	    found.period);
}

static void cpus(void)
{
	cpu_set_t set;
	sched_getaffinity(0, sizeof set, &set);
	for (int i = 0; i < CPU_SETSIZE; i++) if (CPU_ISSET(i, &set)) say("%d ", i);
}

static void memory_policy(void)
{
	int mode = 0;
	unsigned long nodes[16] = { 0 };
	if (syscall(SYS_get_mempolicy, &mode, nodes, 1024, 0, 0) < 0) { said(-1); return; }
	say("mode %x nodes %lx", mode, nodes[0]);
}

static void descriptors(void)
{
	for (int i = 0; i < 1024; i++) if (fcntl(i, F_GETFD) >= 0) say("%d ", i);
}

static void terminal(void)
{
	struct winsize size = { 0 };
	ioctl(0, TIOCGWINSZ, &size);
	int own = open("/dev/tty", O_RDWR | O_CLOEXEC);
	say("%d %d %d, controlling %s, %ux%u", isatty(0), isatty(1), isatty(2), own < 0 ? name_of(errno) : "ok", size.ws_col, size.ws_row);
	if (own >= 0) close(own);
}

static void status(const char *path, int flags)
{
	struct stat s;
	if (fstatat(AT_FDCWD, path, &s, flags) < 0) { said(-1); return; }
	const char *type = S_ISREG(s.st_mode) ? "file" : S_ISDIR(s.st_mode) ? "directory" : S_ISLNK(s.st_mode) ? "link" : S_ISCHR(s.st_mode) ? "char"
		: S_ISBLK(s.st_mode) ? "block" : S_ISFIFO(s.st_mode) ? "fifo" : "other";
	say("%s %o %d:%d", type, s.st_mode & 07777, s.st_uid, s.st_gid);
	if (S_ISCHR(s.st_mode) || S_ISBLK(s.st_mode)) say(" %u:%u", major(s.st_rdev), minor(s.st_rdev));
}

static void list(const char *path)
{
	struct dirent **names;
	int n = scandir(path, &names, 0, alphasort);
	if (n < 0) { said(-1); return; }
	for (int i = 0; i < n; i++) if (strcmp(names[i]->d_name, ".") != 0 && strcmp(names[i]->d_name, "..") != 0) say("%s ", names[i]->d_name);
}

static void signals(void)
{
	sigset_t blocked;
	sigprocmask(SIG_BLOCK, 0, &blocked);
	say("blocked");
	for (int i = 1; i < NSIG; i++) if (sigismember(&blocked, i) == 1) say(" %d", i);
	say(", ignored");
	struct sigaction found;
	for (int i = 1; i < NSIG; i++) if (sigaction(i, 0, &found) == 0 && found.sa_handler == SIG_IGN) say(" %d", i);
}

/* The last mount at `path`: type, root, options, propagation, source, options of the filesystem. All mount points in order without a path. */
static void mounts(const char *path)
{
	FILE *file = fopen("/proc/self/mountinfo", "re");
	char line[4096], found[8192] = "";
	while (file != 0 && fgets(line, sizeof line, file) != 0) {
		char root[1024], point[1024], options[1024], type[256], source[1024], super[1024], fields[64] = "";
		char *rest = strstr(line, " - ");
		if (rest == 0 || sscanf(line, "%*d %*d %*s %1023s %1023s %1023s", root, point, options) != 3) continue;
		if (sscanf(rest + 3, "%255s %1023s %1023s", type, source, super) != 3) continue;
		if (path == 0) { say("%s ", point); continue; }
		if (strcmp(point, path) != 0) continue;
		*rest = 0;
		if (strstr(line, " shared:") != 0) strcat(fields, "shared ");
		if (strstr(line, " master:") != 0) strcat(fields, "slave ");
		if (strstr(line, " unbindable") != 0) strcat(fields, "unbindable ");
		snprintf(found, sizeof found, "%s|%s|%s|%s|%s|%s", type, root, options, *fields == 0 ? "private" : fields, source, super);
	}
	if (file != 0) fclose(file);
	if (path != 0) say("%s", *found == 0 ? "none" : found);
}

static void opened(const char *path, const char *how)
{
	int flags = strcmp(how, "r") == 0 ? O_RDONLY : strcmp(how, "w") == 0 ? O_WRONLY : O_RDWR;
	int fd = open(path, flags | O_NONBLOCK | O_NOCTTY);
	char some[8192];
	/* Some files let themselves be opened and refuse to be read or written. */
	if (fd >= 0 && strcmp(how, "r") == 0 && read(fd, some, sizeof some) < 0 && errno != EAGAIN && errno != EISDIR) { close(fd); say("%s", name_of(errno)); return; }
	said(fd);
	if (fd >= 0) close(fd);
}

static void written(const char *path, const char *text, int flags)
{
	int fd = open(path, O_WRONLY | flags, 0666);
	if (fd < 0 || (*text != 0 && write(fd, text, strlen(text)) < 0)) { said(-1); return; }
	close(fd);
	say("ok");
}

/* The end of a child that `body` made: its exit status or its signal. */
static void ended(pid_t child)
{
	int state;
	if (child < 0 || waitpid(child, &state, 0) < 0) said(-1);
	else if (WIFSIGNALED(state)) say("signal %s", sigabbrev_np(WTERMSIG(state)));
	else say("%s", WEXITSTATUS(state) == 0 ? "ok" : name_of(WEXITSTATUS(state)));
}

/* A system call in a child: `sys` native, `i386` by int 0x80, `x32` with its bit. */
static void call(const char *how, char **numbers)
{
	long n[7] = { 0 };
	for (int i = 0; i < 7 && numbers[i] != 0; i++) n[i] = strtoll(numbers[i], 0, 0);
	fflush(stdout);
	pid_t child = fork();
	if (child == 0) {
		long result = 0;
		if (strcmp(how, "sys") == 0) result = syscall(n[0], n[1], n[2], n[3], n[4], n[5], n[6]) < 0 ? -errno : 0;
		if (strcmp(how, "x32") == 0) result = syscall(n[0] | 0x40000000, n[1], n[2], n[3]) < 0 ? -errno : 0;
#ifdef __x86_64__
		if (strcmp(how, "i386") == 0) __asm__ volatile("int $0x80" : "=a"(result) : "a"(n[0]), "b"(n[1]), "c"(n[2]), "d"(n[3]) : "memory", "r8", "r9", "r10", "r11");
#endif
		_exit(result < 0 && (int)result > -4096 ? (int)-result & 0xff : 0);
	}
	ended(child);
}

static void spawn(const char *path, const char *query)
{
	fflush(stdout);
	int pipes[2];
	if (pipe(pipes) < 0) { said(-1); return; }
	pid_t child = fork();
	if (child == 0) {
		dup2(pipes[1], 1);
		execl(path, path, query, (char *)0);
		dprintf(1, "%s", name_of(errno));
		_exit(1);
	}
	close(pipes[1]);
	contents(pipes[0]);
	close(pipes[0]);
	waitpid(child, 0, 0);
}

/* Memory that is in use from here on. */
static int keep(size_t bytes)
{
	char *memory = mmap(0, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (memory == MAP_FAILED) return errno;
	for (size_t i = 0; i < bytes; i += 4096) memory[i] = 1;
	return 0;
}

static void allocate(size_t bytes)
{
	pid_t child = fork();
	if (child == 0) _exit(keep(bytes));
	ended(child);
}

/* How many children can be there at once, up to `most`. */
static void forks(int most)
{
	int n = 0, gate[2];
	if (pipe(gate) < 0) { said(-1); return; }
	for (; n < most; n++) {
		pid_t child = fork();
		if (child < 0) break;
		if (child == 0) { char byte; close(gate[1]); _exit((int)read(gate[0], &byte, 1)); }
	}
	say("%d", n);
	close(gate[1]);
	while (waitpid(-1, 0, 0) > 0);
}

static void interfaces(void)
{
	struct ifaddrs *all, *one;
	if (getifaddrs(&all) < 0) { said(-1); return; }
	for (one = all; one != 0; one = one->ifa_next) {
		char text[64] = "";
		if (one->ifa_addr != 0 && one->ifa_addr->sa_family == AF_INET) inet_ntop(AF_INET, &((struct sockaddr_in *)one->ifa_addr)->sin_addr, text, sizeof text);
		else if (one->ifa_addr != 0 && one->ifa_addr->sa_family == AF_INET6) continue;
		say("%s %s%s; ", one->ifa_name, *text != 0 ? text : (one->ifa_flags & IFF_UP) != 0 ? "up" : "down", "");
	}
	freeifaddrs(all);
}

/* Waits for the next signal, whichever it is, and says which. */
static void wait_signal(void)
{
	sigset_t all;
	sigfillset(&all);
	sigdelset(&all, SIGCHLD);
	sigprocmask(SIG_BLOCK, &all, 0);
	printf("ready\n");
	fflush(stdout);
	int number = sigwaitinfo(&all, 0);
	const char *name = sigabbrev_np(number);
	if (name != 0) say("%s", name);
	else say("RTMIN+%d", number - SIGRTMIN);
}

static void host(int domain)
{
	struct utsname names;
	uname(&names);
	say("%s", domain ? names.domainname : names.nodename);
}

static int about_process(const char *name, char **a)
{
	struct utsname names;
	char text[4096] = "";
	if (strcmp(name, "ids") == 0) ids();
	else if (strcmp(name, "umask") == 0) say("%o", umask(0));
	else if (strcmp(name, "caps") == 0) capabilities();
	else if (strcmp(name, "nnp") == 0) say("%d", prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0));
	else if (strcmp(name, "seccomp") == 0) say("%d", prctl(PR_GET_SECCOMP, 0, 0, 0, 0));
	else if (strcmp(name, "rlimit") == 0) limit(a[0]);
	else if (strcmp(name, "sched") == 0) scheduling();
	else if (strcmp(name, "ioprio") == 0) say("class %ld level %ld", syscall(SYS_ioprio_get, 1, 0) >> 13, syscall(SYS_ioprio_get, 1, 0) & 0x1fff);
	else if (strcmp(name, "cpus") == 0) cpus();
	else if (strcmp(name, "mempolicy") == 0) memory_policy();
	else if (strcmp(name, "personality") == 0) say("%x", personality(0xffffffff));
	else if (strcmp(name, "machine") == 0) { uname(&names); say("%s", names.machine); }
	else if (strcmp(name, "hostname") == 0) host(0);
	else if (strcmp(name, "domainname") == 0) host(1);
	else if (strcmp(name, "cwd") == 0) say("%s", getcwd(text, sizeof text) == 0 ? name_of(errno) : text);
	else if (strcmp(name, "env") == 0) for (char **e = environ; *e != 0; e++) say("%s ", *e);
	else if (strcmp(name, "argv") == 0) for (char **w = arguments; *w != 0; w++) say("%s|", *w);
	else if (strcmp(name, "signals") == 0) signals();
	else if (strcmp(name, "pid") == 0) say("%d", getpid());
	else if (strcmp(name, "ppid") == 0) say("%d", getppid());
	else if (strcmp(name, "session") == 0) say("%d", getsid(0));
	else if (strcmp(name, "fds") == 0) descriptors();
	else if (strcmp(name, "fd") == 0) contents(atoi(a[0]));
	else if (strcmp(name, "tty") == 0) terminal();
	else if (strcmp(name, "clock") == 0) { struct timespec t; clock_gettime(strcmp(a[0], "boottime") == 0 ? CLOCK_BOOTTIME : CLOCK_MONOTONIC, &t); say("%ld", t.tv_sec); }
	else if (strcmp(name, "wait") == 0) wait_signal();
	else if (strcmp(name, "exit") == 0) { fflush(stdout); _exit(atoi(a[0])); }
	else if (strcmp(name, "pause") == 0) { printf("ready\n"); fflush(stdout); for (;;) pause(); }
	else return 0;
	return 1;
}

static void about_file(const char *name, char **a)
{
	char text[4096] = "";
	int fd;
	if (strcmp(name, "stat") == 0) status(a[0], AT_SYMLINK_NOFOLLOW);
	else if (strcmp(name, "follow") == 0) status(a[0], 0);
	else if (strcmp(name, "link") == 0) say("%s", readlink(a[0], text, sizeof text - 1) < 0 ? name_of(errno) : text);
	else if (strcmp(name, "read") == 0) { if ((fd = open(a[0], O_RDONLY | O_NONBLOCK)) < 0) said(-1); else contents(fd), close(fd); }
	else if (strcmp(name, "write") == 0) written(a[0], a[1] == 0 ? "" : a[1], 0);
	else if (strcmp(name, "create") == 0) written(a[0], a[1] == 0 ? "" : a[1], O_CREAT);
	else if (strcmp(name, "mkdir") == 0) said(mkdir(a[0], 0777));
	else if (strcmp(name, "remove") == 0) said(remove(a[0]));
	else if (strcmp(name, "chmod") == 0) said(chmod(a[0], strtol(a[1], 0, 8)));
	else if (strcmp(name, "open") == 0) opened(a[0], a[1]);
	else if (strcmp(name, "list") == 0) list(a[0]);
	else if (strcmp(name, "mount") == 0) mounts(a[0]);
	else if (strcmp(name, "mounts") == 0) mounts(0);
	else if (strcmp(name, "mknod") == 0) said(mknod(a[0], (*a[1] == 'b' ? S_IFBLK : S_IFCHR) | 0666, makedev(atoi(a[2]), atoi(a[3]))));
	else if (strcmp(name, "spawn") == 0) spawn(a[0], a[1]);
	else if (strcmp(name, "sys") == 0 || strcmp(name, "i386") == 0 || strcmp(name, "x32") == 0) call(name, a);
	else if (strcmp(name, "alloc") == 0) allocate(strtoul(a[0], 0, 0));
	else if (strcmp(name, "keep") == 0) say("%s", name_of(keep(strtoul(a[0], 0, 0))));
	else if (strcmp(name, "forks") == 0) forks(atoi(a[0]));
	else if (strcmp(name, "interfaces") == 0) interfaces();
	else say("?");
}

static void answer(const char *query)
{
	char *words[10] = { 0 }, *copy = strdup(query), *rest = copy;
	for (int i = 0; i < 9 && rest != 0; i++) words[i] = strsep(&rest, ":");
	say("%s=", query);
	if (!about_process(words[0], words + 1)) about_file(words[0], words + 1);
	free(copy);
}

static int hook(int count, char **words)
{
	int fd = open(words[2], O_WRONLY | O_APPEND | O_CREAT, 0666);
	if (fd < 0) return 9;
	say("%s\t", words[3]);
	contents(0);
	for (int i = 4; i < count; i++) { say("\t"); answer(words[i]); }
	say("\n");
	return write(fd, out, used) == (ssize_t)used ? 0 : 8;
}

int main(int count, char **words)
{
	arguments = words;
	if (count > 3 && strcmp(words[1], "hook") == 0) return hook(count, words);
	for (int i = 1; i < count; i++) {
		used = 0;
		answer(words[i]);
		out[used] = 0;
		printf("%s\n", out);
		fflush(stdout);
	}
	return 0;
}
