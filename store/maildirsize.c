/* SPDX-License-Identifier: ISC */
#include "config.h"

#include "store/maildirsize.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/buf.h"

enum {
	OPEN_DIR = O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW,
	TRIES = 3,
	LINE_SIZE = 64,
	PATH_SIZE = 80,
};

static const char file_name[] = "maildirsize";
static bool without_trash;
static atomic_uint n_made; /* for names in tmp/ */

void
maildirsize_set_trash(bool counts)
{
	without_trash = !counts;
}

static bool
is_trash(struct str dir)
{
	return str_is(dir, STR_LIT(".Trash"));
}

bool
maildirsize_counts(struct str folder, struct str flags)
{
	return !without_trash || (!is_trash(folder) && !str_has(flags, 'T'));
}

/* Reading. */

/* "1000S" or "5C"; others may have other letters. */
static void
take_limit(struct str text, struct maildirsize_limits *limits)
{
	struct str digits = str_head(text, text.len > 0 ? text.len - 1 : 0);
	uint64_t n;

	if (!str_to_u64(digits, 0, INT64_MAX, &n))
		return;
	if (text.at[digits.len] == 'S')
		limits->bytes = n;
	else if (text.at[digits.len] == 'C')
		limits->messages = n;
}

static bool
take_number(struct str *line, int64_t *number)
{
	bool negative;
	struct str word;
	uint64_t n;

	*line = str_trim(*line);
	word = str_trim(str_cut(line, ' '));
	negative = word.len > 0 && word.at[0] == '-';
	if (!str_to_u64(
		str_from(word, negative), 0, INT64_MAX / MAILDIRSIZE_MAX, &n))
		return false;
	*number = negative ? -(int64_t)n : (int64_t)n;
	return true;
}

bool
maildirsize_parse(struct str text, struct maildirsize *size)
{
	struct str limits = str_cut(&text, '\n');
	int64_t bytes = 0, messages = 0;

	size->limits = (struct maildirsize_limits){0};
	size->lines = 0;
	while (limits.len > 0)
		take_limit(str_cut(&limits, ','), &size->limits);
	while (text.len > 0) {
		struct str line = str_cut(&text, '\n');
		int64_t b, m;

		/* A line without an end is still being written. */
		if (text.at == NULL)
			break;
		if (!take_number(&line, &b) || !take_number(&line, &m) ||
		    str_trim(line).len > 0)
			return false;
		bytes += b;
		messages += m;
		size->lines++;
	}
	if (size->lines == 0 || bytes < 0 || messages < 0)
		return false;
	size->bytes = (uint64_t)bytes;
	size->messages = (uint64_t)messages;
	return true;
}

static ssize_t
read_all(int fd, char *text, size_t room)
{
	size_t len = 0;

	while (len < room) {
		ssize_t n = read(fd, text + len, room - len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -1;
		if (n == 0)
			break;
		len += (size_t)n;
	}
	return (ssize_t)len;
}

int
maildirsize_read(int box, struct maildirsize *size, struct fault *f)
{
	char text[MAILDIRSIZE_MAX + 1];
	struct stat st;
	ssize_t n = -1;
	int fd = openat(
	    box, file_name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);

	if (fd < 0 && (errno == ENOENT || errno == ELOOP))
		return 0;
	if (fd >= 0 && fstat(fd, &st) == 0)
		n = read_all(fd, text, sizeof text);
	if (n < 0) {
		fault_errno(f, "cannot read %s", file_name);
		if (fd >= 0)
			close(fd);
		return -1;
	}
	close(fd);
	size->changed = (int64_t)st.st_mtim.tv_sec;
	return S_ISREG(st.st_mode) && n <= MAILDIRSIZE_MAX &&
	       maildirsize_parse(str_n(text, (size_t)n), size);
}

/* Writing. */

static int
format_line(char line[LINE_SIZE], int64_t bytes, int64_t messages)
{
	return snprintf(
	    line, LINE_SIZE, "%12" PRId64 " %12" PRId64 "\n", bytes, messages);
}

void
maildirsize_add(int box, int64_t bytes, int64_t messages)
{
	int fd = openat(box, file_name,
	    O_WRONLY | O_APPEND | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	char line[LINE_SIZE];
	int len;

	if (fd < 0)
		return;
	len = format_line(line, bytes, messages);
	/* One write, so that nobody sees, or cuts into, a part of it. */
	(void)!write(fd, line, (size_t)len);
	close(fd);
}

void
maildirsize_add_file(
    int box, struct str folder, struct str file, uint64_t size, int sign)
{
	struct maildir_name name;

	if (!maildir_name_parse(file, &name) ||
	    !maildirsize_counts(folder, name.flags))
		return;
	if (name.has_size)
		size = name.size;
	maildirsize_add(box, sign * (int64_t)size, sign);
}

/* As others write it. */
static void
put_limits(struct buf *b, const struct maildirsize_limits *limits)
{
	if (limits->bytes > 0 || limits->messages == 0)
		buf_putf(b, "%" PRIu64 "S", limits->bytes);
	if (limits->bytes > 0 && limits->messages > 0)
		buf_putc(b, ',');
	if (limits->messages > 0)
		buf_putf(b, "%" PRIu64 "C", limits->messages);
	buf_putc(b, '\n');
}

static int
put_file(int box, const char *path, const struct maildirsize *size)
{
	int fd = openat(box, path,
	    O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
	char line[LINE_SIZE];
	struct buf text;
	ssize_t n;

	if (fd < 0)
		return -1;
	format_line(line, (int64_t)size->bytes, (int64_t)size->messages);
	buf_init(&text, 2 * LINE_SIZE);
	put_limits(&text, &size->limits);
	buf_puts(&text, line);
	n = write(fd, buf_text(&text), buf_len(&text));
	if (n >= 0 && (size_t)n < buf_len(&text)) {
		errno = ENOSPC;
		n = -1;
	}
	buf_clear(&text);
	if (close(fd) < 0)
		n = -1;
	return n < 0 || renameat(box, path, box, file_name) < 0 ? -1 : 0;
}

static int
write_anew(int box, const struct maildirsize *size, struct fault *f)
{
	char path[PATH_SIZE];
	int rc;

	snprintf(path, sizeof path, "tmp/%lld.P%dQ%u.maildirsize",
	    (long long)time(NULL), (int)getpid(), atomic_fetch_add(&n_made, 1));
	rc = put_file(box, path, size);
	if (rc < 0) {
		fault_errno(f, "cannot write %s", file_name);
		unlinkat(box, path, 0);
	}
	return rc;
}

/* Counting. */

/* newest: of all directories, by nanoseconds; n_dirs: how many there were. What
 * changes one while we count makes another of the two. */
struct count {
	struct maildirsize *size; /* NULL: only the times */
	int64_t newest;
	uint64_t n_dirs;
};

static void
count_message(int dir, const char *file, struct maildirsize *size)
{
	struct maildir_name name;
	struct stat st;

	if (file[0] == '.')
		return;
	if (!maildir_name_parse(str(file), &name))
		memset(&name, 0, sizeof name);
	if (without_trash && str_has(name.flags, 'T'))
		return;
	if (!name.has_size) {
		if (fstatat(dir, file, &st, 0) < 0)
			return;
		name.size = (uint64_t)st.st_size;
	}
	size->bytes += name.size;
	size->messages++;
}

static int
count_files(int fd, struct maildirsize *size)
{
	int copy = openat(fd, ".", OPEN_DIR);
	DIR *d = copy < 0 ? NULL : fdopendir(copy);
	const struct dirent *e;

	if (d == NULL) {
		if (copy >= 0)
			close(copy);
		return -1;
	}
	while (errno = 0, (e = readdir(d)) != NULL)
		count_message(fd, e->d_name, size);
	copy = errno;
	closedir(d);
	errno = copy;
	return copy == 0 ? 0 : -1;
}

/* One that is missing has nothing to count. */
static int
count_part(int box, const char *folder, const char *part, struct count *c)
{
	char path[MAILDIR_NAME_SIZE + 8];
	struct stat st;
	int64_t changed;
	int fd, rc = -1;

	snprintf(path, sizeof path, "%.255s/%s", folder, part);
	fd = openat(box, path, OPEN_DIR);
	if (fd < 0)
		return errno == ENOENT || errno == ENOTDIR || errno == ELOOP
			   ? 0
			   : -1;
	if (fstat(fd, &st) == 0 &&
	    (c->size == NULL || count_files(fd, c->size) == 0))
		rc = 0;
	close(fd);
	if (rc < 0)
		return -1;
	changed = (int64_t)st.st_mtim.tv_sec * 1000000000 + st.st_mtim.tv_nsec;
	if (changed > c->newest)
		c->newest = changed;
	c->n_dirs++;
	return 0;
}

static int
count_folder(int box, const char *folder, struct count *c)
{
	if (count_part(box, folder, "new", c) < 0)
		return -1;
	return count_part(box, folder, "cur", c);
}

static bool
is_folder(const char *name)
{
	return name[0] == '.' && strcmp(name, ".") != 0 &&
	       strcmp(name, "..") != 0 &&
	       !(without_trash && is_trash(str(name)));
}

static int
count_all(int box, struct count *c)
{
	int copy = openat(box, ".", OPEN_DIR), rc = -1;
	DIR *d = copy < 0 ? NULL : fdopendir(copy);
	const struct dirent *e;

	if (d == NULL) {
		if (copy >= 0)
			close(copy);
		return -1;
	}
	rc = count_folder(box, ".", c);
	while (rc == 0 && (e = readdir(d)) != NULL)
		if (is_folder(e->d_name))
			rc = count_folder(box, e->d_name, c);
	copy = errno;
	closedir(d);
	errno = copy;
	return rc;
}

int
maildirsize_count(int box, struct maildirsize *size, struct fault *f)
{
	struct count c = {.size = size};

	*size = (struct maildirsize){.lines = 1, .changed = time(NULL)};
	if (count_all(box, &c) < 0)
		return fault_errno(f, "cannot count the messages");
	return 0;
}

int
maildirsize_recount(int box, const struct maildirsize_limits *limits,
    struct maildirsize *size, struct fault *f)
{
	for (int tries = 0; tries < TRIES; tries++) {
		struct count before = {.size = size}, after = {.size = NULL};

		*size = (struct maildirsize){
		    .limits = *limits, .lines = 1, .changed = time(NULL)};
		if (count_all(box, &before) < 0)
			return fault_errno(f, "cannot count the messages");
		if (write_anew(box, size, f) < 0)
			return -1;
		if (count_all(box, &after) == 0 &&
		    after.newest == before.newest &&
		    after.n_dirs == before.n_dirs)
			break;
	}
	return 0;
}
