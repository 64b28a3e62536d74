/*
 * A console socket: listens at the path given, takes one terminal by SCM_RIGHTS, and joins it to stdin and stdout.
 * Prints `listening` on stderr once it can be connected to.
 */
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

static int receive(int connection)
{
	char byte[256], control[CMSG_SPACE(sizeof(int))];
	struct iovec part = { byte, sizeof byte };
	struct msghdr message = { .msg_iov = &part, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof control };
	if (recvmsg(connection, &message, 0) < 0) return -1;
	struct cmsghdr *header = CMSG_FIRSTHDR(&message);
	int fd = -1;
	if (header != 0 && header->cmsg_type == SCM_RIGHTS) memcpy(&fd, CMSG_DATA(header), sizeof fd);
	return fd;
}

static int copy(int from, int to)
{
	char text[4096];
	ssize_t n = read(from, text, sizeof text);
	return n > 0 && write(to, text, n) == n;
}

int main(int count, char **words)
{
	struct sockaddr_un name = { .sun_family = AF_UNIX };
	int listener = socket(AF_UNIX, SOCK_STREAM, 0);
	if (count < 2) return 2;
	strncpy(name.sun_path, words[1], sizeof name.sun_path - 1);
	if (bind(listener, (void *)&name, sizeof name) < 0 || listen(listener, 4) < 0) return 1;
	fprintf(stderr, "listening\n");
	int master = -1;
	while (master < 0) {
		int connection = accept(listener, 0, 0);
		if (connection < 0) return 1;
		master = receive(connection);
		close(connection);
	}
	fprintf(stderr, "terminal\n");
	struct pollfd both[2] = { { master, POLLIN, 0 }, { 0, POLLIN, 0 } };
	for (;;) {
		if (poll(both, 2, -1) < 0) return 1;
		if (both[0].revents != 0 && !copy(master, 1)) return 0;
		if (both[1].revents != 0 && !copy(0, master)) both[1].fd = -1;
	}
}
