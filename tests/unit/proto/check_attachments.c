/* SPDX-License-Identifier: ISC */
/* proto/attachments.h: what counts, and that no message is too much for it. */
#include "config.h"

#include "proto/attachments.h"

#include "base/buf.h"
#include "tests/unit/unit.h"

#define MIXED                                                                 \
	"Subject: x\nContent-Type: multipart/mixed;\n boundary=\"=_b 1\"\n\n" \
	"preamble\n"
#define TEXT "--=_b 1\nContent-Type: text/plain\n\nhello\n"
#define PDF                                                    \
	"--=_b 1\nContent-Type: application/pdf; name=a.pdf\n" \
	"Content-Disposition: attachment; filename=a.pdf\n\nJVBERi0=\n"
#define END "--=_b 1--\n"

static const struct {
	const char *message;
	uint32_t count;
} cases[] = {
    {"", 0},
    {"Subject: x\n", 0},
    {"Subject: x\n\n--b\nbody\n", 0},
    {MIXED TEXT END, 0},
    {MIXED TEXT PDF END, 1},
    {MIXED TEXT PDF PDF PDF END, 3},
    /* Cut short. */
    {MIXED TEXT PDF, 1},
    {MIXED TEXT "--=_b 1\nContent-Disposition: attachment", 1},
    {MIXED TEXT "--=_b 1\nContent-Disposition: attachment\n--=_b 1--\n", 1},
    /* What stands behind the last boundary is nothing. */
    {MIXED PDF END PDF PDF, 1},
    /* The message itself. */
    {"Content-Type: application/pdf\n\nx\n", 1},
    {"Content-Disposition: attachment; filename=x\n\nx\n", 1},
    {"Content-Type: TEXT/HTML\n\n<p>\n", 0},
    /* A name makes a text one, in whatever form it comes. */
    {"Content-Type: text/plain; name=\"a;b\"\n\nx\n", 1},
    {"Content-Disposition: inline;\n filename*=utf-8''%c3%bc.txt\n\nx\n", 1},
    {"Content-Disposition: inline; filename*0*=utf-8''%c3;"
     " filename*1=x\n\nx\n",
	1},
    {"Content-Type: text/plain; name=\"=?utf-8?q?=C3=BC?=\"\n\nx\n", 1},
    {"Content-Type: text/plain; filename\n\nx\n", 0},
    {"Content-Type: text/plain; format=\"x; name=y\"\n\nx\n", 0},
    /* Images within a text are shown there. */
    {"Content-Type: image/png\nContent-ID: <1@b>\n\nx\n", 0},
    {"Content-Type: image/png; name=x.png\nContent-ID: <1@b>\n"
     "Content-Disposition: inline; filename=x.png\n\nx\n",
	0},
    {"Content-Type: image/png\nContent-ID: <1@b>\n"
     "Content-Disposition: attachment\n\nx\n",
	1},
    {"Content-Type: image/png\nContent-Disposition: inline\n\nx\n", 0},
    /* Signatures and reports. */
    {MIXED TEXT "--=_b 1\nContent-Type: application/pgp-signature; name=s.asc\n"
		"Content-Disposition: attachment; filename=s.asc\n\nx\n" END,
	0},
    {MIXED TEXT "--=_b 1\nContent-Type: message/delivery-status\n\nx\n"
		"--=_b 1\nContent-Type: message/rfc822\n\n" PDF END,
	2},
    /* A message within is one, whatever it has. */
    {MIXED "--=_b 1\nContent-Type: message/rfc822\n\n"
	   "Content-Type: multipart/mixed; boundary=c\n\n"
	   "--c\nContent-Type: image/png\n\n"
	   "--c\nContent-Type: image/png\n\n--c--\n" END,
	1},
    /* Multiparts in multiparts; the outer boundary ends the inner one. */
    {MIXED "--=_b 1\nContent-Type: multipart/alternative; boundary=c\n\n"
	   "--c\n\ntext\n--c\nContent-Type: text/html\n\n<p>\n--c--\n" PDF END,
	1},
    {MIXED "--=_b 1\nContent-Type: multipart/mixed; boundary=c\n\n"
	   "--c\nContent-Type: image/png\n\nx\n" PDF
	   "--c\nContent-Type: image/png\n\nx\n" END,
	2},
    /* A boundary that begins like another. */
    {"Content-Type: multipart/mixed; boundary=b\n\n--b\n"
     "Content-Type: multipart/mixed; boundary=bb\n\n--bb\n"
     "Content-Type: image/png\n\nx\n--bb\nContent-Type: image/png\n\nx\n"
     "--bb--\n--b\nContent-Type: image/png\n\nx\n--b--\n",
	3},
    /* Blanks behind a boundary, and lines that are none. */
    {"Content-Type: multipart/mixed; boundary=b\n\n--b \t\n"
     "Content-Type: image/png\n\n--bx\n--b x\n -- b\n--b-\n-\n--\n"
     "--b-- \nContent-Type: image/png\n\n",
	1},
    /* No boundary, or an empty one. */
    {"Content-Type: multipart/mixed\n\n--\nContent-Type: image/png\n\n", 0},
    {"Content-Type: multipart/mixed; boundary=\"\"\n\n--\n"
     "Content-Type: image/png\n\n",
	0},
    /* Fields: case, blanks, folds, comments; the first type counts. */
    {"CONTENT-TYPE : image/png (a; picture)\n\n", 1},
    {"Content-Type:\n\timage/png\n\n", 1},
    {"Content-Type: text/plain\nContent-Type: image/png\n\n", 0},
    {"Content-Disposition: something-new\n\n", 1},
};

static uint32_t
count(struct str message, size_t step)
{
	struct attachments a;

	attachments_init(&a);
	for (; message.len > 0; message = str_from(message, step))
		attachments_feed(&a, str_head(message, step));
	attachments_end(&a);
	return a.count;
}

START_TEST(attachments_are_counted)
{
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
		ck_assert_msg(
		    count(str(cases[i].message), 100000) == cases[i].count,
		    "case %zu: %u\n%s", i, count(str(cases[i].message), 100000),
		    cases[i].message);
}
END_TEST

START_TEST(it_does_not_matter_in_which_pieces_they_come)
{
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		for (size_t step = 1; step < 20; step++)
			ck_assert_msg(count(str(cases[i].message), step) ==
					  cases[i].count,
			    "case %zu by %zu", i, step);
	}
}
END_TEST

START_TEST(lines_may_end_in_cr_lf)
{
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct buf b;

		buf_init(&b, 10000);
		for (const char *c = cases[i].message; *c != '\0'; c++) {
			if (*c == '\n')
				buf_putc(&b, '\r');
			buf_putc(&b, *c);
		}
		for (size_t step = 1; step < 5; step++)
			ck_assert_msg(
			    count(buf_str(&b), step) == cases[i].count,
			    "case %zu by %zu", i, step);
		buf_clear(&b);
	}
}
END_TEST

START_TEST(what_is_nested_too_deeply_is_not_entered)
{
	struct buf b;

	buf_init(&b, 1 << 20);
	for (unsigned i = 0; i < 1000; i++)
		buf_putf(&b,
		    "Content-Type: multipart/mixed; boundary=b%u\n\n"
		    "--b%u\nContent-Type: image/png\n\n--b%u\n",
		    i, i, i);
	ck_assert_uint_eq(count(buf_str(&b), 1000), ATTACHMENTS_DEPTH_MAX);
	buf_clear(&b);
}
END_TEST

START_TEST(long_lines_and_fields_are_read_as_far_as_there_is_room)
{
	struct buf b;

	buf_init(&b, 1 << 20);
	buf_puts(&b, "X-Long: ");
	for (unsigned i = 0; i < 20000; i++)
		buf_puts(&b, "x");
	buf_puts(&b, "\nContent-Type: image/png;");
	for (unsigned i = 0; i < 2000; i++)
		buf_puts(&b, "\n a=b;");
	buf_puts(&b, "\nContent-Type: text/plain\nContent-ID: <x>\n\n");
	ck_assert_uint_eq(count(buf_str(&b), 333), 0);
	buf_reset(&b);
	buf_puts(&b, "Content-Type: multipart/mixed; boundary=b\n");
	for (unsigned i = 0; i < 20000; i++)
		buf_puts(&b, i == 0 ? "X: " : " x\n");
	buf_puts(&b, "\n--b\nContent-Type: image/png\n\n--");
	for (unsigned i = 0; i < 20000; i++)
		buf_puts(&b, "b");
	buf_puts(&b, "\n--b\nContent-Type: image/png\n\n");
	ck_assert_uint_eq(count(buf_str(&b), 333), 2);
	buf_clear(&b);
}
END_TEST

UNIT_MAIN("attachments", attachments_are_counted,
    it_does_not_matter_in_which_pieces_they_come, lines_may_end_in_cr_lf,
    what_is_nested_too_deeply_is_not_entered,
    long_lines_and_fields_are_read_as_far_as_there_is_room)
