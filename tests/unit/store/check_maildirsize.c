/* SPDX-License-Identifier: ISC */
/* store/maildirsize.h: what is read, what is appended, and what is counted. */
#include "config.h"

#include "store/maildirsize.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/unit/place.h"
#include "tests/unit/unit.h"

static char dir[PLACE_SIZE];
static int box;
static struct fault f;

static void
begin(void)
{
	place_make(dir, "maildirsize");
	box = place_open(dir);
	ck_assert_int_eq(maildir_make_parts(box, &f), 0);
}

static void
end(void)
{
	close(box);
	place_remove(dir);
}

static void
put(const char *path, const char *text)
{
	place_write(box, path, text);
}

static void
make_folder(const char *name)
{
	char path[100];

	snprintf(path, sizeof path, "%s/%s", dir, name);
	ck_assert_int_eq(mkdir(path, 0700), 0);
	for (size_t i = 0; i < 2; i++) {
		snprintf(path, sizeof path, "%s/%s/%s", dir, name,
		    i == 0 ? "new" : "cur");
		ck_assert_int_eq(mkdir(path, 0700), 0);
	}
}

static const char *
text(void)
{
	static char all[8192];
	int fd = openat(box, "maildirsize", O_RDONLY);
	ssize_t n = read(fd, all, sizeof all - 1);

	ck_assert_int_ge(n, 0);
	all[n] = '\0';
	close(fd);
	return all;
}

static const struct {
	const char *text;
	bool good;
	uint64_t bytes_limit, messages_limit, bytes, messages;
	unsigned lines;
} files[] = {
    {"1000S,10C\n 30 2\n", true, 1000, 10, 30, 2, 1},
    {"1000S\n30 2\n12 1\n-30 -2\n", true, 1000, 0, 12, 1, 3},
    {"10C\n           0            0\n", true, 0, 10, 0, 0, 1},
    {"0S\n5 1\n", true, 0, 0, 5, 1, 1},
    {"\n5 1\n", true, 0, 0, 5, 1, 1},
    {"10C,1000S,7X\n5\t1\n", false, 0, 0, 0, 0, 0},
    {"10C,1000S,7X\n5 1\n", true, 1000, 10, 5, 1, 1},
    /* Somebody is writing. */
    {"1000S\n30 2\n12", true, 1000, 0, 30, 2, 1},
    {"", false, 0, 0, 0, 0, 0},
    {"1000S\n", false, 0, 0, 0, 0, 0},
    {"1000S", false, 0, 0, 0, 0, 0},
    {"1000S\n30 2\n-40 -1\n", false, 0, 0, 0, 0, 0},
    {"1000S\n30 2\n-4 -3\n", false, 0, 0, 0, 0, 0},
    {"1000S\n30 2\nnonsense\n", false, 0, 0, 0, 0, 0},
    {"1000S\n30 2 3\n", false, 0, 0, 0, 0, 0},
    {"1000S\n30\n", false, 0, 0, 0, 0, 0},
    {"1000S\n99999999999999999999 1\n", false, 0, 0, 0, 0, 0},
};

START_TEST(files_are_read_as_others_write_them)
{
	for (size_t i = 0; i < ARRAY_LEN(files); i++) {
		struct maildirsize s;

		ck_assert_msg(
		    maildirsize_parse(str(files[i].text), &s) == files[i].good,
		    "%s", files[i].text);
		if (!files[i].good)
			continue;
		ck_assert_uint_eq(s.limits.bytes, files[i].bytes_limit);
		ck_assert_uint_eq(s.limits.messages, files[i].messages_limit);
		ck_assert_uint_eq(s.bytes, files[i].bytes);
		ck_assert_uint_eq(s.messages, files[i].messages);
		ck_assert_uint_eq(s.lines, files[i].lines);
	}
}
END_TEST

START_TEST(what_is_too_long_or_no_file_is_not_believed)
{
	struct maildirsize s;

	begin();
	ck_assert_int_eq(maildirsize_read(box, &s, &f), 0);
	put("maildirsize", "1000S\n");
	for (int i = 0; i < 196; i++)
		maildirsize_add(box, 1, 1);
	ck_assert_int_eq(maildirsize_read(box, &s, &f), 1);
	ck_assert_uint_eq(s.bytes, 196);
	ck_assert_uint_eq(s.messages, 196);
	maildirsize_add(box, 1, 1);
	ck_assert_int_eq(maildirsize_read(box, &s, &f), 0);
	ck_assert_int_eq(unlinkat(box, "maildirsize", 0), 0);
	ck_assert_int_eq(mkdirat(box, "maildirsize", 0700), 0);
	ck_assert_int_le(maildirsize_read(box, &s, &f), 0);
	ck_assert_int_eq(unlinkat(box, "maildirsize", AT_REMOVEDIR), 0);
	ck_assert_int_eq(symlinkat("/etc/passwd", box, "maildirsize"), 0);
	ck_assert_int_eq(maildirsize_read(box, &s, &f), 0);
	maildirsize_add(box, 1, 1);
	end();
}
END_TEST

START_TEST(nothing_is_added_where_nobody_counts)
{
	begin();
	maildirsize_add(box, 10, 1);
	ck_assert_int_ne(faccessat(box, "maildirsize", F_OK, 0), 0);
	end();
}
END_TEST

static void
fill(void)
{
	make_folder(".Trash");
	make_folder(".Archive.2026");
	put("new/1.a,S=100", "x");
	put("cur/2.b,S=20,W=30:2,S", "x");
	put("cur/3.c:2,T", "seven b");
	put(".Trash/cur/4.d,S=1000:2,S", "x");
	put(".Archive.2026/cur/5.e,S=4000:2,", "x");
	/* No messages. */
	put("cur/.hidden", "x");
	put("tmp/6.f,S=50000", "x");
	put(".Archive.2026/maildirfolder", "");
	make_folder("posthouse");
	put("posthouse/cur/7.g,S=70000:2,S", "x");
}

START_TEST(all_folders_are_counted_by_the_sizes_in_names)
{
	const struct maildirsize_limits limits = {5000, 10};
	struct maildirsize s;

	begin();
	fill();
	ck_assert_int_eq(maildirsize_recount(box, &limits, &s, &f), 0);
	ck_assert_uint_eq(s.bytes, 100 + 20 + 7 + 1000 + 4000);
	ck_assert_uint_eq(s.messages, 5);
	ck_assert_str_eq(text(), "5000S,10C\n        5127            5\n");
	maildirsize_add(box, 30, 1);
	maildirsize_add(box, -100, -1);
	ck_assert_int_eq(maildirsize_read(box, &s, &f), 1);
	ck_assert_uint_eq(s.bytes, 5057);
	ck_assert_uint_eq(s.messages, 5);
	ck_assert_uint_eq(s.lines, 3);
	ck_assert_int_eq(
	    maildirsize_recount(box, &(struct maildirsize_limits){0}, &s, &f),
	    0);
	ck_assert_str_eq(text(), "0S\n        5127            5\n");
	end();
}
END_TEST

START_TEST(trash_counts_only_where_that_is_wanted)
{
	const struct maildirsize_limits limits = {.messages = 10};
	const struct str trash = STR_LIT(".Trash"), inbox = STR_LIT("");
	struct maildirsize s;

	begin();
	fill();
	ck_assert(maildirsize_counts(trash, STR_LIT("T")));
	maildirsize_set_trash(false);
	ck_assert(!maildirsize_counts(trash, STR_LIT("")));
	ck_assert(!maildirsize_counts(inbox, STR_LIT("ST")));
	ck_assert(maildirsize_counts(inbox, STR_LIT("RS")));
	ck_assert_int_eq(maildirsize_recount(box, &limits, &s, &f), 0);
	ck_assert_str_eq(text(), "10C\n        4120            3\n");
	maildirsize_set_trash(true);
	end();
}
END_TEST

START_TEST(a_message_that_goes_is_taken_off_its_mailbox)
{
	const struct maildirsize_limits limits = {5000, 10};
	const struct str inbox = STR_LIT("");
	struct maildirsize s;

	begin();
	fill();
	ck_assert_int_eq(maildirsize_recount(box, &limits, &s, &f), 0);
	maildirsize_add_file(box, inbox, STR_LIT("1.a,S=100"), 1, -1);
	maildirsize_add_file(box, inbox, STR_LIT("3.c:2,T"), 7, -1);
	ck_assert_int_eq(maildirsize_read(box, &s, &f), 1);
	ck_assert_uint_eq(s.bytes, 5127 - 107);
	ck_assert_uint_eq(s.messages, 3);
	end();
}
END_TEST

UNIT_MAIN("maildirsize", files_are_read_as_others_write_them,
    what_is_too_long_or_no_file_is_not_believed,
    nothing_is_added_where_nobody_counts,
    all_folders_are_counted_by_the_sizes_in_names,
    trash_counts_only_where_that_is_wanted,
    a_message_that_goes_is_taken_off_its_mailbox)
