/* SPDX-License-Identifier: ISC */
#include "config.h"

#include "auth/home.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "tests/unit/unit.h"

START_TEST(a_home_is_below_the_root)
{
	struct homes homes;
	struct home home;
	struct fault f;

	ck_assert_int_eq(homes_init(&homes, "/var/mail", "root", &f), 0);
	ck_assert(home_find(&homes, str("ann@example.org"), &home));
	ck_assert_str_eq(home.path, "/var/mail/example.org/ann");
	ck_assert_uint_eq(home.uid, 0);
	ck_assert_uint_eq(home.gid, 0);
}
END_TEST

START_TEST(no_name_leaves_the_root)
{
	static const char *const names[] = {"../x@example.org", "x@..",
	    ".@example.org", "..@example.org", "a/b@example.org", "x@a/b",
	    "@example.org", "x@", "a\nb@example.org", ""};
	static char longest[2000];
	struct homes homes;
	struct home home;
	struct fault f;

	ck_assert_int_eq(homes_init(&homes, "/var/mail", "root", &f), 0);
	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		ck_assert_msg(
		    !home_find(&homes, str(names[i]), &home), "%s", names[i]);
	ck_assert(!home_find(&homes, STR_LIT("a\0b@example.org"), &home));
	memset(longest, 'x', sizeof longest);
	longest[1000] = '@';
	ck_assert(!home_find(&homes, str_n(longest, sizeof longest), &home));
}
END_TEST

START_TEST(without_a_root_nobody_has_a_home)
{
	struct homes homes;
	struct home home;
	struct fault f;

	ck_assert_int_eq(homes_init(&homes, NULL, NULL, &f), 0);
	ck_assert(!home_find(&homes, str("ann@example.org"), &home));
}
END_TEST

START_TEST(the_user_must_exist)
{
	struct homes homes;
	struct fault f;

	ck_assert_int_eq(
	    homes_init(&homes, "/var/mail", "no such user", &f), -1);
	ck_assert_str_eq(f.text, "mail_user: no such user: no such user");
	ck_assert_int_eq(homes_init(&homes, "/var/mail", NULL, &f), -1);
}
END_TEST

UNIT_MAIN("home", a_home_is_below_the_root, no_name_leaves_the_root,
    without_a_root_nobody_has_a_home, the_user_must_exist)
