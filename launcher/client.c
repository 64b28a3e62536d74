/*
 * A client of a container that nobody waits for (attach.c has the other end): the caller's standard streams on one side, the socket on the other.
 *
 * Trusts: the plan, and the supervisor. An attacker controls: the output that comes, and the signals and keys of the caller's terminal. What the caller does
 * not take now waits here, up to a bound: beyond it the supervisor lets go of this client.
 */
#define BACKLOG (1u << 20)
#define KEY_TIME 300000000u /* between two keys of the sequence that detaches */
#define DETACHED 256
#define LEFT 65536 /* the socket ended without a word about the container's end */

static struct visit {
	uint32_t first, next;       /* of `backlog`, which is a ring: packets, each after its size in two bytes */
	uint32_t done;              /* bytes of the first packet that the caller has */
	uint32_t start, end;        /* of `input` */
	uint32_t keys;              /* of the sequence that were pressed */
	uint64_t until;             /* when these are keys like any other */
	int reading, tty, ended, code;
	int closing;                /* the end of the input is still to be told */
	uint8_t input[1 + CHUNK + 16], packet[1 + CHUNK], backlog[BACKLOG];
} *visit;

static uint32_t used(void)
{
	return visit->next - visit->first;
}

static uint8_t *at(uint32_t position)
{
	return visit->backlog + position % BACKLOG;
}

static void send_window(const struct plan_client *client)
{
	uint8_t packet[1 + sizeof(struct window)] = { 1 };
	word found = CALL(__NR_ioctl, client->watch.output, TIOCGWINSZ, packet + 1, 0, 0, 0);
	if (found < 0) found = CALL(__NR_ioctl, client->watch.terminal, TIOCGWINSZ, packet + 1, 0, 0, 0);
	if (found == 0 && client->tty) CALL(__NR_sendto, client->socket, packet, sizeof packet, MSG_DONTWAIT | MSG_NOSIGNAL, 0, 0);
}

/* Takes packets while there is room for one. */
static void take_packets(const struct plan_client *client)
{
	while (!visit->ended && used() + 2 + 1 + CHUNK <= BACKLOG) {
		word n = CALL(__NR_recvfrom, client->socket, visit->packet, sizeof visit->packet, MSG_DONTWAIT, 0, 0);
		if (n == -EAGAIN || n == -EINTR) return;
		if (n <= 0) {
			visit->ended = 1;
			visit->code = LEFT;
			return;
		}
		if (visit->packet[0] == 0) {
			int32_t code = 0;
			if (n == 1 + (word)sizeof code) copy(&code, visit->packet + 1, sizeof code);
			visit->ended = 1;
			visit->code = code & 255;
			return;
		}
		*at(visit->next++) = (uint8_t)n;
		*at(visit->next++) = (uint8_t)(n >> 8);
		for (word i = 0; i < n; i++) *at(visit->next++) = visit->packet[i];
	}
}

/* Where the first packet in line goes, or -1 if there is none. */
static int output_of(const struct plan_client *client)
{
	return !used() ? -1 : *at(visit->first + 2) == 2 ? client->err : client->out;
}

/* Gives the caller what it takes without waiting. Returns 0 if it takes nothing any more. */
static int give_output(const struct plan_client *client)
{
	for (int fd; (fd = output_of(client)) >= 0;) {
		uint32_t size = *at(visit->first) | (uint32_t)*at(visit->first + 1) << 8, from = visit->first + 3 + visit->done;
		uint32_t left = size - 1 - visit->done, whole = BACKLOG - from % BACKLOG;
		word n = left ? CALL(__NR_write, fd, at(from), left < whole ? left : whole, 0, 0, 0) : 0;
		if (n == -EAGAIN || n == -EINTR) return 1;
		if (n < 0) return 0;
		visit->done += (uint32_t)n;
		if (visit->done < size - 1) continue;
		visit->first += 2 + size;
		visit->done = 0;
	}
	return 1;
}

static int waits(void)
{
	return visit->end > 1 || visit->closing;
}

/* Sends what was typed, as one packet, or that nothing more will be. */
static void send_input(const struct plan_client *client)
{
	if (!waits()) return;
	int last = visit->end <= 1;
	visit->input[0] = last ? 2 : 0;
	word n = CALL(__NR_sendto, client->socket, visit->input, visit->end, MSG_DONTWAIT | MSG_NOSIGNAL, 0, 0);
	if (n == -EAGAIN || n == -EINTR || n == -ENOBUFS) return;
	visit->end = 1;
	if (last) visit->closing = 0;
}

static void put_key(uint8_t key)
{
	if (visit->end < sizeof visit->input) visit->input[visit->end++] = key;
}

/* The keys that were held back belong to no sequence. */
static void release_keys(const struct plan_client *client)
{
	for (uint32_t i = 0; i < visit->keys; i++) put_key(client->keys[i]);
	visit->keys = 0;
}

/* Returns 1 if the sequence is complete. */
static int press(const struct plan_client *client, uint8_t key)
{
	if (visit->keys && key != client->keys[visit->keys]) release_keys(client);
	if (!client->key_count || key != client->keys[visit->keys]) {
		put_key(key);
		return 0;
	}
	visit->until = now(CLOCK_MONOTONIC) + KEY_TIME;
	return ++visit->keys == client->key_count;
}

/* Reads the caller's input while none waits. Returns 1 to detach. */
static int read_input(struct plan_client *client)
{
	uint8_t bytes[CHUNK - sizeof client->keys]; /* with keys that were held back it is one packet still */
	word n = CALL(__NR_read, client->watch.terminal, bytes, sizeof bytes, 0, 0, 0);
	if (n == -EAGAIN || n == -EINTR) return 0;
	if (n <= 0) {
		/* A terminal that is gone takes its user along. */
		if (visit->tty) return 1;
		visit->reading = 0;
		visit->closing = 1;
		send_input(client);
		return 0;
	}
	visit->end = 1;
	for (word i = 0; i < n; i++) if (press(client, bytes[i])) return 1;
	send_input(client);
	return 0;
}

/* A signal of the caller's. Returns the number of one that this client ends of, or 0. */
static int take_signal(struct plan_client *client, word signals)
{
	struct signalfd_record s;
	if (CALL(__NR_read, signals, &s, sizeof s, 0, 0, 0) != sizeof s) return 0;
	int number = (int)s.signo;
	word self = CALL(__NR_getpid, 0, 0, 0, 0, 0, 0);
	if (number == SIGCHLD || s.pid == (uint32_t)self) return 0;
	if (number == SIGWINCH || number == SIGCONT) {
		if (number == SIGCONT) relay.raw = 0;
		send_window(client);
		return 0;
	}
	if (number == SIGTSTP || number == SIGTTIN || number == SIGTTOU) {
		raw_mode(&client->watch, 0);
		CALL(__NR_kill, self, SIGSTOP, 0, 0, 0, 0);
		return 0;
	}
	if (client->pidfd >= 0) {
		CALL(__NR_pidfd_send_signal, client->pidfd, number, 0, 0, 0, 0);
		return 0;
	}
	return number == SIGHUP || number == SIGINT || number == SIGQUIT || number == SIGTERM ? number : 0;
}

/* How long poll may wait: for the next key of a sequence, and a second while the terminal is another job's. */
static int64_t *visit_time(int64_t time[2])
{
	time[0] = 1;
	time[1] = 0;
	if (visit->keys) {
		uint64_t moment = now(CLOCK_MONOTONIC), left = moment < visit->until ? visit->until - moment : 0;
		time[0] = 0;
		time[1] = (int64_t)left;
		return time;
	}
	return visit->reading && visit->tty && !relay.raw ? time : 0;
}

/* Returns the container's exit code, DETACHED, LEFT, or 128 and a signal. */
static int run_visit(struct plan_client *client, word signals)
{
	struct pollfd set[4];
	int64_t time[2];
	for (;;) {
		if (client->tty && visit->reading) raw_mode(&client->watch, 1);
		int listening = visit->reading && !waits() && (relay.raw || !visit->tty || !client->tty);
		set[0] = (struct pollfd){ (int)signals, POLLIN, 0 };
		set[1] = (struct pollfd){ listening ? client->watch.terminal : -1, POLLIN, 0 };
		int room = !visit->ended && used() + 3 + CHUNK <= BACKLOG;
		set[2] = (struct pollfd){ visit->ended ? -1 : client->socket, (short)((room ? POLLIN : 0) | (waits() ? POLLOUT : 0)), 0 };
		set[3] = (struct pollfd){ output_of(client), POLLOUT, 0 };
		if (CALL(__NR_ppoll, set, 4, visit_time(time), 0, 0, 0) < 0) continue;
		if (visit->keys && now(CLOCK_MONOTONIC) >= visit->until) {
			visit->end = 1;
			release_keys(client);
			send_input(client);
		}
		if (set[0].revents) {
			int signal = take_signal(client, signals);
			if (signal) return 128 + signal;
		}
		if (set[1].revents && read_input(client)) return DETACHED;
		if (set[2].revents & POLLOUT) send_input(client);
		if (set[2].revents & (POLLIN | POLLHUP | POLLERR)) take_packets(client);
		if (set[3].revents && !give_output(client)) return 128 + SIGPIPE;
		if (visit->ended && !used()) return visit->code;
	}
}

static int be_client(struct plan_client *client, word signals)
{
	struct termios t;
	word got = CALL(__NR_mmap, 0, sizeof *visit, 3 /* PROT_READ | PROT_WRITE */, 0x22 /* MAP_PRIVATE | MAP_ANONYMOUS */, -1, 0);
	if (got < 0 && got > -4096) return -ENOMEM;
	visit = (struct visit *)got;
	visit->end = 1;
	visit->reading = client->watch.terminal >= 0;
	visit->tty = visit->reading && CALL(__NR_ioctl, client->watch.terminal, TCGETS, &t, 0, 0, 0) >= 0;
	send_window(client);
	/* There will be input: whatever becomes of this client, it ends with it. */
	if (visit->reading) CALL(__NR_sendto, client->socket, "", 1, MSG_DONTWAIT | MSG_NOSIGNAL, 0, 0);
	int result = run_visit(client, signals);
	if (relay.raw) raw_mode(&client->watch, 0);
	if (client->watch.guard >= 0) CALL(__NR_write, client->watch.guard, "", 1, 0, 0, 0);
	return result;
}
