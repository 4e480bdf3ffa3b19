/* SPDX-License-Identifier: ISC */
/* proto/report.h as its callers see it: how it streams, and how it fails. What
 * it writes is tests/system/report_form.py's business. */
#include "config.h"

#include "proto/report.h"

#include "base/buf.h"
#include "tests/unit/unit.h"

static const char text[] = "Subject: x\r\n\r\nbody\r\n";

/* An original whose last piece may be a fault, and how often it was asked. */
struct source {
	unsigned asked;
	bool fails;
};

static int
give(void *ctx, report_piece *piece, void *to, struct fault *f)
{
	struct source *s = ctx;

	s->asked++;
	if (piece(to, STR_LIT(text), f) < 0)
		return -1;
	return s->fails ? fault_temp(f, "4.3.0", "disk is gone") : 0;
}

static const struct report_rcpt failed = {
    .final = STR_LIT("bob@example.net"),
    .status = STR_LIT("5.1.1"),
};

static struct report_facts
plain_facts(void)
{
	return (struct report_facts){
	    .hostname = "mail.example.org",
	    .to = STR_LIT("ann@example.org"),
	    .message_id = STR_LIT("abc@mail.example.org"),
	    .full_max = 1000,
	    .subject = STR_LIT("x"),
	    .text = STR_LIT("y\n"),
	    .rcpts = &failed,
	    .n_rcpts = 1,
	};
}

/* Takes so many pieces, then fails. */
struct sink {
	struct buf bytes;
	unsigned left;
	bool has_original; /* one piece was the original itself, not a copy */
};

static int
take(void *ctx, struct str bytes, struct fault *f)
{
	struct sink *s = ctx;

	if (s->left-- == 0)
		return fault_temp(f, "4.3.1", "full");
	if (bytes.at == text)
		s->has_original = true;
	buf_put_str(&s->bytes, bytes);
	return 0;
}

START_TEST(an_original_passes_through_without_a_copy)
{
	struct report_facts facts = plain_facts();
	struct source source = {0};
	struct sink sink = {.left = 100};
	struct report *r;
	struct fault f;

	buf_init(&sink.bytes, 10000);
	r = report_new(&facts, &(struct report_original){give, &source}, &f);
	ck_assert_ptr_nonnull(r);
	ck_assert_uint_eq(source.asked, 1);
	ck_assert_int_eq(report_each(r, take, &sink, &f), 0);
	ck_assert(sink.has_original);
	ck_assert_uint_eq(buf_len(&sink.bytes), report_size(r));
	/* And once more, from the front. */
	ck_assert_int_eq(report_each(r, take, &sink, &f), 0);
	ck_assert_uint_eq(buf_len(&sink.bytes), 2 * report_size(r));
	report_free(&r);
	ck_assert_ptr_null(r);
	buf_clear(&sink.bytes);
}
END_TEST

START_TEST(an_original_that_is_not_returned_is_not_asked_for_again)
{
	struct report_facts facts = plain_facts();
	struct source source = {0};
	struct sink sink = {.left = 100};
	struct report *r;
	struct fault f;

	facts.ret = RET_HDRS;
	buf_init(&sink.bytes, 10000);
	r = report_new(&facts, &(struct report_original){give, &source}, &f);
	ck_assert_ptr_nonnull(r);
	ck_assert_int_eq(report_each(r, take, &sink, &f), 0);
	ck_assert_uint_eq(source.asked, 1);
	report_free(&r);
	buf_clear(&sink.bytes);
}
END_TEST

START_TEST(a_fault_of_the_original_or_of_the_taker_comes_back)
{
	struct report_facts facts = plain_facts();
	struct source source = {.fails = true};
	struct report_original original = {give, &source};
	struct report *r;
	struct fault f;

	ck_assert_ptr_null(report_new(&facts, &original, &f));
	ck_assert_str_eq(f.text, "disk is gone");
	source.fails = false;
	r = report_new(&facts, &original, &f);
	ck_assert_ptr_nonnull(r);
	for (unsigned left = 0; left < 3; left++) {
		struct sink sink = {.left = left};

		buf_init(&sink.bytes, 10000);
		ck_assert_int_eq(report_each(r, take, &sink, &f), -1);
		ck_assert_str_eq(f.text, "full");
		buf_clear(&sink.bytes);
	}
	source.fails = true;
	struct sink sink = {.left = 100};
	buf_init(&sink.bytes, 10000);
	ck_assert_int_eq(report_each(r, take, &sink, &f), -1);
	ck_assert_str_eq(f.text, "disk is gone");
	buf_clear(&sink.bytes);
	report_free(&r);
}
END_TEST

START_TEST(a_report_of_too_many_recipients_is_refused)
{
	struct report_facts facts = plain_facts();
	struct source source = {0};
	struct fault f;
	size_t n = 500000;
	struct report_rcpt *many = calloc(n, sizeof *many);

	ck_assert_ptr_nonnull(many);
	for (size_t i = 0; i < n; i++)
		many[i] = failed;
	facts.rcpts = many;
	facts.n_rcpts = n;
	ck_assert_ptr_null(
	    report_new(&facts, &(struct report_original){give, &source}, &f));
	ck_assert_str_eq(f.dsn, "5.3.4");
	free(many);
}
END_TEST

UNIT_MAIN("report", an_original_passes_through_without_a_copy,
    an_original_that_is_not_returned_is_not_asked_for_again,
    a_fault_of_the_original_or_of_the_taker_comes_back,
    a_report_of_too_many_recipients_is_refused)
