/*
 * libFuzzer over the launcher: the decoder, and then a run of what it accepted with the kernel played by the input.
 *
 * Input: 32-bit length, that many bytes of plan, and the answers of the kernel. The plan lies in a block of exactly its size, so that
 * AddressSanitizer sees each access beyond it. Calls that a plan asks for only answer; calls that the launcher makes for itself also
 * write where the kernel would. Every value is one that the kernel could give.
 */
#include <stddef.h>
#include <stdint.h>

/* Of the C library only what has no part in the kernel's headers, which the launcher includes. */
void *malloc(size_t), *memcpy(void *, const void *, size_t), *memset(void *, int, size_t);
void free(void *), __asan_handle_no_return(void);
int memcmp(const void *, const void *, size_t);

typedef long word;
static word plan_call(word nr);
static word own_call(word nr, word a, word b, word c, word d, word e);
/* The text of `nr` tells a plan's call from the launcher's own. */
#define CALL(nr, a, b, c, d, e, f) \
	(sizeof(#nr) == sizeof("op->nr") && !memcmp(#nr, "op->nr", 6) ? plan_call(nr) : own_call((nr), (word)(a), (word)(b), (word)(c), (word)(d), (word)(e)))
#include LAUNCHER

#define MAX_CALLS 20000

static void *over[5];
static const uint8_t *stream;
static size_t left;
static int calls;
static _Alignas(4096) uint8_t page[4096];
static struct memory kept;
static struct visit visited;
static volatile uint8_t sink;

static uint8_t byte(void)
{
	if (!left) return 0;
	left--;
	return *stream++;
}

static uint32_t number(void)
{
	uint32_t n = byte();
	if (n >= 128) n = n << 8 | byte();
	return n;
}

static void fill(void *to, size_t size)
{
	size_t n = size < left ? size : left;
	memset(to, 0, size);
	memcpy(to, stream, n);
	stream += n;
	left -= n;
}

static void look(const void *from, size_t size)
{
	for (size_t i = 0; i < size; i++) sink ^= ((const uint8_t *)from)[i];
}

/* 0 to `most`, or an error. */
static word count(word most)
{
	uint8_t kind = byte();
	if (kind >= 224) return -(word)(1 + byte() % 133);
	return kind >= 128 ? most : kind > most ? most : kind;
}

static _Noreturn void stop(void)
{
	__asan_handle_no_return();
	__builtin_longjmp(over, 1);
}

static void tick(void)
{
	if (++calls > MAX_CALLS) stop();
}

static word plan_call(word nr)
{
	tick();
	word n = count(1 << 20);
	if (nr == __NR_exit_group || nr == __NR_exit) stop();
	if (nr == __NR_mmap) return n < 0 ? n : (word)page;
	return n;
}

static word answer_ioctl(word request, void *to)
{
	word result = count(0);
	if (result < 0) return result;
	if (request == TCGETS) fill(to, sizeof(struct termios));
	if (request == TIOCGWINSZ) fill(to, 8);
	if (request == TIOCGPGRP) *(int32_t *)to = byte();
	if (request == TCSETS) look(to, sizeof(struct termios));
	return 0;
}

static word answer_waitid(struct signal_information *info, struct usage *usage)
{
	word result = count(0);
	if (result < 0) return result;
	memset(info, 0, sizeof *info);
	info->pid = (int32_t)number();
	info->code = byte() % 7;
	info->status = info->code == 1 ? byte() : 1 + byte() % 64;
	memset(usage, 0, sizeof *usage);
	usage->user_seconds = number();
	usage->system_micro = number();
	usage->peak = number();
	return 0;
}

static word own_call(word nr, word a, word b, word c, word d, word e)
{
	tick();
	switch (nr) {
	case __NR_exit_group: stop();
	case __NR_read: {
		word n = count(c);
		if (n > 0) fill((void *)b, (size_t)n);
		return n;
	}
	case __NR_write: case __NR_pwrite64:
		look((void *)b, (size_t)c);
		return count(c);
	case __NR_writev:
		for (word i = 0; i < c; i++) look(((void **)b)[2 * i], ((size_t *)b)[2 * i + 1]);
		return count(1 << 16);
	case __NR_ioctl: return answer_ioctl(b, (void *)c);
	case __NR_waitid: return answer_waitid((void *)c, (void *)e);
	case __NR_clock_gettime: {
		int64_t *time = (int64_t *)b;
		time[0] = number();
		time[1] = number() * 1000;
		return 0;
	}
	case __NR_ppoll: {
		struct pollfd *set = (struct pollfd *)a;
		if (c) look((void *)c, 16);
		/* Descriptors by the hundred take their time. */
		calls += (int)b / 8;
		word ready = count(b);
		for (word i = 0; i < b; i++) set[i].revents = ready > 0 && set[i].fd >= 0 ? (short)(byte() & (POLLIN | POLLOUT | POLLERR | POLLHUP)) : 0;
		return ready;
	}
	case __NR_rt_sigtimedwait: {
		word signal = 1 + byte() % 64;
		if (byte() >= 224) return -11;
		memset((void *)b, 0, sizeof(struct signal_information));
		return signal;
	}
	case __NR_statx:
		fill((void *)e, sizeof(struct statx));
		return count(0);
	case __NR_getdents64: {
		word n = count(c);
		if (n > 0) fill((void *)b, (size_t)n);
		return n;
	}
	case __NR_readlinkat: {
		word n = count(d);
		if (n > 0) fill((void *)c, (size_t)n);
		return n;
	}
	case __NR_symlinkat:
		look((void *)a, 1);
		return count(0);
	case __NR_utimensat:
		look((void *)c, 32);
		return count(0);
	case __NR_execve: return -(word)(1 + byte() % 133);
	case __NR_mmap: {
		if (byte() >= 224) return -12;
		if (b == sizeof visited) {
			/* Its ring is not read before it is written. */
			memset(&visited, 0, offsetof(struct visit, backlog));
			return (word)&visited;
		}
		if (b != sizeof kept) return -12;
		memset(&kept, 0, sizeof kept);
		return (word)&kept;
	}
	case __NR_recvfrom: {
		word n = count(c);
		if (n > 0) fill((void *)b, (size_t)n);
		/* Of the kinds of packets there are few. */
		if (n > 0) *(uint8_t *)b %= 4;
		return n;
	}
	case __NR_sendto:
		look((void *)b, (size_t)c);
		return count(c);
	case __NR_getsockopt:
		fill((void *)d, *(uint32_t *)e);
		/* struct ucred: mostly a uid that is let in. An error of a socket: mostly none. */
		if (byte() < 224) ((uint32_t *)d)[*(uint32_t *)e == 12] = 0;
		return count(0);
	default: return count(1 << 16);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t size)
{
	uint32_t length;
	if (size < 4) return 0;
	memcpy(&length, input, 4);
	if (length > size - 4) length = (uint32_t)(size - 4);
	uint8_t *plan = malloc(length ? length : 1);
	memcpy(plan, input + 4, length);
	stream = input + 4 + length;
	left = size - 4 - length;
	calls = 0;
	memset(page, 0, sizeof page);
	memset(registers, 0, sizeof registers);
	memset(&relay, 0, sizeof relay);
	memset(&report, 0, sizeof report);
	role = SUPERVISOR;
	child = each_index = shared = 0;
	report_fd = -1;
	memory = 0;
	visit = 0;
	memset(events, 0, sizeof events);
	events_fd = 0;
	interrupts = 0;
	deadline = 0;
	if (!__builtin_setjmp(over) && decode(plan, length))
		for (uint32_t pc = 0; pc < header->op_count;) pc = run(pc, header->op_count);
	free(plan);
	return 0;
}
