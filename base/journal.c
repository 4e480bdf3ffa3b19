/* SPDX-License-Identifier: ISC */
/*
 * The writing side of the journal.
 *
 * Two buffers: callers add to `in` under the lock, the writer takes it whole
 * and leaves the empty one. So the lock is held for a copy of a line, never for
 * a system call.
 *
 * Invariant: a file holds whole lines. What could be written only in part is
 * cut off again.
 */
#include "config.h"

#include "base/journal.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/thread.h"

enum {
	BUFFER_MAX = 1 << 20,
	WRITE_AT = 64 << 10,
	KEEP_ROOM = 256 << 10, /* of a buffer, between bursts */
	LINGER_MS = 200,
	FILES_MAX = 16,
	FILE_BYTES_MAX = 16 << 20,
	NAME_LEN = 16, /* digits: until the year 2286 */
};

static const int64_t a_second = 1000000;
static const int64_t a_day = INT64_C(86400) * 1000000;

struct journal {
	struct journal_conf conf;
	int dirfd;
	pthread_t thread;

	pthread_mutex_t lock;
	pthread_cond_t news;
	/* Under the lock. */
	struct buf in;
	int64_t first, last; /* times of in's lines */
	unsigned lines;      /* in it */
	uint64_t dropped;
	bool closing;

	/* The writer's own. */
	struct buf out;
	int fd; /* -1: none */
	uint64_t size;
	int64_t began;   /* the file's name */
	int64_t newest;  /* of what was written */
	uint64_t told;   /* of dropped */
	int64_t told_at; /* clock_ms() */
	bool failed;
};

/* Times. */

void
journal_format_time(int64_t us, char text[JOURNAL_TIME_SIZE])
{
	static _Thread_local struct {
		int64_t second;
		char text[2 * JOURNAL_TIME_SIZE];
	} last;
	int64_t second = us / a_second;
	unsigned rest = (unsigned)(us % a_second);

	if (second != last.second || last.text[0] == '\0') {
		time_t t = (time_t)second;
		struct tm tm;

		gmtime_r(&t, &tm);
		snprintf(last.text, sizeof last.text,
		    "%04d-%02d-%02dT%02d:%02d:%02d.000000Z",
		    (tm.tm_year + 1900) % 10000, (tm.tm_mon + 1) % 100,
		    tm.tm_mday % 100, tm.tm_hour % 100, tm.tm_min % 100,
		    tm.tm_sec % 100);
		last.second = second;
	}
	memcpy(text, last.text, JOURNAL_TIME_SIZE);
	for (int i = 25; i >= 20; i--, rest /= 10)
		text[i] = (char)('0' + rest % 10);
}

static bool
take_number(struct str *text, size_t len, char end, uint64_t max, int *n)
{
	uint64_t value;

	if (text->len <= len || text->at[len] != end ||
	    !str_to_u64(str_head(*text, len), 0, max, &value))
		return false;
	*n = (int)value;
	*text = str_from(*text, len + 1);
	return true;
}

bool
journal_parse_time(struct str text, int64_t *us)
{
	struct tm tm = {0};
	int micro;

	if (!take_number(&text, 4, '-', 9999, &tm.tm_year) ||
	    !take_number(&text, 2, '-', 12, &tm.tm_mon) ||
	    !take_number(&text, 2, 'T', 31, &tm.tm_mday) ||
	    !take_number(&text, 2, ':', 23, &tm.tm_hour) ||
	    !take_number(&text, 2, ':', 59, &tm.tm_min) ||
	    !take_number(&text, 2, '.', 60, &tm.tm_sec) ||
	    !take_number(&text, 6, 'Z', 999999, &micro))
		return false;
	tm.tm_year -= 1900;
	tm.tm_mon--;
	*us = (int64_t)timegm(&tm) * a_second + micro;
	return true;
}

/* Files. */

/* The number that a name is; 0 where it is none of ours. */
static int64_t
parse_name(const char *name)
{
	uint64_t n;

	return strlen(name) == NAME_LEN &&
		       str_to_u64(str(name), 1, INT64_MAX, &n)
		   ? (int64_t)n
		   : 0;
}

static void
format_name(int64_t n, char name[NAME_LEN + 1])
{
	snprintf(name, NAME_LEN + 1, "%0*" PRId64, NAME_LEN, n);
}

/* The file next to remove, or to go on with. */
struct found {
	int64_t oldest, newest; /* 0: there is none */
	uint64_t bytes;         /* of all */
};

static void
look(struct journal *j, struct found *found)
{
	int fd = openat(j->dirfd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	const struct dirent *entry;

	*found = (struct found){0};
	if (dir == NULL) {
		if (fd >= 0)
			close(fd);
		return;
	}
	while ((entry = readdir(dir)) != NULL) {
		int64_t n = parse_name(entry->d_name);
		struct stat st;

		if (n == 0 || fstatat(j->dirfd, entry->d_name, &st,
				  AT_SYMLINK_NOFOLLOW) < 0)
			continue;
		found->bytes += (uint64_t)st.st_size;
		if (found->oldest == 0 || n < found->oldest)
			found->oldest = n;
		if (n > found->newest)
			found->newest = n;
	}
	closedir(dir);
}

/* Whether the file was last written before so long that all in it is old. */
static bool
is_old(const struct journal *j, const char *name, int64_t now)
{
	struct stat st;

	return fstatat(j->dirfd, name, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
	       (int64_t)st.st_mtim.tv_sec * a_second < now - j->conf.max_age_us;
}

/* Makes room for one file more. */
static void
remove_old(struct journal *j, int64_t now)
{
	struct found found;
	int64_t before = 0;

	for (look(j, &found); found.oldest != 0 && found.oldest != before;
	     look(j, &found)) {
		char name[NAME_LEN + 1];

		before = found.oldest;
		format_name(found.oldest, name);
		if (found.bytes + j->conf.file_bytes <= j->conf.max_bytes &&
		    !is_old(j, name, now))
			return;
		if (unlinkat(j->dirfd, name, 0) < 0)
			return;
	}
}

static int
open_file(struct journal *j, int64_t n, int flags)
{
	char name[NAME_LEN + 1];
	struct stat st;

	format_name(n, name);
	j->fd = openat(j->dirfd, name,
	    flags | O_RDWR | O_APPEND | O_NOFOLLOW | O_CLOEXEC, 0640);
	if (j->fd < 0)
		return -1;
	/* The umask takes the group's right to read. */
	if (fstat(j->fd, &st) < 0 ||
	    ((flags & O_CREAT) != 0 && fchmod(j->fd, 0640) < 0)) {
		close(j->fd);
		j->fd = -1;
		return -1;
	}
	j->size = (uint64_t)st.st_size;
	j->began = n;
	return 0;
}

static void
close_file(struct journal *j)
{
	if (j->fd >= 0)
		close(j->fd);
	j->fd = -1;
}

/* A file that a crash of the machine has left with half a line at its end. */
static bool
ends_whole(const struct journal *j)
{
	char last = '\n';

	return j->size == 0 ||
	       (pread(j->fd, &last, 1, (off_t)j->size - 1) == 1 &&
		   last == '\n');
}

/* Goes on with what an earlier process began. */
static void
resume(struct journal *j)
{
	int64_t now = clock_unix_us();
	struct found found;

	remove_old(j, now);
	look(j, &found);
	if (found.newest == 0 || found.newest > now ||
	    open_file(j, found.newest, 0) < 0)
		return;
	if (j->size >= j->conf.file_bytes || !ends_whole(j))
		close_file(j);
}

/*
 * The file for lines from `first` on. A clock that was put back begins a new
 * one, so that within a file time goes on, and the name bounds it.
 */
static int
turn(struct journal *j, int64_t first, size_t len)
{
	if (j->fd >= 0 &&
	    (j->size + len > j->conf.file_bytes || first > j->began + a_day ||
		first < j->newest - a_second || first < j->began))
		close_file(j);
	if (j->fd >= 0)
		return 0;
	remove_old(j, first);
	/* Two may begin in one microsecond, or a clock may have gone back. */
	for (int64_t n = first; n < first + 100; n++) {
		if (open_file(j, n, O_CREAT | O_EXCL) == 0)
			return 0;
		if (errno != EEXIST)
			break;
	}
	return -1;
}

static int
write_out(struct journal *j)
{
	if (file_write(j->fd, buf_str(&j->out)) < 0) {
		int why = errno;

		(void)!ftruncate(j->fd, (off_t)j->size);
		errno = why;
		return -1;
	}
	j->size += buf_len(&j->out);
	return 0;
}

/* The thread. */

static void
drop(struct journal *j, unsigned lines)
{
	pthread_mutex_lock(&j->lock);
	j->dropped += lines;
	pthread_mutex_unlock(&j->lock);
}

/* Says once that it fails, and when it is over, how much was lost. */
static void
tell(struct journal *j, int error)
{
	uint64_t dropped = journal_dropped(j);
	int64_t now = clock_ms();

	if (error != 0 && !j->failed)
		log_warn(NULL, "journal cannot be written", "reason",
		    strerror(error), NULL);
	j->failed = error != 0;
	if (j->failed || dropped == j->told ||
	    (j->told_at != 0 && now - j->told_at < 60000))
		return;
	log_warn(NULL, "journal has lost events", "events",
	    LOG_NUM(dropped - j->told), NULL);
	j->told = dropped;
	j->told_at = now;
}

/* Writes what was taken, and empties it. */
static void
write_lines(struct journal *j, int64_t first, int64_t last, unsigned lines)
{
	int error = 0;

	if (turn(j, first, buf_len(&j->out)) < 0 || write_out(j) < 0)
		error = errno;
	else
		j->newest = last;
	if (error != 0)
		drop(j, lines);
	if (j->out.room > KEEP_ROOM)
		buf_clear(&j->out);
	else
		buf_reset(&j->out);
	tell(j, error);
}

/* Waits, with the lock, until there is enough to write, or what is there has
 * waited long enough. */
static void
wait_for_lines(struct journal *j)
{
	struct timespec until;

	while (buf_len(&j->in) == 0 && !j->closing)
		pthread_cond_wait(&j->news, &j->lock);
	clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_nsec += LINGER_MS * 1000000L;
	if (until.tv_nsec >= 1000000000L) {
		until.tv_nsec -= 1000000000L;
		until.tv_sec++;
	}
	while (buf_len(&j->in) < WRITE_AT && !j->closing &&
	       pthread_cond_timedwait(&j->news, &j->lock, &until) == 0)
		continue;
}

static void *
run(void *ctx)
{
	struct journal *j = ctx;
	bool closing = false;

	while (!closing) {
		struct buf taken;
		int64_t first, last;
		unsigned lines;

		pthread_mutex_lock(&j->lock);
		wait_for_lines(j);
		taken = j->in;
		j->in = j->out;
		j->out = taken;
		first = j->first;
		last = j->last;
		lines = j->lines;
		j->lines = 0;
		closing = j->closing && lines == 0;
		pthread_mutex_unlock(&j->lock);
		if (lines > 0)
			write_lines(j, first, last, lines);
	}
	return NULL;
}

static void
release(struct journal *j)
{
	close_file(j);
	if (j->dirfd >= 0)
		close(j->dirfd);
	pthread_cond_destroy(&j->news);
	pthread_mutex_destroy(&j->lock);
	buf_clear(&j->in);
	buf_clear(&j->out);
	mem_free(j);
}

/* A file is a piece of the whole: there is always one to remove. */
static uint64_t
file_bytes(const struct journal_conf *conf)
{
	uint64_t bytes = conf->max_bytes / FILES_MAX;

	if (conf->file_bytes != 0)
		return conf->file_bytes;
	return bytes < FILE_BYTES_MAX ? bytes : FILE_BYTES_MAX;
}

struct journal *
journal_open(const struct journal_conf *conf, struct fault *f)
{
	struct journal *j = mem_new(struct journal);
	pthread_condattr_t attr;

	j->conf = *conf;
	j->conf.file_bytes = file_bytes(conf);
	j->fd = -1;
	buf_init(&j->in, BUFFER_MAX);
	buf_init(&j->out, BUFFER_MAX);
	pthread_mutex_init(&j->lock, NULL);
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&j->news, &attr);
	pthread_condattr_destroy(&attr);
	j->dirfd = open(conf->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (j->dirfd < 0 || faccessat(j->dirfd, ".", W_OK, AT_EACCESS) < 0) {
		fault_errno(f, "cannot write to %s", conf->dir);
		goto out;
	}
	resume(j);
	if (thread_start(&j->thread, run, j, f) < 0)
		goto out;
	return j;
out:
	release(j);
	return NULL;
}

void
journal_close(struct journal **journal)
{
	struct journal *j = *journal;

	if (j == NULL)
		return;
	pthread_mutex_lock(&j->lock);
	j->closing = true;
	pthread_cond_signal(&j->news);
	pthread_mutex_unlock(&j->lock);
	pthread_join(j->thread, NULL);
	release(j);
	*journal = NULL;
}

void
journal_put(struct journal *j, int64_t us, const char *level, struct str line)
{
	char time[JOURNAL_TIME_SIZE];
	size_t before, after;

	journal_format_time(us, time);
	time[JOURNAL_TIME_LEN] = ' ';
	pthread_mutex_lock(&j->lock);
	before = buf_len(&j->in);
	if (before + line.len + JOURNAL_TIME_SIZE + 16 > BUFFER_MAX) {
		j->dropped++;
		pthread_mutex_unlock(&j->lock);
		return;
	}
	buf_put(&j->in, time, JOURNAL_TIME_SIZE);
	buf_puts(&j->in, level);
	buf_putc(&j->in, ' ');
	buf_put_str(&j->in, line);
	buf_putc(&j->in, '\n');
	if (j->lines++ == 0)
		j->first = us;
	j->last = us;
	after = buf_len(&j->in);
	if (before == 0 || (before < WRITE_AT && after >= WRITE_AT))
		pthread_cond_signal(&j->news);
	pthread_mutex_unlock(&j->lock);
}

uint64_t
journal_dropped(struct journal *j)
{
	uint64_t dropped;

	pthread_mutex_lock(&j->lock);
	dropped = j->dropped;
	pthread_mutex_unlock(&j->lock);
	return dropped;
}
