/* SPDX-License-Identifier: ISC */
/* store/expire.h: what is old goes to the attic, and from there for good. */
#include "config.h"

#include "store/expire.h"

#include <fcntl.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

#include "store/hold.h"
#include "tests/unit/place.h"
#include "tests/unit/store/named.h"
#include "tests/unit/unit.h"

#define ONE "1000000000.M1P2Q3.mx,S=5,W=6"
#define TWO "1000000001.M1P2Q4.mx,S=5,W=6"
#define DAY INT64_C(86400)

static char dir[PLACE_SIZE];
static int box;
static struct client *client;
static struct mailbox_name ann;
static struct expire_rules rules;
static struct expire expire;
static struct expire_sum sum;
static struct fault f;

static void
begin(void)
{
	static const char *const lines[] = {"Trash 30d", "INBOX never"};
	struct mailbox_folder trash;

	place_make(dir, "expire");
	client = client_new(dir, "mx", &f);
	ck_assert_ptr_nonnull(client);
	ann = mailbox_named("ann@example.org");
	trash = folder_named("Trash");
	ck_assert_int_eq(maildir_make(client->root, &ann, &f), 0);
	box = openat(client->root, ann.path, O_RDONLY | O_DIRECTORY);
	ck_assert_int_eq(maildir_make_folder(box, &trash, &f), 0);
	ck_assert_int_eq(
	    expire_rules_parse(&rules, lines, ARRAY_LEN(lines), &f), 0);
	expire = (struct expire){.client = client,
	    .rules = &rules,
	    .now = (int64_t)time(NULL),
	    .keep = 14 * DAY};
}

static void
end(void)
{
	close(box);
	client_free(&client);
	expire_rules_clear(&rules);
	place_remove(dir);
}

static void
put(const char *path)
{
	place_put(box, path, "hallo");
}

/* The files below a directory of the mailbox. */
static size_t
count(const char *part)
{
	char path[200];

	snprintf(path, sizeof path, "%s/example.org/ann/%s", dir, part);
	return place_count_all(path);
}

/* The round, so many days from now. */
static void
run(int64_t days)
{
	struct expire later = expire;

	later.now += days * DAY + 1;
	sum = (struct expire_sum){0};
	ck_assert_msg(
	    expire_mailbox(&later, &ann, &sum, &f) == 0, "%s", f.text);
}

START_TEST(what_came_long_ago_but_is_new_in_the_folder_stays)
{
	begin();
	/* Its name tells of a delivery in 2001. */
	put(".Trash/cur/" ONE ":2,S");
	run(0);
	ck_assert_uint_eq(sum.moved.messages, 0);
	run(29);
	ck_assert_uint_eq(sum.moved.messages, 0);
	ck_assert_uint_eq(count(".Trash/cur"), 1);
	end();
}
END_TEST

START_TEST(what_is_old_goes_to_the_attic_and_then_for_good)
{
	begin();
	put(".Trash/cur/" ONE ":2,S");
	put(".Trash/new/" TWO);
	put("cur/" TWO ":2,S");
	run(30);
	ck_assert_uint_eq(sum.moved.messages, 2);
	ck_assert_uint_eq(sum.moved.bytes, 10);
	ck_assert_uint_eq(sum.ended.messages, 0);
	ck_assert_uint_eq(count(".Trash/cur"), 0);
	ck_assert_uint_eq(count(".Trash/new"), 0);
	ck_assert_uint_eq(count("posthouse/removed"), 2);
	run(43);
	ck_assert_uint_eq(sum.ended.messages, 0);
	run(45);
	ck_assert_uint_eq(sum.ended.messages, 2);
	ck_assert_uint_eq(sum.ended.bytes, 10);
	ck_assert_uint_eq(count("posthouse/removed"), 0);
	ck_assert_uint_eq(count("cur"), 1);
	end();
}
END_TEST

START_TEST(a_dry_round_only_counts)
{
	begin();
	put(".Trash/cur/" ONE ":2,S");
	expire.dry = true;
	run(30);
	ck_assert_uint_eq(sum.moved.messages, 1);
	ck_assert_uint_eq(count(".Trash/cur"), 1);
	ck_assert_uint_eq(count("posthouse"), 0);
	end();
}
END_TEST

START_TEST(nothing_of_a_held_mailbox_is_lost)
{
	const struct hold hold = {.since = 1, .who = "root"};

	begin();
	put(".Trash/cur/" ONE ":2,S");
	ck_assert_int_eq(hold_set(client->root, &ann, &hold, &f), 0);
	run(30);
	ck_assert_uint_eq(sum.moved.messages, 1);
	ck_assert_uint_eq(count(".Trash/cur"), 0);
	ck_assert_uint_eq(count("posthouse/held"), 1);
	run(1000);
	ck_assert_uint_eq(sum.ended.messages, 0);
	ck_assert_uint_eq(count("posthouse/removed"), 1);
	ck_assert_int_eq(
	    hold_end(client->root, &ann, expire.now + 1000 * DAY, &f), 0);
	run(1001);
	ck_assert_uint_eq(sum.ended.messages, 1);
	ck_assert_uint_eq(count("posthouse"), 1);
	run(1015);
	ck_assert_uint_eq(count("posthouse"), 0);
	end();
}
END_TEST

START_TEST(there_is_no_round_without_a_mailbox)
{
	struct mailbox_name bob;

	begin();
	bob = mailbox_named("bob@example.org");
	ck_assert_int_eq(expire_mailbox(&expire, &bob, &sum, &f), -1);
	ck_assert_str_eq(f.dsn, "5.1.1");
	end();
}
END_TEST

UNIT_MAIN("expire", what_came_long_ago_but_is_new_in_the_folder_stays,
    what_is_old_goes_to_the_attic_and_then_for_good, a_dry_round_only_counts,
    nothing_of_a_held_mailbox_is_lost, there_is_no_round_without_a_mailbox)
