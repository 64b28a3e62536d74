/*
 * The supervisor of a container that nobody waits for: its output goes to a log and to clients, its input comes from them.
 *
 * Trusts: the plan. An attacker controls: the output, and what attach.c says of clients.
 */

/* Reads after the end: more than a pipe can hold (1 MiB), so that whoever else writes to it, and is about to be killed, cannot hold up the end. */
#define LAST_READS 512

enum { AT_PIDFD, AT_SIGNALS, AT_REPORT, AT_OUT, AT_ERR, AT_IN, AT_LISTENER, AT_CLIENTS, SLOTS = AT_CLIENTS + CLIENTS };

/* Not in the launcher's own data, which every start copies. */
static struct memory { struct journal journal; struct stage stage; struct output outputs[2]; } *memory;

static int open_stage(struct plan_keep *keep, char *const *names)
{
	word got = CALL(__NR_mmap, 0, sizeof *memory, 3 /* PROT_READ | PROT_WRITE */, 0x22 /* MAP_PRIVATE | MAP_ANONYMOUS */, -1, 0);
	if (got < 0 && got > -4096) return 0;
	memory = (struct memory *)got;
	journal = &memory->journal;
	stage = &memory->stage;
	journal->keep = keep;
	journal->names = names;
	for (int i = 0; i < CLIENTS; i++) stage->clients[i] = -1;
	stage->clients[0] = keep->client;
	stage->target = keep->input == INPUT_NONE ? -1 : keep->watch.master >= 0 ? keep->watch.master : keep->in;
	memory->outputs[0].fd = keep->watch.master >= 0 ? keep->watch.master : keep->out;
	memory->outputs[1].fd = keep->err;
	keep->watch.record.supervisor = (int32_t)CALL(__NR_getpid, 0, 0, 0, 0, 0, 0);
	return 1;
}

/* The program runs: the caller is told and goes; what this process had of it goes too. */
static void let_go(struct plan_keep *keep)
{
	note_start(&keep->watch);
	if (keep->nothing >= 0) for (int fd = 0; fd < 3; fd++) CALL(__NR_dup3, keep->nothing, fd, 0, 0, 0, 0);
	if (keep->ready >= 0) {
		CALL(__NR_write, keep->ready, "", 1, 0, 0, 0);
		CALL(__NR_close, keep->ready, 0, 0, 0, 0, 0);
	}
	keep->ready = -1;
}

/* Moves what an output has now: to the log first. */
static void take_output(struct plan_keep *keep, int index)
{
	struct output *output = &memory->outputs[index];
	word n = CALL(__NR_read, output->fd, stage->packet + 1, CHUNK, 0, 0, 0);
	if (n == -EAGAIN || n == -EINTR) return;
	if (n <= 0) {
		log_end(output, index + 1);
		output->fd = -1;
		return;
	}
	log_bytes(output, index + 1, stage->packet + 1, (uint32_t)n);
	show(keep, (uint8_t)(index + 1), (uint32_t)n);
}

/* What can move next. While a client has yet to take a packet there is no next one; while input waits no client is heard, nor its end. */
static void watch_stage(const struct plan_keep *keep, struct pollfd *set)
{
	for (int i = 0; i < 2; i++) set[AT_OUT + i] = (struct pollfd){ stage->owed ? -1 : memory->outputs[i].fd, POLLIN, 0 };
	int waits = stage->start < stage->end;
	set[AT_IN] = (struct pollfd){ waits ? stage->target : -1, POLLOUT, 0 };
	set[AT_LISTENER] = (struct pollfd){ keep->listener, POLLIN, 0 };
	for (int i = 0; i < CLIENTS; i++) {
		int owes = stage->owed >> i & 1;
		set[AT_CLIENTS + i] = (struct pollfd){ waits && !owes ? -1 : stage->clients[i], (short)((waits ? 0 : POLLIN) | (owes ? POLLOUT : 0)), 0 };
	}
}

static void move_stage(struct plan_keep *keep, const struct pollfd *set)
{
	for (int i = 0; i < CLIENTS; i++) {
		short events = set[AT_CLIENTS + i].revents;
		if (events & (POLLOUT | POLLHUP | POLLERR) && stage->clients[i] >= 0 && stage->owed >> i & 1) offer(keep, i);
		if (events & (POLLIN | POLLHUP | POLLERR) && stage->clients[i] >= 0 && stage->start >= stage->end) hear(keep, i);
	}
	if (set[AT_LISTENER].revents) admit(keep);
	if (set[AT_IN].revents) feed(keep);
	for (int i = 0; i < 2; i++) if (set[AT_OUT + i].revents && !stage->owed) take_output(keep, i);
}

/* How long poll may wait: no longer than those who owe may take. */
static int64_t *limit(struct plan_keep *keep, word pidfd, int ended, int64_t time[2])
{
	int64_t *most = patience(pidfd, ended && !stage->owed, time);
	if (!stage->owed) return most;
	uint64_t at = now(CLOCK_MONOTONIC), left = at < stage->until ? stage->until - at : 0;
	for (int i = 0; i < CLIENTS && !left; i++) if (stage->owed >> i & 1) drop_client(keep, i);
	if (most && (uint64_t)most[0] * 1000000000u + (uint64_t)most[1] < left) return most;
	time[0] = (int64_t)(left / 1000000000u);
	time[1] = (int64_t)(left % 1000000000u);
	return time;
}

/* Ended, and nothing is left to be read: says so in the log, the record and to the clients. */
static void close_stage(struct plan_keep *keep, const struct plan_end *end)
{
	for (int i = 0; i < 2; i++) log_end(&memory->outputs[i], i + 1);
	collect(&keep->watch, end);
	part(keep, keep->watch.record.code);
}

/* As supervise(): 0 when the container ran and ended, else -1. */
static int keep_container(word pidfd, word signals, const struct plan_end *end, struct plan_keep *keep, char *const *names)
{
	struct pollfd set[SLOTS] = { { (int)pidfd, POLLIN, 0 }, { (int)signals, POLLIN, 0 }, { (int)report_fd, POLLIN, 0 } };
	int64_t time[2];
	int ended = 0, last = 0;
	keep->watch.record.pid = (int32_t)child;
	if (!open_stage(keep, names)) {
		report = (struct plan_report){ NO_OP, ENOMEM, 0 };
		return -1;
	}
	for (;;) {
		watch_stage(keep, set);
		if (CALL(__NR_ppoll, set, SLOTS, limit(keep, pidfd, ended, time), 0, 0, 0) < 0) continue;
		if (set[AT_SIGNALS].revents) pass_signal(&keep->watch, signals, pidfd);
		if (set[AT_REPORT].revents) {
			word n = CALL(__NR_read, report_fd, &report, sizeof report, 0, 0, 0);
			if (n == sizeof report) break;
			if (n < 0) continue;
			set[AT_REPORT].fd = -1; /* end of file: exec has closed it */
			let_go(keep);
		}
		int readable = set[AT_OUT].revents || set[AT_ERR].revents;
		move_stage(keep, set);
		if (ended && !stage->owed && (!readable || ++last > LAST_READS)) break;
		if (set[AT_PIDFD].revents) {
			ended = 1;
			set[AT_PIDFD].fd = -1;
		}
	}
	if (never_ran(&set[AT_REPORT])) return -1;
	close_stage(keep, end);
	return 0;
}
