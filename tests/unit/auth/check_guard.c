/* SPDX-License-Identifier: ISC */
/* The clock is a number of the test's own. */
#include "config.h"

#include "auth/guard.h"

#include <stdio.h>

#include "tests/unit/unit.h"

enum { LIMIT = 5, LOCK_MS = 60000, LONGEST_MS = 6000, MONTH = 31 };

static const struct guard_conf conf = {
    .lock_failures = LIMIT, .lock_ms = LOCK_MS, .delay_ms = LONGEST_MS};

static struct guard *guard;
static int64_t now = 1000;
static unsigned guesses;

static struct guard_verdict
judge(const char *user, const char *client, const char *proof, bool right)
{
	const struct guard_login l = {.user = str(user),
	    .client = str(client),
	    .proof = str(proof),
	    .is_right = right};

	return guard_judge(guard, &l, now);
}

/* Another password each time. */
static struct guard_verdict
guess(const char *user, const char *client)
{
	char proof[32];

	snprintf(proof, sizeof proof, "guess %u", guesses++);
	return judge(user, client, proof, false);
}

static bool
may(const char *user, const char *client)
{
	return !judge(user, client, "right", true).is_locked;
}

static void
lock_account(const char *user)
{
	char client[64];

	for (unsigned i = 0; i < LIMIT; i++) {
		struct guard_verdict v;

		/* From all over the world. */
		snprintf(client, sizeof client, "10.0.%u.1", i + 1);
		v = guess(user, client);
		ck_assert(!v.is_locked);
		ck_assert(!v.locks_network);
		ck_assert_int_eq(v.locks_account, i == LIMIT - 1);
	}
}

START_TEST(each_further_failure_is_delayed_for_longer)
{
	const int64_t wanted[] = {0, 1000, 2000, 4000, LONGEST_MS};

	guard = guard_new(&conf);
	for (size_t i = 0; i < ARRAY_LEN(wanted); i++)
		ck_assert_int_eq(
		    guess("ann@example.org", "192.0.2.1").delay, wanted[i]);
	guard_free(&guard);
	ck_assert_ptr_null(guard);
	guard_free(&guard);
}
END_TEST

START_TEST(a_locked_account_refuses_the_right_password_for_a_while)
{
	guard = guard_new(&conf);
	lock_account("ann@example.org");
	ck_assert(!may("ann@example.org", "192.0.2.1"));
	ck_assert(guess("ann@example.org", "192.0.2.1").is_locked);
	ck_assert_int_eq(
	    guess("ann@example.org", "192.0.2.1").delay, LONGEST_MS);
	/* Nobody else is concerned, nor is the time made longer. */
	ck_assert(may("bob@example.org", "192.0.2.1"));
	now += LOCK_MS;
	ck_assert(may("ann@example.org", "192.0.2.1"));
	guard_free(&guard);
}
END_TEST

START_TEST(a_known_network_is_not_locked_by_others)
{
	guard = guard_new(&conf);
	ck_assert(may("ann@example.org", "192.0.2.1"));
	lock_account("ann@example.org");
	/* Its neighbour in the network is it; the next network is not. */
	ck_assert(may("ann@example.org", "192.0.2.77"));
	ck_assert(!may("ann@example.org", "192.0.3.1"));
	/* A slip costs no more than it ever does. */
	ck_assert_int_eq(guess("ann@example.org", "192.0.2.1").delay, 0);
	now += MONTH * 24LL * 3600 * 1000;
	lock_account("ann@example.org");
	ck_assert(!may("ann@example.org", "192.0.2.1"));
	guard_free(&guard);
}
END_TEST

START_TEST(a_known_network_that_guesses_is_known_no_more)
{
	guard = guard_new(&conf);
	ck_assert(may("ann@example.org", "192.0.2.1"));
	/* An old password is not what they guess. */
	for (unsigned i = 0; i < 3 * LIMIT; i++)
		judge("ann@example.org", "192.0.2.1", "old one", false);
	lock_account("ann@example.org");
	ck_assert(may("ann@example.org", "192.0.2.1"));
	for (unsigned i = 0; i < LIMIT; i++)
		ck_assert(!guess("ann@example.org", "192.0.2.1").is_locked);
	ck_assert(guess("ann@example.org", "192.0.2.1").is_locked);
	ck_assert(!may("ann@example.org", "192.0.2.1"));
	guard_free(&guard);
}
END_TEST

static void
lock_network(const char *client)
{
	char user[64];

	for (unsigned i = 0; i < LIMIT; i++) {
		struct guard_verdict v;

		snprintf(user, sizeof user, "user%u@example.org", i);
		v = guess(user, client);
		ck_assert(!v.is_locked && !v.locks_account);
		ck_assert_int_eq(v.locks_network, i == LIMIT - 1);
	}
}

START_TEST(a_locked_network_still_serves_those_who_are_known_there)
{
	static const struct {
		const char *client, *neighbour, *other;
	} rows[] = {
	    {"192.0.2.1", "192.0.2.200", "192.0.3.1"},
	    {"::ffff:192.0.2.1", "192.0.2.200", "192.0.3.1"},
	    {"2001:db8::1", "2001:db8::ffff:1", "2001:db8:0:1::1"},
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		guard = guard_new(&conf);
		ck_assert(may("ann@example.org", rows[i].neighbour));
		lock_network(rows[i].client);
		ck_assert(may("ann@example.org", rows[i].client));
		ck_assert(!may("bob@example.org", rows[i].neighbour));
		ck_assert(may("bob@example.org", rows[i].other));
		guard_free(&guard);
	}
}
END_TEST

START_TEST(servers_of_others_are_not_locked_as_networks)
{
	static const char *const clients[] = {
	    "198.51.100.7", "127.0.0.1", "::1", "", "no address"};
	struct guard_conf with = conf;
	struct net_network exempt;
	struct fault f;

	ck_assert_int_eq(
	    net_parse_network(STR_LIT("198.51.100.0/28"), &exempt, &f), 0);
	with.exempt = &exempt;
	with.n_exempt = 1;
	for (size_t i = 0; i < ARRAY_LEN(clients); i++) {
		guard = guard_new(&with);
		for (unsigned n = 0; n < 3 * LIMIT; n++) {
			char user[64];

			snprintf(user, sizeof user, "user%u@example.org", n);
			ck_assert(!guess(user, clients[i]).locks_network);
		}
		ck_assert(may("ann@example.org", clients[i]));
		/* But accounts are. */
		for (unsigned n = 0; n < LIMIT; n++)
			guess("bob@example.org", clients[i]);
		ck_assert(!may("bob@example.org", clients[i]));
		guard_free(&guard);
	}
}
END_TEST

START_TEST(the_same_wrong_password_again_is_no_guess)
{
	guard = guard_new(&conf);
	for (unsigned i = 0; i < 10 * LIMIT; i++) {
		struct guard_verdict v =
		    judge("ann@example.org", "192.0.2.1", "old one", false);

		ck_assert(!v.is_locked && v.delay == 0);
	}
	ck_assert(may("bob@example.org", "192.0.2.1"));
	/* For other users it is one; ann's was the first. */
	for (unsigned i = 1; i < LIMIT; i++) {
		char user[64];

		snprintf(user, sizeof user, "user%u@example.org", i);
		ck_assert_int_eq(
		    judge(user, "192.0.2.1", "old one", false).locks_network,
		    i == LIMIT - 1);
	}
	guard_free(&guard);
}
END_TEST

START_TEST(what_has_no_proof_counts_each_time)
{
	guard = guard_new(&conf);
	for (unsigned i = 0; i < LIMIT; i++)
		judge("ann@example.org", "", "", false);
	ck_assert(!may("ann@example.org", "192.0.2.1"));
	guard_free(&guard);
}
END_TEST

START_TEST(failures_are_forgotten_in_time)
{
	guard = guard_new(&conf);
	for (unsigned i = 0; i < 4 * LIMIT; i++) {
		ck_assert(!guess("ann@example.org", "192.0.2.1").is_locked);
		if (i % (LIMIT - 1) == LIMIT - 2)
			now += LOCK_MS + 1;
	}
	ck_assert(may("ann@example.org", "192.0.2.1"));
	guard_free(&guard);
}
END_TEST

START_TEST(an_account_of_ones_own_does_not_wash_a_network_clean)
{
	guard = guard_new(&conf);
	for (unsigned i = 0; i < LIMIT; i++) {
		char user[64];

		ck_assert(may("eve@example.org", "192.0.2.1"));
		snprintf(user, sizeof user, "user%u@example.org", i);
		guess(user, "192.0.2.1");
	}
	ck_assert(!may("ann@example.org", "192.0.2.1"));
	guard_free(&guard);
}
END_TEST

START_TEST(a_strong_password_passes_each_lock)
{
	struct guard_login l = {.user = str("ann@example.org"),
	    .client = str("192.0.2.1"),
	    .is_right = true,
	    .is_strong = true};

	guard = guard_new(&conf);
	lock_account("ann@example.org");
	lock_network("192.0.2.1");
	ck_assert(!may("ann@example.org", "192.0.2.1"));
	ck_assert(!guard_judge(guard, &l, now).is_locked);
	guard_free(&guard);
}
END_TEST

START_TEST(the_operator_lifts_a_lock)
{
	guard = guard_new(&conf);
	ck_assert(!guard_lift_account(guard, str("ann@example.org"), now));
	lock_account("ann@example.org");
	lock_network("192.0.2.1");
	ck_assert(!may("ann@example.org", "198.51.100.1"));
	ck_assert(guard_lift_account(guard, str("ann@example.org"), now));
	ck_assert(!guard_lift_account(guard, str("ann@example.org"), now));
	ck_assert(may("ann@example.org", "198.51.100.1"));
	ck_assert(!may("bob@example.org", "192.0.2.2"));
	ck_assert(guard_lift_network(guard, str("192.0.2.200"), now));
	ck_assert(may("bob@example.org", "192.0.2.2"));
	/* What was counted before is forgotten too. */
	lock_network("192.0.2.1");
	guard_free(&guard);
}
END_TEST

START_TEST(nothing_is_locked_where_the_limit_is_none)
{
	const struct guard_conf none = {.lock_ms = LOCK_MS};

	guard = guard_new(&none);
	for (unsigned i = 0; i < 1000; i++)
		ck_assert_int_eq(
		    guess("ann@example.org", "192.0.2.1").delay, 0);
	ck_assert(may("ann@example.org", "192.0.2.1"));
	guard_free(&guard);
}
END_TEST

START_TEST(only_so_many_answers_are_delayed_at_once)
{
	const struct guard_conf two = {.delays = 2};

	guard = guard_new(&two);
	ck_assert(guard_begin_delay(guard));
	ck_assert(guard_begin_delay(guard));
	ck_assert(!guard_begin_delay(guard));
	guard_end_delay(guard);
	ck_assert(guard_begin_delay(guard));
	ck_assert(!guard_begin_delay(guard));
	guard_free(&guard);
}
END_TEST

UNIT_MAIN("guard", each_further_failure_is_delayed_for_longer,
    a_locked_account_refuses_the_right_password_for_a_while,
    a_known_network_is_not_locked_by_others,
    a_known_network_that_guesses_is_known_no_more,
    a_locked_network_still_serves_those_who_are_known_there,
    servers_of_others_are_not_locked_as_networks,
    the_same_wrong_password_again_is_no_guess,
    what_has_no_proof_counts_each_time, failures_are_forgotten_in_time,
    an_account_of_ones_own_does_not_wash_a_network_clean,
    a_strong_password_passes_each_lock, the_operator_lifts_a_lock,
    nothing_is_locked_where_the_limit_is_none,
    only_so_many_answers_are_delayed_at_once)
