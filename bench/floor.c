/*
 * The floor: what the kernel alone takes for a plan. bench/floor.ts turns a plan into straight-line C (floor-ops.inc) and its data into
 * floor-data.bin, with every address already in place; this file adds what supervisor and PID 1 do, in the launcher's own system calls.
 * Trusts: the plan, which the benchmark took from pidbox. It checks results as the launcher does and nothing else.
 */
#include <asm/errno.h>
#include <asm/fcntl.h>
#include <asm/poll.h>
#include <asm/signal.h>
#include <asm/unistd.h>
#include <linux/wait.h>
#include <stdint.h>
#include "plan.h"
#include "syscall.h"
#define CALL(nr, a, b, c, d, e, f) system_call((nr), (word)(a), (word)(b), (word)(c), (word)(d), (word)(e), (word)(f))

/* Linked at the address that floor.ts put into the pointers. */
__asm__(".section .plandata,\"aw\",@progbits\n.incbin \"floor-data.bin\"\n.previous\n");

static word r[256], child, report_fd;

/* With TRACE each op notes when it begins, on a page that all processes of the plan share; the supervisor writes it all to stderr at the end. */
#ifdef TRACE
struct event { uint32_t op, process; uint64_t time; };
static struct { uint64_t count; struct event event[4095]; } *trace;
static uint32_t process;
static void note(uint32_t op)
{
#if defined(__x86_64__)
	uint64_t time = __builtin_ia32_rdtsc();
#else
	uint64_t time;
	__asm__ volatile("mrs %0, cntvct_el0" : "=r"(time));
#endif
	if (!trace) trace = (void *)CALL(__NR_mmap, 0, sizeof *trace, 3, 0x21 | 0x8000 /* MAP_POPULATE */, -1, 0);
	uint64_t at = __atomic_fetch_add(&trace->count, 1, __ATOMIC_RELAXED);
	if (at < 4095) trace->event[at] = (struct event){ op, process, time };
}
#define NOTE(op) note(op);
#define PROCESS(number) process = number;
#define WRITE_TRACE CALL(__NR_write, 2, trace, sizeof *trace, 0, 0, 0);
#else
#define NOTE(op)
#define PROCESS(number)
#define WRITE_TRACE
#endif
enum { STARTED = 10000, ENDED, REAPED };

struct information { int32_t signo, error, code, pad, pid, uid, status, rest[25]; };
struct usage { int64_t user_seconds, user_micro, system_seconds, system_micro, peak, rest[13]; };

static _Noreturn void leave(int code)
{
	for (;;) CALL(__NR_exit_group, code, 0, 0, 0, 0, 0);
}

static void decimal(uint8_t *out, uint64_t value)
{
	uint8_t digits[20];
	int n = 0;
	do digits[n++] = (uint8_t)('0' + value % 10);
	while (value /= 10);
	while (n) *out++ = digits[--n];
	*out = 0;
}

/* Says which op failed, for whoever repairs the generator. */
static _Noreturn void fail(int op)
{
	uint8_t text[24];
	int length = 0;
	decimal(text, (uint64_t)op);
	while (text[length]) length++;
	text[length++] = '\n';
	CALL(__NR_write, 2, "floor: failed at op ", 20, 0, 0, 0);
	CALL(__NR_write, 2, text, length, 0, 0, 0);
	leave(125);
}

static word busy(word nr, word a, word b, word c)
{
	for (int tries = 0;; tries++) {
		word result = CALL(nr, a, b, c, 0, 0, 0);
		if (result != -EBUSY || tries >= 1000) return result;
		int64_t millisecond[2] = { 0, 1000000 };
		CALL(__NR_nanosleep, millisecond, 0, 0, 0, 0, 0);
	}
}

static uint64_t now(void)
{
	int64_t t[2];
	CALL(__NR_clock_gettime, 0 /* CLOCK_REALTIME */, t, 0, 0, 0, 0);
	return (uint64_t)t[0] * 1000000000u + (uint64_t)t[1];
}

#include "event.c"

static void write_record(struct plan_watch *watch)
{
	if (watch->status >= 0) CALL(__NR_pwrite64, watch->status, &watch->record, sizeof watch->record, 0, 0, 0);
}

static word supervise(word pidfd, word signals, struct plan_end *end, struct plan_watch *watch)
{
	struct plan_record *record = &watch->record;
	struct pollfd set[5];
	struct information info;
	struct usage usage;
	word fds[5] = { pidfd, signals, report_fd, -1, -1 };
	for (int i = 0; i < 5; i++) set[i].fd = (int)fds[i], set[i].events = POLLIN, set[i].revents = 0;
	record->pid = (int32_t)child;
	for (;;) {
		CALL(__NR_ppoll, set, 5, 0, 0, 0, 0);
		if (set[2].revents) {
			struct plan_report report;
			if (CALL(__NR_read, report_fd, &report, sizeof report, 0, 0, 0) != 0) fail((int)report.op);
			NOTE(STARTED)
			set[2].fd = -1;
			record->state = 1;
			record->started = now();
			write_record(watch);
			tell(TELL_START, record->started, 0, 0);
		}
		if (set[0].revents) break;
	}
	NOTE(ENDED)
	CALL(__NR_waitid, P_PID, child, &info, WEXITED | __WALL, &usage, 0);
	record->state = 2;
	record->ended = now();
	record->code = end ? end->code : info.status;
	tell(TELL_END, record->ended, record->code, 0);
	write_record(watch);
	return record->code;
}

static _Noreturn void init(word main_child, struct plan_end *end)
{
	uint64_t all = ~0ul;
	struct information info;
	struct usage usage;
	CALL(__NR_close, report_fd, 0, 0, 0, 0, 0);
	for (;;) {
		CALL(__NR_rt_sigtimedwait, &all, &info, 0, 8, 0, 0);
		info.pid = 0;
		CALL(__NR_waitid, P_ALL, 0, &info, WEXITED | WNOHANG | __WALL, &usage, 0);
		if (info.pid != main_child) continue;
		NOTE(REAPED)
		if (end) end->code = info.status;
		leave(info.status);
	}
}

__attribute__((used)) static _Noreturn void start(void)
{
#include "floor-ops.inc"
	leave(125);
}

#if defined(__x86_64__)
__asm__(".globl _start\n_start:\n\txor %ebp, %ebp\n\tand $-16, %rsp\n\tcall start\n");
#else
__asm__(".globl _start\n_start:\n\tmov x29, #0\n\tbl start\n");
#endif
