/*
 * What becomes of the container, as lines of the journal of events (src/engine/journal.ts). The plan has prepared them; time, exit code and signal get their
 * places filled.
 *
 * Trusts: the plan, and that only its owner can write where the journal is. An attacker controls: nothing of a line but these three numbers. What cannot be
 * written is lost: no container waits for its journal, or ends with it.
 */
/* The last `n` decimal digits of `value`. */
static void fill_digits(uint8_t *to, int n, uint64_t value)
{
	while (n--) to[n] = (uint8_t)('0' + value % 10), value /= 10;
}

/* What differs between the events of a container, and what they have in common; as writev(2) takes them. */
static struct event_line { const char *path; struct { uint8_t *bytes; uint64_t size; } parts[2]; } events[TELL_COUNT];
static word events_fd; /* open since the end was told, for what else there is to tell; 0 is none */

/* One write for each line: those of several processes never mix (writev(2), O_APPEND). */
static void tell(int which, uint64_t time, int32_t code, int32_t signal)
{
	struct event_line *event = &events[which];
	if (!event->path) return;
	uint8_t *head = event->parts[0].bytes;
	fill_digits(head + EVENT_TIME, 19, time);
	fill_digits(head + EVENT_CODE, 3, (uint64_t)code);
	fill_digits(head + EVENT_SIGNAL, 3, (uint64_t)signal);
	word fd = events_fd ? events_fd : CALL(__NR_openat, -100, event->path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0600, 0, 0);
	if (fd < 0) return;
	CALL(__NR_writev, fd, event->parts, 2, 0, 0, 0);
	/* The journal may be another file by the time of the end. */
	if (which == TELL_START) CALL(__NR_close, fd, 0, 0, 0, 0, 0);
	else events_fd = fd;
}
