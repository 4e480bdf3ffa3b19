/* SPDX-License-Identifier: ISC */
/* admin/snapshot.h: names, the newest, and how many stay. */
#include "config.h"

#include "admin/snapshot.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/unit/place.h"
#include "tests/unit/unit.h"

static char dir[PLACE_SIZE];
static struct snapshots s;

static void
begin(void)
{
	struct fault f = {0};

	place_make(dir, "snapshot");
	ck_assert_int_eq(snapshots_open(&s, dir, true, &f), 0);
}

static void
end(void)
{
	struct fault f = {0};

	snapshots_close(&s);
	ck_assert_int_eq(tree_remove(AT_FDCWD, dir, &f), 0);
}

static struct snapshot
make(int64_t mark)
{
	struct snapshot one = {.mark = mark,
	    .made = mark + 1,
	    .conf = "/etc/posthouse.conf",
	    .directory = SNAPSHOT_TEXT,
	    .mailboxes = 2,
	    .messages = 3,
	    .digest = {1, 2, 3}};
	struct fault f = {0};
	int fd;

	ck_assert_int_eq(tree_make(s.dir, SNAPSHOT_PARTIAL, &f), 0);
	fd = openat(s.dir, SNAPSHOT_PARTIAL "/file", O_WRONLY | O_CREAT, 0600);
	ck_assert_int_ge(fd, 0);
	close(fd);
	ck_assert_int_eq(snapshots_finish(&s, &one, &f), 0);
	return one;
}

static void
assert_names(const char *want)
{
	struct snapshot_list list;
	struct fault f = {0};
	struct buf b;

	buf_init(&b, 1000);
	ck_assert_int_eq(snapshots_list(&s, &list, &f), 0);
	for (size_t i = 0; i < list.n; i++)
		buf_putf(&b, "%s ", list.names[i]);
	ck_assert_str_eq(buf_text(&b), want);
	buf_clear(&b);
	snapshots_list_clear(&list);
}

START_TEST(a_snapshot_is_named_by_its_mark_and_says_what_it_is)
{
	struct snapshot read;
	struct fault f = {0};
	char link[40];
	ssize_t n;
	int fd;

	begin();
	ck_assert_str_eq(make(1795948500000).name, "2026-11-29T103500");
	/* Another one of that second. */
	ck_assert_str_eq(make(1795948500000).name, "2026-11-29T103501");
	assert_names("2026-11-29T103500 2026-11-29T103501 ");
	n = readlinkat(s.dir, "latest", link, sizeof link);
	ck_assert_view_eq(str_n(link, (size_t)n), "2026-11-29T103501");
	fd = snapshots_open_one(&s, "2026-11-29T103500", &read, &f);
	ck_assert_int_ge(fd, 0);
	close(fd);
	ck_assert_int_eq(read.mark, 1795948500000);
	ck_assert_int_eq(read.made, 1795948500001);
	ck_assert_str_eq(read.conf, "/etc/posthouse.conf");
	ck_assert_int_eq(read.directory, SNAPSHOT_TEXT);
	ck_assert_uint_eq(read.mailboxes, 2);
	ck_assert_uint_eq(read.messages, 3);
	ck_assert_int_eq(read.digest[2], 3);
	end();
}
END_TEST

START_TEST(no_name_opens_the_newest_whole_one)
{
	struct snapshot read;
	struct fault f = {0};
	int fd;

	begin();
	ck_assert_int_eq(snapshots_open_one(&s, NULL, &read, &f), -1);
	ck_assert_str_eq(f.dsn, "5.1.0");
	make(1000);
	make(5000);
	ck_assert_int_eq(tree_make(s.dir, SNAPSHOT_PARTIAL, &f), 0);
	fd = snapshots_open_one(&s, NULL, &read, &f);
	ck_assert_int_ge(fd, 0);
	ck_assert_str_eq(read.name, "1970-01-01T000005");
	close(fd);
	end();
}
END_TEST

START_TEST(what_is_no_name_opens_nothing)
{
	static const char *const bad[] = {"..", ".", "partial", "lock",
	    "2026-11-29T10350", "2026-11-29T1035000", "2026-11-29 103500",
	    "../../../../etc/x", ""};
	struct snapshot read;

	begin();
	make(1000);
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		struct fault f = {0};

		ck_assert_int_eq(snapshots_open_one(&s, bad[i], &read, &f), -1);
		ck_assert_str_eq(f.dsn, "5.5.4");
	}
	end();
}
END_TEST

START_TEST(the_newest_stay_and_an_interrupted_removal_goes_on)
{
	struct fault f = {0};
	size_t removed;

	begin();
	for (int i = 1; i <= 4; i++)
		make(i * 1000);
	ck_assert_int_eq(
	    renameat(s.dir, "1970-01-01T000001", s.dir, "removed"), 0);
	ck_assert_int_eq(snapshots_thin(&s, 2, &removed, &f), 0);
	ck_assert_uint_eq(removed, 1);
	assert_names("1970-01-01T000003 1970-01-01T000004 ");
	ck_assert_int_eq(faccessat(s.dir, "removed", F_OK, 0), -1);
	ck_assert_int_eq(snapshots_thin(&s, 2, &removed, &f), 0);
	ck_assert_uint_eq(removed, 0);
	end();
}
END_TEST

/* 0 where another process may write to it. */
static int
try_elsewhere(void)
{
	pid_t pid = fork();
	int status = -1;

	if (pid == 0) {
		struct snapshots other;
		struct fault f = {0};

		if (snapshots_open(&other, dir, true, &f) == 0)
			_exit(0);
		_exit(strcmp(f.dsn, "4.3.2") == 0 ? 1 : 2);
	}
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	return WEXITSTATUS(status);
}

START_TEST(two_do_not_write_at_once)
{
	struct fault f = {0};

	begin();
	ck_assert_int_eq(try_elsewhere(), 1);
	snapshots_close(&s);
	ck_assert_int_eq(snapshots_open(&s, dir, false, &f), 0);
	ck_assert_int_eq(try_elsewhere(), 0);
	end();
}
END_TEST

START_TEST(a_damaged_description_is_a_fault)
{
	struct snapshot read;
	struct fault f = {0};
	int fd;

	begin();
	make(1000);
	fd = openat(
	    s.dir, "1970-01-01T000001/snapshot.json", O_WRONLY | O_TRUNC);
	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(write(fd, "{\"version\":1", 12), 12);
	close(fd);
	ck_assert_int_eq(snapshots_open_one(&s, NULL, &read, &f), -1);
	ck_assert_str_eq(f.dsn, "5.6.0");
	end();
}
END_TEST

UNIT_MAIN("snapshot", a_snapshot_is_named_by_its_mark_and_says_what_it_is,
    no_name_opens_the_newest_whole_one, what_is_no_name_opens_nothing,
    the_newest_stay_and_an_interrupted_removal_goes_on,
    two_do_not_write_at_once, a_damaged_description_is_a_fault)
