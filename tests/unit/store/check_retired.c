/* SPDX-License-Identifier: ISC */
/* store/retired.h: whole mailboxes go away, and come back. */
#include "config.h"

#include "store/retired.h"

#include <stdio.h>
#include <unistd.h>

#include "store/hold.h"
#include "store/maildir.h"
#include "tests/unit/place.h"
#include "tests/unit/store/named.h"
#include "tests/unit/unit.h"

#define MESSAGE "example.org/ann/cur/1700000000.M1P2Q3.mx,S=5:2,S"

static char dir[PLACE_SIZE];
static int root;
static struct mailbox_name ann;
static struct fault f;

static void
put(void)
{
	ck_assert_int_eq(maildir_make(root, &ann, &f), 0);
	place_put(root, MESSAGE, "hallo");
}

static void
begin(void)
{
	place_make(dir, "retired");
	root = place_open(dir);
	ann = mailbox_named("ann@example.org");
	put();
}

static void
end(void)
{
	close(root);
	place_remove(dir);
}

static bool
is_there(const char *path)
{
	return place_has(root, path);
}

struct seen {
	size_t n;
	int64_t when;
	struct mailbox_name mailbox;
};

static int
see(void *ctx, int64_t when, const struct mailbox_name *mailbox,
    struct fault *fault)
{
	struct seen *s = ctx;

	(void)fault;
	s->n++;
	s->when = when;
	s->mailbox = *mailbox;
	return 0;
}

static size_t
look(struct seen *s)
{
	memset(s, 0, sizeof *s);
	ck_assert_int_eq(retired_each(root, see, s, &f), 0);
	return s->n;
}

START_TEST(a_mailbox_goes_away_and_comes_back_as_it_was)
{
	struct seen s;

	begin();
	ck_assert_uint_eq(look(&s), 0);
	ck_assert_msg(
	    retired_put(root, &ann, 1700000100, &f) == 0, "%s", f.text);
	ck_assert(!is_there("example.org/ann"));
	ck_assert_uint_eq(look(&s), 1);
	ck_assert_int_eq(s.when, 1700000100);
	ck_assert_str_eq(s.mailbox.text, "ann@example.org");
	ck_assert_int_eq(retired_bring_back(root, 1, &ann, &f), -1);
	ck_assert_str_eq(f.dsn, "5.1.1");
	ck_assert_int_eq(retired_bring_back(root, 1700000100, &ann, &f), 0);
	ck_assert(is_there(MESSAGE));
	ck_assert_uint_eq(look(&s), 0);
	ck_assert(!is_there(".posthouse/retired/1700000100"));
	end();
}
END_TEST

START_TEST(none_comes_back_over_one_that_is_there)
{
	struct seen s;

	begin();
	ck_assert_int_eq(retired_put(root, &ann, 1700000100, &f), 0);
	put();
	ck_assert_int_eq(retired_bring_back(root, 1700000100, &ann, &f), -1);
	ck_assert_str_eq(f.dsn, "5.2.0");
	/* And two of a name can be away at once. */
	ck_assert_int_eq(retired_put(root, &ann, 1700000100, &f), 0);
	ck_assert_uint_eq(look(&s), 2);
	end();
}
END_TEST

START_TEST(what_is_not_there_or_is_held_does_not_go)
{
	const struct hold hold = {.who = "root"};
	struct mailbox_name bob;

	begin();
	bob = mailbox_named("bob@example.org");
	ck_assert_int_eq(retired_put(root, &bob, 1, &f), -1);
	ck_assert_str_eq(f.dsn, "5.1.1");
	ck_assert_int_eq(hold_set(root, &ann, &hold, &f), 0);
	ck_assert_int_eq(retired_put(root, &ann, 1, &f), -1);
	ck_assert_str_eq(f.dsn, "5.7.0");
	ck_assert(is_there(MESSAGE));
	end();
}
END_TEST

START_TEST(only_what_is_old_goes_for_good)
{
	struct attic_sum sum;
	struct seen s;

	begin();
	ck_assert_int_eq(retired_put(root, &ann, 100, &f), 0);
	put();
	ck_assert_int_eq(retired_put(root, &ann, 200, &f), 0);
	ck_assert_int_eq(retired_purge(root, 100, false, &sum, &f), 0);
	ck_assert_uint_eq(sum.messages, 0);
	ck_assert_int_eq(retired_purge(root, 200, true, &sum, &f), 0);
	ck_assert_uint_eq(sum.messages, 1);
	ck_assert_uint_eq(look(&s), 2);
	ck_assert_msg(
	    retired_purge(root, 200, false, &sum, &f) == 0, "%s", f.text);
	ck_assert_uint_eq(sum.messages, 1);
	ck_assert_uint_eq(sum.bytes, 5);
	ck_assert_uint_eq(look(&s), 1);
	ck_assert_int_eq(s.when, 200);
	ck_assert(!is_there(".posthouse/retired/100"));
	end();
}
END_TEST

UNIT_MAIN("retired", a_mailbox_goes_away_and_comes_back_as_it_was,
    none_comes_back_over_one_that_is_there,
    what_is_not_there_or_is_held_does_not_go, only_what_is_old_goes_for_good)
