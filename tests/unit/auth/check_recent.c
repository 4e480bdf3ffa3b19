/* SPDX-License-Identifier: ISC */
#include "config.h"

#include "auth/recent.h"

#include "tests/unit/unit.h"

enum { AGE = 1000 };

static struct recent_logins *recent;

static void
put(const char *address, const char *user, int64_t now)
{
	recent_logins_put(recent, str(address), str(user), now);
}

static void
assert_user(const char *address, int64_t now, const char *user)
{
	struct buf found;

	buf_init(&found, 300);
	buf_puts(&found, "old");
	ck_assert_int_eq(
	    recent_logins_get(recent, str(address), now, &found), user != NULL);
	ck_assert_str_eq(buf_text(&found), user != NULL ? user : "");
	buf_clear(&found);
}

START_TEST(recent_knows_the_last_user_for_a_while)
{
	recent = recent_logins_new(10, AGE);
	assert_user("192.0.2.1", 0, NULL);
	put("192.0.2.1", "ann@example.org", 100);
	put("2001:db8::1", "bob@example.org", 100);
	assert_user("192.0.2.1", 100 + AGE - 1, "ann@example.org");
	assert_user("::ffff:192.0.2.1", 200, "ann@example.org");
	assert_user("2001:DB8:0::1", 200, "bob@example.org");
	assert_user("192.0.2.2", 200, NULL);
	put("192.0.2.1", "carl@example.org", 300);
	assert_user("192.0.2.1", 100 + AGE, "carl@example.org");
	assert_user("192.0.2.1", 300 + AGE, NULL);
	recent_logins_free(&recent);
}
END_TEST

START_TEST(recent_keeps_no_address_of_this_machine)
{
	static const char *const none[] = {"127.0.0.1", "127.8.9.1", "::1",
	    "::ffff:127.0.0.1", "", "unix", "192.0.2.1.5"};

	recent = recent_logins_new(10, AGE);
	for (size_t i = 0; i < ARRAY_LEN(none); i++) {
		put(none[i], "ann@example.org", 1);
		assert_user(none[i], 1, NULL);
	}
	recent_logins_free(&recent);
}
END_TEST

START_TEST(recent_forgets_the_oldest_first)
{
	recent = recent_logins_new(2, AGE);
	put("192.0.2.1", "ann@example.org", 1);
	put("192.0.2.2", "bob@example.org", 2);
	put("192.0.2.1", "ann@example.org", 3);
	put("192.0.2.3", "carl@example.org", 4);
	assert_user("192.0.2.1", 5, "ann@example.org");
	assert_user("192.0.2.2", 5, NULL);
	assert_user("192.0.2.3", 5, "carl@example.org");
	recent_logins_free(&recent);
}
END_TEST

UNIT_MAIN("recent", recent_knows_the_last_user_for_a_while,
    recent_keeps_no_address_of_this_machine, recent_forgets_the_oldest_first)
