/* SPDX-License-Identifier: ISC */
/* Faults: one line, whatever goes into them. */
#include "config.h"

#include "base/fault.h"

#include <errno.h>

#include <stdio.h>

#include "tests/unit/unit.h"

START_TEST(a_fault_says_kind_code_and_sentence)
{
	struct fault f;

	ck_assert_int_eq(fault_temp(&f, "4.4.2", "after %d tries", 3), -1);
	ck_assert_int_eq(f.kind, FAULT_TEMP);
	ck_assert_str_eq(f.dsn, "4.4.2");
	ck_assert_str_eq(f.text, "after 3 tries");
	ck_assert_int_eq(fault_perm(&f, "5.1.1", "no such user"), -1);
	ck_assert_int_eq(f.kind, FAULT_PERM);
	ck_assert_str_eq(f.dsn, "5.1.1");
	ck_assert_str_eq(f.text, "no such user");
}
END_TEST

START_TEST(the_text_is_one_line_whatever_goes_in)
{
	struct fault f;

	fault_perm(&f, "5.1.1", "%s", "a\r\n250 ok\tb\x7f\x01");
	ck_assert_str_eq(f.text, "a  250 ok b  ");
}
END_TEST

START_TEST(a_text_that_is_too_long_is_cut)
{
	char text[1000];
	struct fault f;

	memset(text, 'x', sizeof text - 1);
	text[sizeof text - 1] = '\0';
	fault_temp(&f, "4.0.0", "%s", text);
	ck_assert_uint_eq(strlen(f.text), sizeof f.text - 1);
	errno = ENOENT;
	fault_errno(&f, "%s", text);
	ck_assert_uint_eq(strlen(f.text), sizeof f.text - 1);
}
END_TEST

START_TEST(errno_becomes_a_temporary_fault_with_its_reason)
{
	static const struct {
		int error;
		const char *dsn;
	} cases[] = {{ENOENT, "4.3.0"}, {EIO, "4.3.0"}, {ENOSPC, "4.3.1"},
	    {EDQUOT, "4.3.1"}};
	struct fault f;

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		char want[200];

		errno = cases[i].error;
		ck_assert_int_eq(fault_errno(&f, "cannot open %s", "x"), -1);
		ck_assert_int_eq(f.kind, FAULT_TEMP);
		ck_assert_str_eq(f.dsn, cases[i].dsn);
		snprintf(want, sizeof want, "cannot open x: %s",
		    strerror(cases[i].error));
		ck_assert_str_eq(f.text, want);
	}
}
END_TEST

START_TEST(a_code_in_front_of_the_text_is_taken_where_it_is_of_its_kind)
{
	static const struct {
		const char *text, *dsn, *rest;
	} cases[] = {
	    {"5.2.1 this mailbox is closed", "5.2.1", "this mailbox is closed"},
	    {"5.123.456 x", "5.123.456", "x"},
	    {"4.2.1 later", "5.0.0", "4.2.1 later"},
	    {"5.2.1", "5.0.0", "5.2.1"},
	    {"5.2 x", "5.0.0", "5.2 x"},
	    {"5.2.1.1 x", "5.0.0", "5.2.1.1 x"},
	    {"5.2.x x", "5.0.0", "5.2.x x"},
	    {"5.2.1000 x", "5.0.0", "5.2.1000 x"},
	    {"5.2.000000000001 x", "5.0.0", "5.2.000000000001 x"},
	    {"05.2.1 x", "5.0.0", "05.2.1 x"},
	    {"closed", "5.0.0", "closed"},
	    {"", "5.0.0", ""},
	};
	struct fault f;

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		fault_perm(&f, "5.0.0", "%s", cases[i].text);
		fault_take_code(&f);
		ck_assert_str_eq(f.dsn, cases[i].dsn);
		ck_assert_str_eq(f.text, cases[i].rest);
	}
}
END_TEST

UNIT_MAIN("fault", a_fault_says_kind_code_and_sentence,
    the_text_is_one_line_whatever_goes_in, a_text_that_is_too_long_is_cut,
    errno_becomes_a_temporary_fault_with_its_reason,
    a_code_in_front_of_the_text_is_taken_where_it_is_of_its_kind)
