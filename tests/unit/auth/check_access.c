/* SPDX-License-Identifier: ISC */
#include "config.h"

#include "auth/access.h"

#include <time.h>

#include "auth/directory_app.h"
#include "auth/password.h"
#include "tests/unit/auth/place.h"

static struct directory *d;
static struct fault f;
static bool is_app;

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
enter(const char *name, const char *password, const char *service)
{
	const struct access a = {str(name), str(password), service};

	return access_check(d, &a, &is_app, &f);
}

static int
login(const char *name, const char *password)
{
	return enter(name, password, "imap");
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

START_TEST(the_key_for_cram_md5_is_made_only_where_it_is_wanted)
{
	struct scram_keys keys, again;
	struct cram_key cram;
	struct str ann = STR_LIT("ann@example.org");

	begin();
	ck_assert_int_eq(login("ann@example.org", "correct horse"), 1);
	ck_assert_int_eq(directory_user_get_cram(d, ann, &cram, &f), 0);
	ck_assert_int_eq(get_keys("ann@example.org", &keys), 1);
	directory_set_forms(d, DIRECTORY_FORM_SCRAM | DIRECTORY_FORM_CRAM_MD5);
	ck_assert_int_eq(login("ann@example.org", "wrong horse"), 0);
	ck_assert_int_eq(directory_user_get_cram(d, ann, &cram, &f), 0);
	ck_assert_int_eq(login("ann@example.org", "correct horse"), 1);
	ck_assert_int_eq(directory_user_get_cram(d, ann, &cram, &f), 1);
	ck_assert(cram.is_set);
	/* What there was already stays. */
	ck_assert_int_eq(get_keys("ann@example.org", &again), 1);
	ck_assert_str_eq(keys.sha256, again.sha256);
	end_directory(&d);
}
END_TEST

static const char *
add_app(const char *user, const char *services, int64_t expires)
{
	static char password[APP_PASSWORD_SIZE];
	struct directory_app app = {.name = "x", .expires = expires};

	snprintf(app.services, sizeof app.services, "%s", services);
	app_password_make(password, app.digest);
	(void)!directory_app_revoke(d, str(user), STR_LIT("x"), &f);
	ck_assert_int_eq(directory_app_add(d, str(user), &app, &f), 0);
	return password;
}

START_TEST(app_passwords_let_in_where_they_are_good)
{
	const char *p;

	begin();
	p = add_app("ann@example.org", "imap", 0);
	ck_assert_int_eq(enter("ann@example.org", p, "imap"), 1);
	ck_assert(is_app);
	ck_assert_int_eq(enter("ann@example.org", p, "smtp"), 0);
	ck_assert(!is_app);
	ck_assert_str_eq(f.text, "app password is not for this service");
	ck_assert_int_eq(enter("ann@example.org", p, ""), 0);
	ck_assert_int_eq(enter("old@example.org", p, "imap"), 0);
	p = add_app("ann@example.org", "", 1);
	ck_assert_int_eq(enter("ann@example.org", p, "imap"), 0);
	ck_assert_str_eq(f.text, "app password has expired");
	p = add_app("bob@example.org", "", 0);
	ck_assert_int_eq(enter("bob@example.org", p, "imap"), 0);
	ck_assert_str_eq(f.text, "disabled");
	/* The user's own is good as before, and is no app password. */
	ck_assert_int_eq(login("ann@example.org", "correct horse"), 1);
	ck_assert(!is_app);
	end_directory(&d);
}
END_TEST

START_TEST(a_closed_main_password_is_for_other_things_than_mail)
{
	const char *p;

	begin();
	p = add_app("ann@example.org", "", 0);
	ck_assert_int_eq(directory_user_switch(d, str("ann@example.org"),
			     DIRECTORY_MAIN_CLOSED, 0, &f),
	    0);
	ck_assert_int_eq(enter("ann@example.org", "correct horse", "imap"), 0);
	ck_assert_str_eq(f.text, "main password is closed to mail");
	ck_assert_int_eq(enter("ann@example.org", "correct horse", ""), 0);
	ck_assert_int_eq(enter("ann@example.org", "wrong horse", "imap"), 0);
	ck_assert_str_eq(f.text, "wrong password");
	ck_assert_int_eq(
	    enter("ann@example.org", "correct horse", "webmail"), 1);
	ck_assert_int_eq(enter("ann@example.org", p, "imap"), 1);
	ck_assert_int_eq(directory_user_switch(d, str("ann@example.org"), 0,
			     DIRECTORY_MAIN_CLOSED, &f),
	    0);
	ck_assert_int_eq(enter("ann@example.org", "correct horse", "imap"), 1);
	end_directory(&d);
}
END_TEST

START_TEST(who_may_not_send_can_still_read)
{
	const char *p;

	begin();
	p = add_app("ann@example.org", "", 0);
	ck_assert_int_eq(directory_user_switch(d, str("ann@example.org"),
			     DIRECTORY_NO_SEND, 0, &f),
	    0);
	ck_assert_int_eq(enter("ann@example.org", "correct horse", "smtp"), 0);
	ck_assert_str_eq(f.text, "may not send");
	ck_assert_int_eq(enter("ann@example.org", p, "smtp"), 0);
	ck_assert_str_eq(f.text, "may not send");
	ck_assert_int_eq(enter("ann@example.org", "correct horse", "imap"), 1);
	ck_assert_int_eq(enter("ann@example.org", p, "imap"), 1);
	end_directory(&d);
}
END_TEST

/* A right one that is not good must take as long as a wrong one. */
START_TEST(what_is_refused_costs_a_hash)
{
	const char *p;
	clock_t begun, used; /* of the processor */

	begin();
	p = add_app("ann@example.org", "imap", 0);
	begun = clock();
	ck_assert_int_eq(enter("ann@example.org", p, "imap"), 1);
	used = clock() - begun;
	begun = clock();
	ck_assert_int_eq(enter("ann@example.org", p, "smtp"), 0);
	ck_assert(clock() - begun > 4 * used);
	end_directory(&d);
}
END_TEST

START_TEST(no_keys_are_made_where_scram_is_off)
{
	struct scram_keys keys;

	begin();
	directory_set_forms(d, 0);
	ck_assert_int_eq(login("ann@example.org", "correct horse"), 1);
	ck_assert_int_eq(get_keys("ann@example.org", &keys), 0);
	end_directory(&d);
}
END_TEST

UNIT_MAIN("access", only_the_right_password_lets_in_and_the_log_hears_why,
    app_passwords_let_in_where_they_are_good,
    a_closed_main_password_is_for_other_things_than_mail,
    who_may_not_send_can_still_read, what_is_refused_costs_a_hash,
    the_first_login_of_an_old_hash_makes_keys,
    the_key_for_cram_md5_is_made_only_where_it_is_wanted,
    no_keys_are_made_where_scram_is_off)
