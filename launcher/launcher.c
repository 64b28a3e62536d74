/*
 * Runs a plan: the only native code that pidbox starts.
 *
 * Trusts: the plan, which pidbox compiled and sealed together with this program in one memfd. An attacker controls: what
 * the container's processes do, the signals that reach PID 1, and the bytes of a terminal. It has no policy, no allocator
 * and no parser; every offset of the plan is checked before the first op runs, and jumps go forward only, so it ends.
 */
#include <linux/sched.h>
#include <linux/wait.h>
#include <asm/unistd.h>
#include <asm/errno.h>
#include <asm/poll.h>
#include <asm/signal.h>
#include <asm/termbits.h>
#include <asm/ioctls.h>
#include <asm/fcntl.h>
#include <asm/socket.h>
#include <stddef.h>
#include <stdint.h>
#include "plan.h"
#ifndef FUZZ
#include "syscall.h"
#define CALL(nr, a, b, c, d, e, f) system_call((nr), (word)(a), (word)(b), (word)(c), (word)(d), (word)(e), (word)(f))
#endif
#include "copy.h"

enum role { SUPERVISOR, CONTAINED, HELPER, CLEANUP };

#define EXPECTATION 4096 /* the "errno" of a failed EXPECT: the kernel has none so large */
#define FAULT 4097       /* and of an op that was told to fail */
#define EXIT_LAUNCH 125

static struct plan_header *header;
static struct plan_op *ops;
static uint8_t *data;
static word registers[256];
static enum role role;
static word child, report_fd;
static struct plan_report report;
static word each_index;
static word shared; /* the page that the plan's last mmap gave */

/* struct siginfo's members that are used, at the offsets of the 64-bit ABI. */
struct signal_information { int32_t signo, error, code, pad, pid, uid, status, pad2[25]; };
struct signalfd_record { uint32_t signo; int32_t error, code; uint32_t pid; uint8_t rest[112]; };
struct usage { int64_t user_seconds, user_micro, system_seconds, system_micro, peak, rest[13]; };
struct window { uint16_t rows, columns, x, y; };

static _Noreturn void leave(int code)
{
	for (;;) CALL(__NR_exit_group, code, 0, 0, 0, 0, 0);
}

/* Whether [offset, offset + length) lies in [0, size). */
static int inside(uint64_t offset, uint64_t length, uint64_t size)
{
	return offset <= size && length <= size - offset;
}

static int valid_op(const struct plan_op *op, uint32_t index)
{
	if (op->code >= OP_COUNT || !inside(op->from, 1, header->data_size)) return 0;
	for (int i = 0; i < 6; i++) {
		int kind = op->kinds >> (2 * i) & 3;
		if (kind == KIND_REGISTER && op->args[i] > 255) return 0;
		if (kind == KIND_DATA && !inside(op->args[i], 1, header->data_size)) return 0;
		if (kind > KIND_DATA) return 0;
	}
	switch (op->code) {
	case OP_CLONE:
		return (op->kinds >> 4 & 3) == KIND_IMMEDIATE && op->args[2] > index && op->args[2] < header->op_count;
	case OP_JUMP: case OP_JUMP_ERROR: case OP_JUMP_SET:
		return (op->kinds & 3) == KIND_IMMEDIATE && op->args[0] > index && op->args[0] < header->op_count;
	case OP_LOAD: case OP_STORE: {
		int size = op->code == OP_LOAD ? 1 : 2;
		uint64_t bytes = op->args[size];
		return (op->kinds & 3) == KIND_DATA && !(op->kinds >> (2 * size) & 3)
			&& (bytes == 1 || bytes == 2 || bytes == 4 || bytes == 8) && inside(op->args[0], bytes, header->data_size - 8);
	}
	case OP_EACH:
		return (op->kinds & 63) == KIND_DATA && !(op->args[0] & 7) && op->args[1] <= PLAN_MAX_OPS && inside(op->args[0], op->args[1] * 8, header->data_size)
			&& op->args[2] > index && op->args[2] < header->op_count;
	case OP_SAME:
		return (op->kinds & 63) == (KIND_DATA | KIND_DATA << 2) && inside(op->args[0], op->args[2], header->data_size) && inside(op->args[1], op->args[2], header->data_size);
	case OP_DECIMAL:
		return (op->kinds & 3) == KIND_DATA && inside(op->args[0], 24, header->data_size - 8);
	case OP_EXECUTE: /* the pointer arrays end with the data at the latest: the last eight bytes are zero, checked below, and no op writes there */
		return (op->kinds & 63) == (KIND_DATA | KIND_DATA << 2 | KIND_DATA << 4) && !((op->args[0] | op->args[1] | op->args[2]) & 7);
	case OP_SUPERVISE:
		return (op->kinds >> 10 & 3) == KIND_DATA && !(op->args[5] & 7) && inside(op->args[5], sizeof(struct plan_watch), header->data_size - 8);
	case OP_KEEP:
		return (op->kinds >> 10 & 3) == KIND_DATA && !(op->args[5] & 7) && inside(op->args[5], sizeof(struct plan_keep), header->data_size - 8)
			&& (op->kinds & 51) == KIND_DATA && !(op->args[0] & 7) && op->args[2] > 0 && op->args[2] <= 128 && inside(op->args[0], op->args[2] * 8, header->data_size);
	case OP_CLIENT:
		return (op->kinds >> 10 & 3) == KIND_DATA && !(op->args[5] & 7) && inside(op->args[5], sizeof(struct plan_client), header->data_size - 8);
	default:
		return 1;
	}
}

/* Checks every offset of the plan at `base` of which `available` bytes are mapped, then turns data offsets into addresses. */
static int decode(uint8_t *base, uint64_t available)
{
	header = (struct plan_header *)base;
	if (available < sizeof *header || header->magic != PLAN_MAGIC || header->version != PLAN_VERSION) return 0;
	if (header->size > available || header->size > PLAN_MAX_SIZE || header->op_count == 0 || header->op_count > PLAN_MAX_OPS) return 0;
	if ((header->op_offset | header->data_offset | header->data_size) & 7 || header->relocation_offset & 3 || header->data_size < 8) return 0;
	/* In this order and apart, so that nothing that is written to the data changes an op that was checked. */
	uint64_t ops_end = header->op_offset + (uint64_t)header->op_count * sizeof(struct plan_op);
	uint64_t relocations_end = header->relocation_offset + (uint64_t)header->relocation_count * 4;
	if (header->op_offset < sizeof *header || header->relocation_offset < ops_end || header->data_offset < relocations_end) return 0;
	if (!inside(header->data_offset, header->data_size, header->size)) return 0;
	ops = (struct plan_op *)(base + header->op_offset);
	data = base + header->data_offset;
	if (*(uint64_t *)(data + header->data_size - 8)) return 0;
	if (header->on_failure >= header->op_count || ops[header->op_count - 1].code != OP_EXIT) return 0;
	uint32_t loop_end = 0;
	for (uint32_t i = 0; i < header->op_count; i++) {
		if (!valid_op(&ops[i], i)) return 0;
		/* Loops do not nest, so that a plan takes at most op_count * PLAN_MAX_OPS steps. */
		if (ops[i].code == OP_EACH && i < loop_end) return 0;
		if (ops[i].code == OP_EACH) loop_end = (uint32_t)ops[i].args[2];
	}
	uint32_t *relocations = (uint32_t *)(base + header->relocation_offset);
	for (uint32_t i = 0; i < header->relocation_count; i++) {
		if (relocations[i] & 7 || !inside(relocations[i], 8, header->data_size - 8)) return 0;
		uint64_t *cell = (uint64_t *)(data + relocations[i]);
		if (!inside(*cell, 1, header->data_size)) return 0;
		*cell += (uint64_t)(uintptr_t)data;
	}
	return 1;
}

static word argument(const struct plan_op *op, int i)
{
	switch (op->kinds >> (2 * i) & 3) {
	case KIND_REGISTER: return registers[op->args[i]];
	case KIND_DATA: return (word)(data + op->args[i]);
	default: return (word)op->args[i];
	}
}

static void copy(void *to, const void *from, size_t length)
{
	for (size_t i = 0; i < length; i++) ((volatile uint8_t *)to)[i] = ((const uint8_t *)from)[i];
}

/* Returns the number of digits. They end with a NUL, or for documents that know no NUL with spaces up to 20 in all. */
static word decimal(uint8_t *out, uint64_t value, int padded)
{
	uint8_t digits[20];
	int n = 0;
	do digits[n++] = (uint8_t)('0' + value % 10);
	while (value /= 10);
	for (int i = 0; i < n; i++) out[i] = digits[n - 1 - i];
	for (int i = n; padded && i < 20; i++) out[i] = ' ';
	if (!padded) out[n] = 0;
	return n;
}

static uint64_t now(int clock)
{
	int64_t t[2] = { 0, 0 };
	CALL(__NR_clock_gettime, clock, t, 0, 0, 0, 0);
	return (uint64_t)t[0] * 1000000000u + (uint64_t)t[1];
}

/* Reaps the container's first process if it was started and is still there. */
static void kill_child(void)
{
	if (child <= 0) return;
	CALL(__NR_kill, child, SIGKILL, 0, 0, 0, 0);
	CALL(__NR_wait4, child, 0, __WALL, 0, 0, 0);
	child = 0;
}

/* An op failed. A contained process says so and is gone, a helper is just gone; the supervisor stops the container and goes on with the clean-up. */
static uint32_t fail(uint32_t op, word error, word value)
{
#ifdef FRONT
	return header->op_count; /* Bun does what this plan could not */
#endif
	if (role == CLEANUP) return op + 1;
	if (role == HELPER) leave(EXIT_LAUNCH);
	struct plan_report mine = { op, (int32_t)error, value ? value : each_index };
	if (role == CONTAINED) {
		CALL(__NR_write, report_fd, &mine, sizeof mine, 0, 0, 0);
		leave(EXIT_LAUNCH);
	}
	kill_child();
	/* What the container reported comes first: it is why the supervisor's own op failed. */
	struct plan_report theirs;
	if (report_fd >= 0 && CALL(__NR_read, report_fd, &theirs, sizeof theirs, 0, 0, 0) == sizeof theirs) mine = theirs;
	report = mine;
	/* Registers 1 to 3 hand the report to the clean-up ops. */
	registers[1] = mine.op;
	registers[2] = mine.error;
	registers[3] = mine.value;
	role = CLEANUP;
	return header->on_failure;
}

/* ---- PID 1 of the container ---- */

/* The page at `address` if it is the one that the plan mapped, else none. */
static struct plan_end *shared_page(word address)
{
	return address > 0 && address == shared ? (struct plan_end *)address : 0;
}

static _Noreturn void init(word main_child, struct plan_end *end)
{
	uint64_t all = ~0ul;
	/* From here on nothing can fail: the last one but the main child that could report is silent. */
	if (report_fd >= 0) CALL(__NR_close, report_fd, 0, 0, 0, 0, 0);
	for (;;) {
		struct signal_information signal;
		word got = CALL(__NR_rt_sigtimedwait, &all, &signal, 0, 8, 0, 0);
		if (got < 0) continue;
		/* SIGCHLD is about this process's own children, whoever sent it; all else is for the main child. */
		if (got != SIGCHLD) {
			CALL(__NR_kill, main_child, got, 0, 0, 0, 0);
			continue;
		}
		for (;;) {
			struct usage usage;
			signal.pid = 0;
			if (CALL(__NR_waitid, P_ALL, 0, &signal, WEXITED | WNOHANG | __WALL, &usage, 0) < 0 || signal.pid == 0) break;
			if (signal.pid != main_child) continue;
			int exited = signal.code == 1 /* CLD_EXITED */;
			int code = exited ? signal.status : 128 + signal.status;
			if (!end) leave(code);
			end->code = code;
			end->signal = exited ? 0 : signal.status;
			end->core = signal.code == 3 /* CLD_DUMPED */;
			end->user = (uint64_t)(usage.user_seconds * 1000000 + usage.user_micro);
			end->system = (uint64_t)(usage.system_seconds * 1000000 + usage.system_micro);
			end->peak = (uint64_t)usage.peak;
			end->set = 1;
			leave(code);
		}
	}
}

/* ---- the supervisor: the caller's terminal ---- */

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

/* ---- the supervisor: signals and the end ---- */

static int interrupts;
static uint64_t deadline; /* for the answer to the stop signal; 0 is none */

/* Returns the signal that came, or 0 if it is dealt with. */
static int pass_signal(struct plan_watch *watch, word signals, word pidfd)
{
	struct signalfd_record s;
	if (CALL(__NR_read, signals, &s, sizeof s, 0, 0, 0) != sizeof s) return 0;
	int number = (int)s.signo;
	word self = CALL(__NR_getpid, 0, 0, 0, 0, 0, 0);
	/* SIGPIPE comes from this process's own writes. */
	if (number == SIGCHLD || s.pid == (uint32_t)self) return 0;
	if (number == SIGWINCH && watch->master >= 0) {
		resize(watch);
		return 0;
	}
	/* A stop from the keyboard stops this job as the shell expects; the container runs on, as under docker. */
	if (number == SIGTSTP || number == SIGTTIN || number == SIGTTOU) {
		raw_mode(watch, 0);
		CALL(__NR_kill, self, SIGSTOP, 0, 0, 0, 0);
		return 0;
	}
	/* The shell has set the terminal for itself meanwhile. */
	if (number == SIGCONT) relay.raw = 0;
	if (number == SIGTERM && watch->stop_signal) number = watch->stop_signal;
	watch->record.forwarded = number;
	watch->record.sender = s.code <= 0 ? (int32_t)s.pid : 0;
	if (s.signo == SIGTERM && watch->stop_timeout >= 0 && !deadline) deadline = now(CLOCK_MONOTONIC) + (uint64_t)watch->stop_timeout * 1000000000u;
	if (number == SIGINT && ++interrupts >= 2 && watch->stop_at_second) number = SIGKILL;
	CALL(__NR_pidfd_send_signal, pidfd, number, 0, 0, 0, 0);
	return (int)s.signo;
}

static void write_record(struct plan_watch *watch)
{
	if (watch->status >= 0) CALL(__NR_pwrite64, watch->status, &watch->record, sizeof watch->record, 0, 0, 0);
}

/* Takes the exit status of the container's first process, or of its main child if PID 1 was the built-in init. */
static void collect(struct plan_watch *watch, const struct plan_end *end)
{
	struct plan_record *record = &watch->record;
	struct signal_information info = { 0 };
	struct usage usage = { 0 };
	CALL(__NR_waitid, P_PID, child, &info, WEXITED | __WALL, &usage, 0);
	child = 0;
	record->state = 2;
	record->ended = now(CLOCK_REALTIME);
	if (end && end->set) {
		record->code = end->code & 255;
		record->signal = end->signal & 127;
		record->core = end->core & 1;
		record->user = end->user;
		record->system = end->system;
		record->peak = end->peak;
	} else {
		int exited = info.code == 1;
		record->code = exited ? info.status : 128 + info.status;
		record->signal = exited ? 0 : info.status;
		record->core = info.code == 3;
		record->user = (uint64_t)(usage.user_seconds * 1000000 + usage.user_micro);
		record->system = (uint64_t)(usage.system_seconds * 1000000 + usage.system_micro);
		record->peak = (uint64_t)usage.peak;
	}
	write_record(watch);
}

/* How long poll may wait: `ended` is a last look at what is left, a terminal in the background is looked at again, a stop has its time. */
static int64_t *patience(word pidfd, int ended, int64_t time[2])
{
	time[0] = time[1] = 0;
	if (ended && !pending(&relay.out)) return time;
	if (deadline) {
		uint64_t at = now(CLOCK_MONOTONIC);
		if (at < deadline) {
			time[0] = (int64_t)((deadline - at) / 1000000000u);
			time[1] = (int64_t)((deadline - at) % 1000000000u);
			return time;
		}
		CALL(__NR_pidfd_send_signal, pidfd, SIGKILL, 0, 0, 0, 0);
		deadline = 0;
	}
	time[0] = 1;
	return relay.reading && relay.tty && !relay.raw ? time : 0;
}

/* Returns 0 when the container ran and ended, else -1: a report came instead of a start. */
static int supervise(word pidfd, word signals, const struct plan_end *end, struct plan_watch *watch)
{
	struct pollfd set[5] = { { (int)pidfd, POLLIN, 0 }, { (int)signals, POLLIN, 0 }, { (int)report_fd, POLLIN, 0 } };
	int64_t time[2];
	int ended = 0;
	watch->record.pid = (int32_t)child;
	watch->record.supervisor = (int32_t)CALL(__NR_getpid, 0, 0, 0, 0, 0, 0);
	open_relay(watch);
	for (;;) {
		watch_relay(watch, set + 3);
		if (CALL(__NR_ppoll, set, 5, patience(pidfd, ended, time), 0, 0, 0) < 0) continue;
		if (set[1].revents) {
			int signal = pass_signal(watch, signals, pidfd);
			/* The program is gone; whoever cannot wait for the rest of its output need not. */
			if (ended && (signal == SIGHUP || signal == SIGINT || signal == SIGQUIT || signal == SIGTERM)) break;
		}
		if (set[2].revents) {
			word n = CALL(__NR_read, report_fd, &report, sizeof report, 0, 0, 0);
			if (n == sizeof report) break;
			if (n < 0) continue;
			set[2].fd = -1; /* end of file: exec has closed it */
			watch->record.state = 1;
			watch->record.started = now(CLOCK_REALTIME);
			write_record(watch);
		}
		move_relay(watch, set + 3);
		/* Output that is left in the terminal is taken before the end is told. */
		if (ended && (!relay.writing || (!set[4].revents && !pending(&relay.out)))) break;
		if (set[0].revents) {
			ended = 1;
			set[0].fd = -1;
			if (!relay.writing) break;
		}
	}
	if (relay.raw) raw_mode(watch, 0);
	if (watch->guard >= 0) CALL(__NR_write, watch->guard, "", 1, 0, 0, 0);
	if (set[2].fd >= 0) {
		/* Ended before exec, without a report if it was killed: the read below finds which. */
		if (set[2].revents == 0 && CALL(__NR_read, report_fd, &report, sizeof report, 0, 0, 0) != sizeof report)
			report = (struct plan_report){ NO_OP, EXPECTATION, 0 };
		report_fd = -1;
		return -1;
	}
	report_fd = -1;
	collect(watch, end);
	return 0;
}

#include "log.c"
#include "attach.c"
#include "keep.c"
#include "client.c"

static word execute(char *const *paths, char *const *argv, char *const *envp)
{
	word answer = -ENOENT;
	for (; *paths; paths++) {
		word error = CALL(__NR_execve, *paths, argv, envp, 0, 0, 0);
		if (error == -EACCES) answer = error;
		else if (error != -ENOENT && error != -ENOTDIR) return error;
	}
	return answer;
}

static word plain_call(const struct plan_op *op)
{
	for (int tries = 0;; tries++) {
		word result = CALL(op->nr, argument(op, 0), argument(op, 1), argument(op, 2), argument(op, 3), argument(op, 4), argument(op, 5));
		if (result == -EINTR && tries < 100) continue;
		/* "..", and a mount or rename happened somewhere meanwhile: try again (openat2(2)). An attacker who keeps that up gets the error. */
		if (result == -EAGAIN && op->nr == __NR_openat2 && tries < 1000) continue;
		/* A helper that a plan forks shares the rest of it, but not the supervisor's duties. */
		if (op->nr == __NR_clone3 && result == 0) role = HELPER;
		if (op->nr == __NR_mmap && result > 0) shared = result;
		if (result != -EBUSY || !(op->flags & FLAG_BUSY) || tries >= 1000) return result;
		int64_t millisecond[2] = { 0, 1000000 };
		CALL(__NR_nanosleep, millisecond, 0, 0, 0, 0, 0);
	}
}

static word each_bit(const struct plan_op *op)
{
	uint64_t mask = (uint64_t)argument(op, 0);
	for (word n = 0; n < 64; n++) {
		if (!(mask >> n & 1)) continue;
		word r = op->flags & FLAG_FIRST ? CALL(op->nr, n, argument(op, 1), argument(op, 2), argument(op, 3), argument(op, 4), 0)
						: CALL(op->nr, argument(op, 1), n, argument(op, 2), argument(op, 3), argument(op, 4), 0);
		if (r < 0) return r;
		if (r > 0 && op->flags & FLAG_NOT) return -EXPECTATION;
	}
	return 0;
}

static word load(const struct plan_op *op)
{
	uint64_t value = 0;
	copy(&value, data + op->args[0], op->args[1]);
	return (word)value;
}

/* One op at `pc`; returns the next. `result` starts as 0. */
static uint32_t step(const struct plan_op *op, uint32_t pc, word *result)
{
	switch (op->code) {
	case OP_SYSCALL:
		*result = plain_call(op);
		if (op->flags & FLAG_FULL && *result >= 0 && *result != argument(op, 2)) *result = -EIO;
		break;
	case OP_CLONE:
		*result = CALL(__NR_clone3, argument(op, 0), argument(op, 1), 0, 0, 0, 0);
		if (*result == 0) {
			role = CONTAINED;
			report_fd = argument(op, 3);
			return (uint32_t)op->args[2];
		}
		if (*result > 0 && role == SUPERVISOR) {
			child = *result;
			report_fd = argument(op, 4);
		}
		break;
	case OP_JUMP: return (uint32_t)op->args[0];
	case OP_JUMP_ERROR: return argument(op, 1) < 0 ? (uint32_t)op->args[0] : pc + 1;
	case OP_JUMP_SET: return argument(op, 1) ? (uint32_t)op->args[0] : pc + 1;
	case OP_EXPECT: {
		word found = argument(op, 0) & argument(op, 1);
		if ((found == argument(op, 2)) == !!(op->flags & FLAG_NOT)) return fail(pc, EXPECTATION, found);
		break;
	}
	case OP_LOAD: *result = load(op); break;
	case OP_STORE: {
		word value = argument(op, 1);
		copy(data + op->args[0], &value, op->args[2]);
		break;
	}
	case OP_DECIMAL: *result = decimal(data + op->args[0], (uint64_t)argument(op, 1), op->flags & FLAG_FULL); break;
	case OP_BITS: *result = each_bit(op); break;
	case OP_EXECUTE: *result = execute((char *const *)argument(op, 0), (char *const *)argument(op, 1), (char *const *)argument(op, 2)); break;
	case OP_SUPERVISE: {
		struct plan_watch *watch = (struct plan_watch *)argument(op, 5);
		if (supervise(argument(op, 1), argument(op, 3), shared_page(argument(op, 4)), watch) < 0)
			return fail(report.op == NO_OP ? pc : report.op, report.error, report.value);
		*result = watch->record.code;
		break;
	}
	case OP_KEEP: {
		struct plan_keep *keep = (struct plan_keep *)argument(op, 5);
		keep->log_files = (uint32_t)op->args[2];
		if (keep_container(argument(op, 1), argument(op, 3), shared_page(argument(op, 4)), keep, (char *const *)argument(op, 0)) < 0)
			return fail(report.op == NO_OP ? pc : report.op, report.error, report.value);
		*result = keep->watch.record.code;
		break;
	}
	case OP_CLIENT: {
		struct plan_client *client = (struct plan_client *)argument(op, 5);
		/* Within the struct, whatever was stored there after the plan was checked. */
		if (client->key_count > sizeof client->keys) client->key_count = 0;
		*result = be_client(client, argument(op, 3));
		break;
	}
	case OP_ADOPT:
		if (role == SUPERVISOR) child = argument(op, 0);
		break;
	case OP_INIT: init(argument(op, 0), shared_page(argument(op, 1)));
	case OP_EXIT: leave((int)argument(op, 0));
	case OP_EACH: break; /* run() has it */
	case OP_SAME: {
		const uint8_t *a = data + op->args[0], *b = data + op->args[1];
		for (uint64_t i = 0; i < op->args[2]; i++) if (a[i] != b[i]) return fail(pc, EXPECTATION, (word)i);
		break;
	}
	case OP_COPY: *result = copy_directory(argument(op, 0), argument(op, 1), 0); break;
	}
	return pc + 1;
}

static int tolerated(const struct plan_op *op, word result)
{
	if (result >= 0 || op->code == OP_LOAD || op->flags & FLAG_IGNORE) return 1;
	return -result == op->tolerated[0] || -result == op->tolerated[1];
}

/* Runs ops from `pc` until one that is not in [pc, end) is next, and returns that. */
static uint32_t run(uint32_t pc, uint32_t end)
{
	uint32_t begin = pc;
	while (pc >= begin && pc < end) {
		const struct plan_op *op = &ops[pc];
		word result = 0;
		if (pc == header->fault && role != CLEANUP) {
			pc = fail(pc, FAULT, 0);
			continue;
		}
		if (op->code == OP_EACH) {
			const uint64_t *table = (const uint64_t *)(data + op->args[0]);
			uint32_t next = (uint32_t)op->args[2];
			for (each_index = 0; each_index < (word)op->args[1] && next == op->args[2]; each_index++) {
				registers[op->result] = (word)table[each_index];
				next = run(pc + 1, (uint32_t)op->args[2]);
			}
			each_index = 0;
			pc = next;
			continue;
		}
		uint32_t next = step(op, pc, &result);
		if (next == pc + 1) {
			if (op->result) registers[op->result] = result;
			if (!tolerated(op, result)) next = fail(pc, -result, 0);
		}
		pc = next;
	}
	return pc;
}

#if !defined(FUZZ) && !defined(FRONT)
extern struct plan_header plan_segment;
__attribute__((used, section(".plan"), aligned(4096))) struct plan_header plan_segment = { 0 };

__attribute__((used)) static _Noreturn void start(void)
{
	report_fd = -1;
	/* SAFETY: the segment is larger than the header that is declared, which the compiler must not know; msync(2) finds it all mapped, or not. */
	uint8_t *base = (uint8_t *)&plan_segment;
	__asm__("" : "+r"(base));
	uint32_t size = ((struct plan_header *)base)->size;
	if (CALL(__NR_msync, base, size, 1 /* MS_ASYNC: changes nothing */, 0, 0, 0) < 0 || !decode(base, size)) leave(EXIT_LAUNCH);
	/* A failure can only lead forward within the plan, so a second pass is never needed; what is left of it is the clean-up. */
	for (uint32_t pc = 0; pc < header->op_count;) pc = run(pc, header->op_count);
	leave(EXIT_LAUNCH);
}

#if defined(__x86_64__)
__asm__(".globl _start\n_start:\n\txor %ebp, %ebp\n\tand $-16, %rsp\n\tcall start\n");
#else
__asm__(".globl _start\n_start:\n\tmov x29, #0\n\tbl start\n");
#endif
#endif
