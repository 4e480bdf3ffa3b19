/* SPDX-License-Identifier: ISC */
/* Dates as RFC 5322 has them, and clocks that go on. */
#include "config.h"

#include "base/clock.h"

#include "tests/unit/unit.h"

START_TEST(dates_are_written_in_the_local_zone)
{
	static const struct {
		const char *zone;
		time_t t;
		const char *date;
	} cases[] = {
	    {"UTC0", 0, "Thu, 01 Jan 1970 00:00:00 +0000"},
	    {"UTC0", 1795453538, "Mon, 23 Nov 2026 17:05:38 +0000"},
	    {"EST5", 1795453538, "Mon, 23 Nov 2026 12:05:38 -0500"},
	    {"IST-5:30", 1795453538, "Mon, 23 Nov 2026 22:35:38 +0530"},
	    {"NST3:30", 1795453538, "Mon, 23 Nov 2026 13:35:38 -0330"},
	    {"UTC0", 951782400, "Tue, 29 Feb 2000 00:00:00 +0000"},
	    {"UTC0", -1, "Wed, 31 Dec 1969 23:59:59 +0000"},
	};
	char date[CLOCK_DATE_SIZE];

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		setenv("TZ", cases[i].zone, 1);
		tzset();
		clock_format_date(cases[i].t, date);
		ck_assert_str_eq(date, cases[i].date);
	}
}
END_TEST

START_TEST(dates_do_not_follow_the_locale_and_fit_whatever_the_time)
{
	char date[CLOCK_DATE_SIZE];

	clock_format_date(INT64_MAX, date);
	ck_assert_uint_lt(strlen(date), sizeof date);
	clock_format_date(INT64_MIN, date);
	ck_assert_uint_lt(strlen(date), sizeof date);
	clock_format_date(INT64_C(253402300800), date); /* the year 10000 */
	ck_assert_uint_lt(strlen(date), sizeof date);
}
END_TEST

START_TEST(the_clock_for_deadlines_never_goes_back)
{
	int64_t last = clock_ms();

	ck_assert_int_gt(last, 0);
	for (int i = 0; i < 10000; i++) {
		int64_t now = clock_ms();

		ck_assert_int_ge(now, last);
		last = now;
	}
}
END_TEST

START_TEST(the_clock_for_records_counts_microseconds_since_1970)
{
	int64_t before = (int64_t)time(NULL), us = clock_unix_us();

	ck_assert_int_ge(us / 1000000, before);
	ck_assert_int_le(us / 1000000, (int64_t)time(NULL));
}
END_TEST

UNIT_MAIN("clock", dates_are_written_in_the_local_zone,
    dates_do_not_follow_the_locale_and_fit_whatever_the_time,
    the_clock_for_deadlines_never_goes_back,
    the_clock_for_records_counts_microseconds_since_1970)
