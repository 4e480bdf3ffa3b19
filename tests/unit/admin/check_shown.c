/* SPDX-License-Identifier: ISC */
/* admin/shown.h: what a terminal may have. */
#include "config.h"

#include "admin/shown.h"

#include "tests/unit/unit.h"

/* In pieces of so many bytes. */
static void
expect(struct str text, size_t piece, const char *wanted)
{
	struct buf b;
	size_t at = 0;

	buf_init(&b, 1000);
	for (size_t end = piece; at < text.len; end += piece) {
		bool last = end >= text.len;

		end = last ? text.len : end;
		at += shown_put(&b, str_n(text.at + at, end - at), last);
		ck_assert(!last || at == text.len);
	}
	ck_assert_str_eq(buf_text(&b), wanted);
	buf_clear(&b);
}

START_TEST(text_stays_as_it_is)
{
	for (size_t piece = 1; piece < 30; piece++) {
		expect(STR_LIT("a b\tc\nd\n"), piece, "a b\tc\nd\n");
		expect(STR_LIT("gr\u00fc\u00dfe \u8acb \U0001f4ec"), piece,
		    "gr\u00fc\u00dfe \u8acb \U0001f4ec");
	}
}
END_TEST

START_TEST(line_ends_become_those_of_a_terminal)
{
	for (size_t piece = 1; piece < 12; piece++)
		expect(STR_LIT("a\r\nb\rc\r\n\r\n"), piece, "a\nb?c\n\n");
	expect(STR_LIT("a\r"), 9, "a?");
}
END_TEST

START_TEST(controls_and_odd_bytes_do_not_pass)
{
	for (size_t piece = 1; piece < 12; piece++) {
		expect(STR_LIT("\x1b[2J\x07\x7f\0x"), piece, "?[2J???x");
		/* U+009B is what ESC [ is. */
		expect(STR_LIT("\xc2\x9b"
			       "2J\xc2\x80\xc2\x9f"),
		    piece, "?2J??");
		expect(STR_LIT("\x9b"
			       "2J\xff\xe2\x82"),
		    piece, "\ufffd2J\ufffd\ufffd\ufffd");
		expect(STR_LIT("\xc2\xa0"), piece, "\u00a0");
	}
}
END_TEST

UNIT_MAIN("shown", text_stays_as_it_is, line_ends_become_those_of_a_terminal,
    controls_and_odd_bytes_do_not_pass)
