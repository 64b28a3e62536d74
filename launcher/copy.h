/*
 * Copies the contents of a directory into an empty one: a tmpfs that begins with what it hides (tmpcopyup). It is an op because a plan cannot walk a tree.
 *
 * Trusts: that nobody else has a way to the target. An attacker controls: the source, names, kinds and sizes, perhaps while it is read; so it is walked
 * by descriptors, no link is followed, nothing is opened that could wait, and the depth is bounded. It runs with the rights of the container's root.
 */
#ifndef PIDBOX_COPY_H
#define PIDBOX_COPY_H

#include <linux/fcntl.h>
#include <linux/stat.h>

#define COPY_DEPTH 48

/* Kinds of st_mode, which linux/stat.h has only where the C library is not. */
enum { KIND_MASK = 0170000, KIND_DIRECTORY = 0040000, KIND_FILE = 0100000, KIND_LINK = 0120000, KIND_CHARACTER = 0020000, KIND_BLOCK = 0060000 };
#define COPY_OPEN (O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC)

/* struct linux_dirent64; `name` ends with a NUL within `length`. */
struct directory_entry { uint64_t inode; int64_t offset; uint16_t length; uint8_t type; char name[5]; };

static word copy_directory(word from, word to, int depth);

static word copy_file(word from, word to)
{
	word n;
	do n = CALL(__NR_sendfile, to, from, 0, 1 << 30, 0, 0);
	while (n > 0 || n == -EINTR);
	return n;
}

static word copy_link(word from, word to, const char *name)
{
	char target[4096];
	word n = CALL(__NR_readlinkat, from, name, target, sizeof target - 1, 0, 0);
	if (n < 0) return n;
	target[n < (word)sizeof target ? n : (word)sizeof target - 1] = 0;
	return CALL(__NR_symlinkat, target, to, name, 0, 0, 0);
}

/* Makes `name` in `to` and copies what is in it, by descriptors of both. */
static word copy_contents(word from, word to, const char *name, int is_directory, int depth)
{
	word in = CALL(__NR_openat, from, name, COPY_OPEN | (is_directory ? O_DIRECTORY : 0), 0, 0, 0);
	if (in < 0) return in;
	word out = is_directory ? CALL(__NR_mkdirat, to, name, 0700, 0, 0, 0) : 0;
	if (out >= 0) out = CALL(__NR_openat, to, name, is_directory ? COPY_OPEN | O_DIRECTORY : O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600, 0, 0);
	word result = out < 0 ? out : is_directory ? copy_directory(in, out, depth + 1) : copy_file(in, out);
	if (out >= 0) CALL(__NR_close, out, 0, 0, 0, 0, 0);
	CALL(__NR_close, in, 0, 0, 0, 0, 0);
	return result;
}

static word copy_entry(word from, word to, const char *name, int depth)
{
	struct statx s = { 0 };
	word result = CALL(__NR_statx, from, name, AT_SYMLINK_NOFOLLOW, STATX_BASIC_STATS, &s, 0);
	/* It went away meanwhile. */
	if (result < 0) return result == -ENOENT ? 0 : result;
	int kind = s.stx_mode & KIND_MASK;
	if (kind == KIND_DIRECTORY || kind == KIND_FILE) result = copy_contents(from, to, name, kind == KIND_DIRECTORY, depth);
	else if (kind == KIND_LINK) result = copy_link(from, to, name);
	else result = CALL(__NR_mknodat, to, name, s.stx_mode, (s.stx_rdev_minor & 0xff) | s.stx_rdev_major << 8 | (s.stx_rdev_minor & ~0xffu) << 12, 0, 0);
	/* A user namespace may hold no device nodes (mknod(2)). */
	if (result == -EPERM && (kind == KIND_CHARACTER || kind == KIND_BLOCK)) return 0;
	if (result < 0) return result;
	/* An owner who is not mapped can own nothing here; the container's root then does. The order matters: a change of owner takes set-id bits away. */
	CALL(__NR_fchownat, to, name, s.stx_uid, s.stx_gid, AT_SYMLINK_NOFOLLOW, 0);
	if (kind != KIND_LINK) result = CALL(__NR_fchmodat, to, name, s.stx_mode & 07777, 0, 0, 0);
	int64_t times[4] = { s.stx_atime.tv_sec, s.stx_atime.tv_nsec, s.stx_mtime.tv_sec, s.stx_mtime.tv_nsec };
	CALL(__NR_utimensat, to, name, times, AT_SYMLINK_NOFOLLOW, 0, 0);
	return result;
}

/* Returns 0 or the first -errno. Both descriptors stay open. */
static word copy_directory(word from, word to, int depth)
{
	_Alignas(8) uint8_t buffer[2048];
	if (depth > COPY_DEPTH) return -ELOOP;
	for (;;) {
		word n = CALL(__NR_getdents64, from, buffer, sizeof buffer, 0, 0, 0);
		if (n <= 0) return n;
		for (word at = 0; at + (word)sizeof(struct directory_entry) <= n;) {
			const struct directory_entry *entry = (const struct directory_entry *)(buffer + at);
			const char *name = entry->name;
			if (entry->length < sizeof *entry || entry->length & 7 || at + entry->length > n) return -EIO;
			at += entry->length;
			if (name[0] == '.' && (!name[1] || (name[1] == '.' && !name[2]))) continue;
			word result = copy_entry(from, to, name, depth);
			if (result < 0) return result;
		}
	}
}

#endif
