/* SPDX-License-Identifier: ISC */
/* Buffers: the hard maximum, consuming, lines, secrets. */
#include "config.h"

#include "base/buf.h"

#include "tests/unit/unit.h"

START_TEST(buf_never_passes_its_maximum)
{
	struct buf b;

	buf_init(&b, 10);
	buf_puts(&b, "12345");
	buf_puts(&b, "678901");
	ck_assert(buf_is_full(&b));
	ck_assert_str_eq(buf_text(&b), "12345");
	buf_puts(&b, "67890");
	ck_assert_str_eq(buf_text(&b), "1234567890");
	ck_assert(buf_is_full(&b));
	buf_reset(&b);
	ck_assert(!buf_is_full(&b));
	buf_putf(&b, "%011d", 7);
	ck_assert(buf_is_full(&b));
	ck_assert_uint_eq(buf_len(&b), 0);
	buf_clear(&b);
}
END_TEST

START_TEST(buf_counts_only_unread_bytes)
{
	struct buf b;

	buf_init(&b, 300);
	for (int i = 0; i < 1000; i++) {
		buf_putf(&b, "line %d\r\n", i);
		if (i >= 10)
			buf_consume(&b, str_find(buf_str(&b), '\n') + 1);
	}
	ck_assert(!buf_is_full(&b));
	ck_assert(str_starts(buf_str(&b), STR_LIT("line 990\r\n")));
	ck_assert_uint_le(b.room, 1024);
	buf_clear(&b);
}
END_TEST

START_TEST(buf_take_line_strips_lf_and_crlf)
{
	struct buf b;
	struct str line;

	buf_init(&b, 100);
	buf_puts(&b, "one\r\ntwo\n\r\nrest");
	ck_assert(buf_take_line(&b, &line));
	ck_assert_view_eq(line, "one");
	ck_assert(buf_take_line(&b, &line));
	ck_assert_view_eq(line, "two");
	ck_assert(buf_take_line(&b, &line));
	ck_assert_view_eq(line, "");
	ck_assert(!buf_take_line(&b, &line));
	ck_assert_str_eq(buf_text(&b), "rest");
	buf_clear(&b);
}
END_TEST

START_TEST(buf_space_respects_the_maximum)
{
	struct buf b;
	size_t len;

	buf_init(&b, 8);
	ck_assert_ptr_nonnull(buf_space(&b, 1, &len));
	ck_assert_uint_eq(len, 8);
	memcpy(buf_space(&b, 1, &len), "12345678", 8);
	buf_added(&b, 8);
	ck_assert_ptr_null(buf_space(&b, 1, &len));
	ck_assert(buf_is_full(&b));
	buf_truncate(&b, 2);
	ck_assert_str_eq(buf_text(&b), "12");
	buf_clear(&b);
}
END_TEST

START_TEST(buf_secret_keeps_its_bytes_when_it_grows)
{
	struct buf b;

	buf_init_secret(&b, 5000);
	for (int i = 0; i < 1000; i++)
		buf_puts(&b, "abcd");
	ck_assert_uint_eq(buf_len(&b), 4000);
	ck_assert(str_ends(buf_str(&b), STR_LIT("dabcd")));
	buf_clear(&b);
	ck_assert(b.secret);
	ck_assert_str_eq(buf_text(&b), "");
}
END_TEST

START_TEST(buf_writes_and_reads_hexadecimal)
{
	struct buf b;

	buf_init(&b, 8);
	buf_put_hex(&b, str_n("\0\x7f\xff", 3));
	ck_assert_str_eq(buf_text(&b), "007fff");
	buf_reset(&b);
	ck_assert(buf_put_unhex(&b, str("007FfF")));
	ck_assert(str_is(buf_str(&b), str_n("\0\x7f\xff", 3)));
	ck_assert(!buf_put_unhex(&b, str("0")));
	ck_assert(!buf_put_unhex(&b, str("0g")));
	ck_assert(!buf_put_unhex(&b, str("-1")));
	ck_assert(!buf_put_unhex(&b, str("00000000000000")));
	buf_clear(&b);
}
END_TEST

START_TEST(buf_put_shown_leaves_no_controls)
{
	struct buf b;

	buf_init(&b, 100);
	buf_put_shown(&b, "a\x1b[2J\tb\r\n\x7f\xc3\xbc");
	buf_put_shown(&b, NULL);
	ck_assert_str_eq(buf_text(&b), "a?[2J?b???\xc3\xbc");
	buf_clear(&b);
}
END_TEST

UNIT_MAIN("buf", buf_put_shown_leaves_no_controls, buf_never_passes_its_maximum,
    buf_counts_only_unread_bytes, buf_take_line_strips_lf_and_crlf,
    buf_space_respects_the_maximum, buf_secret_keeps_its_bytes_when_it_grows,
    buf_writes_and_reads_hexadecimal)
