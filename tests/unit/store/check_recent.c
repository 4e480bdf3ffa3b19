/* SPDX-License-Identifier: ISC */
/* store/recent.h: what was delivered of late is known, whoever asks when. */
#include "config.h"

#include "store/recent.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>

#include "tests/unit/unit.h"

static void
store_key(struct recent *r, const char *key, int64_t made)
{
	struct recent_claim *c = recent_claim(r, str(key), made);

	ck_assert_ptr_nonnull(c);
	recent_settle(r, &c, true);
	ck_assert_ptr_null(c);
}

START_TEST(what_was_stored_is_a_repeat)
{
	struct recent *r = recent_new(10, 0);

	store_key(r, "a", 1);
	ck_assert_ptr_null(recent_claim(r, str("a"), 1));
	store_key(r, "ab", 1);
	store_key(r, "", 1);
	ck_assert_ptr_null(recent_claim(r, str(""), 1));
	recent_free(&r);
	ck_assert_ptr_null(r);
	recent_free(&r);
}
END_TEST

START_TEST(what_failed_may_be_tried_again)
{
	struct recent *r = recent_new(10, 0);
	struct recent_claim *c = recent_claim(r, str("a"), 1);

	recent_settle(r, &c, false);
	store_key(r, "a", 1);
	recent_settle(r, &c, true);
	recent_free(&r);
}
END_TEST

struct waiter {
	struct recent *recent;
	pthread_t thread;
	atomic_bool asks;
	bool is_repeat;
};

static void *
wait_for_claim(void *ctx)
{
	struct waiter *w = ctx;
	struct recent_claim *c;

	atomic_store(&w->asks, true);
	c = recent_claim(w->recent, str("a"), 1);
	w->is_repeat = c == NULL;
	recent_settle(w->recent, &c, true);
	return NULL;
}

/* How many of several that wait for one claim find a repeat. */
static unsigned
race(bool first_is_stored)
{
	struct recent *r = recent_new(10, 0);
	struct recent_claim *c = recent_claim(r, str("a"), 1);
	struct waiter w[4] = {0};
	unsigned repeats = 0;

	for (size_t i = 0; i < 4; i++) {
		w[i].recent = r;
		ck_assert_int_eq(
		    pthread_create(&w[i].thread, NULL, wait_for_claim, &w[i]),
		    0);
		while (!atomic_load(&w[i].asks))
			;
	}
	recent_settle(r, &c, first_is_stored);
	for (size_t i = 0; i < 4; i++) {
		pthread_join(w[i].thread, NULL);
		repeats += w[i].is_repeat;
	}
	recent_free(&r);
	return repeats;
}

START_TEST(who_comes_second_waits_for_the_first)
{
	for (unsigned i = 0; i < 50; i++) {
		ck_assert_uint_eq(race(true), 4);
		ck_assert_uint_eq(race(false), 3);
	}
}
END_TEST

START_TEST(the_oldest_makes_room_and_is_no_longer_known_for_certain)
{
	struct recent *r = recent_new(3, 100);
	char key[8];

	ck_assert(!recent_is_complete(r, 0));
	ck_assert(!recent_is_complete(r, 100));
	ck_assert(recent_is_complete(r, 101));
	for (unsigned i = 0; i < 5; i++) {
		snprintf(key, sizeof key, "%u", i);
		store_key(r, key, 200 + i);
	}
	ck_assert(!recent_is_complete(r, 201));
	ck_assert(recent_is_complete(r, 202));
	ck_assert_ptr_null(recent_claim(r, str("2"), 202));
	ck_assert_ptr_null(recent_claim(r, str("4"), 204));
	store_key(r, "0", 200);
	recent_free(&r);
}
END_TEST

START_TEST(what_is_under_way_is_never_forgotten)
{
	struct recent *r = recent_new(2, 0);
	struct recent_claim *c = recent_claim(r, str("a"), 1);

	store_key(r, "b", 2);
	store_key(r, "c", 3);
	store_key(r, "d", 4);
	recent_settle(r, &c, true);
	ck_assert_ptr_null(recent_claim(r, str("a"), 1));
	recent_free(&r);
}
END_TEST

UNIT_MAIN("recent", what_was_stored_is_a_repeat, what_failed_may_be_tried_again,
    who_comes_second_waits_for_the_first,
    the_oldest_makes_room_and_is_no_longer_known_for_certain,
    what_is_under_way_is_never_forgotten)
