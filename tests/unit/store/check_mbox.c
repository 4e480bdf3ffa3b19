/* SPDX-License-Identifier: ISC */
/* store/mbox.h: our files and those of others. */
#include "config.h"

#include "store/mbox.h"

#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/mem.h"
#include "tests/unit/unit.h"

static int
file_of(struct str text)
{
	int fd = memfd_create("mbox", MFD_CLOEXEC);

	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(write(fd, text.at, text.len), (ssize_t)text.len);
	return fd;
}

static int
gather(void *ctx, struct str bytes, struct fault *f)
{
	(void)f;
	buf_put_str(ctx, bytes);
	return 0;
}

/* "time flags[n] folder|text" of each message, with "~" behind it. */
static void
assert_all(enum mbox_format format, struct str text, const char *wanted)
{
	int fd = file_of(text);
	struct mbox *mbox = mbox_new(fd, format);
	struct mbox_message m;
	struct fault f = {0};
	struct buf all;
	int rc;

	buf_init(&all, 1 << 20);
	while ((rc = mbox_next(mbox, &m, &f)) > 0) {
		buf_putf(&all, "%lld %s%s %s|", (long long)m.time, m.flags,
		    m.is_new ? "n" : "", m.folder);
		ck_assert_int_eq(mbox_read(mbox, gather, &all, &f), 0);
		buf_putc(&all, '~');
	}
	ck_assert_msg(rc == 0, "%s", f.text);
	ck_assert_str_eq(buf_text(&all), wanted);
	buf_clear(&all);
	mbox_free(&mbox);
	close(fd);
}

#define FROM "From a@b Mon Nov 23 17:05:38 2026\n"
#define TIME "1795453538 "

START_TEST(messages_end_where_the_next_begins)
{
	assert_all(MBOX_RD, str(""), "");
	assert_all(MBOX_RD, str("\n\n"), "");
	assert_all(MBOX_RD, str(FROM "A: b\n\nx\n\n" FROM "\ny\n\n\n\n"),
	    TIME "n |A: b\n\nx\n~" TIME "n |\ny\n\n\n~");
	/* The empty line is missing. */
	assert_all(MBOX_RD, str(FROM "A: b\n\nx\n" FROM "C: d"),
	    TIME "n |A: b\n\nx\n~" TIME "n |C: d~");
	/* What has no date is text. */
	assert_all(MBOX_RD, str(FROM "A: b\n\n\nFrom now on\n\n"),
	    TIME "n |A: b\n\n\nFrom now on\n~");
	assert_all(MBOX_RD, str(FROM), TIME "n |~");
}
END_TEST

START_TEST(quoting_is_undone_as_it_was_done)
{
	static const char text[] =
	    FROM "\n>From a\n>>From b\n>x\n> From c\n>>>>From d\n\n";

	assert_all(MBOX_RD, str(text),
	    TIME "n |\nFrom a\n>From b\n>x\n> From c\n>>>From d\n~");
	assert_all(MBOX_O, str(text),
	    TIME "n |\nFrom a\n>>From b\n>x\n> From c\n>>>>From d\n~");
}
END_TEST

START_TEST(a_length_ends_a_message_only_where_it_may)
{
	static const char text[] =
	    FROM "Content-Length: 43\n\n" FROM ">From x\n\n\n" FROM "\ny\n\n";

	assert_all(MBOX_CL2, str(text),
	    TIME "n |Content-Length: 43\n\n" FROM ">From x\n\n~" TIME
		 "n |\ny\n~");
	/* A sender must not hide messages. */
	assert_all(MBOX_RD, str(text),
	    TIME "n |Content-Length: 43\n~" TIME "n |From x\n\n~" TIME
		 "n |\ny\n~");
	assert_all(MBOX_CL2,
	    str(FROM "Content-Length: 2\n\nx\ny\n\n" FROM
		     "Content-Length: 99999999999\n\nz\n"),
	    TIME "n |Content-Length: 2\n\nx\ny\n~" TIME
		 "n |Content-Length: 99999999999\n\nz\n~");
}
END_TEST

START_TEST(dates_of_many_programs_are_read)
{
	static const struct {
		const char *line;
		int64_t time;
	} cases[] = {
	    {"From a@b Mon Nov 23 17:05:38 2026", 1795453538},
	    {"From a@b  Mon Nov  3 17:05 2026", 1793725500},
	    {"From 12@xxx Mon Nov 23 17:05:38 +0100 2026", 1795449938},
	    {"From a@b Mon Nov 23 17:05:38 2026 -0130", 1795458938},
	    {"From a@b Mon Nov 23 17:05:38 CET 2026", 1795453538},
	    {"From - Mon Nov 23 17:05:38 2026", 1795453538},
	    {"From \"a b\" Mon Nov 23 17:05:38 2026 remote from x", 1795453538},
	    {"From Nov Mon Nov 23 17:05:38 2026", 1795453538},
	    {"From a Mon Nov 23 17:05:38 1950", 0},
	    {"From ", 0},
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		char text[200], wanted[200];

		snprintf(text, sizeof text, "%s\n\nx\n", cases[i].line);
		snprintf(wanted, sizeof wanted, "%lld n |\nx\n~",
		    (long long)cases[i].time);
		assert_all(MBOX_RD, str(text), wanted);
	}
	assert_all(MBOX_RD,
	    str("From -\nDate: Mon, 23 Nov 2026 17:05:38 +0000\n\nx\n"),
	    TIME "n |Date: Mon, 23 Nov 2026 17:05:38 +0000\n\nx\n~");
}
END_TEST

START_TEST(flags_of_many_programs_are_read_and_their_fields_taken_off)
{
	assert_all(MBOX_RD,
	    str(FROM "A: b\nStatus: RO\nX-Status: AFDTx\nX-UID: 5\n\nx\n"),
	    TIME "DFRST |A: b\n\nx\n~");
	assert_all(MBOX_RD, str(FROM "Status: O\nA: b\n\nStatus: R\n"),
	    TIME " |A: b\n\nStatus: R\n~");
	assert_all(MBOX_RD,
	    str(FROM
		"X-Mozilla-Status: 1007\nX-Mozilla-Status2: 0\nA: b\n\n" FROM
		"X-Mozilla-Status: 0009\nB: gone\n\nx\n\n" FROM
		"X-Mozilla-Status: zz\nC: d\n\n"),
	    TIME "FPRS |A: b\n~" TIME "n |C: d\n~");
	assert_all(MBOX_RD,
	    str(FROM "X-Gmail-Labels: Inbox,Unread, Starred\n\n\n" FROM
		     "X-Gmail-Labels: Sent\n\n\n"),
	    TIME "F |X-Gmail-Labels: Inbox,Unread, Starred\n\n~" TIME
		 "S |X-Gmail-Labels: Sent\n\n~");
	assert_all(MBOX_RD,
	    str(FROM "Subject: DON'T DELETE THIS MESSAGE -- FOLDER INTERNAL "
		     "DATA\nX-IMAP: 1 2\n\ntext\n\n" FROM "A: b\n\n"),
	    TIME "n |A: b\n~");
}
END_TEST

START_TEST(lines_that_end_in_cr_lf_end_in_lf)
{
	assert_all(MBOX_RD,
	    str("From - Mon Nov 23 17:05:38 2026\r\nA: b\r\n\r\nx\ry\r\n"
		"\r\n>From z\r\n\r\nFrom -\r\nC: d\r\n\r\n\r\n"),
	    TIME "n |A: b\n\nx\ry\n\nFrom z\n~0 n |C: d\n\n~");
	/* Only where the file has them throughout. */
	assert_all(MBOX_RD, str(FROM "A: b\r\n\r\nx\r\n\n"),
	    TIME "n |A: b\r\n\r\nx\r\n~");
}
END_TEST

START_TEST(what_is_no_mbox_is_refused)
{
	static const char *const cases[] = {
	    "x", "Subject: x\n\n", "\n From a", "From\n", "\0"};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		int fd = file_of(i == 4 ? str_n("\0", 1) : str(cases[i]));
		struct mbox *mbox = mbox_new(fd, MBOX_RD);
		struct mbox_message m;
		struct fault f;

		ck_assert_int_eq(mbox_next(mbox, &m, &f), -1);
		ck_assert_str_eq(f.dsn, "5.6.0");
		ck_assert(!mbox_is_start(str(cases[i])));
		mbox_free(&mbox);
		close(fd);
	}
	ck_assert(mbox_is_start(str("\r\nFrom x")));
}
END_TEST

/* What stands in `texts`, written and read again. */
static void
write_all(struct buf *b, const char *const *texts,
    const struct mbox_message *messages, size_t n, size_t piece)
{
	for (size_t i = 0; i < n; i++) {
		struct mbox_quoting q;
		struct str rest = str(texts[i]);

		mbox_put_start(b, &messages[i], str(i == 1 ? "a b" : "s@x"));
		mbox_quoting_init(&q);
		while (rest.len > 0) {
			mbox_quote(&q, str_head(rest, piece), b);
			rest = str_from(rest, piece);
		}
		mbox_quote_end(&q, b);
	}
}

START_TEST(what_we_write_comes_back_as_it_was)
{
	static const char *const texts[] = {
	    "Status: O\nX-Status: F\nA: b\n\nFrom x\n>From y\n>>Fr\nFrom",
	    "",
	    "\n",
	    FROM "X-Status: A\nStatus: R\n\n\n\n\n",
	    "X-Folder: none\n\n>\n>>\nF\nFr\n>F\n\nFrom \n",
	    "\n\n\nFrom a@b Mon Nov 23 17:05:38 2026\n",
	};
	static const struct mbox_message messages[] = {
	    {.time = 1795453538, .flags = "DFPRST"},
	    {.time = 0, .is_new = true},
	    {.time = 86400, .flags = "S", .folder = "L\xc3\xa4nder/x"},
	    {.time = 1, .flags = ""},
	    {.time = 2, .flags = "F", .is_new = false},
	    {.time = 3, .flags = "PT", .folder = "Trash"},
	};
	static const char wanted[] =
	    "1795453538 DFPRST |Status: O\nX-Status: F\nA: b\n\nFrom x\n"
	    ">From y\n>>Fr\nFrom\n~"
	    "0 n |~"
	    "86400 S L\xc3\xa4nder/x|\n~"
	    "1  |" FROM "X-Status: A\nStatus: R\n\n\n\n\n~"
	    "2 F |X-Folder: none\n\n>\n>>\nF\nFr\n>F\n\nFrom \n~"
	    "3 PT Trash|\n\n\nFrom a@b Mon Nov 23 17:05:38 2026\n~";

	for (size_t piece = 1; piece < 40; piece++) {
		struct buf b;

		buf_init(&b, 1 << 20);
		write_all(&b, texts, messages, ARRAY_LEN(texts), piece);
		ck_assert(str_starts(buf_str(&b),
		    STR_LIT(
			"From s@x Mon Nov 23 17:05:38 2026\n"
			"X-Status: AFDTP\nStatus: RO\nX-Folder: INBOX\nStatus: "
			"O\n")));
		assert_all(MBOX_RD, buf_str(&b), wanted);
		buf_clear(&b);
	}
}
END_TEST

START_TEST(no_line_is_too_long_and_no_header)
{
	enum { LONG = 3 << 20 };
	char *text = mem_zeroed(1, LONG);
	struct mbox_message m;
	struct mbox *mbox;
	struct fault f;
	struct buf all;
	int fd;

	memset(text, 'x', LONG);
	memcpy(text, FROM, sizeof FROM - 1);
	for (size_t i = 1000; i < LONG; i += 70000)
		text[i] = '\r';
	fd = file_of(str_n(text, LONG));
	mbox = mbox_new(fd, MBOX_RD);
	buf_init(&all, LONG);
	ck_assert_int_eq(mbox_next(mbox, &m, &f), 1);
	ck_assert_int_eq(mbox_read(mbox, gather, &all, &f), 0);
	ck_assert_uint_eq(buf_len(&all), LONG - (sizeof FROM - 1));
	ck_assert_int_eq(
	    memcmp(buf_text(&all), text + sizeof FROM - 1, buf_len(&all)), 0);
	ck_assert_int_eq(mbox_next(mbox, &m, &f), 0);
	buf_clear(&all);
	mbox_free(&mbox);
	close(fd);
	mem_free(text);
}
END_TEST

START_TEST(messages_may_be_passed_over)
{
	int fd = file_of(str(FROM "A: 1\n\n\n\nx\n\n" FROM "A: 2\n\ny\n"));
	struct mbox *mbox = mbox_new(fd, MBOX_RD);
	struct mbox_message m;
	struct fault f;

	ck_assert_int_eq(mbox_next(mbox, &m, &f), 1);
	ck_assert_uint_eq(m.at, 0);
	ck_assert_int_eq(mbox_next(mbox, &m, &f), 1);
	ck_assert_uint_eq(m.at, sizeof FROM - 1 + 11);
	ck_assert_int_eq(mbox_next(mbox, &m, &f), 0);
	mbox_free(&mbox);
	close(fd);
}
END_TEST

UNIT_MAIN("mbox", messages_end_where_the_next_begins,
    quoting_is_undone_as_it_was_done, a_length_ends_a_message_only_where_it_may,
    dates_of_many_programs_are_read,
    flags_of_many_programs_are_read_and_their_fields_taken_off,
    lines_that_end_in_cr_lf_end_in_lf, what_is_no_mbox_is_refused,
    what_we_write_comes_back_as_it_was, no_line_is_too_long_and_no_header,
    messages_may_be_passed_over)
