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
    .spam = RECORD_SPAM_YES,
    .has_attachments = true,
    .attachments = 300,
    .has_own_digest = true,
    .digest = {"0123456789abcdef0123456789ABCDEFbodyBODY", DIGEST_LEN},
    .message_id = {"1@b", 3},
    .subject = {"", 0},
    .sender = {"ann@b", 5},
    .sender_name = {"Ann", 3},
    .recipients = {"bob@b, eve@b", 12},
    .list_id = {"l.b", 3},
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
	ck_assert_int_eq(r.spam, RECORD_SPAM_YES);
	ck_assert(r.has_attachments);
	ck_assert_uint_eq(r.attachments, 300);
	ck_assert(r.has_own_digest);
	ck_assert_view_eq(r.digest, "0123456789abcdef0123456789ABCDEFbodyBODY");
	ck_assert_view_eq(r.message_id, "1@b");
	ck_assert_view_eq(r.subject, "");
	ck_assert_view_eq(r.sender, "ann@b");
	ck_assert_view_eq(r.sender_name, "Ann");
	ck_assert_view_eq(r.recipients, "bob@b, eve@b");
	ck_assert_view_eq(r.list_id, "l.b");
	buf_clear(&b);
}
END_TEST

START_TEST(what_is_not_known_comes_back_as_not_known)
{
	const struct record none = {.stored = -5};
	struct record r;
	struct buf b;

	buf_init(&b, RECORD_SIZE_MAX);
	record_format(&none, &b);
	ck_assert(record_parse(buf_str(&b), &r));
	ck_assert_int_eq(r.place, RECORD_NEW);
	ck_assert_int_eq(r.spam, RECORD_SPAM_UNKNOWN);
	ck_assert_int_eq(r.stored, -5);
	ck_assert_int_eq(r.date, 0);
	ck_assert_uint_eq(r.size, 0);
	ck_assert_uint_eq(r.wire_size, 0);
	ck_assert(!r.has_attachments);
	ck_assert_uint_eq(r.digest.len, 0);
	ck_assert(!r.has_own_digest);
	ck_assert_uint_eq(r.list_id.len, 0);
	buf_clear(&b);
}
END_TEST

START_TEST(numbers_of_all_sizes_come_back)
{
	for (unsigned i = 0; i < 64; i++) {
		struct record r = {.size = UINT64_C(1) << i, .date = INT64_MIN};
		struct record again;
		struct buf b;

		r.stored = (int64_t)r.size;
		r.wire_size = UINT64_MAX >> i;
		buf_init(&b, RECORD_SIZE_MAX);
		record_format(&r, &b);
		ck_assert(record_parse(buf_str(&b), &again));
		ck_assert_uint_eq(again.size, r.size);
		ck_assert_uint_eq(again.wire_size, r.wire_size);
		ck_assert_int_eq(again.stored, r.stored);
		ck_assert_int_eq(again.date, r.date);
		buf_clear(&b);
	}
}
END_TEST

START_TEST(a_common_record_is_small)
{
	const struct record r = {
	    .stored = 1700000000,
	    .date = 1699999998,
	    .size = 4096,
	    .wire_size = 4196,
	    .info = STR_LIT(":2,S"),
	    .has_attachments = true,
	};
	struct buf b;

	buf_init(&b, RECORD_SIZE_MAX);
	record_format(&r, &b);
	ck_assert_uint_le(buf_len(&b), 24);
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
	    .stored = INT64_MIN,
	    .date = INT64_MAX,
	    .size = UINT64_MAX,
	    .wire_size = 1,
	    .has_attachments = true,
	    .attachments = UINT32_MAX,
	    .digest = {text, DIGEST_LEN},
	    .info = s,
	    .message_id = s,
	    .subject = s,
	    .sender = s,
	    .sender_name = s,
	    .recipients = s,
	    .list_id = s,
	};
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

static const struct {
	const char *head, *recipients, *list_id;
	enum record_spam spam;
} more_heads[] = {
    {"To: Ann <ann@b>, bob@b\nCc: \"C, D\" <c@d>\nTo: eve@b\n\n",
	"ann@b, bob@b, c@d, eve@b", "", RECORD_SPAM_UNKNOWN},
    {"Bcc: ann@b\nTo: undisclosed-recipients:;\n\n", "", "",
	RECORD_SPAM_UNKNOWN},
    {"List-Id: =?utf-8?q?B=C3=BCcher?= <books.example.org>\n\n", "",
	"books.example.org", RECORD_SPAM_UNKNOWN},
    {"List-ID: books.example.org \n\n", "", "books.example.org",
	RECORD_SPAM_UNKNOWN},
    {"List-Id: <unended\n\n", "", "unended", RECORD_SPAM_UNKNOWN},
    {"X-Spam-Flag: YES\n\n", "", "", RECORD_SPAM_YES},
    {"X-Spam: Yes\n\n", "", "", RECORD_SPAM_YES},
    {"X-Spam-Status: No, score=-1.2 required=5.0\n\n", "", "", RECORD_SPAM_NO},
    {"X-Spam-Status:\n Yes, score=12\nX-Spam-Flag: no\n\n", "", "",
	RECORD_SPAM_YES},
    {"X-Spam-Flag: NO\nX-Spam-Flag: YES\n\n", "", "", RECORD_SPAM_YES},
    {"X-Rspamd-Action: no action\n\n", "", "", RECORD_SPAM_NO},
    {"X-Rspamd-Action: add header\n\n", "", "", RECORD_SPAM_YES},
    {"X-Spam-Flag: perhaps\nX-Spam-Status: Yesterday\n\n", "", "",
	RECORD_SPAM_UNKNOWN},
};

START_TEST(a_head_says_to_whom_and_whether_it_is_spam)
{
	struct buf texts;

	buf_init(&texts, 4 * RECORD_HEAD_MAX);
	for (size_t i = 0; i < sizeof more_heads / sizeof *more_heads; i++) {
		struct record r = {.spam = RECORD_SPAM_YES};

		record_read_head(&r, str(more_heads[i].head), &texts);
		ck_assert_view_eq(r.recipients, more_heads[i].recipients);
		ck_assert_view_eq(r.list_id, more_heads[i].list_id);
		ck_assert_msg(
		    r.spam == more_heads[i].spam, "%s", more_heads[i].head);
	}
	buf_clear(&texts);
}
END_TEST

START_TEST(of_many_recipients_the_first_are_kept_whole)
{
	struct record r = {0};
	struct buf head, texts;

	buf_init(&head, 100000);
	buf_init(&texts, 4 * RECORD_HEAD_MAX);
	buf_puts(&head, "To: ");
	for (unsigned i = 0; i < 200; i++)
		buf_putf(&head, "number-%03u@example.org,\n ", i);
	buf_puts(&head, "\nCc: a@b\n\n");
	record_read_head(&r, buf_str(&head), &texts);
	ck_assert_uint_eq(r.recipients.len, 12 * 22 + 11 * 2);
	ck_assert(str_ends(r.recipients, str("number-011@example.org")));
	buf_clear(&head);
	buf_clear(&texts);
}
END_TEST

START_TEST(a_text_is_not_cut_within_a_character)
{
	struct record r = {0};
	struct buf head, texts;

	buf_init(&head, 1000);
	buf_init(&texts, 4 * RECORD_HEAD_MAX);
	buf_puts(&head, "Subject: x");
	for (unsigned i = 0; i < 200; i++)
		buf_puts(&head, "\xc3\xbc");
	buf_puts(&head, "\n\n");
	record_read_head(&r, buf_str(&head), &texts);
	ck_assert_uint_eq(r.subject.len, RECORD_TEXT_MAX - 1);
	buf_clear(&head);
	buf_clear(&texts);
}
END_TEST

START_TEST(a_sender_has_a_name)
{
	static const struct {
		const char *from, *sender, *name;
	} cases[] = {
	    {"ann@b", "ann@b", ""},
	    {"<ann@b>", "ann@b", ""},
	    {"Ann Example <ann@b>", "ann@b", "Ann Example"},
	    {"\"Example, Ann\" <ann@b>", "ann@b", "Example, Ann"},
	    {"=?utf-8?b?SsO2cmc=?= <j@b>", "j@b", "J\u00f6rg"},
	    {"ann@b (Ann)", "ann@b", "ann@b (Ann)"},
	    {"nobody at all", "", "nobody at all"},
	    {"\"", "", "\""},
	};
	struct buf texts, head;

	buf_init(&texts, 4 * RECORD_HEAD_MAX);
	buf_init(&head, 200);
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct record r = {0};

		buf_reset(&head);
		buf_putf(&head, "From: %s\n\n", cases[i].from);
		record_read_head(&r, buf_str(&head), &texts);
		ck_assert_view_eq(r.sender, cases[i].sender);
		ck_assert_view_eq(r.sender_name, cases[i].name);
	}
	buf_clear(&texts);
	buf_clear(&head);
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

UNIT_MAIN("record", a_record_comes_back_as_it_was,
    what_is_not_known_comes_back_as_not_known, numbers_of_all_sizes_come_back,
    a_common_record_is_small, a_damaged_record_is_none, the_largest_record_fits,
    seen_is_a_flag_and_nothing_else, a_head_says_who_what_and_when,
    a_head_says_to_whom_and_whether_it_is_spam,
    of_many_recipients_the_first_are_kept_whole,
    a_text_is_not_cut_within_a_character, a_sender_has_a_name,
    a_long_head_is_cut)
