/* SPDX-License-Identifier: ISC */
#include "config.h"

#include "mta/submit/compose.h"

#include <string.h>

#include "base/buf.h"
#include "base/spool.h"
#include "tests/unit/unit.h"

static struct compose_conf conf;
static struct compose *c;
static struct buf all;
static struct fault f;

static void
set_up(void)
{
	conf = (struct compose_conf){
	    .domain = "x.example",
	    .from = "ann@x.example",
	    .full_name = "",
	    .spool_dir = "/tmp",
	    .ignore_dots = true,
	};
	buf_init(&all, 8 << 20);
}

static int
put(void *ctx, struct str bytes, struct fault *ignored)
{
	(void)ignored;
	buf_put_str(ctx, bytes);
	return 0;
}

/* The message that comes of text when it is fed in pieces of this size. */
static const char *
compose_by(const char *text, size_t piece)
{
	struct str rest = str(text);
	int rc = 0;

	compose_free(&c);
	c = compose_new(&conf);
	while (rest.len > 0 && rc == 0) {
		struct str part = str_head(rest, piece);

		rc = compose_feed(c, part, &f);
		rest = str_from(rest, part.len);
	}
	if (rc >= 0)
		rc = compose_end(c, &f);
	if (rc < 0)
		return NULL;
	buf_reset(&all);
	buf_put_str(&all, compose_head(c));
	ck_assert_int_eq(spool_each(compose_body(c), put, &all, &f), 0);
	return buf_text(&all);
}

static const char *
message(const char *text)
{
	return compose_by(text, SIZE_MAX);
}

#define FROM "From: <ann@x.example>\r\n"

static const struct {
	const char *in, *out;
} messages[] = {
    {"Subject: s\n\nb\n", "Subject: s\r\n" FROM "\r\nb\r\n"},
    {"Subject: s\r\n\r\nb\r\n", "Subject: s\r\n" FROM "\r\nb\r\n"},
    {"Subject: s\n\nno end", "Subject: s\r\n" FROM "\r\nno end\r\n"},
    {"Subject: s", "Subject: s\r\n" FROM "\r\n"},
    {"", FROM "\r\n"},
    {"\n", FROM "\r\n"},
    {"only a body\n", FROM "\r\nonly a body\r\n"},
    {"\nfrom: x\n", FROM "\r\nfrom: x\r\n"},
    {" blank first\n", FROM "\r\n blank first\r\n"},
    {"From: root (Cron)\nTo: ann\n\n",
	"From: root@x.example (Cron)\r\nTo: ann@x.example\r\n\r\n"},
    {"From: a@b.example\nTo: Ann\n <ann>\n\n",
	"From: a@b.example\r\nTo: Ann\r\n <ann@x.example>\r\n\r\n"},
    {"From ann Mon Nov 23 17:05:38 2026\nFrom: a@b.example\n\nb\n",
	"From: a@b.example\r\n\r\nb\r\n"},
    /* A second one is no field. */
    {"From ann Mon Nov 23 17:05:38 2026\nFrom bob Mon\n\nb\n",
	FROM "\r\nFrom bob Mon\r\n\r\nb\r\n"},
    {"From: a@b.example\nBcc: c@d.example,\n e@f.example\nX: y\n"
     "Return-Path: <q>\nContent-Length: 7\n\nb\n",
	"From: a@b.example\r\nX: y\r\n\r\nb\r\n"},
    {"From: a@b.example\n\n.\n..\n.x\nend\n",
	"From: a@b.example\r\n\r\n.\r\n..\r\n.x\r\nend\r\n"},
    /* A CR that ends no line hides nothing. */
    {"X: y\rBcc: x\n\n.\rb\r.\r\n\rc\r\r\nd\r",
	"X: y Bcc: x\r\n" FROM "\r\n. b .\r\n c  \r\nd\r\n"},
};

START_TEST(compose_makes_a_message_of_what_comes)
{
	for (size_t i = 0; i < ARRAY_LEN(messages); i++)
		for (size_t piece = 1; piece < 9; piece++)
			ck_assert_str_eq(
			    compose_by(messages[i].in, piece), messages[i].out);
}
END_TEST

START_TEST(compose_ends_at_a_lone_dot_unless_told_otherwise)
{
	conf.ignore_dots = false;
	ck_assert_str_eq(compose_by("X: y\n\na\n..\n.\nlost\n", 1),
	    "X: y\r\n" FROM "\r\na\r\n..\r\n");
	ck_assert_str_eq(
	    message("X: y\r\n\r\na\r\n.\r\nlost"), "X: y\r\n" FROM "\r\na\r\n");
	ck_assert_str_eq(message("X: y\n.\nlost"), "X: y\r\n" FROM "\r\n");
	ck_assert_str_eq(message("a\n."), FROM "\r\na\r\n");
}
END_TEST

static void
expect_recipients(const char *text)
{
	char one[ADDRESS_TEXT_SIZE];
	size_t n;
	const struct envelope_rcpt *rcpts = compose_recipients(c, &n);
	struct buf b;

	buf_init(&b, 4096);
	for (size_t i = 0; i < n; i++) {
		address_format(&rcpts[i].forward_path, one);
		buf_putf(&b, "%s%s", i > 0 ? " " : "", one);
	}
	ck_assert_str_eq(n == 0 ? "" : buf_text(&b), text);
	buf_clear(&b);
}

START_TEST(compose_takes_recipients_out_of_the_header)
{
	ck_assert_ptr_nonnull(message("To: a@b.example\nBcc: z\n\n"));
	expect_recipients("");
	conf.take_recipients = true;
	ck_assert_str_eq(message("To: a@b.example, Ann <ann>\nCc: (none)\n"
				 "Bcc: z, a@b.example\n\nTo: no@b.example\n"),
	    "To: a@b.example, Ann <ann@x.example>\r\nCc: (none)\r\n" FROM
	    "\r\nTo: no@b.example\r\n");
	expect_recipients("a@b.example ann@x.example z@x.example");
	ck_assert_ptr_nonnull(message("To: old@b.example\nResent-To: new\n\n"));
	expect_recipients("new@x.example");
	ck_assert_ptr_nonnull(message("To: undisclosed-recipients:;\n\n"));
	expect_recipients("");
}
END_TEST

START_TEST(compose_refuses_recipients_that_are_none)
{
	conf.take_recipients = true;
	ck_assert_ptr_null(message("To: John Smith\n\nb\n"));
	ck_assert_str_eq(f.dsn, "5.1.3");
	ck_assert_ptr_null(message("To: a@b@c\n\nb\n"));
	ck_assert_str_eq(f.dsn, "5.1.3");
	conf.take_recipients = false;
	ck_assert_str_eq(
	    message("To: John Smith\n\n"), "To: John Smith\r\n" FROM "\r\n");
	ck_assert_int_eq(
	    compose_add_recipients(c, str("root, Ann <a@b.org>"), &f), 0);
	expect_recipients("root@x.example a@b.org");
	ck_assert_int_eq(compose_add_recipients(c, str("a b"), &f), -1);
}
END_TEST

static const struct {
	const char *name, *field;
} names[] = {
    {"Ann", "From: \"Ann\" <ann@x.example>\r\n"},
    {"A \"n\" \\ n", "From: \"A \\\"n\\\" \\\\ n\" <ann@x.example>\r\n"},
    {"J\xc3\xbcrgen", "From: =?UTF-8?B?SsO8cmdlbg==?= <ann@x.example>\r\n"},
    {"two\nlines", "From: =?UTF-8?B?dHdvCmxpbmVz?= <ann@x.example>\r\n"},
    {"bad \xff", "From: <ann@x.example>\r\n"},
    {" ", "From: <ann@x.example>\r\n"},
};

START_TEST(compose_puts_the_full_name_into_from)
{
	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		conf.full_name = names[i].name;
		ck_assert(str_starts(str(message("\nb")), str(names[i].field)));
	}
}
END_TEST

START_TEST(compose_knows_whether_eight_bits_are_needed)
{
	ck_assert_ptr_nonnull(message("X: y\n\nplain\n"));
	ck_assert(!compose_is_8bit(c));
	ck_assert_ptr_nonnull(message("X: y\n\n\xc3\xbc\n"));
	ck_assert(compose_is_8bit(c));
}
END_TEST

START_TEST(compose_bounds_the_header_section_and_not_the_body)
{
	size_t size = 3 << 20;
	char *text = malloc(size + 20);

	memset(text, 'x', size);
	memcpy(text, "X: ", 3);
	text[size] = '\0';
	ck_assert_ptr_null(message(text));
	ck_assert_str_eq(f.dsn, "5.3.4");
	memcpy(text, "X: y\n\n", 6);
	ck_assert_ptr_nonnull(message(text));
	ck_assert_uint_gt(spool_size(compose_body(c)), size - 10);
	/* A line that cannot be a field needs no bound either. */
	memcpy(text, "x x x x", 7);
	ck_assert_ptr_nonnull(message(text));
	free(text);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("compose");
	TCase *tcase = tcase_create("compose");
	SRunner *runner = srunner_create(suite);
	int failed;

	tcase_add_checked_fixture(tcase, set_up, NULL);
	tcase_add_test(tcase, compose_makes_a_message_of_what_comes);
	tcase_add_test(tcase, compose_ends_at_a_lone_dot_unless_told_otherwise);
	tcase_add_test(tcase, compose_takes_recipients_out_of_the_header);
	tcase_add_test(tcase, compose_refuses_recipients_that_are_none);
	tcase_add_test(tcase, compose_puts_the_full_name_into_from);
	tcase_add_test(tcase, compose_knows_whether_eight_bits_are_needed);
	tcase_add_test(
	    tcase, compose_bounds_the_header_section_and_not_the_body);
	suite_add_tcase(suite, tcase);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
