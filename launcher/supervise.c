/*
 * The supervisor of a container that its caller waits for: signals, the time to stop, and the end.
 *
 * Trusts: the plan. An attacker controls: when the container ends and how, and what PID 1 leaves in the shared page.
 */
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

/* The program runs. */
static void note_start(struct plan_watch *watch)
{
	watch->record.state = 1;
	watch->record.started = now(CLOCK_REALTIME);
	write_record(watch);
	tell(TELL_START, watch->record.started, 0, 0);
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
	/* In this order: whoever reads that it has ended finds the event, and one who ends a lost container asks whether it is there. */
	tell(TELL_END, record->ended, record->code, record->signal);
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

/*
 * Whether the container ended before exec, by the report's entry of the last poll; `report` says why then. There is none if it was killed, which only the
 * read here finds. The pipe is done with.
 */
static int never_ran(const struct pollfd *entry)
{
	int left = entry->fd >= 0;
	if (left && entry->revents == 0 && CALL(__NR_read, report_fd, &report, sizeof report, 0, 0, 0) != sizeof report)
		report = (struct plan_report){ NO_OP, EXPECTATION, 0 };
	report_fd = -1;
	return left;
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
			note_start(watch);
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
	if (never_ran(&set[2])) return -1;
	collect(watch, end);
	return 0;
}
