/*
 * A seccomp agent for tests: listens on the Unix socket argv[1], prints the document that comes with the listener's descriptor, and answers argv[2] calls:
 * mkdir and mkdirat fail with EDOM, all else is let through. Ends when that is done.
 */
#include <errno.h>
#include <linux/seccomp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

int main(int argc, char **argv)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int server = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (argc != 3) return 2;
	strncpy(address.sun_path, argv[1], sizeof address.sun_path - 1);
	if (bind(server, (struct sockaddr *)&address, sizeof address) || listen(server, 4)) return 3;
	puts("listening");
	fflush(stdout);
	int peer = accept(server, 0, 0);
	char text[8192];
	union { struct cmsghdr header; char room[CMSG_SPACE(4 * sizeof(int))]; } control;
	struct iovec part = { text, sizeof text - 1 };
	struct msghdr message = { .msg_iov = &part, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof control };
	ssize_t n = recvmsg(peer, &message, MSG_CMSG_CLOEXEC);
	struct cmsghdr *header = CMSG_FIRSTHDR(&message);
	if (n <= 0 || !header || header->cmsg_type != SCM_RIGHTS || header->cmsg_len != CMSG_LEN(sizeof(int))) return 4;
	int listener;
	memcpy(&listener, CMSG_DATA(header), sizeof listener);
	text[n] = 0;
	puts(text);
	fflush(stdout);
	for (int left = atoi(argv[2]); left > 0;) {
		struct seccomp_notif call = { 0 };
		if (ioctl(listener, SECCOMP_IOCTL_NOTIF_RECV, &call)) return 5;
		struct seccomp_notif_resp answer = { .id = call.id, .flags = SECCOMP_USER_NOTIF_FLAG_CONTINUE };
		if (call.data.nr == SYS_mkdirat
#ifdef SYS_mkdir
		    || call.data.nr == SYS_mkdir
#endif
		) {
			answer.flags = 0;
			answer.error = -EDOM;
			left--;
		}
		if (ioctl(listener, SECCOMP_IOCTL_NOTIF_SEND, &answer)) return 6;
	}
	return 0;
}
