/*
 * The caller's terminal, and bytes between it and the container's.
 *
 * Trusts: the plan. An attacker controls: every byte of the output; none of them means anything here.
 */
struct flow { int from, to; uint32_t start, end; uint8_t bytes[4096]; };

static struct {
	struct flow in, out;
	int reading, writing; /* input, output of the container's terminal is still relayed */
	int tty, known, raw;  /* input is a terminal; `saved` is filled; the terminal is raw now */
	struct termios saved;
} relay;

/* Whether this process may read from and set the terminal. One that is not its controlling terminal knows no job control. */
static int in_foreground(int fd)
{
	int32_t group;
	return CALL(__NR_ioctl, fd, TIOCGPGRP, &group, 0, 0, 0) < 0 || group == CALL(__NR_getpgid, 0, 0, 0, 0, 0, 0);
}

/* Without input only the output is left as it comes, so that Ctrl-C is still a signal of the caller's terminal. */
static void raw_mode(const struct plan_watch *watch, int on)
{
	int fd = watch->terminal >= 0 ? watch->terminal : watch->output;
	struct termios t;
	if (on == relay.raw || !in_foreground(fd) || CALL(__NR_ioctl, fd, TCGETS, &t, 0, 0, 0) < 0) return;
	if (on) {
		if (!relay.known) relay.saved = t;
		relay.known = 1;
		t.c_oflag &= ~(unsigned)OPOST;
		if (watch->terminal >= 0) { /* cfmakeraw(3) */
			t.c_iflag &= ~(unsigned)(IGNBRK | BRKINT | PARMRK | ISTRIP | INLCR | IGNCR | ICRNL | IXON);
			t.c_lflag &= ~(unsigned)(ECHO | ECHONL | ICANON | ISIG | IEXTEN);
			t.c_cflag = (t.c_cflag & ~(unsigned)(CSIZE | PARENB)) | CS8;
			t.c_cc[VMIN] = 1;
			t.c_cc[VTIME] = 0;
		}
	} else {
		t = relay.saved;
	}
	CALL(__NR_ioctl, fd, TCSETS, &t, 0, 0, 0);
	relay.raw = on;
}

static void resize(const struct plan_watch *watch)
{
	struct window size;
	word found = CALL(__NR_ioctl, watch->output, TIOCGWINSZ, &size, 0, 0, 0);
	if (found < 0) found = CALL(__NR_ioctl, watch->terminal, TIOCGWINSZ, &size, 0, 0, 0);
	if (found == 0) CALL(__NR_ioctl, watch->master, TIOCSWINSZ, &size, 0, 0, 0);
}

enum { MOVED, SOURCE_ENDED, TARGET_FAILED };

/* Moves bytes one way as far as it goes without waiting. */
static int pump(struct flow *flow, int readable)
{
	if (readable && flow->start == flow->end) {
		word n = CALL(__NR_read, flow->from, flow->bytes, sizeof flow->bytes, 0, 0, 0);
		if (n == -EAGAIN || n == -EINTR) return MOVED;
		if (n <= 0) return SOURCE_ENDED;
		flow->start = 0;
		flow->end = (uint32_t)n;
	}
	while (flow->start < flow->end) {
		word n = CALL(__NR_write, flow->to, flow->bytes + flow->start, flow->end - flow->start, 0, 0, 0);
		if (n == -EAGAIN || n == -EINTR) return MOVED;
		if (n < 0) return TARGET_FAILED;
		flow->start += (uint32_t)n;
	}
	return MOVED;
}

/* The caller's terminal is gone: so is the container's, which is SIGHUP for its foreground processes. */
static void hang_up(struct plan_watch *watch)
{
	CALL(__NR_close, watch->master, 0, 0, 0, 0, 0);
	watch->master = -1;
	relay.reading = relay.writing = 0;
	relay.in.start = relay.in.end = relay.out.start = relay.out.end = 0;
}

/* Input ended. What was no terminal is at its end: so is the container's, by the character that says so; twice after an unfinished line. */
static void end_input(struct plan_watch *watch)
{
	struct termios t;
	if (relay.tty) {
		if (in_foreground(watch->terminal)) hang_up(watch);
		else relay.raw = 0;
		return;
	}
	relay.reading = 0;
	int unfinished = relay.in.end > 0 && relay.in.bytes[relay.in.end - 1] != '\n';
	if (CALL(__NR_ioctl, watch->master, TCGETS, &t, 0, 0, 0) < 0 || !(t.c_lflag & ICANON)) return;
	relay.in.start = 0;
	relay.in.end = unfinished ? 2 : 1;
	relay.in.bytes[0] = relay.in.bytes[1] = t.c_cc[VEOF];
}

static void open_relay(struct plan_watch *watch)
{
	struct termios t;
	relay.writing = watch->master >= 0;
	if (!relay.writing) return;
	relay.reading = watch->terminal >= 0;
	relay.tty = relay.reading && CALL(__NR_ioctl, watch->terminal, TCGETS, &t, 0, 0, 0) >= 0;
	relay.in.from = watch->terminal;
	relay.out.from = relay.in.to = watch->master;
	relay.out.to = watch->output;
	resize(watch);
}

static int pending(const struct flow *flow)
{
	return flow->start < flow->end;
}

/* Waits for what can move next: `set` has two entries. A terminal whose foreground is another job is left alone. */
static void watch_relay(const struct plan_watch *watch, struct pollfd *set)
{
	if (relay.writing) raw_mode(watch, 1);
	int listening = relay.reading && (relay.raw || !relay.tty);
	set[0] = (struct pollfd){ pending(&relay.in) ? relay.in.to : listening ? relay.in.from : -1, pending(&relay.in) ? POLLOUT : POLLIN, 0 };
	set[1] = (struct pollfd){ !relay.writing ? -1 : pending(&relay.out) ? relay.out.to : relay.out.from, pending(&relay.out) ? POLLOUT : POLLIN, 0 };
}

static void move_relay(struct plan_watch *watch, const struct pollfd *set)
{
	if (set[0].revents) {
		int moved = pump(&relay.in, set[0].revents & (POLLIN | POLLHUP));
		if (moved == SOURCE_ENDED) end_input(watch);
		if (moved == TARGET_FAILED) relay.reading = 0, relay.in.start = relay.in.end;
	}
	if (set[1].revents && relay.writing) {
		int moved = pump(&relay.out, set[1].revents & (POLLIN | POLLHUP));
		if (moved == SOURCE_ENDED) relay.writing = 0;
		if (moved == TARGET_FAILED) hang_up(watch);
	}
}
