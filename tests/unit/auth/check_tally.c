/* SPDX-License-Identifier: ISC */
#include "config.h"

#include "auth/tally.h"

#include <string.h>

#include "tests/unit/unit.h"

struct key {
	uint8_t bytes[TALLY_KEY];
};

/* Keys with the same low bytes meet in one bucket. */
static struct key
key(uint32_t n)
{
	struct key k = {{0}};

	k.bytes[0] = (uint8_t)(n % 3);
	memcpy(k.bytes + 8, &n, sizeof n);
	return k;
}

static struct tally_entry *
touch(struct tally *t, uint32_t n)
{
	struct key k = key(n);

	return tally_touch(t, k.bytes);
}

static struct tally_entry *
find(struct tally *t, uint32_t n)
{
	struct key k = key(n);

	return tally_find(t, k.bytes);
}

START_TEST(an_entry_is_new_once_and_then_found)
{
	struct tally *t = tally_new(10);

	ck_assert_ptr_null(find(t, 1));
	ck_assert_uint_eq(touch(t, 1)->failures, 0);
	touch(t, 1)->failures = 7;
	touch(t, 4)->failures = 8;
	ck_assert_uint_eq(find(t, 1)->failures, 7);
	ck_assert_uint_eq(touch(t, 1)->failures, 7);
	ck_assert_uint_eq(find(t, 4)->failures, 8);
	ck_assert_ptr_null(find(t, 2));
	tally_free(&t);
	ck_assert_ptr_null(t);
	tally_free(&t);
}
END_TEST

START_TEST(what_was_touched_longest_ago_makes_room)
{
	struct tally *t = tally_new(3);

	for (uint32_t i = 1; i <= 3; i++)
		touch(t, i)->failures = i;
	touch(t, 1);
	/* 2 is the oldest now, then 3. */
	ck_assert_uint_eq(touch(t, 4)->failures, 0);
	ck_assert_ptr_null(find(t, 2));
	ck_assert_uint_eq(find(t, 1)->failures, 1);
	ck_assert_uint_eq(find(t, 3)->failures, 3);
	touch(t, 5);
	ck_assert_ptr_null(find(t, 3));
	ck_assert_uint_eq(find(t, 1)->failures, 1);
	tally_free(&t);
}
END_TEST

START_TEST(many_come_and_go_and_the_last_are_there)
{
	enum { MAX = 100, MANY = 20000 };
	struct tally *t = tally_new(MAX);

	for (uint32_t i = 1; i <= MANY; i++) {
		touch(t, i)->failures = i;
		/* One is never the oldest. */
		touch(t, 1)->failures = 1;
	}
	for (uint32_t i = 2; i <= MANY; i++) {
		const struct tally_entry *e = find(t, i);

		ck_assert(i > MANY - MAX + 1 ? e != NULL && e->failures == i
					     : e == NULL);
	}
	ck_assert_uint_eq(find(t, 1)->failures, 1);
	tally_free(&t);
}
END_TEST

UNIT_MAIN("tally", an_entry_is_new_once_and_then_found,
    what_was_touched_longest_ago_makes_room,
    many_come_and_go_and_the_last_are_there)
