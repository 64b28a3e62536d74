/*
 * The log of a container that nobody waits for: json-file as docker writes it, or k8s-file as CRI has it.
 *
 * Trusts: the plan. An attacker controls: every byte of the output and how it is cut into writes; of these bytes only line ends and UTF-8 sequences mean
 * anything here. Entries go to the file whole or are taken back: what cannot be written is counted, and the container never waits for a disk that is full.
 */
#define LINE 16384 /* docker's and CRI's: a longer line becomes several entries */
#define LOG_MODE 0640

/* One stream of the container, and its line so far. */
struct output { int32_t fd; uint32_t fill; uint8_t line[LINE]; };

static struct journal {
	struct plan_keep *keep;
	char *const *names; /* the file and what it becomes when it is full, then what that becomes: keep->log_files of them */
	uint64_t base;      /* size of the file before this batch of entries */
	uint64_t written;   /* since then */
	uint32_t entries, fill;
	int begun, failed;
	uint8_t bytes[4096];
} *journal;

static const char hex[16] = "0123456789abcdef";

static int open_log(void)
{
	struct plan_keep *keep = journal->keep;
	if (keep->log_file >= 0) return 1;
	keep->log_file = (int32_t)CALL(__NR_openat, keep->log_directory, journal->names[0], O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW, LOG_MODE, 0, 0);
	return keep->log_file >= 0;
}

/* The first entry of a batch: where the file ends now, for others may have cut it. */
static void begin_log(void)
{
	word end = open_log() ? CALL(__NR_lseek, journal->keep->log_file, 0, 2 /* SEEK_END */, 0, 0, 0) : -1;
	journal->base = end < 0 ? 0 : (uint64_t)end;
	journal->written = journal->fill = journal->entries = 0;
	journal->failed = end < 0;
	journal->begun = 1;
}

static void flush_log(void)
{
	for (uint32_t done = 0; done < journal->fill && !journal->failed;) {
		word n = CALL(__NR_write, journal->keep->log_file, journal->bytes + done, journal->fill - done, 0, 0, 0);
		if (n == -EINTR) continue;
		if (n <= 0) journal->failed = 1;
		else done += (uint32_t)n, journal->written += (uint64_t)n;
	}
	journal->fill = 0;
}

/* Ends a batch of entries: they are in the file now, or none of them is. */
static void commit_log(void)
{
	if (!journal->begun) return;
	flush_log();
	journal->begun = 0;
	if (!journal->failed) return;
	if (journal->written) CALL(__NR_ftruncate, journal->keep->log_file, journal->base, 0, 0, 0, 0);
	journal->keep->watch.record.lost += journal->entries;
	write_record(&journal->keep->watch);
}

/* The file is full: it becomes the second, the second the third; the last is overwritten. With one file only, it begins anew. */
static void rotate_log(void)
{
	struct plan_keep *keep = journal->keep;
	if (keep->log_files < 2) {
		CALL(__NR_ftruncate, keep->log_file, 0, 0, 0, 0, 0);
		return;
	}
	for (uint32_t i = keep->log_files - 1; i > 0; i--) CALL(__NR_renameat2, keep->log_directory, journal->names[i - 1], keep->log_directory, journal->names[i], 0, 0);
	CALL(__NR_close, keep->log_file, 0, 0, 0, 0, 0);
	keep->log_file = -1;
}

static void put(uint8_t byte)
{
	if (journal->fill == sizeof journal->bytes) flush_log();
	journal->bytes[journal->fill++] = byte;
}

static void put_text(const char *text)
{
	for (; *text; text++) put((uint8_t)*text);
}

static void put_number(uint64_t value, int n)
{
	uint8_t text[9];
	fill_digits(text, n, value);
	for (int i = 0; i < n; i++) put(text[i]);
}

/* RFC 3339 in UTC. `fixed`: nine digits of nanoseconds and "+00:00", as conmon writes; else Go's RFC3339Nano, without zeros at the end, as docker does. */
static void put_time(uint64_t nanoseconds, int fixed)
{
	uint64_t seconds = nanoseconds / 1000000000u, rest = nanoseconds % 1000000000u;
	/* Days since 0000-03-01, by eras of 400 years (chrono-Compatible Low-Level Date Algorithms, H. Hinnant). */
	uint64_t days = seconds / 86400 + 719468, era = days / 146097, of_era = days % 146097;
	uint64_t year = (of_era - of_era / 1460 + of_era / 36524 - of_era / 146096) / 365;
	uint64_t of_year = of_era - (365 * year + year / 4 - year / 100), month = (5 * of_year + 2) / 153;
	put_number(year + era * 400 + (month >= 10), 4);
	put('-');
	put_number(month < 10 ? month + 3 : month - 9, 2);
	put('-');
	put_number(of_year - (153 * month + 2) / 5 + 1, 2);
	put('T');
	put_number(seconds / 3600 % 24, 2);
	put(':');
	put_number(seconds / 60 % 60, 2);
	put(':');
	put_number(seconds % 60, 2);
	int digits = 9;
	if (!fixed) for (; digits && rest % 10 == 0; digits--) rest /= 10;
	if (digits) {
		put('.');
		put_number(rest, digits);
	}
	put_text(fixed ? "+00:00" : "Z");
}

/* Length of the UTF-8 sequence that begins with `first`, 0 if none does (Unicode 15, table 3-7). */
static uint32_t sequence(uint8_t first)
{
	return first < 0x80 ? 1 : first < 0xc2 ? 0 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : first < 0xf5 ? 4 : 0;
}

/* Length of the well-formed UTF-8 sequence at `p`, of which `n` bytes are there; 0 if there is none. */
static uint32_t character(const uint8_t *p, uint32_t n)
{
	uint32_t length = sequence(*p);
	if (length < 2 || length > n) return length < 2 ? length : 0;
	uint8_t low = *p == 0xe0 ? 0xa0 : *p == 0xf0 ? 0x90 : 0x80, high = *p == 0xed ? 0x9f : *p == 0xf4 ? 0x8f : 0xbf;
	if (p[1] < low || p[1] > high) return 0;
	for (uint32_t i = 2; i < length; i++) if ((p[i] & 0xc0) != 0x80) return 0;
	return length;
}

/* How many of `n` bytes to take so that no character is cut in two. */
static uint32_t whole_characters(const uint8_t *bytes, uint32_t n)
{
	for (uint32_t back = 1; back < 4 && back < n; back++) {
		uint8_t byte = bytes[n - back];
		if ((byte & 0xc0) == 0x80) continue;
		return sequence(byte) > back ? n - back : n;
	}
	return n;
}

/* Text of a JSON string as docker escapes it: also <, >, & and the line separators of JavaScript; each byte that is no UTF-8 is U+FFFD. */
static void put_json(const uint8_t *bytes, uint32_t n)
{
	for (uint32_t i = 0; i < n;) {
		uint8_t b = bytes[i];
		uint32_t length = character(bytes + i, n - i);
		int separator = length == 3 && b == 0xe2 && bytes[i + 1] == 0x80 && (bytes[i + 2] | 1) == 0xa9;
		if (length == 0) put_text("\\ufffd");
		else if (separator) put_text(bytes[i + 2] & 1 ? "\\u2029" : "\\u2028");
		else if (b == '"' || b == '\\') put('\\'), put(b);
		else if (b == '\n') put_text("\\n");
		else if (b == '\r') put_text("\\r");
		else if (b < 0x20 || b == '<' || b == '>' || b == '&') put_text("\\u00"), put((uint8_t)hex[b >> 4]), put((uint8_t)hex[b & 15]);
		else for (uint32_t j = 0; j < length; j++) put(bytes[i + j]);
		i += length ? length : 1;
	}
}

/* One entry: a line, or with `partial` a piece of one. */
static void log_entry(int stream, const uint8_t *bytes, uint32_t n, int partial)
{
	struct plan_keep *keep = journal->keep;
	if (keep->log_format == LOG_NONE) return;
	if (!journal->begun) begin_log();
	if (keep->log_size && journal->base + journal->written + journal->fill >= keep->log_size) {
		commit_log();
		if (keep->log_file >= 0) rotate_log();
		begin_log();
	}
	const char *name = stream == 1 ? "stdout" : "stderr";
	uint64_t time = now(CLOCK_REALTIME);
	if (keep->log_format == LOG_JSON) {
		put_text("{\"log\":\"");
		put_json(bytes, n);
		put_text(partial ? "\",\"stream\":\"" : "\\n\",\"stream\":\"");
		put_text(name);
		put_text("\",\"time\":\"");
		put_time(time, 0);
		put_text("\"}\n");
	} else {
		put_time(time, 1);
		put(' ');
		put_text(name);
		put_text(partial ? " P " : " F ");
		for (uint32_t i = 0; i < n; i++) put(bytes[i]);
		put('\n');
	}
	journal->entries++;
}

/* Takes bytes of a stream; what is no whole line yet stays in `output`. */
static void log_bytes(struct output *output, int stream, const uint8_t *bytes, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++) {
		if (bytes[i] == '\n') {
			log_entry(stream, output->line, output->fill, 0);
			output->fill = 0;
			continue;
		}
		output->line[output->fill++] = bytes[i];
		if (output->fill < LINE) continue;
		uint32_t taken = whole_characters(output->line, LINE);
		log_entry(stream, output->line, taken, 1);
		output->fill = LINE - taken;
		copy(output->line, output->line + taken, output->fill);
	}
	commit_log();
}

/* The stream is at its end: so is its last line. */
static void log_end(struct output *output, int stream)
{
	if (output->fill) log_entry(stream, output->line, output->fill, 1);
	output->fill = 0;
	commit_log();
}
