/* SPDX-License-Identifier: ISC */
#include "config.h"

#include "auth/app_password.h"

#include <string.h>

#include "tests/unit/unit.h"

START_TEST(they_are_long_and_differ)
{
	char a[APP_PASSWORD_SIZE], b[APP_PASSWORD_SIZE];
	char da[APP_PASSWORD_DIGEST_SIZE], db[APP_PASSWORD_DIGEST_SIZE];

	app_password_make(a, da);
	app_password_make(b, db);
	ck_assert_uint_eq(strlen(a), 23);
	ck_assert_int_eq(a[5], '-');
	ck_assert_int_eq(a[17], '-');
	ck_assert_str_ne(a, b);
	ck_assert_str_ne(da, db);
	ck_assert_ptr_null(strstr(da, a));
}
END_TEST

START_TEST(how_it_is_typed_does_not_count)
{
	char password[APP_PASSWORD_SIZE], typed[2 * APP_PASSWORD_SIZE];
	char digest[APP_PASSWORD_DIGEST_SIZE], again[APP_PASSWORD_DIGEST_SIZE];
	size_t n = 0;

	app_password_make(password, digest);
	ck_assert(app_password_digest(str(password), again));
	ck_assert_str_eq(digest, again);
	for (const char *c = password; *c != '\0'; c++) {
		typed[n++] = (char)(*c >= 'a' && *c <= 'z' ? *c - 32 : *c);
		if (n % 3 == 0)
			typed[n++] = ' ';
	}
	ck_assert(app_password_digest(str_n(typed, n), again));
	ck_assert_str_eq(digest, again);
	/* One letter that is another. */
	password[0] = password[0] == 'a' ? 'b' : 'a';
	ck_assert(app_password_digest(str(password), again));
	ck_assert_str_ne(digest, again);
}
END_TEST

static const char *const none[] = {
    "",
    "abcde-fghij-kmnpq-rstu",
    "abcde-fghij-kmnpq-rstuvw",
    "abcde-fghij-kmnpq-rst0v",
    "abcde-fghij-kmnpq-rst.v",
    "correct horse battery staple",
};

START_TEST(other_passwords_are_none)
{
	char digest[APP_PASSWORD_DIGEST_SIZE];

	for (size_t i = 0; i < ARRAY_LEN(none); i++) {
		ck_assert_msg(
		    !app_password_digest(str(none[i]), digest), "%s", none[i]);
		ck_assert_str_eq(digest, "");
	}
	ck_assert(
	    !app_password_digest(STR_LIT("abcde-fghij-kmnpq-rst\0v"), digest));
}
END_TEST

UNIT_MAIN("app_password", they_are_long_and_differ,
    how_it_is_typed_does_not_count, other_passwords_are_none)
