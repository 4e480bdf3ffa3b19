/* SPDX-License-Identifier: ISC */
/*
 * Appending whole lines. A line that the power cut short is ended by the next
 * one, so that it spoils no other.
 *
 * A place is a line's number, from the first of audit.1 on. When audit.1 goes,
 * places shift: a reader of pages then sees some lines not at all, in a file
 * that takes years to fill.
 */
#include "config.h"

#include "store/audit.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/json.h"
#include "base/mem.h"

enum { LINE_SIZE = 8192 };

#define DIRECTORY ".posthouse"
#define FILE_NAME DIRECTORY "/audit"
#define OLD_NAME DIRECTORY "/audit.1"

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;

static int
fail(struct fault *f)
{
	return fault_errno(f, "the audit of mailboxes (" FILE_NAME ")");
}

/* A name that was made or moved is to be found after a crash. */
static int
sync_directory(int root)
{
	int fd = openat(root, DIRECTORY, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int rc = fd < 0 ? -1 : fsync(fd);

	if (fd >= 0)
		close(fd);
	return rc == 0 ? fsync(root) : -1;
}

static int
open_file(int root, struct stat *st)
{
	const int flags = O_RDWR | O_APPEND | O_CREAT | O_CLOEXEC | O_NOFOLLOW;
	int fd;

	if (mkdirat(root, DIRECTORY, 0700) < 0 && errno != EEXIST)
		return -1;
	if (fstatat(root, FILE_NAME, st, 0) == 0 &&
	    st->st_size >= AUDIT_FILE_MAX &&
	    renameat(root, FILE_NAME, root, OLD_NAME) < 0)
		return -1;
	fd = openat(root, FILE_NAME, flags, 0600);
	if (fd < 0)
		return -1;
	if (fstat(fd, st) == 0 &&
	    (st->st_size > 0 || sync_directory(root) == 0))
		return fd;
	close(fd);
	return -1;
}

/* In one write, and with what the last line lacks. */
static int
append(int fd, const struct stat *st, struct str line)
{
	char bytes[LINE_SIZE + 2], last = '\n';
	size_t n = 0;

	if (st->st_size > 0 && pread(fd, &last, 1, st->st_size - 1) != 1)
		return -1;
	if (last != '\n')
		bytes[n++] = '\n';
	memcpy(bytes + n, line.at, line.len);
	n += line.len;
	bytes[n++] = '\n';
	if (write(fd, bytes, n) == (ssize_t)n)
		return fdatasync(fd);
	errno = errno == 0 ? ENOSPC : errno;
	return -1;
}

static int
add_line(int root, struct str line, struct fault *f)
{
	struct stat st;
	int fd, rc = -1;

	errno = 0;
	fd = open_file(root, &st);
	if (fd < 0)
		return fail(f);
	if (append(fd, &st, line) == 0)
		rc = 0;
	else
		fail(f);
	close(fd);
	return rc;
}

int
audit_add(int root, const struct audit_entry *entry, struct fault *f)
{
	json_t *line = json_new_object();
	struct buf b;
	int rc;

	json_put_int(line, "time", entry->time);
	json_put_text(line, "who", entry->who);
	json_put_text(line, "what", entry->what);
	json_put_text(line, "name", entry->name);
	json_put_text(line, "detail", entry->detail);
	buf_init(&b, LINE_SIZE);
	json_format(&b, line);
	pthread_mutex_lock(&mutex);
	rc = add_line(root, buf_str(&b), f);
	pthread_mutex_unlock(&mutex);
	buf_clear(&b);
	json_free(&line);
	return rc;
}

/* Reading. */

struct reading {
	uint64_t place, after;
	int (*each)(void *ctx, uint64_t place, const struct audit_entry *entry);
	void *ctx;
};

static bool
take_text(const json_t *line, const char *key, char *text, size_t size)
{
	const char *value = json_get_text(line, key);

	return value != NULL && str_copy(str(value), text, size);
}

static bool
parse_line(struct str text, struct audit_entry *e)
{
	struct fault f;
	json_t *line = json_parse(text, &f);
	bool ok;

	if (line == NULL)
		return false;
	e->time = json_get_int(line, "time", 0);
	ok = take_text(line, "who", e->who, sizeof e->who) &&
	     take_text(line, "what", e->what, sizeof e->what) &&
	     take_text(line, "name", e->name, sizeof e->name) &&
	     take_text(line, "detail", e->detail, sizeof e->detail);
	json_free(&line);
	return ok;
}

static int
give_lines(struct reading *r, struct buf *b)
{
	struct audit_entry entry;
	struct str line;

	while (buf_take_line(b, &line)) {
		int rc;

		if (++r->place <= r->after || !parse_line(line, &entry))
			continue;
		rc = r->each(r->ctx, r->place, &entry);
		if (rc != 0)
			return rc;
	}
	return 0;
}

/* A line that fills the buffer is none of ours. */
static int
read_lines(struct reading *r, int fd, struct fault *f)
{
	struct buf b;
	int rc = 0;

	buf_init(&b, 4 * LINE_SIZE);
	while (rc == 0) {
		size_t room;
		char *at = buf_space(&b, LINE_SIZE, &room);
		ssize_t n;

		if (at == NULL) {
			buf_reset(&b);
			continue;
		}
		n = read(fd, at, room);
		if (n <= 0) {
			rc = n < 0 ? fail(f) : 0;
			break;
		}
		buf_added(&b, (size_t)n);
		rc = give_lines(r, &b);
	}
	buf_clear(&b);
	return rc;
}

int
audit_each(int root, uint64_t after,
    int (*each)(void *ctx, uint64_t place, const struct audit_entry *entry),
    void *ctx, struct fault *f)
{
	static const char *const names[] = {OLD_NAME, FILE_NAME};
	struct reading r = {.after = after, .each = each, .ctx = ctx};
	int rc = 0;

	for (size_t i = 0; i < ARRAY_LEN(names) && rc == 0; i++) {
		int fd = openat(root, names[i], O_RDONLY | O_CLOEXEC);

		if (fd < 0 && errno == ENOENT)
			continue;
		if (fd < 0)
			return fail(f);
		rc = read_lines(&r, fd, f);
		close(fd);
	}
	return rc;
}
