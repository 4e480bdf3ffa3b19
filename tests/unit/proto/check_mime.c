/* SPDX-License-Identifier: ISC */
/* proto/mime.h: encodings line by line, and what a scan finds in pieces. */
#include "config.h"

#include "proto/mime.h"

#include "tests/unit/unit.h"

#define SOFT "=\r\n"
#define TEN "0123456789"
#define SEVENTY TEN TEN TEN TEN TEN TEN TEN

static const struct {
	const char *text, *encoded;
} quoted[] = {
    {"", ""},
    {"a\n", "a\r\n"},
    {"a\r\nb", "a\r\nb"},
    {"a = b\n", "a =3D b\r\n"},
    {"a \n\t\n", "a=20\r\n=09\r\n"},
    {"caf\xc3\xa9", "caf=C3=A9"},
    {"a\rb\x7f", "a=0Db=7F"},
    {SEVENTY "123456", SEVENTY "123456"},
    {SEVENTY "1234567", SEVENTY "12345" SOFT "67"},
    /* An encoded byte is not cut in two. */
    {SEVENTY "1234=", SEVENTY "1234" SOFT "=3D"},
    {SEVENTY "123=", SEVENTY "123=3D"},
    {SEVENTY "123=4", SEVENTY "123" SOFT "=3D4"},
};

START_TEST(quoted_printable_has_short_lines_and_no_blank_at_their_end)
{
	for (size_t i = 0; i < ARRAY_LEN(quoted); i++) {
		struct buf b;

		buf_init(&b, 1000);
		mime_put_quoted_printable(&b, str(quoted[i].text));
		ck_assert_str_eq(buf_text(&b), quoted[i].encoded);
		buf_clear(&b);
	}
}
END_TEST

static const struct {
	const char *text;
	size_t used;
	const char *value;
} words[] = {
    {"plain words", 9, "plain words"},
    {" trimmed ", 9, "trimmed"},
    {"", 9, ""},
    {"na\xc3\xafve", 9, "=?utf-8?q?na=C3=AFve?="},
    {"a\xff", 9, "=?utf-8?q?a=EF=BF=BD?="},
    {"a\r\nBcc: b", 9, "=?utf-8?q?a__Bcc=3A_b?="},
    {"=?utf-8?q?x?=", 9, "=?utf-8?q?=3D=3Futf=2D8=3Fq=3Fx=3F=3D?="},
    {TEN " " TEN, 60, TEN "\r\n " TEN},
    {TEN " " TEN, 55, TEN " " TEN},
    {"\xc3\xbc\xc3\xbc\xc3\xbc\xc3\xbc\xc3\xbc\xc3\xbc\xc3\xbc\xc3\xbc"
     "\xc3\xbc\xc3\xbc",
	9,
	"=?utf-8?q?=C3=BC=C3=BC=C3=BC=C3=BC=C3=BC=C3=BC=C3=BC=C3=BC=C3=BC?="
	"\r\n =?utf-8?q?=C3=BC?="},
};

START_TEST(words_are_encoded_only_where_they_must_be)
{
	for (size_t i = 0; i < ARRAY_LEN(words); i++) {
		struct buf b;

		buf_init(&b, 1000);
		mime_put_words(&b, str(words[i].text), words[i].used);
		ck_assert_str_eq(buf_text(&b), words[i].value);
		buf_clear(&b);
	}
}
END_TEST

START_TEST(a_word_without_blanks_is_broken_in_the_end)
{
	char text[3000];
	struct buf b;
	struct str line;
	unsigned lines = 0;

	memset(text, 'x', sizeof text);
	buf_init(&b, 10000);
	mime_put_words(&b, str_n(text, sizeof text), 9);
	buf_puts(&b, "\r\n");
	while (buf_take_line(&b, &line)) {
		ck_assert_uint_le(line.len, MIME_LINE_MAX);
		lines++;
	}
	ck_assert_uint_eq(lines, 4);
	buf_clear(&b);
}
END_TEST

static const struct {
	struct str content;
	bool is_8bit, is_binary;
	size_t line_max;
} contents[] = {
    {STR_LIT(""), false, false, 0},
    {STR_LIT("abc\r\n"), false, false, 3},
    {STR_LIT("abc\r\ndefgh"), false, false, 5},
    {STR_LIT("\r\n\r\n"), false, false, 0},
    {STR_LIT("caf\xc3\xa9\r\n"), true, false, 5},
    {STR_LIT("a\nb\r\n"), false, true, 1},
    {STR_LIT("\n"), false, true, 0},
    {STR_LIT("a\rb\r\n"), false, true, 3},
    {STR_LIT("a\r\r\n"), false, true, 2},
    {STR_LIT("abc\r"), false, true, 3},
    {STR_LIT("a\0b\r\n"), false, true, 3},
};

START_TEST(a_scan_finds_the_same_in_any_pieces)
{
	for (size_t i = 0; i < ARRAY_LEN(contents); i++) {
		struct str c = contents[i].content;

		for (size_t step = 1; step <= c.len + 1; step++) {
			struct mime_scan s;

			mime_scan_init(&s, STR_LIT("x"));
			for (size_t at = 0; at < c.len; at += step)
				mime_scan_feed(
				    &s, str_head(str_from(c, at), step));
			ck_assert_uint_eq(s.size, c.len);
			ck_assert_int_eq(s.is_8bit, contents[i].is_8bit);
			ck_assert_msg(
			    mime_scan_is_binary(&s) == contents[i].is_binary,
			    "%zu in pieces of %zu", i, step);
			ck_assert_uint_eq(s.line_max, contents[i].line_max);
		}
	}
}
END_TEST

static const struct {
	const char *content, *boundary;
} boundaries[] = {
    {"", "=_ab0"},
    {"--=_ab0", "=_ab1"},
    {"--=_ab0\r\n--=_ab1--\r\n", "=_ab2"},
    {"x\n--=_ab00", "=_ab1"},
    /* No line begins with it. */
    {" --=_ab0\r\nx--=_ab0\r\n---=_ab0", "=_ab0"},
    {"--=_ab\r\n0", "=_ab0"},
    {"--=_abz\r\n--=_aB0", "=_ab0"},
};

START_TEST(a_boundary_begins_no_line)
{
	for (size_t i = 0; i < ARRAY_LEN(boundaries); i++) {
		struct str c = str(boundaries[i].content);

		for (size_t step = 1; step <= c.len + 1; step++) {
			char boundary[MIME_BOUNDARY_SIZE];
			struct mime_scan s;

			mime_scan_init(&s, STR_LIT("a-b\r\n"));
			for (size_t at = 0; at < c.len; at += step)
				mime_scan_feed(
				    &s, str_head(str_from(c, at), step));
			ck_assert(mime_scan_boundary(&s, boundary));
			ck_assert_str_eq(boundary, boundaries[i].boundary);
		}
	}
}
END_TEST

START_TEST(a_boundary_is_short_whatever_the_seed)
{
	char seed[500], boundary[MIME_BOUNDARY_SIZE];
	struct mime_scan s;

	memset(seed, 'x', sizeof seed);
	mime_scan_init(&s, str_n(seed, sizeof seed));
	ck_assert(mime_scan_boundary(&s, boundary));
	ck_assert_uint_le(strlen(boundary), 70); /* RFC 2046 5.1.1 */
}
END_TEST

static const struct {
	struct str text;
	enum mime_encoding encoding;
} encodings[] = {
    {STR_LIT(""), MIME_7BIT},
    {STR_LIT("a\nb\r\nc"), MIME_7BIT},
    {STR_LIT("caf\xc3\xa9\n"), MIME_8BIT},
    {STR_LIT("a\rb\n"), MIME_QUOTED_PRINTABLE},
    {STR_LIT("a\0b\n"), MIME_QUOTED_PRINTABLE},
};

START_TEST(a_text_needs_the_least_encoding)
{
	char line[999];

	for (size_t i = 0; i < ARRAY_LEN(encodings); i++)
		ck_assert_int_eq(
		    mime_encoding_of(encodings[i].text), encodings[i].encoding);
	memset(line, 'x', sizeof line);
	ck_assert_int_eq(mime_encoding_of(str_n(line, 998)), MIME_7BIT);
	ck_assert_int_eq(
	    mime_encoding_of(str_n(line, 999)), MIME_QUOTED_PRINTABLE);
}
END_TEST

UNIT_MAIN("mime", quoted_printable_has_short_lines_and_no_blank_at_their_end,
    words_are_encoded_only_where_they_must_be,
    a_word_without_blanks_is_broken_in_the_end,
    a_scan_finds_the_same_in_any_pieces, a_boundary_begins_no_line,
    a_boundary_is_short_whatever_the_seed, a_text_needs_the_least_encoding)
