/*
 * A subreaper with mount and network namespaces of its own, and the client that starts commands in it.
 *
 *   world serve SOCKET [NAME...]  says "up" when it listens; at the end of its standard input, or at a signal, it kills all that descends from it, and exits.
 *                                 Its /run is empty but for the host's directories NAME
 *   world run SOCKET CMD...       runs CMD as a child of the server with the client's descriptors 0 to 2, directory and environment; exits as CMD does
 *
 * A command that leaves processes behind (a daemon, conmon, a shim) leaves them to the server, which reaps at once. SIGTERM, SIGINT and SIGHUP
 * of a client go to its command, and SIGKILL does if the client dies. One request is one message: directory, number of arguments, arguments, environment,
 * each ended by a zero byte, with the three descriptors.
 */
#define _GNU_SOURCE
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

enum { REQUEST_MAX = 128 * 1024, CLIENTS_MAX = 256 };

static struct client { int fd; pid_t pid; } clients[CLIENTS_MAX];

static struct sockaddr_un address(const char *path)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };
	if (strlen(path) >= sizeof(a.sun_path)) errx(1, "%s: too long for a socket", path);
	strcpy(a.sun_path, path);
	return a;
}

/* In the child: what the request says, with its descriptors. */
static void become(char *request, size_t length, const int fds[3])
{
	static char *words[REQUEST_MAX];
	size_t count = 0;
	for (char *at = request; at < request + length && count < REQUEST_MAX - 1; at += strlen(at) + 1) words[count++] = at;
	size_t argc = strtoul(words[1], NULL, 10);
	char **argv = calloc(argc + 1, sizeof(char *));
	memcpy(argv, words + 2, argc * sizeof(char *));
	environ = words + 2 + argc;
	sigset_t none;
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	setsid();
	/* Above the numbers that they are to have. */
	int high[3];
	for (int i = 0; i < 3; i++) high[i] = fcntl(fds[i], F_DUPFD_CLOEXEC, 10);
	for (int i = 0; i < 3; i++) dup2(high[i], i);
	if (isatty(0)) ioctl(0, TIOCSCTTY, 0);
	if (chdir(words[0]) < 0) err(126, "%s", words[0]);
	execvp(argv[0], argv);
	err(127, "%s", argv[0]);
}

static void start(struct client *client)
{
	static char request[REQUEST_MAX + 1];
	union { char bytes[CMSG_SPACE(3 * sizeof(int))]; struct cmsghdr align; } control;
	struct iovec part = { request, REQUEST_MAX };
	struct msghdr message = { .msg_iov = &part, .msg_iovlen = 1, .msg_control = control.bytes, .msg_controllen = sizeof(control.bytes) };
	ssize_t length = recvmsg(client->fd, &message, MSG_CMSG_CLOEXEC);
	struct cmsghdr *header = length > 0 ? CMSG_FIRSTHDR(&message) : NULL;
	if (!header || header->cmsg_len != CMSG_LEN(3 * sizeof(int))) {
		close(client->fd);
		client->fd = -1;
		return;
	}
	int fds[3];
	memcpy(fds, CMSG_DATA(header), sizeof(fds));
	client->pid = fork();
	if (client->pid == 0) become(request, length, fds);
	for (int i = 0; i < 3; i++) close(fds[i]);
}

/* A byte of a client is a signal for its command; its end before that of the command kills it. */
static void hear(struct client *client)
{
	if (client->pid == 0) {
		start(client);
		return;
	}
	unsigned char number;
	if (read(client->fd, &number, 1) == 1) {
		kill(client->pid, number);
		return;
	}
	kill(-client->pid, SIGKILL);
	close(client->fd);
	client->fd = -1;
}

static void reap(void)
{
	int status;
	for (pid_t pid; (pid = waitpid(-1, &status, WNOHANG)) > 0;) {
		for (int i = 0; i < CLIENTS_MAX; i++) {
			if (clients[i].pid != pid) continue;
			if (clients[i].fd >= 0) {
				ssize_t sent = send(clients[i].fd, &status, sizeof(status), MSG_NOSIGNAL);
				(void)sent;
				close(clients[i].fd);
			}
			clients[i] = (struct client){ -1, 0 };
		}
	}
}

/* Children of killed children become children of this process: it is done when there is none. */
static void end(void)
{
	char path[64], text[4096];
	snprintf(path, sizeof(path), "/proc/self/task/%d/children", getpid());
	do {
		int fd = open(path, O_RDONLY | O_CLOEXEC);
		ssize_t length = read(fd, text, sizeof(text) - 1);
		close(fd);
		text[length > 0 ? length : 0] = 0;
		for (char *at = text, *next; strtol(at, &next, 10) > 0; at = next) kill(strtol(at, NULL, 10), SIGKILL);
	} while (waitpid(-1, NULL, 0) > 0 || errno == EINTR);
	exit(0);
}

static struct client *vacancy(void)
{
	for (int i = 0; i < CLIENTS_MAX; i++) if (clients[i].fd < 0 && clients[i].pid == 0) return &clients[i];
	errx(1, "more than %d commands at once", CLIENTS_MAX);
}

/* An empty /run, but for directories of the host's. */
static void hide_run(char **names)
{
	char there[64], here[64];
	int host = open("/run", O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (host < 0 || mount("tmpfs", "/run", "tmpfs", MS_NOSUID | MS_NODEV, "mode=755") < 0) err(1, "/run");
	for (; *names; names++) {
		snprintf(there, sizeof(there), "/proc/self/fd/%d/%s", host, *names);
		snprintf(here, sizeof(here), "/run/%s", *names);
		if (mkdir(here, 0755) < 0 || mount(there, here, NULL, MS_BIND | MS_REC, NULL) < 0) err(1, "%s", here);
	}
	close(host);
}

static void serve(const char *path, char **names)
{
	sigset_t watched;
	sigemptyset(&watched);
	for (int i = 0; i < 4; i++) sigaddset(&watched, (int[]){ SIGCHLD, SIGTERM, SIGINT, SIGHUP }[i]);
	sigprocmask(SIG_BLOCK, &watched, NULL);
	int signals = signalfd(-1, &watched, SFD_CLOEXEC);
	int listener = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	struct sockaddr_un own = address(path);
	if (prctl(PR_SET_CHILD_SUBREAPER, 1) < 0) err(1, "subreaper");
	if (unshare(CLONE_NEWNS | CLONE_NEWNET) < 0) err(1, "unshare");
	/* Shared again afterwards, among themselves: as on a host with systemd. */
	if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 || mount(NULL, "/", NULL, MS_REC | MS_SHARED, NULL) < 0) err(1, "/");
	hide_run(names);
	if (bind(listener, (struct sockaddr *)&own, sizeof(own)) < 0 || listen(listener, CLIENTS_MAX) < 0) err(1, "%s", path);
	for (int i = 0; i < CLIENTS_MAX; i++) clients[i].fd = -1;
	puts("up");
	fflush(stdout);
	for (;;) {
		struct pollfd fds[CLIENTS_MAX + 3] = { { 0, POLLIN, 0 }, { signals, POLLIN, 0 }, { listener, POLLIN, 0 } };
		for (int i = 0; i < CLIENTS_MAX; i++) fds[i + 3] = (struct pollfd){ clients[i].fd, POLLIN, 0 };
		if (poll(fds, CLIENTS_MAX + 3, -1) < 0) err(1, "poll");
		if (fds[0].revents) end();
		for (int i = 0; i < CLIENTS_MAX; i++) if (fds[i + 3].revents) hear(&clients[i]);
		if (fds[1].revents) {
			struct signalfd_siginfo info;
			if (read(signals, &info, sizeof(info)) == sizeof(info) && info.ssi_signo != SIGCHLD) end();
			reap();
		}
		if (fds[2].revents) vacancy()->fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
	}
}

static int server;

static void forward(int number)
{
	unsigned char byte = number;
	ssize_t sent = write(server, &byte, 1);
	(void)sent;
}

static char *append(char *at, const char *end, const char *word)
{
	size_t size = strlen(word) + 1;
	if (at + size > end) errx(125, "too many arguments");
	memcpy(at, word, size);
	return at + size;
}

static int run(const char *path, char **argv)
{
	static char request[REQUEST_MAX];
	const char *limit = request + sizeof(request);
	char count[24], *directory = getcwd(NULL, 0), *at = request;
	size_t argc = 0;
	while (argv[argc]) argc++;
	snprintf(count, sizeof(count), "%zu", argc);
	at = append(append(at, limit, directory ? directory : "/"), limit, count);
	for (char **word = argv; *word; word++) at = append(at, limit, *word);
	for (char **word = environ; *word; word++) at = append(at, limit, *word);

	union { char bytes[CMSG_SPACE(3 * sizeof(int))]; struct cmsghdr align; } control = { 0 };
	struct iovec part = { request, at - request };
	struct msghdr message = { .msg_iov = &part, .msg_iovlen = 1, .msg_control = control.bytes, .msg_controllen = sizeof(control.bytes) };
	struct cmsghdr *header = CMSG_FIRSTHDR(&message);
	*header = (struct cmsghdr){ CMSG_LEN(3 * sizeof(int)), SOL_SOCKET, SCM_RIGHTS };
	memcpy(CMSG_DATA(header), (int[]){ 0, 1, 2 }, 3 * sizeof(int));
	struct sockaddr_un there = address(path);
	server = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	int room = REQUEST_MAX * 2;
	setsockopt(server, SOL_SOCKET, SO_SNDBUF, &room, sizeof(room));
	if (connect(server, (struct sockaddr *)&there, sizeof(there)) < 0 || sendmsg(server, &message, MSG_NOSIGNAL) < 0) err(125, "%s", path);
	for (int i = 0; i < 3; i++) signal((int[]){ SIGTERM, SIGINT, SIGHUP }[i], forward);
	int status;
	ssize_t got;
	while ((got = read(server, &status, sizeof(status))) < 0 && errno == EINTR);
	if (got != sizeof(status)) errx(125, "%s: the server is gone", path);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

int main(int argc, char **argv)
{
	if (argc > 2 && !strcmp(argv[1], "serve")) serve(argv[2], argv + 3);
	if (argc > 3 && !strcmp(argv[1], "run")) return run(argv[2], argv + 3);
	errx(125, "usage: world serve SOCKET [NAME...] | world run SOCKET CMD...");
}
