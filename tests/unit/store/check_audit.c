/* SPDX-License-Identifier: ISC */
/* store/audit.h: what was done is written down, and found again. */
#include "config.h"

#include "store/audit.h"

#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "tests/unit/place.h"
#include "tests/unit/unit.h"

static char dir[PLACE_SIZE];
static int root;
static struct fault f;

static void
begin(void)
{
	place_make(dir, "audit");
	root = place_open(dir);
}

static void
end(void)
{
	close(root);
	place_remove(dir);
}

static void
add(int64_t time, const char *detail)
{
	struct audit_entry e = {.time = time,
	    .who = "root",
	    .what = "mailbox.delete",
	    .name = "ann@example.org"};

	snprintf(e.detail, sizeof e.detail, "%s", detail);
	ck_assert_msg(audit_add(root, &e, &f) == 0, "%s", f.text);
}

static void
append(const char *bytes)
{
	int fd = openat(root, ".posthouse/audit", O_WRONLY | O_APPEND);

	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(write(fd, bytes, strlen(bytes)), (int)strlen(bytes));
	close(fd);
}

struct seen {
	size_t n, stop_at;
	uint64_t place;
	struct audit_entry first, last;
};

static int
see(void *ctx, uint64_t place, const struct audit_entry *entry)
{
	struct seen *s = ctx;

	if (s->n++ == 0)
		s->first = *entry;
	s->last = *entry;
	ck_assert_uint_gt(place, s->place);
	s->place = place;
	return s->n == s->stop_at;
}

START_TEST(nothing_was_done_yet)
{
	struct seen s = {0};

	begin();
	ck_assert_int_eq(audit_each(root, 0, see, &s, &f), 0);
	ck_assert_uint_eq(s.n, 0);
	end();
}
END_TEST

START_TEST(entries_come_back_in_order_and_whole)
{
	struct seen s = {0};

	begin();
	add(1, "one \"two\"\n\xff");
	add(2, "");
	ck_assert_int_eq(audit_each(root, 0, see, &s, &f), 0);
	ck_assert_uint_eq(s.n, 2);
	ck_assert_int_eq(s.first.time, 1);
	ck_assert_str_eq(s.first.who, "root");
	ck_assert_str_eq(s.first.what, "mailbox.delete");
	ck_assert_str_eq(s.first.name, "ann@example.org");
	ck_assert_str_eq(s.first.detail, "one \"two\"\n\xef\xbf\xbd");
	ck_assert_int_eq(s.last.time, 2);
	ck_assert_str_eq(s.last.detail, "");
	end();
}
END_TEST

START_TEST(a_reader_goes_on_where_it_was)
{
	struct seen s = {.stop_at = 2}, rest = {0};

	begin();
	for (int i = 1; i <= 5; i++)
		add(i, "");
	ck_assert_int_eq(audit_each(root, 0, see, &s, &f), 1);
	ck_assert_int_eq(s.last.time, 2);
	ck_assert_int_eq(audit_each(root, s.place, see, &rest, &f), 0);
	ck_assert_uint_eq(rest.n, 3);
	ck_assert_int_eq(rest.first.time, 3);
	end();
}
END_TEST

START_TEST(a_line_that_was_cut_short_spoils_no_other)
{
	struct seen s = {0};

	begin();
	add(1, "");
	append("{\"time\": 2, \"who\": \"ro");
	add(3, "");
	append("\n[]\n");
	append("no JSON at all\n");
	add(4, "");
	ck_assert_int_eq(audit_each(root, 0, see, &s, &f), 0);
	ck_assert_uint_eq(s.n, 3);
	ck_assert_int_eq(s.last.time, 4);
	end();
}
END_TEST

START_TEST(a_full_file_makes_room_for_the_next)
{
	struct seen s = {0};

	begin();
	add(1, "");
	for (int i = 2; i <= 4; i++) {
		int fd = openat(root, ".posthouse/audit", O_WRONLY);

		ck_assert_int_eq(ftruncate(fd, AUDIT_FILE_MAX), 0);
		close(fd);
		add(i, "");
	}
	ck_assert_int_eq(audit_each(root, 0, see, &s, &f), 0);
	/* The one before the last file is gone. */
	ck_assert_uint_eq(s.n, 2);
	ck_assert_int_eq(s.first.time, 3);
	ck_assert_int_eq(s.last.time, 4);
	end();
}
END_TEST

START_TEST(where_nothing_can_be_written_it_fails)
{
	const struct audit_entry e = {.what = "mailbox.delete"};
	int fd;

	begin();
	fd = openat(root, ".posthouse", O_WRONLY | O_CREAT, 0600);
	ck_assert_int_ge(fd, 0);
	close(fd);
	ck_assert_int_eq(audit_add(root, &e, &f), -1);
	ck_assert_int_eq(f.kind, FAULT_TEMP);
	end();
}
END_TEST

UNIT_MAIN("audit", nothing_was_done_yet, entries_come_back_in_order_and_whole,
    a_reader_goes_on_where_it_was, a_line_that_was_cut_short_spoils_no_other,
    a_full_file_makes_room_for_the_next, where_nothing_can_be_written_it_fails)
