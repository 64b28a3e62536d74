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

#include "decode.c"

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
	/* What the container has reported comes first: it is why the supervisor's own op failed. What anybody says of its being killed does not count. */
	struct plan_report theirs;
	if (report_fd >= 0 && CALL(__NR_read, report_fd, &theirs, sizeof theirs, 0, 0, 0) == sizeof theirs) mine = theirs;
	kill_child();
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

#include "relay.c"
#include "event.c"
#include "supervise.c"
#include "log.c"
#include "attach.c"
#include "keep.c"
#include "client.c"
#include "forward.c"

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
	case OP_TELL:
		events[op->args[3]] = (struct event_line){ (const char *)argument(op, 0), { { (uint8_t *)argument(op, 1), op->args[2] }, { (uint8_t *)argument(op, 4), op->args[5] } } };
		if (op->args[3] == TELL_NOW) tell(TELL_NOW, now(CLOCK_REALTIME), 0, 0);
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
	case OP_FORWARD: forward_ports((const uint32_t *)argument(op, 0), (uint32_t)op->args[1], argument(op, 2), argument(op, 3)); break;
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
