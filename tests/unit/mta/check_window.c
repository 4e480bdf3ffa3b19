/* SPDX-License-Identifier: ISC */
/* Windows, pauses and paces. */
#include "config.h"

#include "mta/queue/window.h"

#include "mta/queue/pace.h"
#include "tests/unit/unit.h"

static const struct window_conf conf = {4, 8, {1000, 8000}};

START_TEST(pauses_double_with_jitter_up_to_a_maximum)
{
	static const struct {
		unsigned n;
		uint32_t random;
		int64_t pause;
	} cases[] = {
	    {1, 0, 750},
	    {1, UINT32_MAX, 1250},
	    {2, 0, 1500},
	    {3, UINT32_MAX, 5000},
	    {4, 0, 6000},
	    {5, 0, 6000},
	    {UINT32_MAX, UINT32_MAX, 10000},
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++)
		ck_assert_int_eq(
		    retry_pause(&conf.dead, cases[i].n, cases[i].random),
		    cases[i].pause);
}
END_TEST

START_TEST(a_window_grows_by_one_a_round_and_shrinks_by_one)
{
	struct window w;

	window_init(&w, &conf);
	ck_assert_uint_eq(window_limit(&w, 1), 4);
	for (unsigned i = 0; i < 5; i++)
		window_good(&w, window_limit(&w, 1), 1);
	ck_assert_uint_eq(window_limit(&w, 1), 5);
	for (unsigned i = 0; i < 100; i++)
		window_good(&w, window_limit(&w, 1), 1);
	ck_assert_uint_eq(window_limit(&w, 1), 8);
	window_unreached(&w, 2, 0);
	ck_assert_uint_eq(window_limit(&w, 2), 7);
}
END_TEST

START_TEST(a_window_that_is_not_used_does_not_grow)
{
	struct window w;

	window_init(&w, &conf);
	for (unsigned i = 0; i < 100; i++)
		window_good(&w, 1, 1);
	ck_assert_uint_eq(window_limit(&w, 1), 4);
}
END_TEST

START_TEST(a_hop_that_never_answered_is_dead_at_once)
{
	struct window w;

	window_init(&w, &conf);
	window_unreached(&w, 100, 0);
	ck_assert(window_is_dead(&w, 849));
	ck_assert_uint_eq(window_limit(&w, 849), 0);
	ck_assert_uint_eq(window_limit(&w, 850), 1);
	/* Others that fail meanwhile do not count. */
	window_unreached(&w, 101, 0);
	ck_assert_uint_eq(window_limit(&w, 850), 1);
	window_unreached(&w, 850, 0);
	ck_assert_uint_eq(window_limit(&w, 850 + 1499), 0);
	ck_assert_uint_eq(window_limit(&w, 850 + 1500), 1);
	window_good(&w, 1, 3000);
	ck_assert_uint_eq(window_limit(&w, 3000), 4);
}
END_TEST

START_TEST(a_hop_that_answered_lately_dies_of_a_round_of_failures)
{
	struct window w;
	unsigned n = 0;

	window_init(&w, &conf);
	window_good(&w, 1, 1);
	while (!window_is_dead(&w, 2) && n < 10) {
		window_unreached(&w, 2, 0);
		n++;
	}
	ck_assert_uint_eq(n, 3);
}
END_TEST

START_TEST(a_pace_has_a_gap_and_room)
{
	struct pace_limit limit = {.max = 2, .gap_ms = 50};
	struct pace p;

	pace_init(&p, &limit);
	ck_assert_int_eq(pace_when(&p), 0);
	pace_start(&p, 100);
	ck_assert_int_eq(pace_when(&p), 150);
	ck_assert(pace_has_room(&p));
	pace_start(&p, 150);
	ck_assert(!pace_has_room(&p));
	pace_end(&p);
	ck_assert(pace_has_room(&p));
}
END_TEST

/* In no period whatever do more begin than the rate says, and not many less. */
START_TEST(a_pace_keeps_its_rate_in_any_period)
{
	static const struct pace_limit limits[] = {
	    {.rate = 1, .period_ms = 1000},
	    {.rate = 20, .period_ms = 60000},
	    {.rate = 7, .period_ms = 60000, .gap_ms = 3000},
	    {.rate = 100, .period_ms = 1000},
	};
	enum { STARTS = 1000 };
	static int64_t at[STARTS];

	for (size_t i = 0; i < ARRAY_LEN(limits); i++) {
		const struct pace_limit *l = &limits[i];
		int64_t now = INT64_C(1700000000123);
		struct pace p;

		pace_init(&p, l);
		for (size_t n = 0; n < STARTS; n++) {
			/* It may come late, or long after. */
			if (pace_when(&p) > now)
				now = pace_when(&p) + (int64_t)(n % 3) * 7;
			if (n % 300 == 299)
				now += 10 * l->period_ms;
			pace_start(&p, now);
			pace_end(&p);
			at[n] = now;
			if (n < l->rate)
				continue;
			ck_assert_msg(at[n] - at[n - l->rate] >= l->period_ms,
			    "%zu: start %zu", i, n);
			if (n > STARTS / 2 && n % 300 < 299 &&
			    n % 300 > l->rate)
				ck_assert_int_le(at[n] - at[n - l->rate],
				    l->period_ms * 12 / 10);
		}
	}
}
END_TEST

START_TEST(a_clock_that_is_set_back_stops_no_rate)
{
	struct pace_limit limit = {.rate = 5, .period_ms = 1000};
	struct pace p;

	pace_init(&p, &limit);
	for (unsigned i = 0; i < 4; i++)
		pace_start(&p, 1000000);
	pace_start(&p, 500000);
	ck_assert_int_eq(pace_when(&p), 500000);
}
END_TEST

START_TEST(a_pace_that_was_slowed_down_recovers)
{
	struct pace_limit limit = {0};
	struct pace p;

	pace_init(&p, &limit);
	for (unsigned i = 0; i < 8; i++)
		pace_start(&p, 100);
	/* All eight say so: that is one request. */
	for (unsigned i = 0; i < 8; i++) {
		pace_slow(&p, 100);
		pace_end(&p);
	}
	ck_assert_uint_eq(p.level, 1);
	ck_assert_int_eq(pace_when(&p), 1100);
	ck_assert_uint_eq(p.slow_max, 4);
	pace_slow(&p, 1100);
	ck_assert_uint_eq(p.level, 2);
	for (unsigned i = 0; i < 9; i++)
		pace_good(&p, 100000);
	ck_assert_uint_eq(p.level, 2);
	pace_good(&p, 100000);
	ck_assert_uint_eq(p.level, 1);
	for (unsigned i = 0; i < 10; i++)
		pace_good(&p, 200000);
	ck_assert_uint_eq(p.level, 0);
	ck_assert(pace_has_room(&p));
}
END_TEST

UNIT_MAIN("window", pauses_double_with_jitter_up_to_a_maximum,
    a_window_grows_by_one_a_round_and_shrinks_by_one,
    a_window_that_is_not_used_does_not_grow,
    a_hop_that_never_answered_is_dead_at_once,
    a_hop_that_answered_lately_dies_of_a_round_of_failures,
    a_pace_has_a_gap_and_room, a_pace_keeps_its_rate_in_any_period,
    a_clock_that_is_set_back_stops_no_rate,
    a_pace_that_was_slowed_down_recovers)
