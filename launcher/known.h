/*
 * `pidbox do` and `run` with flags that were given before: engine/known-starts.ts left a plan that asks the kernel all that TypeScript asked it then, compares
 * the answers, and starts the launcher with the plan that was compiled from them, and with the program that is given now. An answer that differs leads to Bun,
 * and nothing was changed.
 *
 * Trusts: the file, which only the owner of the process can have written, below /run, where no container is let in. An attacker controls: nothing; the answers
 * are compared and not used.
 */
#define PLACES 64
#define KNOWN_MAGIC 0x326e776bu
#define MOST_FLAGS 32
#define JOURNAL_SIZE (8u << 20) /* engine/journal.ts begins a new file then, which nobody does here */
#define START_VERBS(word) (same((word), "do") || same((word), "run"))

/* What is compared before the plan runs. Offsets are of texts that end with NUL, the last of a list with an empty one. */
struct known_start {
	uint32_t magic, size, check; /* `check`: of all after this header */
	uint32_t words;              /* the command line after argv[0], up to the program */
	uint32_t directory;
	uint32_t environment;        /* "NAME=value" that is there once, or "NAME" that is not there */
	uint32_t plan, names;        /* offsets of the plan, and of struct known_names in its data */
	uint32_t program;            /* offset of struct known_program */
	uint32_t misses;             /* for engine/start-signs.ts */
};

/* What a container has of its own, filled in before the plan runs. */
struct known_names {
	char id[64], id_end;
	char short_id[12], short_end;
	char range[10], range_end;   /* first host id of its range, decimal */
	char created[13], created_end; /* milliseconds since the epoch */
	uint32_t range_value;
};

/* Where the program goes. All but `directories` are offsets in the data of the plan that runs in front; the container's plan lies in there, as a part of the image. */
struct known_program {
	uint32_t data;               /* where the data of the container's plan begins; the next three are offsets in that */
	uint32_t paths, words, texts; /* arrays of pointers, and room for what they lead to */
	uint32_t most_words, texts_size;
	uint32_t relocations;        /* where those of the container's plan begin, with room for all pointers here, */
	uint32_t relocation_count;   /* and the number of them, in its header */
	uint32_t json, json_size, json_length; /* room for the words as they stand in state.json, and for the length of that */
	uint32_t directories;        /* offset in the file: the PATH of the container */
};

static uint32_t mix(uint32_t hash, const char *text)
{
	do hash = (hash ^ (uint8_t)*text) * 16777619u;
	while (*text++);
	return hash;
}

/* Of whole words; four sums, so that the processor need not wait for one product after the other. */
static uint32_t checksum(const uint8_t *bytes, uint64_t size)
{
	const uint32_t *words = (const uint32_t *)bytes;
	uint32_t sum[4] = { 1, 2, 3, 4 };
	for (uint64_t i = 0; i < size / 4; i++) sum[i & 3] = (sum[i & 3] ^ words[i]) * 16777619u;
	return sum[0] ^ sum[1] ^ sum[2] ^ sum[3];
}

/* Whether `list` is just the first words. */
static int same_words(const char *list, char **words, int count)
{
	for (; count; count--, words++) {
		if (!*list || !same(list, *words)) return 0;
		list += length(list) + 1;
	}
	return !*list;
}

/* Whether the environment is as `list` says; a name that comes twice is not. */
static int same_environment(const char *list, char **environment)
{
	for (; *list; list += length(list) + 1) {
		int wanted = 0, found = 0;
		for (const char *c = list; *c; c++) wanted |= *c == '=';
		for (char **e = environment; *e; e++) {
			const char *a = list, *b = *e;
			while (*a && *a != '=' && *a == *b) a++, b++;
			if ((*a && *a != '=') || *b != '=') continue;
			if (!wanted || found++ || !same(list, *e)) return 0;
		}
		if (wanted != found) return 0;
	}
	return 1;
}

/* The state directory if no container can have been let into it; `room` is for its path. */
static const char *state_root(char **environment, char *room)
{
	const char *value = 0;
	if (CALL(__NR_geteuid, 0, 0, 0, 0, 0, 0) == 0) return "/run/pidbox";
	for (char **e = environment; *e; e++) if (!value) value = after(*e, "XDG_RUNTIME_DIR=");
	if (!value || !after(value, "/run/") || length(value) > PATH_ROOM - 64) return 0;
	char *to = room;
	for (const char *from = value; *from;) *to++ = *from++;
	for (const char *from = "/pidbox"; (*to++ = *from++););
	return room;
}

/* Whether none of the first few containers has lost its supervisor: else Bun is needed, which takes it away (engine/garbage-some.ts). */
static int is_tidy(word containers)
{
	_Alignas(8) uint8_t buffer[512];
	struct plan_record record;
	int looks = 4;
	word n = CALL(__NR_getdents64, containers, buffer, sizeof buffer, 0, 0, 0);
	for (word at = 0; at + (word)sizeof(struct directory_entry) <= n && looks;) {
		const struct directory_entry *entry = (const struct directory_entry *)(buffer + at);
		at += entry->length;
		if (entry->name[0] == '.') continue;
		looks--;
		word directory = CALL(__NR_openat, containers, entry->name, O_PATH | O_CLOEXEC, 0, 0, 0);
		word file = CALL(__NR_openat, directory, "status", O_RDONLY | O_CLOEXEC | O_NOFOLLOW, 0, 0, 0);
		struct flock lock = { .l_type = F_WRLCK };
		int lost = file >= 0 && CALL(__NR_read, file, &record, sizeof record, 0, 0, 0) == sizeof record && record.state == 1
			&& CALL(__NR_fcntl, file, F_OFD_GETLK, &lock, 0, 0, 0) == 0 && lock.l_type == F_UNLCK;
		if (file >= 0) CALL(__NR_close, file, 0, 0, 0, 0, 0);
		if (directory >= 0) CALL(__NR_close, directory, 0, 0, 0, 0, 0);
		if (lost) return 0;
	}
	return n >= 0;
}

/* Whether the journal of events may grow. */
static int has_room(word containers)
{
	struct statx s = { 0 };
	CALL(__NR_statx, containers, "../events", AT_SYMLINK_NOFOLLOW, STATX_SIZE, &s, 0);
	return s.stx_size < JOURNAL_SIZE;
}

static int give_names(struct known_names *names)
{
	uint8_t random[34];
	if (CALL(__NR_getrandom, random, sizeof random, 0, 0, 0, 0) != sizeof random) return 0;
	for (int i = 0; i < 64; i++) {
		int digit = random[i / 2] >> (i & 1 ? 0 : 4) & 15;
		names->id[i] = (char)(digit < 10 ? '0' + digit : 'a' + digit - 10);
		if (i < 12) names->short_id[i] = names->id[i];
	}
	/* 2^14 ranges of 2^16 ids from 2^30 on (verbs/container-user.ts). */
	names->range_value = 0x40000000u + ((random[32] | random[33] << 8) & 0x3fffu) * 65536u;
	fill_digits((uint8_t *)names->range, sizeof names->range, names->range_value);
	fill_digits((uint8_t *)names->created, sizeof names->created, now(CLOCK_REALTIME) / 1000000u);
	return 1;
}

/* ---- the program ---- */

struct room { uint8_t *base; uint64_t at, size; };

/* Appends to `room` as far as it goes; one that is full stays so. */
static void append(struct room *room, const char *text, word n)
{
	if (n < 0 || room->at > room->size || (uint64_t)n > room->size - room->at) {
		room->at = room->size + 1;
		return;
	}
	for (word i = 0; i < n; i++) room->base[room->at++] = (uint8_t)text[i];
}

/* As JSON.stringify writes it. Bytes beyond ASCII would have to be looked at as UTF-8: Bun does that. */
static int append_json(struct room *room, const char *text)
{
	static const char escapes[] = "\"\\\b\f\n\r\t", letters[] = "\"\\bfnrt", digits[] = "0123456789abcdef";
	append(room, "\"", 1);
	for (; *text; text++) {
		uint8_t c = (uint8_t)*text;
		const char *escape = escapes;
		while (*escape && *escape != (char)c) escape++;
		if (c >= 0x7f) return 0;
		if (*escape) {
			append(room, "\\", 1);
			append(room, letters + (escape - escapes), 1);
		} else if (c < ' ') {
			append(room, "\\u00", 4);
			append(room, digits + (c >> 4), 1);
			append(room, digits + (c & 15), 1);
		} else {
			append(room, text, 1);
		}
	}
	append(room, "\"", 1);
	return 1;
}

/* A pointer of the container's plan: cell `index` of the array at `cells` leads to where `texts` is at; the launcher makes an address of it. */
static void point(const struct known_program *program, uint64_t cells, uint32_t index, const struct room *texts)
{
	uint32_t *count = (uint32_t *)(data + program->relocation_count);
	uint64_t cell = cells + 8 * (uint64_t)index;
	*(uint64_t *)(data + program->data + cell) = program->texts + texts->at;
	*(uint32_t *)(data + program->relocations + 4 * *count) = (uint32_t)cell;
	++*count;
}

/* Puts the words into the container's plan, and as JSON where state.json is written from. There is a cell for each of `directories`. */
static int give_program(const struct known_program *program, const char *directories, char **words)
{
	struct room texts = { data + program->data + program->texts, 0, program->texts_size };
	struct room json = { data + program->json, 0, program->json_size };
	uint32_t first = *(uint32_t *)(data + program->relocation_count), index = 0;
	int slash = 0;
	for (const char *c = words[0]; *c; c++) slash |= *c == '/';
	for (const char *directory = directories; *directory && !slash; directory += length(directory) + 1) {
		point(program, program->paths, index++, &texts);
		append(&texts, directory, length(directory));
		append(&texts, "/", 1);
		append(&texts, words[0], length(words[0]) + 1);
	}
	if (slash) {
		point(program, program->paths, 0, &texts);
		append(&texts, words[0], length(words[0]) + 1);
	}
	append(&json, "[", 1);
	for (index = 0; words[index]; index++) {
		if (index >= program->most_words) return 0;
		point(program, program->words, index, &texts);
		append(&texts, words[index], length(words[index]) + 1);
		if (index) append(&json, ",", 1);
		if (!append_json(&json, words[index])) return 0;
	}
	append(&json, "]}", 2);
	*(uint64_t *)(data + program->json_length) = json.at;
	return texts.at <= texts.size && json.at <= json.size && first < *(uint32_t *)(data + program->relocation_count);
}

/* Whether all that is written lies in the data, and before its last cell, which ends every list (decode.c). */
static int fits(const struct known_program *program, const char *directories)
{
	uint64_t size = header->data_size - 8, inner = program->data, paths = 0;
	for (; *directories; directories += length(directories) + 1) paths++;
	/* A program with a slash has one path. */
	paths += !paths;
	if ((program->data | program->paths | program->words | program->json_length) & 7 || (program->relocations | program->relocation_count) & 3) return 0;
	if (program->most_words > 4096 || !inside(program->relocation_count, 4, size)) return 0;
	uint64_t pointers = *(const uint32_t *)(data + program->relocation_count) + paths + program->most_words;
	return inside(inner + program->paths, 8 * paths, size) && inside(inner + program->words, 8 * (uint64_t)program->most_words, size)
		&& inside(inner + program->texts, program->texts_size, size) && inside(program->json, program->json_size, size)
		&& inside(program->json_length, 8, size) && inside(program->relocations, 4 * pointers, size);
}

/* Whether the file at `base` is whole and about these flags, this place and environment. */
static int is_known(const uint8_t *base, uint64_t size, char **words, int count, const char *directory, char **environment)
{
	const struct known_start *known = (const struct known_start *)base;
	if (size < sizeof *known || known->magic != KNOWN_MAGIC || known->size != size || size & 7 || base[size - 1] || base[size - 2]) return 0;
	if (known->words >= size || known->directory >= size || known->environment >= size || known->plan >= size || known->plan & 7) return 0;
	if (known->program & 7 || !inside(known->program, sizeof(struct known_program), size)) return 0;
	const char *text = (const char *)base;
	return same_words(text + known->words, words, count) && same(text + known->directory, directory) && same_environment(text + known->environment, environment)
		&& checksum(base + sizeof *known, size - sizeof *known) == known->check;
}

/* Runs the plan of a file that is known; does not return if the launcher was started. */
static void run_known(uint8_t *base, uint64_t size, char **program_words, word containers)
{
	const struct known_start *known = (const struct known_start *)base;
	const struct known_program *program = (const struct known_program *)(base + known->program);
	const char *directories = (const char *)base + program->directories;
	if (program->directories >= size || !map_variables()) return;
	report_fd = -1;
	if (decode(base + known->plan, size - known->plan) && inside(known->names, sizeof(struct known_names), header->data_size - 8) && !(known->names & 7)
		&& fits(program, directories) && give_names((struct known_names *)(data + known->names)) && give_program(program, directories, program_words)) {
		registers[4] = containers;
		run(0, header->op_count);
	}
	unmap_variables();
}

/* With the first `count` words as flags: does not return if the container was started. */
static void try_known(const char *root, uint32_t hash, char **words, int count, const char *directory, char **environment)
{
	char path[PATH_ROOM];
	uint8_t *base = 0;
	char number[3] = { (char)('0' + hash % PLACES / 10), (char)('0' + hash % PLACES % 10), 0 };
	const char *parts[] = { root, "/starts/", number };
	if (!join_path(path, parts, 3)) return;
	uint64_t size = map_plan(path, &base);
	if (!size) return;
	parts[1] = "/containers";
	if (is_known(base, size, words, count, directory, environment) && join_path(path, parts, 2)) {
		word containers = CALL(__NR_openat, -100, path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC, 0, 0, 0);
		if (containers >= 0) {
			if (is_tidy(containers) && has_room(containers)) run_known(base, size, words + count, containers);
			CALL(__NR_close, containers, 0, 0, 0, 0, 0);
		}
	}
	CALL(__NR_munmap, base, size, 0, 0, 0, 0);
}

/*
 * Which of the words are flags only Bun knows; but each file names all the words that were flags and the image, and the program is the next one. So every
 * number of words is tried after which a program can come: a word that is no option, or any word after "--".
 */
static void start_known(char **words, char **environment)
{
	char room[PATH_ROOM], directory[PATH_ROOM];
	/* Bun puts something where a standard descriptor is closed, before the first of these questions is asked. */
	for (int fd = 0; fd < 3; fd++) if (CALL(__NR_fcntl, fd, F_GETFD, 0, 0, 0, 0) < 0) return;
	const char *root = state_root(environment, room);
	word n = CALL(__NR_getcwd, directory, PATH_ROOM, 0, 0, 0, 0);
	if (!root || n <= 0 || directory[0] != '/') return;
	uint32_t hash = 2166136261u;
	for (int count = 1; count <= MOST_FLAGS && words[count]; count++) {
		hash = mix(hash, words[count - 1]);
		if (words[count][0] != '-' || same(words[count - 1], "--")) try_known(root, mix(hash, directory), words, count, directory, environment);
	}
}
