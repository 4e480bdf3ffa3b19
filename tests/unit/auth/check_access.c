/* SPDX-License-Identifier: ISC */
#include "config.h"

#include "auth/access.h"

#include "auth/password.h"
#include "tests/unit/auth/place.h"

static struct directory *d;
static struct fault f;

static void
begin(void)
{
	char hash[PASSWORD_HASH_SIZE];

	d = new_directory();
	add_domain(d, "example.org");
	ck_assert_int_eq(password_hash(STR_LIT("correct horse"), hash, &f), 0);
	add_user(d, "ann@example.org", hash);
	add_user(d, "bob@example.org", hash);
	ck_assert_int_eq(
	    directory_user_set_disabled(d, str("bob@example.org"), true, &f),
	    0);
}

static int
login(const char *name, const char *password)
{
	return access_check(d, str(name), str(password), &f);
}

static int
get_keys(const char *name, struct scram_keys *keys)
{
	return directory_user_get_scram(d, str(name), keys, &f);
}

START_TEST(only_the_right_password_lets_in_and_the_log_hears_why)
{
	begin();
	ck_assert_int_eq(login("Ann@example.org", "correct horse"), 1);
	ck_assert_int_eq(login("ann@example.org", "wrong horse"), 0);
	ck_assert_str_eq(f.text, "wrong password");
	ck_assert_int_eq(login("eve@example.org", "correct horse"), 0);
	ck_assert_str_eq(f.text, "no such user");
	ck_assert_int_eq(login("bob@example.org", "correct horse"), 0);
	ck_assert_str_eq(f.text, "disabled");
	end_directory(&d);
}
END_TEST

START_TEST(the_first_login_of_an_old_hash_makes_keys)
{
	struct scram_keys keys, again;

	begin();
	ck_assert_int_eq(get_keys("ann@example.org", &keys), 0);
	ck_assert_int_eq(login("ann@example.org", "wrong horse"), 0);
	ck_assert_int_eq(get_keys("ann@example.org", &keys), 0);
	ck_assert_int_eq(login("bob@example.org", "correct horse"), 0);
	ck_assert_int_eq(get_keys("bob@example.org", &keys), 0);
	ck_assert_int_eq(login("ann@example.org", "correct horse"), 1);
	ck_assert_int_eq(get_keys("ann@example.org", &keys), 1);
	ck_assert(str_starts(str(keys.sha1), STR_LIT("SCRAM-SHA-1$")));
	/* They stay. */
	ck_assert_int_eq(login("ann@example.org", "correct horse"), 1);
	ck_assert_int_eq(get_keys("ann@example.org", &again), 1);
	ck_assert_str_eq(keys.sha256, again.sha256);
	end_directory(&d);
}
END_TEST

START_TEST(no_keys_are_made_where_scram_is_off)
{
	struct scram_keys keys;

	begin();
	directory_set_scram(d, false);
	ck_assert_int_eq(login("ann@example.org", "correct horse"), 1);
	ck_assert_int_eq(get_keys("ann@example.org", &keys), 0);
	end_directory(&d);
}
END_TEST

UNIT_MAIN("access", only_the_right_password_lets_in_and_the_log_hears_why,
    the_first_login_of_an_old_hash_makes_keys,
    no_keys_are_made_where_scram_is_off)
