/* SPDX-License-Identifier: ISC */
/* base/caseless.h: letters of two forms, and bytes that are none. */
#include "config.h"

#include "base/caseless.h"

#include "tests/unit/unit.h"

static bool
is_in(const char *what, const char *text)
{
	struct caseless c;
	bool is;

	caseless_init(&c, str(what));
	is = caseless_is_in(&c, str(text));
	caseless_clear(&c);
	return is;
}

START_TEST(a_text_is_found_anywhere)
{
	ck_assert(is_in("bill", "bill of may"));
	ck_assert(is_in("bill", "your bill"));
	ck_assert(is_in("bill", "billy"));
	ck_assert(is_in("bill", "bibill"));
	ck_assert(is_in("bill", "bill"));
	ck_assert(!is_in("bill", "bil"));
	ck_assert(!is_in("bill", "bi ll"));
	ck_assert(!is_in("bill", ""));
	ck_assert(is_in("", ""));
	ck_assert(is_in("", "any"));
}
END_TEST

START_TEST(case_does_not_matter_in_any_script)
{
	ck_assert(is_in("BILL", "your biLL"));
	ck_assert(is_in("gr\u00dc\u00dfe", "Viele Gr\u00fc\u00dfe"));
	ck_assert(is_in("gr\u00fc", "VIELE GR\u00dcSSE"));
	ck_assert(is_in("\u0441\u0447\u0451\u0442",
	    "\u0412\u0430\u0448 \u0421\u0427\u0401\u0422"));
	/* Both small forms of the Greek sigma have one capital. */
	ck_assert(is_in("\u03bb\u03cc\u03b3\u03bf\u03c2",
	    "\u039b\u038c\u0393\u039f\u03a3"));
	ck_assert(is_in("\u03a3", "\u03c2"));
	ck_assert(!is_in("\u00fc", "u"));
	ck_assert(!is_in("u", "\u00fc"));
}
END_TEST

START_TEST(characters_without_case_are_compared)
{
	ck_assert(is_in("\u8acb\u6c42", "\u3054\u8acb\u6c42\u66f8"));
	ck_assert(!is_in("\u8acb\u6c42", "\u3054\u8acb\u66f8\u6c42"));
	ck_assert(is_in("\U0001f4ec", "mail \U0001f4ec!"));
	ck_assert(!is_in("\U0001f4ec", "mail \U0001f4eb!"));
}
END_TEST

START_TEST(bytes_that_are_not_utf8_stand_for_themselves)
{
	ck_assert(is_in("a\xff", "xA\xff"));
	ck_assert(!is_in("a\xff", "a\xfe"));
	/* Neither half of a character is found in it. */
	ck_assert(!is_in("\xbc", "\u00fc"));
	ck_assert(!is_in("\xc3", "\u00fc"));
	ck_assert(is_in("\xc3", "\xc3"));
	ck_assert(!is_in("\u00fc", "\xc3"));
	ck_assert(!is_in("\u00fcx", "\u00fc"));
}
END_TEST

UNIT_MAIN("caseless", a_text_is_found_anywhere,
    case_does_not_matter_in_any_script, characters_without_case_are_compared,
    bytes_that_are_not_utf8_stand_for_themselves)
