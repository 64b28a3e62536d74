/*
 * Published ports: who connects to a socket of the host is connected to a port of the container's own loopback interface. This process has joined the
 * container's network namespace by then; the sockets that it listens at are from before. Nobody inside can make it connect to anything.
 *
 * Trusts: the plan. An attacker controls: every byte, when a side reads, writes, ends or resets, and how many connect. Of a connection nothing is kept but
 * two descriptors: bytes are looked at, sent, and taken off the queue once they are sent, so that a slow side fills the kernel's buffers and no memory here.
 */
#define CONNECTIONS 256
#define LOT 16384
#define FAMILY_4 2  /* AF_INET and its kin are the C library's, in no header of the kernel */
#define FAMILY_6 10
#define STREAM 1
#define MSG_PEEK 2
#define MSG_TRUNC 0x20        /* recv(2) on TCP: takes bytes off the queue and copies none (tcp(7)) */
#define LEVEL_TCP 6
#define NODELAY 1
#define RETRY 100000000       /* nanoseconds until descriptors may be there again */
#define LAST_WORDS 1000000000u /* nanoseconds for what the container said before its end */

/* Side 0 is the host's, side 1 the container's. */
struct connection {
	int32_t fd[2];   /* -1 is none; of a free entry both are */
	uint16_t port;   /* in the container */
	uint8_t family;  /* of a connection inside that is not there yet, or 0 */
	uint8_t ended;   /* bit n: side n sends no more */
	uint8_t waiting; /* bit n: what side n sent waits until the other takes it */
};

struct forward {
	struct connection connections[CONNECTIONS];
	struct pollfd set[1 + PLAN_MAX_PORTS + 2 * CONNECTIONS];
	uint8_t bytes[LOT];
	uint16_t ports[PLAN_MAX_PORTS];
	uint32_t used; /* entries from here on were never in use */
};

static void drop(struct connection *one, int reset)
{
	for (int side = 0; side < 2; side++) {
		int32_t linger[2] = { 1, 0 };
		if (one->fd[side] < 0) continue;
		/* What was cut off must not look like what has ended. */
		if (reset) CALL(__NR_setsockopt, one->fd[side], SOL_SOCKET, SO_LINGER, linger, sizeof linger, 0);
		CALL(__NR_close, one->fd[side], 0, 0, 0, 0, 0);
		one->fd[side] = -1;
	}
}

/* Small packets are not held back, urgent data is as any other, and a peer that vanished is found out one day. */
static void prepare(word fd)
{
	int32_t on = 1;
	CALL(__NR_setsockopt, fd, LEVEL_TCP, NODELAY, &on, sizeof on, 0);
	CALL(__NR_setsockopt, fd, SOL_SOCKET, SO_OOBINLINE, &on, sizeof on, 0);
	CALL(__NR_setsockopt, fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof on, 0);
}

/* Begins to connect to the port at 127.0.0.1 or ::1; 0 if that cannot be. */
static int dial(struct connection *one, uint8_t family)
{
	/* struct sockaddr_in, sockaddr_in6: the family, the port with its high byte first, and the address from byte 4 or 8 on. */
	uint8_t address[28];
	for (int i = 0; i < 28; i++) ((volatile uint8_t *)address)[i] = 0;
	address[0] = family;
	address[2] = (uint8_t)(one->port >> 8);
	address[3] = (uint8_t)one->port;
	if (family == FAMILY_4) address[4] = 127;
	address[family == FAMILY_4 ? 7 : 23] = 1;
	word fd = CALL(__NR_socket, family, STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, 0, 0, 0);
	if (fd < 0) return 0;
	word got = CALL(__NR_connect, fd, address, family == FAMILY_4 ? 16 : 28, 0, 0, 0);
	if (got < 0 && got != -EINPROGRESS) {
		CALL(__NR_close, fd, 0, 0, 0, 0, 0);
		return 0;
	}
	prepare(fd);
	one->fd[1] = (int32_t)fd;
	one->family = family;
	return 1;
}

/* The connection inside is there, or is not to be; then it is tried at the other address. */
static int dialled(struct connection *one)
{
	int32_t error = 0;
	uint32_t size = sizeof error;
	word got = CALL(__NR_getsockopt, one->fd[1], SOL_SOCKET, SO_ERROR, &error, &size, 0);
	int tried = one->family;
	if (got == 0 && error == 0) {
		one->family = 0;
		return 1;
	}
	CALL(__NR_close, one->fd[1], 0, 0, 0, 0, 0);
	one->fd[1] = -1;
	return tried == FAMILY_4 && dial(one, FAMILY_6);
}

/* Returns 0 if nobody can be let in now. */
static int accept_one(struct forward *forward, word listener, uint16_t port)
{
	uint32_t i = 0;
	while (i < CONNECTIONS && forward->connections[i].fd[0] >= 0) i++;
	/* Others wait in the queue of the socket. */
	if (i == CONNECTIONS) return 1;
	word fd = CALL(__NR_accept4, listener, 0, 0, SOCK_NONBLOCK | SOCK_CLOEXEC, 0, 0);
	if (fd < 0) return fd == -EAGAIN || fd == -EINTR || fd == -ECONNABORTED;
	struct connection *one = &forward->connections[i];
	*one = (struct connection){ { (int32_t)fd, -1 }, port, 0, 0, 0 };
	if (i >= forward->used) forward->used = i + 1;
	prepare(fd);
	if (!dial(one, FAMILY_4) && !dial(one, FAMILY_6)) drop(one, 1);
	return 1;
}

/* Moves what `side` sent as far as it goes without waiting. Returns 0 if the connection is broken. */
static int move(struct forward *forward, struct connection *one, int side)
{
	uint8_t bit = (uint8_t)(1 << side);
	word n = CALL(__NR_recvfrom, one->fd[side], forward->bytes, LOT, MSG_PEEK | MSG_DONTWAIT, 0, 0);
	one->waiting &= (uint8_t)~bit;
	if (n == -EAGAIN || n == -EINTR) return 1;
	if (n < 0) return 0;
	if (n == 0) {
		one->ended |= bit;
		CALL(__NR_shutdown, one->fd[!side], 1 /* SHUT_WR */, 0, 0, 0, 0);
		return 1;
	}
	word sent = CALL(__NR_sendto, one->fd[!side], forward->bytes, n, MSG_DONTWAIT | MSG_NOSIGNAL, 0, 0);
	if (sent == -EAGAIN || sent == -EINTR) sent = 0;
	if (sent < 0 || sent > n) return 0;
	if (sent < n) one->waiting |= bit;
	return sent == 0 || CALL(__NR_recvfrom, one->fd[side], forward->bytes, sent, MSG_TRUNC | MSG_DONTWAIT, 0, 0) == sent;
}

/* What is to be heard of one side. */
static struct pollfd attention(const struct connection *one, int side)
{
	uint8_t own = (uint8_t)(1 << side), other = (uint8_t)(1 << !side);
	short events = 0;
	if (one->family) events = side ? POLLOUT : 0;
	else {
		if (!((one->ended | one->waiting) & own)) events |= POLLIN;
		if (one->waiting & other) events |= POLLOUT;
	}
	/* Where nothing is sent to any more, POLLHUP is no news, and would come at once each time. */
	int quiet = !events && one->ended & other;
	return (struct pollfd){ quiet ? -1 : one->fd[side], events, 0 };
}

/* Answers what was heard of both sides. Returns 0 if the connection is broken. */
static int attend(struct forward *forward, struct connection *one, const struct pollfd *heard)
{
	if (one->family) return !heard[0].revents && (!heard[1].revents || dialled(one));
	for (int side = 0; side < 2; side++) {
		int got = heard[side].revents, asked = heard[side].events;
		if (!got) continue;
		/* An error, or the end of both ways. */
		if (!asked) return 0;
		if (asked & POLLIN && got & ~POLLOUT && !move(forward, one, side)) return 0;
		if (asked & POLLOUT && got & ~POLLIN && !move(forward, one, !side)) return 0;
	}
	return 1;
}

/* How long poll may wait. After the container's end 0 is returned when its last words have had their time. */
static int64_t *waiting_time(uint64_t until, int crowded, int64_t time[2])
{
	uint64_t left = RETRY;
	if (!until && !crowded) return 0;
	if (until) {
		uint64_t at = now(CLOCK_MONOTONIC);
		left = at < until ? until - at : 0;
	}
	time[0] = (int64_t)(left / 1000000000u);
	time[1] = (int64_t)(left % 1000000000u);
	return time;
}

/*
 * Until the container ends: connections to descriptors `first` and following go on to the `count` ports of the table. Then no more are taken, and what the
 * container has sent before has a second to get out.
 */
static void forward_ports(const uint32_t *ports, uint32_t count, word first, word pidfd)
{
	struct forward forward;
	int64_t time[2];
	uint64_t until = 0;
	int crowded = 0;
	forward.used = 0;
	for (uint32_t i = 0; i < count; i++) forward.ports[i] = (uint16_t)ports[i];
	/* All of the plan but the exit that follows has been run; what is read again comes from the file. */
	CALL(__NR_madvise, header, header->size, 4 /* MADV_DONTNEED */, 0, 0, 0);
	for (uint32_t i = 0; i < CONNECTIONS; i++) forward.connections[i].fd[0] = forward.connections[i].fd[1] = -1;
	for (;;) {
		struct pollfd *set = forward.set, *pairs = set + 1 + count;
		uint32_t open = 0, used = forward.used;
		for (uint32_t i = 0; i < used; i++) {
			open += forward.connections[i].fd[0] >= 0;
			for (int side = 0; side < 2; side++) pairs[2 * i + (uint32_t)side] = attention(&forward.connections[i], side);
		}
		if (until && !open) return;
		set[0] = (struct pollfd){ until ? -1 : (int)pidfd, POLLIN, 0 };
		for (uint32_t i = 0; i < count; i++) set[1 + i] = (struct pollfd){ until || crowded || open == CONNECTIONS ? -1 : (int)(first + i), POLLIN, 0 };
		int64_t *most = waiting_time(until, crowded, time);
		word ready = CALL(__NR_ppoll, set, 1 + count + 2 * used, most, 0, 0, 0);
		if (ready < 0 && ready != -EINTR) return;
		if (until && most[0] == 0 && most[1] == 0) return;
		crowded = 0;
		if (ready <= 0) continue;
		for (uint32_t i = 0; i < used; i++) {
			struct connection *one = &forward.connections[i];
			if (one->fd[0] < 0) continue;
			if (!attend(&forward, one, pairs + 2 * i)) drop(one, 1);
			else if (one->ended == 3 || (until && one->ended & 2)) drop(one, 0);
		}
		if (set[0].revents) until = now(CLOCK_MONOTONIC) + LAST_WORDS;
		for (uint32_t i = 0; i < count && !until; i++) if (set[1 + i].revents && !accept_one(&forward, first + i, forward.ports[i])) crowded = 1;
	}
}
