/* SPDX-License-Identifier: ISC */
/* base/utf8.h: every code point, and what only looks like one. */
#include "config.h"

#include "base/utf8.h"

#include "tests/unit/unit.h"

START_TEST(every_code_point_goes_out_and_in_again)
{
	struct buf b;

	buf_init(&b, 8);
	for (uint32_t c = 0; c <= 0x10ffff; c++) {
		uint32_t again = 0xffffffff;

		buf_reset(&b);
		utf8_put(&b, c);
		if (c >= 0xd800 && c <= 0xdfff) {
			ck_assert_uint_eq(utf8_get(buf_str(&b), &again), 0);
			continue;
		}
		if (utf8_get(buf_str(&b), &again) != buf_len(&b) || again != c)
			ck_abort_msg("U+%04X became U+%04X", c, again);
	}
	buf_clear(&b);
}
END_TEST

START_TEST(ill_formed_sequences_are_refused)
{
	static const char *const bad[] = {"\x80", "\xbf", "\xc0\x80",
	    "\xc1\xbf", "\xe0\x80\x80", "\xe0\x9f\xbf", "\xf0\x80\x80\x80",
	    "\xf0\x8f\xbf\xbf", "\xed\xa0\x80", "\xf4\x90\x80\x80",
	    "\xf8\x88\x80\x80\x80", "\xff", "\xfe", "\xc3", "\xe2\x82",
	    "\xf0\x9f\x93",
	    "\xc3"
	    "a",
	    "\xe2\x82"
	    "a"};

	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		ck_assert_msg(!utf8_is_valid(str(bad[i])), "%zu", i);
		ck_assert_uint_eq(utf8_get(str(bad[i]), NULL), 0);
	}
	ck_assert_uint_eq(utf8_get(str(""), NULL), 0);
	ck_assert(utf8_is_valid(str("")));
	ck_assert(utf8_is_valid(str("a\xc3\xbc\xe2\x82\xac\xf0\x9f\x93\xac")));
	ck_assert(!utf8_is_valid(str("a\xc3\xbc\xe2\x82")));
	ck_assert(utf8_is_valid(str_n("\0", 1)));
}
END_TEST

UNIT_MAIN("utf8", every_code_point_goes_out_and_in_again,
    ill_formed_sequences_are_refused)
