/*
 * A seccomp agent: listens at the path given and writes a line for each event, in their order: `state MESSAGES FIRST REST JSON` for what came over a
 * connection, with the number of messages and of descriptors in the first and in the others; `closed` when the other side closes; `notified` for each
 * notification, which is answered with ENOMEDIUM (123). Prints `listening` on stderr once it can be connected to.
 */
#include <linux/seccomp.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

static int seccomp_fd = -1;

/* One part of a message; the number of descriptors in it. */
static ssize_t receive(int connection, char *text, size_t size, int *descriptors)
{
	char control[CMSG_SPACE(8 * sizeof(int))];
	struct iovec part = { text, size };
	struct msghdr message = { .msg_iov = &part, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof control };
	ssize_t n = recvmsg(connection, &message, 0);
	*descriptors = 0;
	for (struct cmsghdr *h = n < 0 ? 0 : CMSG_FIRSTHDR(&message); h != 0; h = CMSG_NXTHDR(&message, h)) {
		if (h->cmsg_type != SCM_RIGHTS) continue;
		*descriptors = (h->cmsg_len - CMSG_LEN(0)) / sizeof(int);
		memcpy(&seccomp_fd, CMSG_DATA(h), sizeof seccomp_fd);
	}
	return n;
}

/* Whether `text` is a whole object; strings in it have no braces. */
static int whole(const char *text)
{
	int depth = 0;
	for (const char *c = text; *c != 0; c++) depth += *c == '{' ? 1 : *c == '}' ? -1 : 0;
	return *text != 0 && depth == 0;
}

static int connection = -1, messages, first, rest;
static char text[1 << 16];
static size_t length;

static void part(void)
{
	int descriptors;
	ssize_t n = receive(connection, text + length, sizeof text - 1 - length, &descriptors);
	if (n <= 0) {
		printf("closed\n");
		close(connection);
		connection = -1;
		return;
	}
	if (messages++ == 0) first = descriptors;
	else rest += descriptors;
	length += n;
	text[length] = 0;
	if (whole(text)) printf("state %d %d %d %s\n", messages, first, rest, text);
}

static void notified(void)
{
	struct seccomp_notif request = { 0 };
	struct seccomp_notif_resp answer = { 0 };
	if (ioctl(seccomp_fd, SECCOMP_IOCTL_NOTIF_RECV, &request) < 0) return;
	answer.id = request.id;
	answer.error = -123;
	printf("notified\n");
	ioctl(seccomp_fd, SECCOMP_IOCTL_NOTIF_SEND, &answer);
}

int main(int count, char **words)
{
	struct sockaddr_un name = { .sun_family = AF_UNIX };
	int listener = socket(AF_UNIX, SOCK_STREAM, 0);
	if (count < 2) return 2;
	strncpy(name.sun_path, words[1], sizeof name.sun_path - 1);
	if (bind(listener, (void *)&name, sizeof name) < 0 || listen(listener, 4) < 0) return 1;
	/* A line is written before the call that it tells of is answered. */
	setlinebuf(stdout);
	fprintf(stderr, "listening\n");
	for (;;) {
		struct pollfd all[3] = { { connection < 0 ? listener : -1, POLLIN, 0 }, { connection, POLLIN, 0 }, { seccomp_fd, POLLIN, 0 } };
		if (poll(all, 3, -1) < 0) return 1;
		if (all[0].revents != 0) {
			connection = accept(listener, 0, 0);
			messages = first = rest = length = 0;
		}
		if (all[1].revents != 0) part();
		if (all[2].revents & POLLIN) notified();
		else if (all[2].revents != 0) {
			close(seccomp_fd);
			seccomp_fd = -1;
		}
	}
}
