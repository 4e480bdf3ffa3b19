/* SPDX-License-Identifier: ISC */
#include "config.h"

#include "mta/queue/user_limit.h"

#include "tests/unit/unit.h"

enum { PERIOD = 60000 };

static const struct pace_limit five = {.rate = 5, .period_ms = PERIOD};
static struct user_limits *limits;

static enum user_verdict
take(const char *user, size_t n, int64_t now)
{
	return user_limits_take(limits, str(user), n, now);
}

START_TEST(each_user_may_send_so_much_in_a_period)
{
	int64_t now = 1000000;

	limits = user_limits_new(&five, 10);
	ck_assert_int_eq(take("ann", 3, now), USER_MAY_SEND);
	/* It begins below the limit. */
	ck_assert_int_eq(take("ann", 3, now), USER_MAY_SEND);
	ck_assert_int_eq(take("ann", 1, now), USER_IS_HELD_NEW);
	ck_assert_int_eq(take("ann", 1, now + 1), USER_IS_HELD);
	ck_assert_int_eq(take("bob", 1, now), USER_MAY_SEND);
	/* What was held does not count. */
	ck_assert_int_eq(take("ann", 1, now + 2 * PERIOD), USER_MAY_SEND);
	ck_assert_int_eq(take("ann", 5, now + 2 * PERIOD), USER_MAY_SEND);
	ck_assert_int_eq(take("ann", 1, now + 2 * PERIOD), USER_IS_HELD_NEW);
	user_limits_free(&limits);
}
END_TEST

START_TEST(there_may_be_no_limit)
{
	const struct pace_limit none = {0};

	limits = user_limits_new(&none, 10);
	for (int i = 0; i < 100; i++)
		ck_assert_int_eq(take("ann", 100, i), USER_MAY_SEND);
	user_limits_free(&limits);
	ck_assert_int_eq(take("ann", 100, 1), USER_MAY_SEND);
}
END_TEST

START_TEST(users_are_bounded)
{
	limits = user_limits_new(&five, 2);
	ck_assert_int_eq(take("ann", 5, 1), USER_MAY_SEND);
	ck_assert_int_eq(take("bob", 5, 2), USER_MAY_SEND);
	ck_assert_int_eq(take("ann", 1, 3), USER_IS_HELD_NEW);
	/* Bob makes room. */
	ck_assert_int_eq(take("carl", 5, 4), USER_MAY_SEND);
	ck_assert_int_eq(take("ann", 1, 5), USER_IS_HELD);
	ck_assert_int_eq(take("bob", 1, 6), USER_MAY_SEND);
	user_limits_free(&limits);
}
END_TEST

UNIT_MAIN("user_limit", each_user_may_send_so_much_in_a_period,
    there_may_be_no_limit, users_are_bounded)
