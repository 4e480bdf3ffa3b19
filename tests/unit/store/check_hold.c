/* SPDX-License-Identifier: ISC */
/* store/hold.h: what is held stays, whoever removes it. */
#include "config.h"

#include "store/hold.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "store/maildir.h"
#include "tests/unit/place.h"
#include "tests/unit/store/named.h"
#include "tests/unit/unit.h"

#define ONE "1700000000.M1P2Q3.mx,S=5,W=6"
#define TWO "1700000001.M1P2Q4.mx,S=5,W=6"

static char dir[PLACE_SIZE];
static int root, box;
static struct mailbox_name ann;
static struct mailbox_folder inbox, sent;
static struct fault f;

static void
begin(void)
{
	place_make(dir, "hold");
	root = place_open(dir);
	ann = mailbox_named("ann@example.org");
	sent = folder_named("Sent");
	memset(&inbox, 0, sizeof inbox);
	ck_assert_int_eq(maildir_make(root, &ann, &f), 0);
	box = openat(root, ann.path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	ck_assert_int_eq(maildir_make_folder(box, &sent, &f), 0);
}

static void
end(void)
{
	close(box);
	close(root);
	place_remove(dir);
}

static void
put_text(const char *path, const char *text)
{
	place_put(box, path, text);
}

static void
put(const char *path)
{
	put_text(path, "hallo");
}

static bool
is_there(const char *path)
{
	return place_has(box, path);
}

/* The files below a directory of the mailbox. */
static size_t
count(const char *part)
{
	char path[200];

	snprintf(path, sizeof path, "%s/example.org/ann/%s", dir, part);
	return place_count_all(path);
}

static void
hold(void)
{
	const struct hold h = {1700000000, "root", "case 12/3"};

	ck_assert_msg(hold_set(root, &ann, &h, &f) == 0, "%s", f.text);
}

static uint64_t
catch_all(void)
{
	uint64_t n;

	ck_assert_msg(hold_catch(root, &ann, &n, &f) == 0, "%s", f.text);
	return n;
}

START_TEST(a_switch_says_who_and_why)
{
	const struct hold again = {1800000000, "bob", "other"};
	struct hold h;

	begin();
	ck_assert(!hold_is_on(root, &ann));
	ck_assert_int_eq(hold_get(root, &ann, &h, &f), 0);
	hold();
	ck_assert(hold_is_on(root, &ann));
	ck_assert_int_eq(hold_set(root, &ann, &again, &f), 0);
	ck_assert_int_eq(hold_get(root, &ann, &h, &f), 1);
	ck_assert_int_eq(h.since, 1700000000);
	ck_assert_str_eq(h.who, "root");
	ck_assert_str_eq(h.why, "case 12/3");
	ck_assert_int_eq(hold_end(root, &ann, 1700000009, &f), 0);
	ck_assert(!hold_is_on(root, &ann));
	ck_assert_int_eq(hold_end(root, &ann, 1700000009, &f), 0);
	end();
}
END_TEST

START_TEST(a_damaged_switch_still_holds)
{
	struct hold h;

	begin();
	hold();
	ck_assert_int_eq(unlinkat(box, "posthouse/hold", 0), 0);
	put("posthouse/hold");
	ck_assert(hold_is_on(root, &ann));
	ck_assert_int_eq(hold_get(root, &ann, &h, &f), 1);
	end();
}
END_TEST

START_TEST(nobody_is_held_without_a_mailbox)
{
	const struct hold h = {0};
	struct mailbox_name bob;
	uint64_t n;

	begin();
	bob = mailbox_named("bob@example.org");
	ck_assert(!hold_is_on(root, &bob));
	ck_assert_int_eq(hold_set(root, &bob, &h, &f), -1);
	ck_assert_str_eq(f.dsn, "5.1.1");
	ck_assert_int_eq(hold_catch(root, &bob, &n, &f), -1);
	end();
}
END_TEST

START_TEST(each_message_is_linked_once)
{
	struct mailbox_name held;

	begin();
	put("new/" ONE);
	put("cur/" TWO ":2,S");
	put(".Sent/cur/" ONE ":2,S");
	put("new/.hidden");
	hold();
	ck_assert_int_eq(hold_as_mailbox(root, &ann, &held), 0);
	ck_assert_uint_eq(catch_all(), 3);
	ck_assert_int_eq(hold_as_mailbox(root, &ann, &held), 1);
	ck_assert_str_eq(held.path, "example.org/ann/posthouse/held");
	ck_assert(is_there("posthouse/held/cur/" ONE ":2,"));
	ck_assert(is_there("posthouse/held/cur/" TWO ":2,"));
	ck_assert(is_there("posthouse/held/.Sent/cur/" ONE ":2,"));
	ck_assert(is_there("posthouse/held/.Sent/tmp"));
	ck_assert(is_there("posthouse/held/new"));
	ck_assert_uint_eq(catch_all(), 0);
	end();
}
END_TEST

START_TEST(a_message_that_moves_or_is_flagged_is_the_same)
{
	begin();
	put("new/" ONE);
	hold();
	ck_assert_uint_eq(catch_all(), 1);
	ck_assert_int_eq(
	    renameat(box, "new/" ONE, box, ".Sent/cur/" TWO ":2,F"), 0);
	ck_assert_uint_eq(catch_all(), 0);
	/* And stays when it is gone. */
	ck_assert_int_eq(unlinkat(box, ".Sent/cur/" TWO ":2,F", 0), 0);
	ck_assert_uint_eq(catch_all(), 0);
	ck_assert_uint_eq(count("posthouse/held"), 1);
	end();
}
END_TEST

START_TEST(another_message_of_the_same_name_is_held_too)
{
	begin();
	put("cur/" ONE ":2,");
	hold();
	ck_assert_uint_eq(catch_all(), 1);
	ck_assert_int_eq(unlinkat(box, "cur/" ONE ":2,", 0), 0);
	put_text("new/" ONE, "Hallo");
	ck_assert_uint_eq(catch_all(), 1);
	ck_assert_uint_eq(catch_all(), 0);
	ck_assert_uint_eq(count("posthouse/held"), 2);
	end();
}
END_TEST

START_TEST(what_a_restore_has_copied_becomes_one_file_again)
{
	struct stat st;

	begin();
	put("cur/" ONE ":2,");
	hold();
	ck_assert_uint_eq(catch_all(), 1);
	/* The mailbox was copied file by file. */
	ck_assert_int_eq(unlinkat(box, "cur/" ONE ":2,", 0), 0);
	put("cur/" ONE ":2,S");
	ck_assert_uint_eq(catch_all(), 1);
	ck_assert_uint_eq(catch_all(), 0);
	ck_assert_uint_eq(count("posthouse/held"), 1);
	ck_assert_int_eq(fstatat(box, "cur/" ONE ":2,S", &st, 0), 0);
	ck_assert_uint_eq(st.st_nlink, 2);
	end();
}
END_TEST

START_TEST(a_delivery_is_linked_and_taken_back)
{
	begin();
	put("tmp/" ONE);
	hold();
	ck_assert_int_eq(
	    hold_link(root, &ann, &sent, box, "tmp/" ONE, ONE, &f), 1);
	ck_assert_int_eq(
	    hold_link(root, &ann, &sent, box, "tmp/" ONE, ONE, &f), 1);
	ck_assert_int_eq(
	    hold_link(root, &ann, &sent, box, "tmp/" TWO, TWO, &f), 0);
	ck_assert_uint_eq(count("posthouse/held"), 1);
	ck_assert(is_there("posthouse/held/.Sent/cur/" ONE ":2,"));
	hold_unlink(root, &ann, &sent, ONE);
	ck_assert_uint_eq(count("posthouse/held"), 0);
	end();
}
END_TEST

START_TEST(what_was_held_goes_some_time_after_the_hold)
{
	int64_t now = (int64_t)time(NULL);
	struct attic_sum sum;

	begin();
	put("new/" ONE);
	hold();
	ck_assert_uint_eq(catch_all(), 1);
	ck_assert_int_eq(hold_purge(root, &ann, INT64_MAX, false, &sum, &f), 0);
	ck_assert_uint_eq(sum.messages, 0);
	ck_assert_int_eq(hold_end(root, &ann, now, &f), 0);
	ck_assert(!is_there("posthouse/held"));
	ck_assert_int_eq(hold_purge(root, &ann, now, false, &sum, &f), 0);
	ck_assert_uint_eq(sum.messages, 0);
	ck_assert_int_eq(hold_purge(root, &ann, now + 1, true, &sum, &f), 0);
	ck_assert_uint_eq(sum.messages, 1);
	ck_assert_uint_eq(sum.bytes, 5);
	ck_assert_int_eq(hold_purge(root, &ann, now + 1, false, &sum, &f), 0);
	ck_assert_uint_eq(sum.messages, 1);
	ck_assert_int_eq(hold_purge(root, &ann, now + 1, false, &sum, &f), 0);
	ck_assert_uint_eq(sum.messages, 0);
	ck_assert(is_there("new/" ONE));
	end();
}
END_TEST

START_TEST(what_came_as_the_hold_ended_goes_too)
{
	struct attic_sum sum;

	begin();
	put("tmp/" ONE);
	hold();
	ck_assert_int_eq(hold_end(root, &ann, 1, &f), 0);
	ck_assert_int_eq(
	    hold_link(root, &ann, &inbox, box, "tmp/" ONE, ONE, &f), 1);
	ck_assert_int_eq(hold_purge(root, &ann, INT64_MAX, false, &sum, &f), 0);
	ck_assert_uint_eq(sum.messages, 1);
	ck_assert_uint_eq(count("posthouse"), 0);
	end();
}
END_TEST

UNIT_MAIN("hold", a_switch_says_who_and_why, a_damaged_switch_still_holds,
    nobody_is_held_without_a_mailbox, each_message_is_linked_once,
    a_message_that_moves_or_is_flagged_is_the_same,
    another_message_of_the_same_name_is_held_too,
    what_a_restore_has_copied_becomes_one_file_again,
    a_delivery_is_linked_and_taken_back,
    what_was_held_goes_some_time_after_the_hold,
    what_came_as_the_hold_ended_goes_too)
