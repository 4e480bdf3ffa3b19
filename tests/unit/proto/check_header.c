/* SPDX-License-Identifier: ISC */
/* proto/header.h: fields as they stand, what is inside of them, and the watch
 * on a message that goes by. */
#include "config.h"

#include "proto/header.h"

#include <stdio.h>

#include "base/utf8.h"
#include "tests/unit/unit.h"

/* A message, the fields that it has as "name|value|", and its body. */
static const struct {
	const char *message, *fields, *body;
} sections[] = {
    {"", "", ""},
    {"\r\n", "", ""},
    {"\n", "", ""},
    {"\r\nbody", "", "body"},
    {"\n\r\nbody", "", "\r\nbody"},
    {"A: b\r\n\r\nbody\r\n", "A| b|", "body\r\n"},
    {"A: b\n\nbody\n", "A| b|", "body\n"},
    {"A:b", "A|b|", ""},
    {"A:\r\nB:\r\n", "A||B||", ""},
    {"A: b\r\n c\r\n\td\r\nE: f\r\n\r\n", "A| b\r\n c\r\n\td|E| f|", ""},
    {"A: b\n c\nE: f\n", "A| b\n c|E| f|", ""},
    {"A: b\r\n \r\nE: f\r\n", "A| b\r\n |E| f|", ""},
    {"A:\r\n b\r\n\r\n c", "A|\r\n b|", " c"},
    {"A : b\r\n\r\n", "A| b|", ""},
    {"A\t \t: b\r\n\r\n", "A| b|", ""},
    {"A: b: c\r\n\r\n", "A| b: c|", ""},
    {"A: \xff\x80\r\n\r\nx", "A| \xff\x80|", "x"},
    {"A: b\rc\r\n\r\nx", "A| b\rc|", "x"},
    {"A: b\r\r\n\r\nx", "A| b\r|", "x"},
    {"{}~!: b\r\n\r\nx", "{}~!| b|", "x"},
    /* What is no field is the body. */
    {"hello\r\n\r\nx", "", "hello\r\n\r\nx"},
    {" A: b\r\n\r\nx", "", " A: b\r\n\r\nx"},
    {": b\r\n\r\nx", "", ": b\r\n\r\nx"},
    {" : b\r\n", "", " : b\r\n"},
    {"A: b\r\nhello\r\nC: d\r\n", "A| b|", "hello\r\nC: d\r\n"},
    {"A: b\r\nC\r\n: d\r\n", "A| b|", "C\r\n: d\r\n"},
    {"A: b\r\nC d: e\r\n", "A| b|", "C d: e\r\n"},
    {"A: b\r\n\xc3\xbc: e\r\n", "A| b|", "\xc3\xbc: e\r\n"},
    {"A: b\r\n\rC: d\r\n", "A| b|", "\rC: d\r\n"},
    {"From a@b Mon Nov 23\r\nA: b\r\n", "", "From a@b Mon Nov 23\r\nA: b\r\n"},
    {"A: b\r\nC", "A| b|", "C"},
    {"A: b\r\nC ", "A| b|", "C "},
};

START_TEST(header_is_read_field_by_field)
{
	for (size_t i = 0; i < ARRAY_LEN(sections); i++) {
		struct str rest = str(sections[i].message);
		size_t len = rest.len;
		struct header_field field;
		struct buf fields;

		buf_init(&fields, 1000);
		while (header_next(&rest, &field)) {
			len -= field.whole.len;
			ck_assert_uint_eq(rest.len, len);
			buf_put_str(&fields, field.name);
			buf_putc(&fields, '|');
			buf_put_str(&fields, field.value);
			buf_putc(&fields, '|');
		}
		ck_assert_str_eq(buf_text(&fields), sections[i].fields);
		ck_assert_view_eq(rest, sections[i].body);
		buf_clear(&fields);
	}
}
END_TEST

START_TEST(header_finds_the_first_of_a_name_without_case)
{
	struct str message = STR_LIT("To: a\r\nSUBJECT: b\r\nSubject: c\r\n"
				     "\r\nX-Body: d\r\n");
	struct header_field field;

	ck_assert(header_find(message, "subject", &field));
	ck_assert_view_eq(field.value, " b");
	ck_assert_view_eq(field.name, "SUBJECT");
	ck_assert(!header_find(message, "X-Body", &field));
	ck_assert(!header_find(message, "Subj", &field));
	ck_assert(!header_find(str_n(NULL, 0), "Subject", &field));
}
END_TEST

static const struct {
	struct str value;
	const char *text;
} decoded[] = {
    {STR_LIT(""), ""},
    {STR_LIT(" plain text "), "plain text"},
    {STR_LIT(" two\r\n words"), "two words"},
    {STR_LIT(" two \r\n\t words\r\n "), "two words"},
    {STR_LIT(" one\n two\r three"), "one two three"},
    {STR_LIT("a  b"), "a  b"},
    {STR_LIT("=?utf-8?q?caf=C3=A9?="), "caf\xc3\xa9"},
    {STR_LIT("=?UTF-8?Q?caf=c3=a9_au_lait?= !"), "caf\xc3\xa9 au lait !"},
    {STR_LIT("=?utf-8?B?Y2Fmw6k=?="), "caf\xc3\xa9"},
    {STR_LIT("=?utf-8*fr?b?Y2Fmw6k=?="), "caf\xc3\xa9"},
    {STR_LIT("=?us-ascii?q?a?= b"), "a b"},
    {STR_LIT("=?utf-8?q?\?="), ""},
    {STR_LIT("a =?utf-8?q?b?= c"), "a b c"},
    {STR_LIT("a=?utf-8?q?b?=c"), "abc"},
    {STR_LIT("(=?utf-8?q?b?=)"), "(b)"},
    /* Blanks between words are no text, others are. */
    {STR_LIT("=?utf-8?q?a?= =?utf-8?q?b?="), "ab"},
    {STR_LIT("=?utf-8?q?a?=\r\n =?utf-8?q?b?="), "ab"},
    {STR_LIT("=?utf-8?q?a?= \t  =?iso-8859-1?q?=E9?= c"), "a\xc3\xa9 c"},
    {STR_LIT("=?utf-8?q?a?= =?x?q?b?="), "a =?x?q?b?="},
    {STR_LIT("=?utf-8?q?a_?= =?utf-8?q?b?="), "a b"},
    /* A character that is cut in two. */
    {STR_LIT("=?utf-8?q?=C3?= =?utf-8?q?=A9?="), "\xc3\xa9"},
    {STR_LIT("=?utf-8?b?ww==?= =?utf-8?b?qQ==?="), "\xc3\xa9"},
    {STR_LIT("=?utf-8?q?=C3?= =?latin1?q?=E9?="), "\xef\xbf\xbd\xc3\xa9"},
    {STR_LIT("=?iso-8859-1?q?=A4=E9?="), "\xc2\xa4\xc3\xa9"},
    {STR_LIT("=?iso-8859-15?q?=A4=E9?="), "\xe2\x82\xac\xc3\xa9"},
    {STR_LIT("=?windows-1252?q?=80=93=9F=81?="),
	"\xe2\x82\xac\xe2\x80\x9c\xc5\xb8\xef\xbf\xbd"},
    /* What is no encoded word stays. */
    {STR_LIT("=?koi8-r?b?8A==?="), "=?koi8-r?b?8A==?="},
    {STR_LIT("=?utf-8?x?a?="), "=?utf-8?x?a?="},
    {STR_LIT("=?utf-8?q?a b?="), "=?utf-8?q?a b?="},
    {STR_LIT("=?utf-8?q?=C?="), "=?utf-8?q?=C?="},
    {STR_LIT("=?utf-8?q?=XY?="), "=?utf-8?q?=XY?="},
    {STR_LIT("=?utf-8?b?Y2F?="), "=?utf-8?b?Y2F?="},
    {STR_LIT("=?utf-8?q?a?b?="), "=?utf-8?q?a?b?="},
    {STR_LIT("=?utf-8?q?a"), "=?utf-8?q?a"},
    {STR_LIT("=?utf-8?q?a?"), "=?utf-8?q?a?"},
    {STR_LIT("=?utf-8?q"), "=?utf-8?q"},
    {STR_LIT("=?"), "=?"},
    {STR_LIT("= ?= =="), "= ?= =="},
    {STR_LIT("=?utf-8?q?a=?=?utf-8?q?b?="), "=?utf-8?q?a=?b"},
    /* Whatever it holds, it is one line of UTF-8. */
    {STR_LIT("=?utf-8?q?a=0D=0ABcc:=00=7F?="), "a  Bcc:  "},
    {STR_LIT("=?iso-8859-15?q?=85?="), " "},
    {STR_LIT("a\x01"
	     "b\xff\xc3\xa9\0c"),
	"a b\xef\xbf\xbd\xc3\xa9 c"},
};

START_TEST(header_decodes_encoded_words)
{
	struct buf b;

	buf_init(&b, 1000);
	for (size_t i = 0; i < ARRAY_LEN(decoded); i++) {
		buf_reset(&b);
		header_decode(&b, decoded[i].value);
		ck_assert_str_eq(buf_text(&b), decoded[i].text);
	}
	buf_clear(&b);
}
END_TEST

START_TEST(header_unfolds_without_decoding)
{
	struct buf b;

	buf_init(&b, 1000);
	header_unfold(&b, STR_LIT(" =?utf-8?q?a?=\r\n \t=?utf-8?q?b?=\r\n \n"));
	ck_assert_str_eq(buf_text(&b), "=?utf-8?q?a?= =?utf-8?q?b?=");
	buf_clear(&b);
}
END_TEST

static const struct {
	const char *value;
	long long t;
} dates[] = {
    {"Mon, 23 Nov 2026 17:05:38 +0000", 1795453538},
    {" Mon, 23 Nov 2026 17:05:38 +0000 ", 1795453538},
    {"23 Nov 2026 17:05:38 +0000", 1795453538},
    {"Mon,23 Nov 2026 17:05:38 +0000", 1795453538},
    {"mon, 23 NOV 2026 17:05:38 gmt", 1795453538},
    {"Mon, 23 Nov 2026 18:05:38 +0100 (CET)", 1795453538},
    {"Mon, 23 Nov 2026 12:05:38 EST", 1795453538},
    {"Mon, 23 Nov 2026 10:05:38 PDT", 1795453538},
    {"Mon, 23 Nov 2026 13:35:38 -0330", 1795453538},
    {"Mon, 23 Nov 2026 17:05:38 UT", 1795453538},
    {"Mon, 23 Nov 2026 17:05:38 Z", 1795453538},
    {"Mon, 23 Nov 2026 17:05:38 A", 1795453538},
    {"Mon, 23 Nov 2026 17:05:38 CEST", 1795453538},
    {"Mon, 23 Nov 2026 17:05 +0000", 1795453500},
    {"Mon (a (b) \\) c), 23\r\n Nov 2026 17 : 05 : 38\t+0000", 1795453538},
    {"1 Jan 1970 00:00:00 +0000", 0},
    {"01 Jan 70 00:00:00 +0000", 0},
    {"1 Jan 126 00:00:00 +0000", 1767225600},
    {"1 Jan 26 00:00:00 +0000", 1767225600},
    {"1 Jan 1900 00:00:00 +0000", -2208988800},
    {"29 Feb 2000 00:00:00 +0000", 951782400},
    {"31 Dec 2016 23:59:60 +0000", 1483228800},
    {"31 Dec 9999 23:59:59 -9959", 253402660739},
};

static const char *const bad_dates[] = {"", "Mon", "Mon,", "Mon, 23 Nov 2026",
    "Mon, 23 Nov 2026 17:05:38", "Mon, 23 Nov 2026 17:05:38 +000",
    "Mon, 23 Nov 2026 17:05:38 +00000", "Mon, 23 Nov 2026 17:05:38 0000",
    "Mon, 23 Nov 2026 17:05:38 +0060", "Mon, 23 Nov 2026 17:05:38 + 0000",
    "Mon, 23 Nov 2026 17:05:38 +0000 x", "Mon, 23 Nov 2026 17:05:38 +0000 (x",
    "Mon, 23 Nov 2026 24:05:38 +0000", "Mon, 23 Nov 2026 17:60:38 +0000",
    "Mon, 23 Nov 2026 17:05:61 +0000", "Mon, 23 Nov 2026 17:5:38 +0000",
    "Mon, 0 Nov 2026 17:05:38 +0000", "Mon, 31 Nov 2026 17:05:38 +0000",
    "Mon, 29 Feb 2026 17:05:38 +0000", "Mon, 29 Feb 2100 17:05:38 +0000",
    "Mon, 123 Nov 2026 17:05:38 +0000", "Mon, 23 Nov 6 17:05:38 +0000",
    "Mon, 23 Nov 12026 17:05:38 +0000", "Mon, 23 Nov 1899 17:05:38 +0000",
    "Mon, 23 November 2026 17:05:38 +0000", "Mon, 23 Foo 2026 17:05:38 +0000",
    "Foo, 23 Nov 2026 17:05:38 +0000", "Mon 23 Nov 2026 17:05:38 +0000",
    "2026-11-23T17:05:38Z", "Mon, 23 Nov 2026 -17:05:38 +0000"};

START_TEST(header_reads_dates_of_every_age)
{
	time_t t;

	for (size_t i = 0; i < ARRAY_LEN(dates); i++) {
		ck_assert_msg(header_parse_date(str(dates[i].value), &t), "%s",
		    dates[i].value);
		ck_assert_msg((long long)t == dates[i].t, "%s is %lld",
		    dates[i].value, (long long)t);
	}
	for (size_t i = 0; i < ARRAY_LEN(bad_dates); i++)
		ck_assert_msg(!header_parse_date(str(bad_dates[i]), &t), "%s",
		    bad_dates[i]);
}
END_TEST

static const struct {
	const char *value, *id;
} ids[] = {
    {" <a@b>", "a@b"},
    {"<a@b> <c@d>", "a@b"},
    {"\r\n <a@b>\r\n ", "a@b"},
    {" (<no@t>) <a@b>", "a@b"},
    {" x <a@b>", "a@b"},
    {" a@b", "a@b"},
    {" a@b c", "a@b"},
    {" a@b(c)", "a@b"},
    {"< a@b >", "a@b"},
    {"<\xc3\xbc@b>", "\xc3\xbc@b"},
    {"<a>", "a"},
    {"", ""},
    {" ", ""},
    {"<>", ""},
    {"<a@b", ""},
    {"<a b@c>", ""},
    {"<a\r\n b@c>", ""},
    {"<a\x01@c>", ""},
    {"<<a@b>>", ""},
    {"a\x7f@b", ""},
    {"(<a@b>", ""},
};

START_TEST(header_reads_the_message_id)
{
	for (size_t i = 0; i < ARRAY_LEN(ids); i++)
		ck_assert_view_eq(
		    header_message_id(str(ids[i].value)), ids[i].id);
}
END_TEST

static void
put_address(void *ctx, struct str addr_spec)
{
	struct buf *b = ctx;

	buf_put_str(b, addr_spec);
	buf_putc(b, '|');
}

static const struct {
	bool ok;
	const char *value, *addresses;
} lists[] = {
    {true, "", ""},
    {true, " a@b ", "a@b|"},
    {true, "<a@b>", "a@b|"},
    {true, "Ann <a@b>", "a@b|"},
    {true, "a@b, c@d", "a@b|c@d|"},
    {true, "\"Doe, Ann\" <a@b>,Bob Ray <c@d>", "a@b|c@d|"},
    {true, "Joe Q. Public <a@b>", "a@b|"},
    {true, "=?utf-8?q?J=C3=B6rg?= <a@b>", "a@b|"},
    {true, "J\xc3\xb6rg <j\xc3\xb6@b>", "j\xc3\xb6@b|"},
    {true, "a@b (Ann)", "a@b|"},
    {true, "(x) a (y) @ (z) b (w)", "a@b|"},
    {true, "(a@b, (c)) d@e", "d@e|"},
    {true, "a . b @ c . d", "a.b@c.d|"},
    {true, "\"a b\"@c", "\"a b\"@c|"},
    {true, "\"a\\\"@x\"@c", "\"a\\\"@x\"@c|"},
    {true, "\"a\r\n b\"@c", "\"a b\"@c|"},
    {true, "a.\"b\".c@d", "a.\"b\".c@d|"},
    {true, "a@[192.0.2.1]", "a@[192.0.2.1]|"},
    {true, "<@r1,@r2.x:a@b>", "a@b|"},
    {true, "<@[192.0.2.1]:a@b>", "a@b|"},
    {true, "Ann\r\n <a@b>,\r\n\tc@d", "a@b|c@d|"},
    {true, ",a@b,, c@d,", "a@b|c@d|"},
    {true, "friends: a@b, Bob <c@d>;", "a@b|c@d|"},
    {true, "undisclosed-recipients:;", ""},
    {true, "x:a@b;, c@d, y: e@f ;", "a@b|c@d|e@f|"},
    {false, "a", ""},
    {false, "a, b@c", ""},
    {false, "a@b c", ""},
    {false, "a@b, c", "a@b|"},
    {false, "a@b <c@d>", ""},
    {false, "<a@b", ""},
    {false, "a@b>", ""},
    {false, "<a>", ""},
    {false, "<>", ""},
    {false, "@b", ""},
    {false, "a@", ""},
    {false, "a@b@c", ""},
    {false, "a b@c", ""},
    {false, "a..b@c", ""},
    {false, ".a@b", ""},
    {false, "a.@b", ""},
    {false, "a@b.", ""},
    {false, "a@\"b\"", ""},
    {false, "\"a@b", ""},
    {false, "\"a\x01\"@b", ""},
    {false, "a@[x", ""},
    {false, "a@[x y]", ""},
    {false, "(a@b", ""},
    {false, "a@b (c", ""},
    {false, "x: a@b", "a@b|"},
    {false, "x: y: a@b;;", ""},
    {false, "a@b;", "a@b|"},
    {false, ":a@b;", ""},
    {false, "Foo [Bar] <a@b>", ""},
    {false, "<@r a@b>", ""},
};

START_TEST(header_calls_each_address)
{
	struct buf b;

	buf_init(&b, 1000);
	for (size_t i = 0; i < ARRAY_LEN(lists); i++) {
		bool ok;

		buf_reset(&b);
		ok = header_each_address(str(lists[i].value), put_address, &b);
		ck_assert_msg(ok == lists[i].ok, "%s", lists[i].value);
		ck_assert_str_eq(buf_text(&b), lists[i].addresses);
	}
	buf_clear(&b);
}
END_TEST

static void
count(void *ctx, struct str addr_spec)
{
	unsigned *n = ctx;

	ck_assert_uint_gt(addr_spec.len, 0);
	++*n;
}

START_TEST(hostile_address_lists_are_bounded)
{
	struct buf b;
	unsigned n = 0;

	buf_init(&b, 1 << 20);
	for (int i = 0; i < 1200; i++)
		buf_puts(&b, "a@b,");
	ck_assert(!header_each_address(buf_str(&b), count, &n));
	ck_assert_uint_eq(n, 1000);
	buf_reset(&b);
	for (int i = 0; i < 100000; i++)
		buf_puts(&b, "(");
	ck_assert(!header_each_address(buf_str(&b), count, &n));
	buf_reset(&b);
	for (int i = 0; i < 2000; i++)
		buf_puts(&b, "x");
	buf_puts(&b, "@y");
	ck_assert(!header_each_address(buf_str(&b), count, &n));
	ck_assert_uint_eq(n, 1000);
	buf_clear(&b);
}
END_TEST

/* The same idea of where the section ends, however the message is cut. */
START_TEST(scan_ends_where_the_fields_do)
{
	for (size_t i = 0; i < ARRAY_LEN(sections); i++) {
		struct str message = str(sections[i].message), rest = message;
		size_t fields = 0, section;
		struct header_field field;

		while (header_next(&rest, &field))
			fields += field.whole.len;
		section = message.len - rest.len;
		for (size_t cut = 0; cut <= message.len; cut++) {
			struct header_scan s;

			header_scan_init(&s);
			header_scan_feed(&s, str_head(message, cut));
			ck_assert_uint_le(s.size, cut);
			header_scan_feed(&s, str_from(message, cut));
			if (section > fields) {
				ck_assert(s.done);
				ck_assert_uint_eq(s.size, section);
			} else {
				/* Somewhere in the line that is no field. */
				ck_assert_uint_ge(s.size, section);
				ck_assert_uint_le(
				    s.size, section + str_find(rest, '\n') + 1);
				ck_assert(s.done || s.size == message.len);
			}
		}
	}
}
END_TEST

START_TEST(scan_counts_hops_and_sees_what_is_there)
{
	struct str message =
	    STR_LIT("Received: a\r\nreceived : b\r\nX-Received: c\r\n"
		    "Received-SPF: x\r\nReceivedReceivedReceived: x\r\n"
		    "Subject: Date: x\r\n From: y\r\nDATE: x\r\n"
		    "Message-Id: x\r\n\r\nReceived: d\r\nFrom: z\r\n");

	for (size_t cut = 0; cut <= message.len; cut++) {
		struct header_scan s;

		header_scan_init(&s);
		header_scan_feed(&s, str_head(message, cut));
		header_scan_feed(&s, str_from(message, cut));
		ck_assert(s.done);
		ck_assert_uint_eq(s.received, 2);
		ck_assert(s.has_date);
		ck_assert(s.has_message_id);
		ck_assert(!s.has_from);
	}
}
END_TEST

UNIT_MAIN("header", header_is_read_field_by_field,
    header_finds_the_first_of_a_name_without_case, header_decodes_encoded_words,
    header_unfolds_without_decoding, header_reads_dates_of_every_age,
    header_reads_the_message_id, header_calls_each_address,
    hostile_address_lists_are_bounded, scan_ends_where_the_fields_do,
    scan_counts_hops_and_sees_what_is_there)
