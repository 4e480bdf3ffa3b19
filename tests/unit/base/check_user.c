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

UNIT_MAIN("user", a_user_has_a_name_and_a_stranger_a_number)
