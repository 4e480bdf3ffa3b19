/* SPDX-License-Identifier: ISC */
/* proto/ident.h: ids sort by time, say when they were made, and differ. */
#include "config.h"

#include "proto/ident.h"

#include "base/clock.h"
#include "tests/unit/unit.h"

START_TEST(an_id_says_when_it_was_made)
{
	int64_t before = clock_unix_us(), after, time;
	struct ident id;

	ident_make(&id);
	after = clock_unix_us();
	ck_assert_uint_eq(strlen(id.text), IDENT_LEN);
	ck_assert(ident_is_ours(str(id.text)));
	time = ident_time_us(str(id.text));
	ck_assert_int_ge(time, before);
	ck_assert_int_le(time, after);
	/* 2^49 us, and the last bits of the time beside random ones. */
	ck_assert_int_eq(
	    ident_time_us(STR_LIT("4000000000000000")), INT64_C(1) << 49);
	ck_assert_int_eq(ident_time_us(STR_LIT("0000000000rzzzzz")), 3);
	ck_assert_int_eq(ident_time_us(STR_LIT("00000000017zzzzz")), 4);
}
END_TEST

START_TEST(ids_differ_and_sort_by_time)
{
	static struct ident ids[20000];

	for (size_t i = 0; i < ARRAY_LEN(ids); i++)
		ident_make(&ids[i]);
	for (size_t i = 1; i < ARRAY_LEN(ids); i++) {
		const char *a = ids[i - 1].text, *b = ids[i].text;

		ck_assert_str_ne(a, b);
		ck_assert_int_eq(strcmp(a, b) < 0 || ident_time_us(str(a)) ==
							 ident_time_us(str(b)),
		    1);
	}
}
END_TEST

START_TEST(what_has_another_form_is_not_ours)
{
	static const char *const bad[] = {"", "0", "000000000000000",
	    "00000000000000000", "000000000000000i", "l000000000000000",
	    "0000000o00000000", "000000000000000u", "A000000000000000",
	    "00000000 0000000", "../0000000000000"};

	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		ck_assert_msg(!ident_is_ours(str(bad[i])), "%s", bad[i]);
	ck_assert(!ident_is_ours(str_n("0000000\0"
				       "00000000",
	    16)));
	ck_assert(ident_is_ours(STR_LIT("0123456789abcdef")));
	ck_assert(ident_is_ours(STR_LIT("ghjkmnpqrstvwxyz")));
}
END_TEST

START_TEST(session_ids_differ)
{
	char a[IDENT_SESSION_SIZE], b[IDENT_SESSION_SIZE];

	ident_make_session(a);
	ident_make_session(b);
	ck_assert_uint_eq(strlen(a), IDENT_SESSION_SIZE - 1);
	ck_assert_str_ne(a, b);
}
END_TEST

START_TEST(siblings_differ_and_are_always_the_same)
{
	struct ident id, a, b, c;

	ident_make(&id);
	ident_sibling(&id, 1, &a);
	ident_sibling(&id, 1, &b);
	ident_sibling(&id, 2, &c);
	ck_assert_str_eq(a.text, b.text);
	ck_assert_str_ne(a.text, id.text);
	ck_assert_str_ne(a.text, c.text);
	ck_assert(ident_is_ours(str(c.text)));
	ck_assert_int_eq(
	    ident_time_us(str(a.text)), ident_time_us(str(id.text)));
}
END_TEST

UNIT_MAIN("ident", siblings_differ_and_are_always_the_same,
    an_id_says_when_it_was_made, ids_differ_and_sort_by_time,
    what_has_another_form_is_not_ours, session_ids_differ)
