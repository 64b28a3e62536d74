/*
 * Those who look on and type while a container runs that nobody waits for: clients of a SOCK_SEQPACKET socket in the container's state directory.
 *
 * Packets to a client: one byte, 1 (standard output) or 2 (standard error), and bytes of it; at the end 0 and the exit code (int32). From a client: 0 and
 * input, of which the first may be empty: there will be some; 1 and a struct winsize; 2: its input has ended. Trusts: the plan. An attacker controls: the
 * packets, if it has the uid of the supervisor or is root, for others are not let in; and the output. A client that takes nothing for a second is dropped: the
 * container is held up by it no longer than that.
 */
#define CLIENTS 8
#define MSG_DONTWAIT 0x40     /* the C library's, in no header of the kernel */
#define MSG_NOSIGNAL 0x4000
#define SOCK_NONBLOCK O_NONBLOCK
#define SOCK_CLOEXEC O_CLOEXEC
#define CHUNK 4096
#define PATIENCE 1000000000u

static struct stage {
	int32_t clients[CLIENTS]; /* -1 is free */
	uint32_t owed;            /* bit n: client n has not taken the packet yet */
	uint32_t typists;         /* bit n: client n has input */
	uint64_t until;           /* when those who owe are dropped (CLOCK_MONOTONIC) */
	uint32_t size;
	uint8_t packet[1 + CHUNK];
	int32_t target;           /* where input goes: the pipe or the terminal's master; -1 is nowhere */
	uint32_t start, end;      /* input that the container has not taken yet */
	int closing;              /* the pipe ends with that */
	uint8_t input[1 + CHUNK + 1];
} *stage;

/* The container's input ends with what waits. */
static void close_input(struct plan_keep *keep)
{
	stage->closing = stage->start < stage->end;
	if (stage->closing) return;
	stage->target = -1;
	if (keep->in >= 0) CALL(__NR_close, keep->in, 0, 0, 0, 0, 0);
	keep->in = -1;
}

/* A pipe ends with a client's input, however the client ended. A terminal waits for another one. */
static void drop_client(struct plan_keep *keep, int i)
{
	uint32_t bit = 1u << i;
	CALL(__NR_close, stage->clients[i], 0, 0, 0, 0, 0);
	stage->clients[i] = -1;
	stage->owed &= ~bit;
	if (stage->typists & bit && keep->input == INPUT_ONCE && keep->watch.master < 0) close_input(keep);
	stage->typists &= ~bit;
}

/* Gives the packet to client `i` if it takes it now. One that is gone takes nothing; what it has sent is still to be heard. */
static void offer(struct plan_keep *keep, int i)
{
	word n = CALL(__NR_sendto, stage->clients[i], stage->packet, stage->size, MSG_DONTWAIT | MSG_NOSIGNAL, 0, 0);
	if (n == -EAGAIN || n == -EINTR || n == -ENOBUFS) stage->owed |= 1u << i;
	else if (n < 0 && n != -EPIPE && n != -ECONNRESET) drop_client(keep, i);
	else stage->owed &= ~(1u << i);
}

/* `size` bytes are in stage->packet behind the first one: all clients get them. */
static void show(struct plan_keep *keep, uint8_t stream, uint32_t size)
{
	stage->packet[0] = stream;
	stage->size = 1 + size;
	for (int i = 0; i < CLIENTS; i++) if (stage->clients[i] >= 0) offer(keep, i);
	if (stage->owed) stage->until = now(CLOCK_MONOTONIC) + PATIENCE;
}

static void admit(struct plan_keep *keep)
{
	struct { int32_t pid; uint32_t uid, gid; } peer = { 0, ~0u, ~0u };
	uint32_t size = sizeof peer;
	word fd = CALL(__NR_accept4, keep->listener, 0, 0, SOCK_NONBLOCK | SOCK_CLOEXEC, 0, 0);
	if (fd < 0) return;
	word got = CALL(__NR_getsockopt, fd, SOL_SOCKET, SO_PEERCRED, &peer, &size, 0);
	word own = CALL(__NR_geteuid, 0, 0, 0, 0, 0, 0);
	for (int i = 0; got == 0 && i < CLIENTS && (peer.uid == 0 || peer.uid == (uint32_t)own); i++) {
		if (stage->clients[i] >= 0) continue;
		stage->clients[i] = (int32_t)fd;
		return;
	}
	CALL(__NR_close, fd, 0, 0, 0, 0, 0);
}

/* Writes input as far as it goes without waiting. A container that does not read any more gets none. */
static void feed(struct plan_keep *keep)
{
	while (stage->start < stage->end) {
		word n = CALL(__NR_write, stage->target, stage->input + stage->start, stage->end - stage->start, 0, 0, 0);
		if (n == -EAGAIN || n == -EINTR) return;
		stage->start = n < 0 ? stage->end : stage->start + (uint32_t)n;
		stage->closing |= n < 0;
	}
	if (stage->closing) close_input(keep);
}

/* A client's input has ended. A pipe ends with it if it was for this client; a terminal gets the character that says so, twice after an unfinished line. */
static void end_of_client(struct plan_keep *keep)
{
	struct termios t;
	if (keep->input != INPUT_ONCE) return;
	if (keep->watch.master < 0) {
		close_input(keep);
		return;
	}
	int unfinished = stage->end > 1 && stage->input[stage->end - 1] != '\n';
	if (CALL(__NR_ioctl, keep->watch.master, TCGETS, &t, 0, 0, 0) < 0 || !(t.c_lflag & ICANON)) return;
	stage->start = 0;
	stage->end = unfinished ? 2 : 1;
	stage->input[0] = stage->input[1] = t.c_cc[VEOF];
	feed(keep);
}

/* Takes one packet of client `i`. Called only while no input waits. */
static void hear(struct plan_keep *keep, int i)
{
	word n = CALL(__NR_recvfrom, stage->clients[i], stage->input, sizeof stage->input, MSG_DONTWAIT, 0, 0);
	/* A client that was killed before it took all is said to be so once, before what it has sent. */
	if (n == -EAGAIN || n == -EINTR || n == -ECONNRESET) return;
	if (n <= 0 || n > 1 + CHUNK || stage->input[0] > 2) {
		drop_client(keep, i);
		return;
	}
	uint8_t kind = stage->input[0];
	if (kind == 0) {
		stage->typists |= 1u << i;
		stage->start = 1;
		stage->end = (uint32_t)n;
		if (stage->target < 0) stage->start = stage->end;
		feed(keep);
	}
	if (kind == 1 && n == 1 + (word)sizeof(struct window) && keep->watch.master >= 0) CALL(__NR_ioctl, keep->watch.master, TIOCSWINSZ, stage->input + 1, 0, 0, 0);
	if (kind == 2) end_of_client(keep);
}

/* The last packet: the exit code. Who does not take it now reads it from the status file. */
static void part(struct plan_keep *keep, int32_t code)
{
	stage->packet[0] = 0;
	copy(stage->packet + 1, &code, sizeof code);
	stage->size = 1 + sizeof code;
	for (int i = 0; i < CLIENTS; i++) {
		if (stage->clients[i] < 0) continue;
		if (!(stage->owed >> i & 1)) offer(keep, i);
		if (stage->clients[i] >= 0) drop_client(keep, i);
	}
}
