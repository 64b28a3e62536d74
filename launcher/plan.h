/* The binary form of a plan: what src/plan/encode.ts writes and launcher.c runs. Little endian, offsets in bytes. */
#ifndef PIDBOX_PLAN_H
#define PIDBOX_PLAN_H

#include <stdint.h>

#define PLAN_MAGIC 0x786f6270u /* "pbox" */
#define PLAN_VERSION 1u
#define PLAN_MAX_OPS 8192u
#define PLAN_MAX_SIZE (64u << 20)
#define PLAN_MAX_PORTS 128u
#define NO_OP 0xffffffffu

struct plan_header {
	uint32_t magic, version;
	uint32_t size;                       /* of the whole plan, this header included */
	uint32_t op_offset, op_count;
	uint32_t relocation_offset, relocation_count; /* u32 data offsets of u64 data offsets that become addresses */
	uint32_t data_offset, data_size;
	uint32_t on_failure;                 /* the supervisor goes on at this op when anything failed */
	uint32_t fault;                      /* op that fails on purpose (tests), or NO_OP */
	uint32_t reserved[5];
};

/* What an argument is: two bits each in plan_op.kinds, lowest first. */
enum { KIND_IMMEDIATE, KIND_REGISTER, KIND_DATA };

enum plan_code {
	OP_SYSCALL,     /* result = syscall(nr, args...) */
	OP_CLONE,       /* result = clone3(args[0], args[1]); the child goes on at args[2], with args[3] as its report fd */
	OP_JUMP,        /* to args[0], always forward */
	OP_JUMP_ERROR,  /* to args[0] if args[1] < 0 */
	OP_JUMP_SET,    /* to args[0] if args[1] != 0 */
	OP_EXPECT,      /* fails unless (args[0] & args[1]) == args[2]; with FLAG_NOT: != */
	OP_LOAD,        /* result = the args[1] bytes (1, 2, 4, 8) at data args[0], zero extended */
	OP_STORE,       /* the args[2] low bytes of args[1] to data args[0] */
	OP_DECIMAL,     /* args[1] as decimal text and a NUL to data args[0], 24 bytes of room; with FLAG_FULL spaces to 20 characters and no NUL; result = number of digits */
	OP_BITS,        /* for each bit n in args[0]: syscall(nr, args[1], n, args[2], args[3], args[4]); or n first with FLAG_FIRST; with FLAG_NOT each must answer 0 */
	OP_EXECUTE,     /* execve of the first of the paths args[0] (pointers, NULL ends) that exists; argv args[1], envp args[2] */
	OP_SUPERVISE,   /* waits for the container: pid, pidfd, report fd, signalfd, shared page, struct plan_watch */
	OP_INIT,        /* PID 1 of the container: main child args[0], shared page args[1]; does not return */
	OP_EXIT,        /* exit_group(args[0]) */
	OP_EACH,        /* runs the ops up to args[2] once for each of the args[1] pointers at data args[0]; result holds the pointer */
	OP_COPY,        /* copies what is in the directory of fd args[0] into that of fd args[1] */
	OP_KEEP,        /* SUPERVISE for a container that nobody waits for: log file names args[0] (args[2] pointers), pidfd, signalfd args[3], shared page, struct plan_keep */
	OP_CLIENT,      /* a client of such a container: signalfd args[3], struct plan_client; result is the exit code, 256: detached, 65536: the socket ended before */
	OP_ADOPT,       /* the supervisor's child is args[0], which a child of its own has made for it (CLONE_PARENT) */
	OP_SAME,        /* fails unless the args[2] bytes at data args[0] and args[1] are the same */
	OP_TELL,        /* args[2] bytes at data args[1] and args[5] at args[4] go to the end of the file args[0], at the moment args[3] (TELL_): a line of the journal of events */
	OP_FORWARD,     /* connections to the args[1] descriptors from args[2] on go to the ports at data args[0] (32 bits each) of this network namespace, until the process of pidfd args[3] ends */
	OP_COUNT
};

enum {
	FLAG_IGNORE = 1, /* any error is fine */
	FLAG_FULL = 2,   /* a result other than args[2] is a failure (short write) */
	FLAG_NOT = 4,
	FLAG_FIRST = 8,
	FLAG_BUSY = 16,  /* EBUSY is tried again for a second (cgroup removal) */
};

/* Moments of TELL: at once, when SUPERVISE or KEEP sees the program run, and when it has ended. */
enum { TELL_NOW, TELL_START, TELL_END, TELL_COUNT };

/* Places in a line of the journal that TELL fills with digits: 19 of nanoseconds since the epoch, 3 of the exit code, 3 of the signal. */
enum { EVENT_TIME = 7, EVENT_CODE = 36, EVENT_SIGNAL = 51, EVENT_HEAD = 54 };

struct plan_op {
	uint8_t code, result, flags, reserved;
	uint16_t kinds, nr;
	uint16_t tolerated[2]; /* errnos that are an answer, not a failure; 0 is none */
	uint32_t from;         /* data offset of the text that says which config field caused this op */
	uint64_t args[6];
};

/* The status file of a container: written once when it runs and once when it ended. */
struct plan_record {
	uint32_t magic, state; /* 1 running, 2 ended */
	int32_t pid, code;     /* init's PID in the namespace of the supervisor; exit code */
	int32_t signal, core;  /* the signal that ended the main child, or 0 */
	int32_t forwarded, sender; /* the last signal that the supervisor passed on, and who sent it (0: the kernel) */
	uint64_t started, ended;   /* CLOCK_REALTIME, nanoseconds */
	uint64_t user, system;     /* CPU time of the main child and what it waited for, microseconds */
	uint64_t peak;             /* largest resident set, KiB */
	int32_t supervisor;        /* its own PID */
	uint32_t lost;             /* log entries that could not be written */
};

struct plan_watch {
	struct plan_record record;
	int32_t status;          /* fd of the status file, or -1 */
	int32_t terminal;        /* fd of the caller's terminal to take input from, or -1 */
	int32_t output;          /* fd that terminal output goes to */
	int32_t master;          /* pty master of the container, or -1 */
	int32_t guard;           /* pipe to the process that restores the terminal if this one dies, or -1 */
	int32_t stop_at_second;  /* a second SIGINT kills */
	int32_t stop_signal;     /* what SIGTERM is passed on as, or 0 */
	int32_t stop_timeout;    /* seconds from SIGTERM to SIGKILL, or -1 */
};

enum { LOG_NONE, LOG_JSON, LOG_CRI };
enum { INPUT_NONE, INPUT_OPEN, INPUT_ONCE };

/* A container that nobody waits for. */
struct plan_keep {
	struct plan_watch watch; /* of `terminal`, `output` and `guard` there is none */
	int32_t out, err;        /* reading ends of the container's pipes, or -1; with a terminal `watch.master` is read */
	int32_t in;              /* writing end of its standard input, or -1 */
	int32_t listener;        /* socket for clients */
	int32_t client;          /* a first client that is connected already, or -1 */
	int32_t ready;           /* pipe to the caller that waits for the start, or -1 */
	int32_t nothing;         /* /dev/null, for descriptors 0 to 2 once it runs, or -1 */
	int32_t input;           /* from clients: INPUT_NONE is dropped, INPUT_ONCE ends with that of a client */
	int32_t log_format, log_directory, log_file;
	uint32_t log_files;      /* as many names as there are */
	uint64_t log_size;       /* bytes after which the file is full; 0 is never */
};

struct plan_client {
	struct plan_watch watch; /* `terminal` for input, `output` for its window, `guard`; the rest is unused */
	int32_t socket;
	int32_t pidfd;           /* of the container's first process, to pass signals to; -1: they are for this process */
	int32_t out, err;        /* what takes bytes without waiting, if that can be */
	int32_t tty;             /* the container has a terminal */
	uint32_t key_count;
	uint8_t keys[16];        /* the sequence that detaches */
};

/* What INIT tells SUPERVISE on the shared page, and a child's report of a failed op. */
struct plan_end { uint32_t set; int32_t code, signal, core; uint64_t user, system, peak; };
struct plan_report { uint32_t op; int32_t error; int64_t value; };

#endif
