/* SPDX-License-Identifier: ISC */
/* Netstrings: both ways, whole and in pieces. */
#include "config.h"

#include "base/netstring.h"

#include "tests/unit/unit.h"

START_TEST(what_is_put_is_taken)
{
	static const char *const texts[] = {
	    "", "x", "hello", "5:hello,", "a,b"};
	struct str payload;
	struct buf b;
	size_t used;

	for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
		buf_init(&b, 100);
		netstring_put(&b, str(texts[i]));
		netstring_put(&b, STR_LIT("next"));
		ck_assert_int_eq(
		    netstring_take(buf_str(&b), 50, &payload, &used),
		    NETSTRING_OK);
		ck_assert_view_eq(payload, texts[i]);
		buf_consume(&b, used);
		ck_assert_view_eq(buf_str(&b), "4:next,");
		buf_clear(&b);
	}
}
END_TEST

START_TEST(payloads_may_hold_any_byte)
{
	char in[] = "7:\0:,\n\xff,\0,";
	struct str payload;
	size_t used;

	ck_assert_int_eq(
	    netstring_take(str_n(in, sizeof in - 1), 50, &payload, &used),
	    NETSTRING_OK);
	ck_assert_uint_eq(payload.len, 7);
	ck_assert_int_eq(memcmp(payload.at, in + 2, 7), 0);
	ck_assert_uint_eq(used, sizeof in - 1);
}
END_TEST

START_TEST(each_prefix_of_a_netstring_waits_for_more)
{
	static const char *const texts[] = {
	    "0:,", "5:hello,", "12:abcdefghijkl,"};
	struct str payload;
	size_t used;

	for (size_t i = 0; i < ARRAY_LEN(texts); i++)
		for (size_t n = 0; n < strlen(texts[i]); n++)
			ck_assert_int_eq(netstring_take(str_n(texts[i], n), 50,
					     &payload, &used),
			    NETSTRING_MORE);
	/* The longest number, before its colon has come. */
	ck_assert_int_eq(
	    netstring_take(STR_LIT("123456789"), 200000000, &payload, &used),
	    NETSTRING_MORE);
}
END_TEST

START_TEST(what_is_no_netstring_is_bad_at_once)
{
	static const char *const texts[] = {":", ":x,", "x", "-1:x,", "+1:x,",
	    " 1:x,", "1 :x,", "01:x,", "00:,", "1:xy", "1:x;", "5:hellox",
	    "51:", "99999999999999999999:", "1234567890", "0x1:x,"};
	struct str payload;
	size_t used;

	for (size_t i = 0; i < ARRAY_LEN(texts); i++)
		ck_assert_msg(netstring_take(str(texts[i]), 50, &payload,
				  &used) == NETSTRING_BAD,
		    "\"%s\"", texts[i]);
}
END_TEST

UNIT_MAIN("netstring", what_is_put_is_taken, payloads_may_hold_any_byte,
    each_prefix_of_a_netstring_waits_for_more,
    what_is_no_netstring_is_bad_at_once)
