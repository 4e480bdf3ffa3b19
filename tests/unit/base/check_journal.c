/* SPDX-License-Identifier: ISC */
/* base/journal.h and base/journal_read.h: what is put comes back, files turn
 * and go, and nothing waits for a disk. */
#include "config.h"

#include "base/journal.h"

#include <dirent.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <signal.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/journal_read.h"
#include "base/log.h"
#include "tests/unit/unit.h"

/* 2026-11-23T17:05:38Z */
static const int64_t t0 = INT64_C(1795453538) * 1000000;
static const int64_t an_hour = INT64_C(3600) * 1000000;

static char dir[64];

static void
make_dir(void)
{
	snprintf(dir, sizeof dir, "/tmp/check_journal.XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(dir));
}

/* Calls each file; removes them all with each NULL. */
static unsigned
each_file(void (*each)(const char *path, const struct stat *st))
{
	DIR *d = opendir(dir);
	const struct dirent *entry;
	unsigned n = 0;

	ck_assert_ptr_nonnull(d);
	while ((entry = readdir(d)) != NULL) {
		char path[400];
		struct stat st;

		if (entry->d_name[0] == '.')
			continue;
		snprintf(path, sizeof path, "%s/%s", dir, entry->d_name);
		ck_assert_int_eq(stat(path, &st), 0);
		n++;
		if (each != NULL)
			each(path, &st);
		else
			ck_assert_int_eq(unlink(path), 0);
	}
	closedir(d);
	return n;
}

static void
remove_dir(void)
{
	each_file(NULL);
	ck_assert_int_eq(rmdir(dir), 0);
}

static struct journal *
open_journal(uint64_t max_bytes, uint64_t file_bytes)
{
	const struct journal_conf conf = {
	    .dir = dir,
	    .max_bytes = max_bytes,
	    .max_age_us = 30 * 24 * an_hour,
	    .file_bytes = file_bytes,
	};
	struct fault f;
	struct journal *j = journal_open(&conf, &f);

	ck_assert_msg(j != NULL, "%s", f.text);
	return j;
}

/* How many events there are within the bounds; the last one's line is kept. */
static char last[8192];

static unsigned
count(int64_t since, int64_t until, const char *needle)
{
	const struct journal_bounds bounds = {since, until, str(needle)};
	struct journal_event e;
	struct fault f;
	struct journal_reader *r = journal_reader_open(dir, &bounds, &f);
	unsigned n = 0;
	int rc;

	ck_assert_ptr_nonnull(r);
	while ((rc = journal_reader_next(r, &e, &f)) > 0) {
		n++;
		ck_assert(str_copy(e.line, last, sizeof last));
	}
	ck_assert_int_eq(rc, 0);
	journal_reader_close(&r);
	ck_assert_ptr_null(r);
	return n;
}

static void
put(struct journal *j, int64_t us, const char *text)
{
	journal_put(j, us, "info", str(text));
}

START_TEST(a_time_is_written_and_read_again)
{
	char text[JOURNAL_TIME_SIZE];
	int64_t us;

	journal_format_time(t0 + 42, text);
	ck_assert_str_eq(text, "2026-11-23T17:05:38.000042Z");
	ck_assert(journal_parse_time(str(text), &us));
	ck_assert_int_eq(us, t0 + 42);
	journal_format_time(t0 + 999999, text);
	ck_assert_str_eq(text, "2026-11-23T17:05:38.999999Z");
	ck_assert(!journal_parse_time(STR_LIT("2026-11-23 17:05:38"), &us));
	ck_assert(!journal_parse_time(STR_LIT(""), &us));
	ck_assert(
	    !journal_parse_time(STR_LIT("2026-13-23T17:05:38.000042Z"), &us));
}
END_TEST

START_TEST(what_was_put_is_there_when_it_is_closed)
{
	struct journal *j;

	make_dir();
	j = open_journal(1 << 20, 0);
	put(j, t0, "s=a q=b delivered to=x@y");
	put(j, t0 + 1, "started");
	journal_close(&j);
	ck_assert_ptr_null(j);
	ck_assert_uint_eq(count(0, 0, ""), 2);
	ck_assert_str_eq(last, "2026-11-23T17:05:38.000001Z info started");
	ck_assert_uint_eq(count(0, 0, "x@y"), 1);
	ck_assert_str_eq(last, "2026-11-23T17:05:38.000000Z info s=a q=b "
			       "delivered to=x@y");
	remove_dir();
}
END_TEST

static bool
comes(unsigned n)
{
	int64_t until = clock_ms() + 30000;

	while (clock_ms() < until) {
		if (count(0, 0, "") == n)
			return true;
		usleep(5000);
	}
	return false;
}

START_TEST(lines_come_to_the_disk_by_themselves)
{
	struct journal *j;

	make_dir();
	j = open_journal(1 << 20, 0);
	for (unsigned i = 1; i < 4; i++) {
		put(j, t0 + i, "x");
		ck_assert(comes(i));
	}
	journal_close(&j);
	remove_dir();
}
END_TEST

static void
assert_private(const char *path, const struct stat *st)
{
	(void)path;
	ck_assert_uint_eq(st->st_mode & 07777, 0640);
}

START_TEST(a_restart_goes_on_with_the_same_file)
{
	int64_t now = clock_unix_us();
	struct journal *j;

	make_dir();
	umask(077);
	for (int i = 0; i < 3; i++) {
		j = open_journal(1 << 20, 0);
		put(j, now + i, "x");
		journal_close(&j);
	}
	ck_assert_uint_eq(each_file(assert_private), 1);
	ck_assert_uint_eq(count(0, 0, ""), 3);
	remove_dir();
}
END_TEST

static int
open_only_file(void)
{
	static char path[400];
	DIR *d = opendir(dir);
	const struct dirent *entry;
	int fd;

	while ((entry = readdir(d)) != NULL && entry->d_name[0] == '.')
		continue;
	ck_assert_ptr_nonnull(entry);
	snprintf(path, sizeof path, "%s/%s", dir, entry->d_name);
	closedir(d);
	fd = open(path, O_WRONLY | O_APPEND);
	ck_assert_int_ge(fd, 0);
	return fd;
}

START_TEST(half_a_line_spoils_no_other)
{
	int64_t now = clock_unix_us();
	struct journal *j;
	int fd;

	make_dir();
	j = open_journal(1 << 20, 0);
	put(j, now, "one");
	journal_close(&j);
	fd = open_only_file();
	ck_assert_int_eq(write(fd, "2026-11", 7), 7);
	close(fd);
	ck_assert_uint_eq(count(0, 0, ""), 1);
	j = open_journal(1 << 20, 0);
	put(j, now + 1, "two");
	journal_close(&j);
	ck_assert_uint_eq(count(0, 0, ""), 2);
	remove_dir();
}
END_TEST

START_TEST(files_turn_by_size_and_the_oldest_go)
{
	char text[1000];
	struct journal *j;

	make_dir();
	memset(text, 'x', sizeof text - 1);
	text[sizeof text - 1] = '\0';
	j = open_journal(100000, 10000);
	for (unsigned i = 0; i < 500; i++) {
		put(j, clock_unix_us(), text);
		/* Each is a batch of its own, so that none has two files. */
		if (i % 5 == 4) {
			journal_close(&j);
			j = open_journal(100000, 10000);
		}
	}
	put(j, clock_unix_us(), "the last");
	journal_close(&j);
	ck_assert_uint_ge(each_file(assert_private), 5);
	ck_assert_uint_le(count(0, 0, ""), 100);
	ck_assert_uint_ge(count(0, 0, ""), 70);
	ck_assert_uint_eq(count(0, 0, "the last"), 1);
	remove_dir();
}
END_TEST

static void
make_old(const char *path, const struct stat *st)
{
	struct timespec times[2] = {
	    {.tv_sec = st->st_mtim.tv_sec - 31 * 86400},
	    {.tv_sec = st->st_mtim.tv_sec - 31 * 86400},
	};

	ck_assert_int_eq(utimensat(AT_FDCWD, path, times, 0), 0);
}

START_TEST(files_that_are_too_old_go)
{
	int64_t now = clock_unix_us();
	struct journal *j;

	make_dir();
	j = open_journal(1 << 20, 0);
	put(j, now, "old");
	journal_close(&j);
	each_file(make_old);
	j = open_journal(1 << 20, 0);
	put(j, now + 1, "new");
	journal_close(&j);
	ck_assert_uint_eq(count(0, 0, ""), 1);
	ck_assert(str_ends(str(last), STR_LIT("new")));
	remove_dir();
}
END_TEST

START_TEST(a_file_ends_after_a_day_and_where_the_clock_goes_back)
{
	static const struct {
		int64_t step; /* hours */
		unsigned files;
	} steps[] = {{23, 1}, {25, 2}, {24, 3}, {26, 4}};
	int64_t now = clock_unix_us() - 40 * an_hour;

	make_dir();
	for (size_t i = 0; i < ARRAY_LEN(steps); i++) {
		struct journal *j = open_journal(1 << 20, 0);

		put(j, now, "x");
		put(j, now + steps[i].step * an_hour, "y");
		journal_close(&j);
	}
	ck_assert_uint_eq(count(0, 0, ""), 8);
	remove_dir();
}
END_TEST

START_TEST(bounds_of_time_hold)
{
	struct journal *j;

	make_dir();
	j = open_journal(1 << 20, 0);
	for (int i = 0; i < 10; i++)
		put(j, t0 + i * an_hour, i == 3 ? "odd" : "x");
	journal_close(&j);
	ck_assert_uint_eq(count(0, 0, ""), 10);
	ck_assert_uint_eq(count(t0, t0, ""), 1);
	ck_assert_uint_eq(count(t0 + an_hour, 0, ""), 9);
	ck_assert_uint_eq(count(0, t0 + an_hour, ""), 2);
	ck_assert_uint_eq(count(t0 + an_hour, t0 + 4 * an_hour, "odd"), 1);
	ck_assert_uint_eq(count(t0 + 4 * an_hour, 0, "odd"), 0);
	ck_assert_uint_eq(count(0, t0 - 1, ""), 0);
	remove_dir();
}
END_TEST

START_TEST(a_long_journal_is_read_in_pieces)
{
	struct journal *j;
	char text[3000];

	make_dir();
	memset(text, 'x', sizeof text - 1);
	text[sizeof text - 1] = '\0';
	/* Less than the buffer holds, in several reads. */
	j = open_journal(64 << 20, 0);
	for (unsigned i = 0; i < 300; i++) {
		snprintf(text, 20, "number %u ", i);
		text[strlen(text)] = 'x';
		put(j, t0 + i, text);
	}
	ck_assert_uint_eq(journal_dropped(j), 0);
	journal_close(&j);
	ck_assert_uint_eq(count(0, 0, ""), 300);
	ck_assert_uint_eq(count(0, 0, "number 7 "), 1);
	ck_assert_uint_eq(count(0, 0, "number 299 "), 1);
	ck_assert_uint_eq(count(0, 0, "number"), 300);
	ck_assert_uint_eq(count(0, 0, "nothing"), 0);
	remove_dir();
}
END_TEST

/* Events that the journal's own warnings make go to it too. */
START_TEST(a_full_disk_costs_events_and_one_warning)
{
	struct rlimit limit, kept;
	struct journal *j;
	char text[900];

	make_dir();
	log_open("posthouse-test", LOG_TARGET_STDERR, LOG_LEVEL_ERROR);
	signal(SIGXFSZ, SIG_IGN);
	ck_assert_int_eq(getrlimit(RLIMIT_FSIZE, &kept), 0);
	limit = kept;
	limit.rlim_cur = 2000;
	j = open_journal(1 << 20, 0);
	log_set_journal(j);
	put(j, clock_unix_us(), "before");
	ck_assert(comes(1));
	ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &limit), 0);
	memset(text, 'x', sizeof text - 1);
	text[sizeof text - 1] = '\0';
	for (unsigned i = 0; i < 200; i++)
		put(j, clock_unix_us(), text);
	while (journal_dropped(j) < 200)
		usleep(5000);
	ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &kept), 0);
	put(j, clock_unix_us(), "after");
	while (count(0, 0, "has lost events events=") == 0)
		usleep(5000);
	log_set_journal(NULL);
	journal_close(&j);
	ck_assert_uint_eq(count(0, 0, "xxx"), 0);
	ck_assert_uint_eq(count(0, 0, " before"), 1);
	ck_assert_uint_eq(count(0, 0, " after"), 1);
	ck_assert_uint_le(count(0, 0, "cannot be written"), 1);
	remove_dir();
}
END_TEST

START_TEST(what_finds_no_room_is_dropped_and_counted)
{
	struct journal *j;
	static char text[4000];
	unsigned n = 0;

	make_dir();
	memset(text, 'x', sizeof text - 1);
	j = open_journal(64 << 20, 0);
	/* Faster than any disk, until some do not fit. */
	while (journal_dropped(j) == 0 && n < 2000000)
		put(j, t0 + n++, text);
	ck_assert_uint_gt(journal_dropped(j), 0);
	journal_close(&j);
	remove_dir();
}
END_TEST

enum { THREADS = 4, LINES = 1000 };

static void *
put_many(void *ctx)
{
	for (int i = 0; i < LINES; i++)
		put(ctx, clock_unix_us(), "s=a q=b x to=y");
	return NULL;
}

START_TEST(lines_of_many_threads_come_whole)
{
	pthread_t threads[THREADS];
	struct journal *j;

	make_dir();
	j = open_journal(64 << 20, 0);
	for (size_t i = 0; i < THREADS; i++)
		ck_assert_int_eq(
		    pthread_create(&threads[i], NULL, put_many, j), 0);
	for (size_t i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	ck_assert_uint_eq(journal_dropped(j), 0);
	journal_close(&j);
	ck_assert_uint_eq(
	    count(0, 0, " info s=a q=b x to=y\n"), THREADS * LINES);
	remove_dir();
}
END_TEST

START_TEST(the_log_feeds_it_whatever_its_level)
{
	const struct log_ctx ctx = {.session = "4f2a", .message = "01jd"};
	struct journal *j;

	make_dir();
	log_open("posthouse-test", LOG_TARGET_STDERR, LOG_LEVEL_ERROR);
	log_info(&ctx, "not yet", NULL);
	j = open_journal(1 << 20, 0);
	log_set_journal(j);
	log_info(&ctx, "delivered", "to", "a b@c", "gone", NULL, "n", "", NULL);
	log_warn(NULL, "odd", NULL);
	log_debug(&ctx, "too much", NULL);
	log_set_journal(NULL);
	log_info(&ctx, "too late", NULL);
	journal_close(&j);
	ck_assert_uint_eq(count(0, 0, ""), 2);
	ck_assert_uint_eq(count(0, 0, " warn odd"), 1);
	ck_assert_uint_eq(count(0, 0, "delivered"), 1);
	ck_assert_str_eq(last + JOURNAL_TIME_LEN,
	    " info s=4f2a q=01jd delivered to=\"a b@c\" n=\"\"");
	remove_dir();
}
END_TEST

static const struct {
	const char *line; /* behind the time */
	const char *level, *session, *message, *event, *fields;
} lines[] = {
    {" info started version=1", "info", "", "", "started", "version=1"},
    {" warn s=a q=- not delivered to=x", "warn", "a", "", "not delivered",
	"to=x"},
    {" info s=- q=b refused", "info", "", "b", "refused", ""},
    {" info s=a q=b a b x=\"c d=e\" f=g", "info", "a", "b", "a b",
	"x=\"c d=e\" f=g"},
};

START_TEST(a_line_comes_apart)
{
	struct journal_event e;

	for (size_t i = 0; i < ARRAY_LEN(lines); i++) {
		char text[200];

		snprintf(text, sizeof text, "2026-11-23T17:05:38.000001Z%s",
		    lines[i].line);
		ck_assert(journal_parse_line(str(text), &e));
		ck_assert_view_eq(e.time, "2026-11-23T17:05:38.000001Z");
		ck_assert_view_eq(e.level, lines[i].level);
		ck_assert_view_eq(e.session, lines[i].session);
		ck_assert_view_eq(e.message, lines[i].message);
		ck_assert_view_eq(e.event, lines[i].event);
		ck_assert_view_eq(e.fields, lines[i].fields);
	}
	ck_assert(!journal_parse_line(STR_LIT("nonsense"), &e));
	ck_assert(
	    !journal_parse_line(STR_LIT("2026-11-23T17:05:38.000001Z"), &e));
}
END_TEST

START_TEST(fields_come_one_by_one)
{
	struct str fields = STR_LIT("a=1 b_c=\"x \\\" y=2\" d= e=\"\""), key,
		   value;
	static const char *const want[][2] = {
	    {"a", "1"}, {"b_c", "x \\\" y=2"}, {"d", ""}, {"e", ""}};

	for (size_t i = 0; i < ARRAY_LEN(want); i++) {
		ck_assert(journal_next_field(&fields, &key, &value));
		ck_assert_view_eq(key, want[i][0]);
		ck_assert_view_eq(value, want[i][1]);
	}
	ck_assert(!journal_next_field(&fields, &key, &value));
}
END_TEST

START_TEST(a_folder_that_is_not_there_has_no_events_and_takes_none)
{
	struct journal_conf conf = {.dir = "/nonexistent", .max_bytes = 1};
	struct fault f;

	snprintf(dir, sizeof dir, "/nonexistent");
	ck_assert_uint_eq(count(0, 0, ""), 0);
	ck_assert_ptr_null(journal_open(&conf, &f));
}
END_TEST

UNIT_MAIN("journal", a_time_is_written_and_read_again,
    what_was_put_is_there_when_it_is_closed,
    lines_come_to_the_disk_by_themselves, a_restart_goes_on_with_the_same_file,
    half_a_line_spoils_no_other, files_turn_by_size_and_the_oldest_go,
    files_that_are_too_old_go,
    a_file_ends_after_a_day_and_where_the_clock_goes_back, bounds_of_time_hold,
    a_long_journal_is_read_in_pieces, a_full_disk_costs_events_and_one_warning,
    what_finds_no_room_is_dropped_and_counted, lines_of_many_threads_come_whole,
    the_log_feeds_it_whatever_its_level, a_line_comes_apart,
    fields_come_one_by_one,
    a_folder_that_is_not_there_has_no_events_and_takes_none)
