/* SPDX-License-Identifier: ISC */
/* store/record.h: a message's record, in the database and from its head. */
#include "config.h"

#include "store/record.h"

#include "tests/unit/unit.h"

static const struct record example = {
    .place = RECORD_CUR,
    .stored = 1700000000,
    .date = -1,
    .size = UINT64_MAX,
    .wire_size = 12,
    .info = {":2,RS", 5},
    .ident = {"abc", 3},
    .message_id = {"1@b", 3},
    .subject = {"", 0},
    .sender = {"ann@b", 5},
};

START_TEST(a_record_comes_back_as_it_was)
{
	struct record r;
	struct buf b;

	buf_init(&b, RECORD_SIZE_MAX);
	record_format(&example, &b);
	ck_assert(record_parse(buf_str(&b), &r));
	ck_assert_int_eq(r.place, RECORD_CUR);
	ck_assert_int_eq(r.stored, 1700000000);
	ck_assert_int_eq(r.date, -1);
	ck_assert_uint_eq(r.size, UINT64_MAX);
	ck_assert_uint_eq(r.wire_size, 12);
	ck_assert_view_eq(r.info, ":2,RS");
	ck_assert_view_eq(r.ident, "abc");
	ck_assert_view_eq(r.message_id, "1@b");
	ck_assert_view_eq(r.subject, "");
	ck_assert_view_eq(r.sender, "ann@b");
	buf_clear(&b);
}
END_TEST

START_TEST(a_damaged_record_is_none)
{
	struct record r;
	struct buf b;
	char *copy;
	size_t n;

	buf_init(&b, RECORD_SIZE_MAX);
	record_format(&example, &b);
	n = buf_len(&b);
	/* On the heap, so that a checker sees a read past the end. */
	for (size_t len = 0; len < n; len++) {
		copy = malloc(len + 1);
		memcpy(copy, buf_text(&b), len);
		ck_assert_msg(
		    !record_parse(str_n(copy, len), &r), "%zu bytes", len);
		free(copy);
	}
	buf_putc(&b, 'x');
	ck_assert(!record_parse(buf_str(&b), &r));
	copy = malloc(n);
	for (size_t i = 0; i < n; i++) {
		memcpy(copy, buf_text(&b), n);
		copy[i] = (char)~copy[i];
		/* Found out or not, it stays within its bytes. */
		if (record_parse(str_n(copy, n), &r))
			ck_assert_uint_ge(i, 2);
	}
	free(copy);
	buf_clear(&b);
}
END_TEST

START_TEST(the_largest_record_fits)
{
	char text[RECORD_TEXT_MAX + 50] = "";
	struct str s = str_n(text, sizeof text);
	struct record r = {
	    .info = s, .ident = s, .message_id = s, .subject = s, .sender = s};
	struct record again;
	struct buf b;

	memset(text, 'x', sizeof text);
	buf_init(&b, RECORD_SIZE_MAX);
	record_format(&r, &b);
	ck_assert(!buf_is_full(&b));
	ck_assert(record_parse(buf_str(&b), &again));
	ck_assert_uint_eq(again.subject.len, RECORD_TEXT_MAX);
	buf_clear(&b);
}
END_TEST

START_TEST(seen_is_a_flag_and_nothing_else)
{
	static const struct {
		const char *info;
		bool seen;
	} cases[] = {
	    {"", false},
	    {":2,", false},
	    {":2,S", true},
	    {":2,FRS", true},
	    {":2,FR", false},
	    {":1,S", false},
	    {"S", false},
	};

	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		const struct record r = {.info = str(cases[i].info)};

		ck_assert_msg(
		    record_is_seen(&r) == cases[i].seen, "%s", cases[i].info);
	}
}
END_TEST

static const struct {
	const char *head, *message_id, *subject, *sender;
	int64_t date;
} heads[] = {
    {"From: Ann <ann@b>\nSubject: one\n two\nMessage-ID: <1@b>\n"
     "Date: Thu, 1 Jan 1970 00:01:00 +0000\n\nSubject: body\n",
	"1@b", "one two", "ann@b", 60},
    {"From: Ann <ann@b>, Bob <bob@b>\nFrom: third@b\nSubject: first\n"
     "Subject: second\n\n",
	"", "first", "ann@b", 0},
    {"subject: =?utf-8?q?B=C3=BCcher?=\nFROM: x@y\n\n", "",
	"B\xc3\xbc"
	"cher",
	"x@y", 0},
    {"\nSubject: x\n", "", "", "", 0},
    {"no header at all\n", "", "", "", 0},
    {"", "", "", "", 0},
    {"Date: yesterday\nSubject:\nMessage-ID:\nFrom:\n\n", "", "", "", 0},
};

START_TEST(a_head_says_who_what_and_when)
{
	struct buf texts;

	buf_init(&texts, 4 * RECORD_HEAD_MAX);
	for (size_t i = 0; i < sizeof heads / sizeof *heads; i++) {
		struct record r = {.date = 7};

		record_read_head(&r, str(heads[i].head), &texts);
		ck_assert_view_eq(r.message_id, heads[i].message_id);
		ck_assert_view_eq(r.subject, heads[i].subject);
		ck_assert_view_eq(r.sender, heads[i].sender);
		ck_assert_int_eq(r.date, heads[i].date);
	}
	buf_clear(&texts);
}
END_TEST

START_TEST(a_long_head_is_cut)
{
	struct record r = {0};
	struct buf head, texts;

	buf_init(&head, 100000);
	buf_init(&texts, 4 * RECORD_HEAD_MAX);
	buf_puts(&head, "Subject: ");
	for (unsigned i = 0; i < 5000; i++)
		buf_puts(&head, "word\n ");
	buf_puts(&head, "\nFrom: ann@b\n\n");
	record_read_head(&r, buf_str(&head), &texts);
	ck_assert_uint_eq(r.subject.len, RECORD_TEXT_MAX);
	ck_assert_uint_eq(r.sender.len, 0);
	buf_clear(&head);
	buf_clear(&texts);
}
END_TEST

UNIT_MAIN("record", a_record_comes_back_as_it_was, a_damaged_record_is_none,
    the_largest_record_fits, seen_is_a_flag_and_nothing_else,
    a_head_says_who_what_and_when, a_long_head_is_cut)
