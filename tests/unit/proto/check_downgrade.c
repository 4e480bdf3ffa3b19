/* SPDX-License-Identifier: ISC */
#include "config.h"

#include "proto/downgrade.h"

#include "tests/unit/unit.h"

#define EIGHT "Content-Transfer-Encoding: 8bit\r\n"
#define QUOTED "Content-Transfer-Encoding: quoted-printable\r\n"
#define BASE64 "Content-Transfer-Encoding: base64\r\n"
#define SEVEN "Content-Transfer-Encoding: 7bit\r\n"
#define V "MIME-Version: 1.0\r\n"
#define MIXED(b) "Content-Type: multipart/mixed; boundary=" b "\r\n"

/* after: NULL where it cannot be converted. */
static const struct {
	const char *before, *after;
	enum encoding to;
} messages[] = {
    /* What needs nothing stays. */
    {"A: b\r\n\r\nhello\r\n", "A: b\r\n\r\nhello\r\n", ENCODING_7BIT},
    {"", "", ENCODING_7BIT},
    {"A: b\r\n", "A: b\r\n", ENCODING_7BIT},
    {"A: b\r\n\r\nx", "A: b\r\n\r\nx", ENCODING_7BIT},
    /* A label that is not needed. */
    {V EIGHT "\r\nhello\r\n", V SEVEN "\r\nhello\r\n", ENCODING_7BIT},
    /* Text. */
    {V "Content-Type: text/plain; charset=utf-8\r\n" EIGHT
       "A: b\r\n\r\ncaf\xc3\xa9=1 \r\n.\r\n",
	V "Content-Type: text/plain; charset=utf-8\r\n" QUOTED
	  "A: b\r\n\r\ncaf=C3=A9=3D1=20\r\n.\r\n",
	ENCODING_7BIT},
    {V EIGHT "\r\n\xc3\xa9",
	V QUOTED "Content-Type: text/plain; "
		 "charset=unknown-8bit\r\n\r\n=C3=A9",
	ENCODING_7BIT},
    /* Without a word of MIME. */
    {"A: b\r\n\r\n\xe9\r\n",
	"A: b\r\nMIME-Version: 1.0\r\n"
	"Content-Type: text/plain; charset=unknown-8bit\r\n" QUOTED
	"\r\n=E9\r\n",
	ENCODING_7BIT},
    /* Other types. */
    {V "Content-Type: image/x\r\n" EIGHT "\r\n\xff\r\n",
	V "Content-Type: image/x\r\n" BASE64 "\r\n/w0K\r\n", ENCODING_7BIT},
    /* Parts: only those that need it. */
    {V MIXED("b") EIGHT "\r\npre\xe9\r\n--b\r\n\r\nplain\r\n--b\r\n" EIGHT
			"\r\n\xe9\r\n--b \r\nContent-Type: a/b\r\n\r\n\xe9\r\n"
			"\r\n--b--\r\npost\r\n",
	V MIXED("b") SEVEN "\r\npre?\r\n--b\r\n\r\nplain\r\n--b\r\n" QUOTED
			   "Content-Type: text/plain; charset=unknown-8bit\r\n"
			   "\r\n=E9\r\n--b \r\nContent-Type: a/b\r\n" BASE64
			   "\r\n6Q0K\r\n--b--\r\npost\r\n",
	ENCODING_7BIT},
    /* Nested, with a boundary that begins like another, in quotes. */
    {V MIXED("b") "\r\n--b\r\n" MIXED(
	 "\"b b\"") "\r\n--b b\r\n"
		    "Content-Type: text/x\r\n\r\n\xe9\r\n--b b--\r\n\r\n--b--\r\n",
	V MIXED("b") "\r\n--b\r\n" MIXED(
	    "\"b b\"") "\r\n--b b\r\n"
		       "Content-Type: text/x\r\n" QUOTED
		       "\r\n=E9\r\n--b b--\r\n\r\n--b--\r\n",
	ENCODING_7BIT},
    /* The outer boundary ends the inner multipart. */
    {V MIXED("a") "\r\n--a\r\n" MIXED(
	 "c") "\r\n--c\r\n\r\nx\r\n--a\r\n"
	      "Content-Type: text/x\r\n\r\n\xe9\r\n--a--\r\n",
	V MIXED("a") "\r\n--a\r\n" MIXED("c") "\r\n--c\r\n\r\nx\r\n--a\r\n"
					      "Content-Type: text/x\r\n" QUOTED
					      "\r\n=E9\r\n--a--\r\n",
	ENCODING_7BIT},
    /* A message within. */
    {V "Content-Type: message/rfc822\r\n" EIGHT "\r\n" V
       "Content-Type: text/x\r\n" EIGHT "\r\n\xe9\r\n",
	V "Content-Type: message/rfc822\r\n" SEVEN "\r\n" V
	  "Content-Type: text/x\r\n" QUOTED "\r\n=E9\r\n",
	ENCODING_7BIT},
    {V "Content-Type: multipart/digest; boundary=b\r\n\r\n--b\r\n\r\n" V
       "Content-Type: text/x\r\n\r\n\xe9\r\n--b--\r\n",
	V "Content-Type: multipart/digest; boundary=b\r\n\r\n--b\r\n\r\n" V
	  "Content-Type: text/x\r\n" QUOTED "\r\n=E9\r\n--b--\r\n",
	ENCODING_7BIT},
    /* Encoded already. */
    {V "Content-Type: text/x\r\n" BASE64 "\r\n6Q==\r\n",
	V "Content-Type: text/x\r\n" BASE64 "\r\n6Q==\r\n", ENCODING_7BIT},
    /* Binary. */
    {V "Content-Type: a/b\r\nContent-Transfer-Encoding: binary\r\n\r\na\nb",
	V "Content-Type: a/b\r\n" BASE64 "\r\nYQpi\r\n", ENCODING_8BIT},
    {V "Content-Type: text/x\r\nContent-Transfer-Encoding: binary\r\n"
       "\r\n\xe9\r\n",
	V "Content-Type: text/x\r\n" EIGHT "\r\n\xe9\r\n", ENCODING_8BIT},
    /* What cannot be. */
    {V MIXED("b") "\r\n\xe9\r\n", NULL, ENCODING_7BIT},
    {V MIXED("b") "\r\n\xe9\r\n--b--\r\n", NULL, ENCODING_7BIT},
    {"Subject: \xe9\r\n\r\nx\r\n", NULL, ENCODING_7BIT},
    {V BASE64 "\r\n\xe9\r\n", NULL, ENCODING_7BIT},
    {V "Content-Type: message/partial\r\n\r\n\xe9\r\n", NULL, ENCODING_7BIT},
    {V "Content-Type: multipart/mixed\r\n\r\n\xe9\r\n", NULL, ENCODING_7BIT},
    {V MIXED("b") "\r\n--b\r\nX: \xe9\r\n\r\n\r\n--b--\r\n", NULL,
	ENCODING_7BIT},
};

static void
convert(size_t i, size_t step, struct buf *out)
{
	struct str rest = str(messages[i].before);
	struct downgrade *d = downgrade_new(messages[i].to);
	struct fault f;
	int rc = 0;

	for (struct str s = rest; s.len > 0; s = str_from(s, step))
		rc = downgrade_survey(d, str_head(s, step), &f);
	rc = downgrade_survey_end(d, &f);
	ck_assert_msg((rc == 0) == (messages[i].after != NULL), "%zu: %s", i,
	    rc < 0 ? f.text : "");
	if (rc < 0)
		ck_assert_str_eq(f.dsn, "5.6.3");
	/* As often as one likes. */
	for (int k = 0; k < 2 && rc == 0; k++) {
		buf_reset(out);
		downgrade_begin(d);
		for (struct str s = rest; s.len > 0; s = str_from(s, step))
			downgrade_convert(d, str_head(s, step), out);
		downgrade_convert_end(d, out);
	}
	downgrade_free(&d);
	ck_assert_ptr_null(d);
}

START_TEST(downgrade_changes_what_it_must_and_no_more)
{
	static const size_t steps[] = {1, 3, 8192};

	for (size_t i = 0; i < ARRAY_LEN(messages); i++)
		for (size_t k = 0; k < ARRAY_LEN(steps); k++) {
			struct buf out;

			buf_init(&out, DOWNGRADE_OUT_MAX);
			convert(i, steps[k], &out);
			if (messages[i].after != NULL)
				ck_assert_msg(str_is(buf_str(&out),
						  str(messages[i].after)),
				    "%zu:\n%s\n---\n%s", i,
				    buf_len(&out) > 0 ? buf_text(&out) : "",
				    messages[i].after);
			buf_clear(&out);
		}
}
END_TEST

/* Bytes to text in an encoding, in one piece and byte by byte. */
static const struct {
	enum encoding encoding;
	struct str bytes;
	const char *text;
} texts[] = {
    {ENCODING_QUOTED, {"a\r\nb", 4}, "a\r\nb"},
    {ENCODING_QUOTED, {"a \t\r\n ", 6}, "a =09\r\n=20"},
    {ENCODING_QUOTED, {"a\rb\nc\r", 6}, "a=0Db=0Ac=0D"},
    {ENCODING_QUOTED, {"\0\x7f=", 3}, "=00=7F=3D"},
    {ENCODING_QUOTED,
	{"1234567890123456789012345678901234567890123456789012345678901234567"
	 "8901234567890",
	    80},
	"123456789012345678901234567890123456789012345678901234567890123456789"
	"012345=\r\n67890"},
    {ENCODING_BASE64, {"", 0}, ""},
    {ENCODING_BASE64, {"ab\r\n", 4}, "YWINCg=="},
    {ENCODING_BASE64,
	{"123456789012345678901234567890123456789012345678901234567a", 58},
	"MTIzNDU2Nzg5MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDEyMzQ1Njc4OTAx"
	"MjM0NTY3\r\nYQ=="},
    {ENCODING_8BIT, {"\xe9\r\n", 3}, "\xe9\r\n"},
};

START_TEST(encodings_write_lines_that_mail_can_carry)
{
	for (size_t i = 0; i < ARRAY_LEN(texts); i++)
		for (size_t step = 1; step <= 100; step += 99) {
			struct str rest = texts[i].bytes;
			struct encode e;
			struct buf out;

			buf_init(&out, 1000);
			encode_init(&e, texts[i].encoding);
			for (; rest.len > 0; rest = str_from(rest, step))
				encode_put(&e, str_head(rest, step), &out);
			encode_end(&e, &out);
			ck_assert_msg(str_is(buf_str(&out), str(texts[i].text)),
			    "%zu: %.*s", i, STR_ARG(buf_str(&out)));
			buf_clear(&out);
		}
}
END_TEST

UNIT_MAIN("downgrade", downgrade_changes_what_it_must_and_no_more,
    encodings_write_lines_that_mail_can_carry)
