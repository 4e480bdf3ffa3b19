/* SPDX-License-Identifier: ISC */
/* Views: comparing, cutting, numbers. */
#include "config.h"

#include "base/str.h"

#include "base/mem.h"
#include "tests/unit/unit.h"

START_TEST(str_is_nocase_folds_only_ascii_letters)
{
	ck_assert(str_is_nocase(STR_LIT("EhLo"), STR_LIT("ehlo")));
	ck_assert(!str_is_nocase(STR_LIT("a["), STR_LIT("a{")));
	ck_assert(!str_is_nocase(STR_LIT("ab"), STR_LIT("abc")));
	ck_assert(str_is_nocase(str(NULL), STR_LIT("")));
}
END_TEST

START_TEST(str_cut_gives_all_parts_even_empty_ones)
{
	struct str rest = STR_LIT("a,,b");

	ck_assert_view_eq(str_cut(&rest, ','), "a");
	ck_assert_view_eq(str_cut(&rest, ','), "");
	ck_assert_ptr_nonnull(rest.at);
	ck_assert_view_eq(str_cut(&rest, ','), "b");
	ck_assert_ptr_null(rest.at);
	ck_assert_uint_eq(rest.len, 0);
}
END_TEST

START_TEST(str_to_u64_refuses_all_but_plain_digits_in_range)
{
	static const char *const bad[] = {"", "-1", "+1", " 1", "1 ", "0x1",
	    "18446744073709551616", "99999999999999999999", "101", "1"};
	uint64_t n = 7;

	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		ck_assert_msg(
		    !str_to_u64(str(bad[i]), 2, 100, &n), "%s", bad[i]);
	ck_assert_uint_eq(n, 7);
	ck_assert(str_to_u64(STR_LIT("0100"), 2, 100, &n));
	ck_assert_uint_eq(n, 100);
	ck_assert(
	    str_to_u64(STR_LIT("18446744073709551615"), 0, UINT64_MAX, &n));
	ck_assert(n == UINT64_MAX);
}
END_TEST

START_TEST(str_copy_refuses_what_does_not_fit_or_holds_nul)
{
	char dst[4];

	ck_assert(str_copy(STR_LIT("abc"), dst, sizeof dst));
	ck_assert_str_eq(dst, "abc");
	ck_assert(!str_copy(STR_LIT("abcd"), dst, sizeof dst));
	ck_assert_str_eq(dst, "");
	ck_assert(!str_copy(str_n("a\0b", 3), dst, sizeof dst));
}
END_TEST

START_TEST(str_trim_and_ends)
{
	ck_assert_view_eq(str_trim(STR_LIT(" \ta b\t ")), "a b");
	ck_assert_view_eq(str_trim(STR_LIT(" \t ")), "");
	ck_assert(str_ends(STR_LIT("x.example"), STR_LIT(".example")));
	ck_assert(!str_ends(STR_LIT("le"), STR_LIT(".example")));
	ck_assert_uint_eq(str_find_last(STR_LIT("a@b@c"), '@'), 3);
	ck_assert_uint_eq(str_find(STR_LIT("abc"), '@'), 3);
}
END_TEST

START_TEST(str_compare_sorts_by_unsigned_bytes_and_then_by_length)
{
	ck_assert_int_lt(str_compare(STR_LIT("ab"), STR_LIT("b")), 0);
	ck_assert_int_lt(str_compare(STR_LIT("a"), STR_LIT("ab")), 0);
	ck_assert_int_gt(str_compare(STR_LIT("a\xff"), STR_LIT("a~")), 0);
	ck_assert_int_gt(str_compare(STR_LIT("a"), (struct str){NULL, 0}), 0);
	ck_assert_int_eq(str_compare(STR_LIT("a"), str("a")), 0);
}
END_TEST

UNIT_MAIN("str", str_is_nocase_folds_only_ascii_letters,
    str_cut_gives_all_parts_even_empty_ones,
    str_to_u64_refuses_all_but_plain_digits_in_range,
    str_copy_refuses_what_does_not_fit_or_holds_nul, str_trim_and_ends,
    str_compare_sorts_by_unsigned_bytes_and_then_by_length)
