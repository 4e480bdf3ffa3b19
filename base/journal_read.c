/* SPDX-License-Identifier: ISC */
/*
 * Reading a journal: files by their names, which are the times of their first
 * lines, and lines by a search over each buffer, so that a line that is not
 * looked for costs nothing but the look at its bytes.
 */
#include "config.h"

#include "base/journal_read.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/journal.h"
#include "base/mem.h"

enum {
	PIECE = 256 << 10,
	LINE_MAX_BYTES = 8 << 10,
	NAME_LEN = 16,
	/* A file ends at its time of last change, or so much later: lines wait
	 * before they are written, and a file system's clock is coarse. */
	SLACK_US = 2000000,
};

struct journal_reader {
	struct journal_bounds bounds;
	/* The same as they stand in lines: to compare bytes costs little. */
	char since[JOURNAL_TIME_SIZE], until[JOURNAL_TIME_SIZE];
	int dirfd;
	int64_t *files; /* names, in order */
	size_t n, at;
	int fd; /* -1: the next file is to be opened */
	bool at_end;
	struct buf in;
	size_t given; /* of in: the line that was returned last */
};

static int
compare(const void *a, const void *b)
{
	int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

	return x < y ? -1 : x > y;
}

/* Whether any of the file's lines can be within the bounds. */
static bool
is_wanted(const struct journal_reader *r, const char *name, int64_t n)
{
	struct stat st;
	int64_t ends;

	if (r->bounds.until != 0 && n > r->bounds.until)
		return false;
	if (fstatat(r->dirfd, name, &st, AT_SYMLINK_NOFOLLOW) < 0 ||
	    !S_ISREG(st.st_mode))
		return false;
	ends = (int64_t)st.st_mtim.tv_sec * 1000000 + SLACK_US;
	return ends >= r->bounds.since;
}

static void
list_files(struct journal_reader *r, DIR *dir)
{
	const struct dirent *entry;

	while ((entry = readdir(dir)) != NULL) {
		struct str name = str(entry->d_name);
		uint64_t n;

		if (name.len != NAME_LEN ||
		    !str_to_u64(name, 1, INT64_MAX, &n) ||
		    !is_wanted(r, entry->d_name, (int64_t)n))
			continue;
		r->files = mem_resize(r->files, r->n + 1, sizeof *r->files);
		r->files[r->n++] = (int64_t)n;
	}
	if (r->n > 0)
		qsort(r->files, r->n, sizeof *r->files, compare);
}

struct journal_reader *
journal_reader_open(
    const char *dir, const struct journal_bounds *bounds, struct fault *f)
{
	struct journal_reader *r = mem_new(struct journal_reader);
	DIR *stream = opendir(dir);

	r->bounds = *bounds;
	journal_format_time(bounds->since, r->since);
	journal_format_time(bounds->until, r->until);
	r->fd = r->dirfd = -1;
	buf_init(&r->in, PIECE + LINE_MAX_BYTES);
	if (stream == NULL && errno == ENOENT)
		return r;
	if (stream == NULL && (errno == EACCES || errno == EPERM)) {
		fault_temp(f, "4.7.0",
		    "%s may be read by root and the members of the option "
		    "admin_group only",
		    dir);
		goto out;
	}
	if (stream != NULL)
		r->dirfd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (r->dirfd < 0) {
		fault_errno(f, "cannot open %s", dir);
		goto out;
	}
	list_files(r, stream);
	closedir(stream);
	return r;
out:
	if (stream != NULL)
		closedir(stream);
	journal_reader_close(&r);
	return NULL;
}

void
journal_reader_close(struct journal_reader **reader)
{
	struct journal_reader *r = *reader;

	if (r == NULL)
		return;
	if (r->fd >= 0)
		close(r->fd);
	if (r->dirfd >= 0)
		close(r->dirfd);
	mem_free(r->files);
	buf_clear(&r->in);
	mem_free(r);
	*reader = NULL;
}

/* 0 where there is none left. One that was removed meanwhile is passed. */
static int
open_next(struct journal_reader *r, struct fault *f)
{
	while (r->at < r->n) {
		char name[24];

		snprintf(name, sizeof name, "%0*lld", NAME_LEN,
		    (long long)r->files[r->at++]);
		r->fd =
		    openat(r->dirfd, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
		if (r->fd >= 0) {
			(void)posix_fadvise(r->fd, 0, 0, POSIX_FADV_SEQUENTIAL);
			return 1;
		}
		if (errno != ENOENT)
			return fault_errno(f, "cannot open %s", name);
	}
	return 0;
}

/* 1 where there is more in r->in, 0 at the end of all. What an end of file
 * leaves is half a line that is still being written. */
static int
read_more(struct journal_reader *r, struct fault *f)
{
	size_t room;
	ssize_t n;
	char *space;

	if (r->fd < 0) {
		int rc = open_next(r, f);

		buf_reset(&r->in);
		if (rc <= 0)
			return rc;
	}
	/* No line of ours is so long. */
	if (buf_len(&r->in) >= LINE_MAX_BYTES)
		buf_reset(&r->in);
	space = buf_space(&r->in, PIECE, &room);
	n = read(r->fd, space, PIECE);
	if (n < 0 && errno != EINTR)
		return fault_errno(f, "cannot read a journal");
	if (n == 0) {
		close(r->fd);
		r->fd = -1;
	}
	buf_added(&r->in, n > 0 ? (size_t)n : 0);
	return 1;
}

/* The next line that is looked for among those that are whole. */
static bool
find_line(struct journal_reader *r, struct str *line)
{
	struct str in = buf_str(&r->in), needle = r->bounds.needle;
	const char *last = in.len == 0 ? NULL : memrchr(in.at, '\n', in.len);
	const char *hit = in.at, *begin, *end;

	if (last == NULL)
		return false;
	in.len = (size_t)(last - in.at) + 1;
	if (needle.len > 0)
		hit = memmem(in.at, in.len, needle.at, needle.len);
	if (hit == NULL) {
		buf_consume(&r->in, in.len);
		return false;
	}
	begin =
	    hit == in.at ? NULL : memrchr(in.at, '\n', (size_t)(hit - in.at));
	begin = begin == NULL ? in.at : begin + 1;
	end = memchr(hit, '\n', (size_t)(last - hit) + 1);
	*line = str_n(begin, (size_t)(end - begin));
	/* The line stays until the next call. */
	r->given = (size_t)(end - in.at) + 1;
	return true;
}

static bool
is_within(const struct journal_reader *r, struct str time)
{
	return memcmp(time.at, r->since, JOURNAL_TIME_LEN) >= 0 &&
	       (r->bounds.until == 0 ||
		   memcmp(time.at, r->until, JOURNAL_TIME_LEN) <= 0);
}

int
journal_reader_next(
    struct journal_reader *r, struct journal_event *event, struct fault *f)
{
	for (;;) {
		struct str line;

		buf_consume(&r->in, r->given);
		r->given = 0;
		if (!find_line(r, &line)) {
			int rc = read_more(r, f);

			if (rc <= 0)
				return rc;
			continue;
		}
		if (journal_parse_line(line, event) &&
		    is_within(r, event->time))
			return 1;
	}
}

/* "key=" at the front: its length without the sign; 0 where there is none. */
static size_t
key_length(struct str s)
{
	size_t len = 0;

	while (len < s.len &&
	       ((s.at[len] >= 'a' && s.at[len] <= 'z') || s.at[len] == '_'))
		len++;
	return len < s.len && s.at[len] == '=' ? len : 0;
}

/* Up to the blank behind it; a quoted one up to its quote. */
static size_t
value_length(struct str s)
{
	if (!str_starts(s, STR_LIT("\"")))
		return str_find(s, ' ');
	for (size_t i = 1; i < s.len; i++) {
		if (s.at[i] == '\\')
			i++;
		else if (s.at[i] == '"')
			return i + 1;
	}
	return s.len;
}

bool
journal_next_field(struct str *fields, struct str *key, struct str *value)
{
	struct str rest = str_trim(*fields);
	size_t len = key_length(rest);

	if (len == 0)
		return false;
	*key = str_head(rest, len);
	rest = str_from(rest, len + 1);
	*value = str_head(rest, value_length(rest));
	*fields = str_from(rest, value->len);
	if (value->len >= 2 && value->at[0] == '"')
		*value = str_n(value->at + 1, value->len - 2);
	return true;
}

static struct str
take_id(struct str *rest, struct str key)
{
	struct str id;

	if (!str_starts(*rest, key))
		return (struct str){0};
	*rest = str_from(*rest, key.len);
	id = str_cut(rest, ' ');
	return str_is(id, STR_LIT("-")) ? (struct str){0} : id;
}

bool
journal_parse_line(struct str line, struct journal_event *e)
{
	struct str rest = line;
	size_t at = 0;

	*e = (struct journal_event){.line = line};
	e->time = str_head(line, JOURNAL_TIME_LEN);
	if (!str_ends(e->time, STR_LIT("Z")) || e->time.len < JOURNAL_TIME_LEN)
		return false;
	rest = str_from(rest, JOURNAL_TIME_LEN + 1);
	e->level = str_cut(&rest, ' ');
	e->session = take_id(&rest, STR_LIT("s="));
	e->message = take_id(&rest, STR_LIT("q="));
	/* The event's words, up to the first that is a field. */
	while (at < rest.len && key_length(str_from(rest, at)) == 0) {
		at += str_find(str_from(rest, at), ' ');
		at += at < rest.len;
	}
	e->event = str_trim(str_head(rest, at));
	e->fields = str_from(rest, at);
	return e->event.len > 0;
}
