/* SPDX-License-Identifier: ISC */
/* base/user.h: names for records. */
#include "config.h"

#include "base/user.h"

#include "tests/unit/unit.h"

START_TEST(a_user_has_a_name_and_a_stranger_a_number)
{
	char name[USER_NAME_SIZE];

	user_format(0, name);
	ck_assert_str_eq(name, "root");
	user_format(4123456789, name);
	ck_assert_str_eq(name, "uid-4123456789");
}
END_TEST

START_TEST(names_that_nobody_has_are_told)
{
	const char *some[] = {"root", "daemon"}, *odd[] = {"root", "no one"};
	struct conf_list names = {.items = some, .n = 2};
	uid_t uids[2] = {7, 0};
	struct fault f;

	ck_assert_int_eq(user_find_all(&names, uids, &f), 0);
	ck_assert_uint_eq(uids[0], 0);
	ck_assert_uint_ne(uids[1], 0);
	names.items = odd;
	ck_assert_int_eq(user_find_all(&names, uids, &f), -1);
	ck_assert_str_eq(f.text, "there is no user \"no one\"");
	names.n = 0;
	ck_assert_int_eq(user_find_all(&names, uids, &f), 0);
}
END_TEST

UNIT_MAIN("user", names_that_nobody_has_are_told,
    a_user_has_a_name_and_a_stranger_a_number)
