/* SPDX-License-Identifier: ISC */
/*
 * proto/dot.h against a slow and plain reference, over all short inputs and all
 * ways to cut them; and the ends of data that have been used for smuggling.
 */
#include "config.h"

#include "proto/dot.h"

#include <stdio.h>
#include <string.h>

#include "tests/unit/unit.h"

enum {
	ALL_CUTS = 8, /* longest input that is cut in every way */
	ONE_CUT = 9,  /* longest that is cut once, and into bytes */
	ROOM = 64,
};

static const char alphabet[] = {'.', '\r', '\n', 'a'};

/* What the decoder is to say. */
struct expected {
	enum dot_result result;
	bool bare, doubtful;
	size_t used;
	char text[ROOM];
	size_t len;
};

static void
make_input(char *input, size_t len, unsigned number)
{
	for (size_t i = 0; i < len; i++, number /= sizeof alphabet)
		input[i] = alphabet[number % sizeof alphabet];
}

static unsigned
count_inputs(size_t len)
{
	return 1u << (2 * len);
}

static bool
has_bare(struct str s)
{
	for (size_t i = 0; i < s.len; i++) {
		if (s.at[i] == '\r' && (i + 1 == s.len || s.at[i + 1] != '\n'))
			return true;
		if (s.at[i] == '\n' && (i == 0 || s.at[i - 1] != '\r'))
			return true;
	}
	return false;
}

/* Text without the dot in front of each line. */
static void
unstuff(struct expected *e, struct str text)
{
	e->len = 0;
	for (size_t i = 0; i < text.len; i++) {
		bool first =
		    i == 0 || (i >= 2 && !memcmp(text.at + i - 2, "\r\n", 2));

		if (!first || text.at[i] != '.')
			e->text[e->len++] = text.at[i];
	}
}

static void
expect(struct expected *e, struct str input)
{
	char framed[ROOM] = "\r\n";
	const char *end;
	struct str text = input;

	*e = (struct expected){.result = DOT_MORE, .used = input.len};
	memcpy(framed + 2, input.at, input.len);
	end = memmem(framed, input.len + 2, "\r\n.\r\n", 5);
	if (end != NULL) {
		e->result = DOT_END;
		e->doubtful = end > framed && end[-1] == '\r';
		e->used = (size_t)(end - framed) + 3;
		text = str_head(input, e->used - 3);
		e->bare = has_bare(text);
		unstuff(e, text);
		return;
	}
	/* A CR at the end may yet become a line end. */
	if (str_ends(text, STR_LIT("\r"))) {
		text.len--;
		e->bare = has_bare(text);
		text.len++;
	} else {
		e->bare = has_bare(text);
	}
	/* And so may a dot and a CR become the end. */
	if (!memcmp(framed + input.len - 1, "\r\n.", 3))
		text.len--;
	else if (input.len >= 2 &&
		 !memcmp(framed + input.len - 2, "\r\n.\r", 4))
		text.len -= 2;
	unstuff(e, text);
}

/* Decodes the input, cut behind each byte whose bit is set, against what is
 * expected. */
static void
check_decode(
    struct str input, unsigned cuts, const struct expected *e, struct buf *out)
{
	enum dot_result result = DOT_MORE;
	size_t used = 0;
	bool fits = true;
	struct dot d;

	/* No ck_assert() in here: each writes to a pipe, and this runs often. */
	buf_reset(out);
	dot_init(&d);
	for (size_t from = 0, to = 1; to <= input.len; to++) {
		struct str piece = str_n(input.at + from, to - from);
		size_t before = buf_len(out);

		if (to < input.len && !(cuts >> (to - 1) & 1))
			continue;
		result = dot_decode(&d, &piece, out);
		fits = fits && buf_len(out) - before <= to - from + 1;
		used = to - piece.len;
		from = to;
		if (result == DOT_END)
			break;
		fits = fits && piece.len == 0;
	}
	if (fits && result == e->result && used == e->used &&
	    d.bare == e->bare &&
	    (result == DOT_MORE || d.doubtful == e->doubtful) &&
	    str_is(buf_str(out), str_n(e->text, e->len)))
		return;
	for (size_t i = 0; i < input.len; i++)
		fprintf(stderr, "%02x ", (unsigned char)input.at[i]);
	ck_abort_msg("cuts %x: result %d used %zu bare %d doubtful %d len %zu",
	    cuts, result, used, d.bare, d.doubtful, buf_len(out));
}

START_TEST(dot_decodes_all_short_inputs_however_they_are_cut)
{
	char input[ROOM];
	struct expected e;
	struct buf out;

	buf_init(&out, ROOM);
	for (size_t len = 1; len <= ALL_CUTS; len++) {
		for (unsigned i = 0; i < count_inputs(len); i++) {
			make_input(input, len, i);
			expect(&e, str_n(input, len));
			for (unsigned cuts = 0; cuts < 1u << (len - 1); cuts++)
				check_decode(str_n(input, len), cuts, &e, &out);
		}
	}
	buf_clear(&out);
}
END_TEST

START_TEST(dot_decodes_longer_inputs_whole_cut_once_and_by_bytes)
{
	char input[ROOM];
	struct expected e;
	struct buf out;

	buf_init(&out, ROOM);
	for (size_t len = ALL_CUTS + 1; len <= ONE_CUT; len++) {
		for (unsigned i = 0; i < count_inputs(len); i++) {
			make_input(input, len, i);
			expect(&e, str_n(input, len));
			check_decode(str_n(input, len), 0, &e, &out);
			check_decode(str_n(input, len), ~0u, &e, &out);
			for (size_t at = 0; at < len - 1; at++)
				check_decode(
				    str_n(input, len), 1u << at, &e, &out);
		}
	}
	buf_clear(&out);
}
END_TEST

START_TEST(dot_encodes_so_that_decoding_gives_the_same)
{
	struct buf wire, out;
	char input[ROOM];

	buf_init(&wire, ROOM);
	buf_init(&out, ROOM);
	for (size_t len = 0; len <= 8; len++) {
		for (unsigned i = 0; i < count_inputs(len) * (len + 1); i++) {
			size_t cut = i % (len + 1);
			struct str rest;
			struct dot d;

			make_input(input, len, i / (unsigned)(len + 1));
			buf_reset(&wire);
			buf_reset(&out);
			dot_init(&d);
			dot_encode(&d, str_n(input, cut), &wire);
			dot_encode(&d, str_n(input + cut, len - cut), &wire);
			dot_finish(&d, &wire);
			/* What is missing of the last line end is added. */
			if (len > 0 && input[len - 1] == '\r')
				memcpy(input + len, "\n", 2);
			else if (len > 0 && (len == 1 || memcmp(input + len - 2,
							     "\r\n", 2) != 0))
				memcpy(input + len, "\r\n", 3);
			else
				input[len] = '\0';
			buf_puts(&wire, "rest");
			rest = buf_str(&wire);
			dot_init(&d);
			if (dot_decode(&d, &rest, &out) != DOT_END ||
			    !str_is(rest, STR_LIT("rest")) ||
			    !str_is(buf_str(&out), str(input)))
				ck_abort_msg("\"%s\" became \"%s\"", input,
				    buf_text(&out));
		}
	}
	buf_clear(&wire);
	buf_clear(&out);
}
END_TEST

/* Each stands between a body and commands. None ends the message. */
static const struct str variants[] = {
    STR_LIT("\n.\n"),
    STR_LIT("\n.\r\n"),
    STR_LIT("\r\n.\n"),
    STR_LIT("\r.\r"),
    STR_LIT("\r.\r\n"),
    STR_LIT("\r\n.\r"),
    STR_LIT("\r.\n"),
    STR_LIT("\n.\r"),
    STR_LIT("\n\r.\r\n"),
    STR_LIT("\n\r.\n\r"),
    STR_LIT("\r\n.\n\r\n"),
    STR_LIT("\r\n.\r\r\n"),
    STR_LIT("\r\r\n.\r\r\n"),
    STR_LIT("\n\n.\n\n"),
    STR_LIT("\r\r.\r\r"),
    STR_LIT("\r\n\r.\r\n"),
    STR_LIT("\r\n.\0\r\n"),
    STR_LIT("\r\n\0.\r\n"),
    STR_LIT("\r\0\n.\r\n"),
    STR_LIT("\r\n.\r\0\n"),
    STR_LIT("\r\n. \r\n"),
    STR_LIT("\r\n .\r\n"),
    STR_LIT("\r\n..\r\n"),
    STR_LIT("\r\n.\t\r\n"),
    STR_LIT("\r\n.\x0b\r\n"),
    STR_LIT("\r\n.\x85"),
    STR_LIT("\x85.\x85"),
    STR_LIT("\xe2\x80\xa8.\r\n"),
};

START_TEST(dot_takes_no_other_end_of_data)
{
	struct buf in, out;

	buf_init(&in, 1000);
	buf_init(&out, 1000);
	for (size_t i = 0; i < ARRAY_LEN(variants); i++) {
		struct str rest;
		struct dot d;

		buf_reset(&in);
		buf_reset(&out);
		buf_puts(&in, "Subject: outer\r\n\r\nouter");
		buf_put_str(&in, variants[i]);
		buf_puts(&in, "MAIL FROM:<evil@elsewhere.example>\r\n");
		rest = buf_str(&in);
		dot_init(&d);
		ck_assert_msg(dot_decode(&d, &rest, &out) == DOT_MORE,
		    "variant %zu ended the message", i);
		ck_assert_msg(
		    d.bare == has_bare(buf_str(&in)), "variant %zu", i);
		rest = STR_LIT("\r\n.\r\nQUIT\r\n");
		ck_assert_int_eq(dot_decode(&d, &rest, &out), DOT_END);
		ck_assert_view_eq(rest, "QUIT\r\n");
	}
	buf_clear(&in);
	buf_clear(&out);
}
END_TEST

START_TEST(an_end_behind_two_carriage_returns_is_doubtful)
{
	struct str sure = STR_LIT("a\r\r\nb\r\n.\r\n");
	struct str doubtful = STR_LIT("a\r\nb\r\r\n.\r\nMAIL");
	struct buf out;
	struct dot d;

	buf_init(&out, 100);
	dot_init(&d);
	ck_assert_int_eq(dot_decode(&d, &sure, &out), DOT_END);
	ck_assert(d.bare && !d.doubtful);
	dot_init(&d);
	ck_assert_int_eq(dot_decode(&d, &doubtful, &out), DOT_END);
	ck_assert(d.bare && d.doubtful);
	ck_assert_view_eq(doubtful, "MAIL");
	buf_clear(&out);
}
END_TEST

START_TEST(dot_checks_line_ends_of_chunks_however_they_are_cut)
{
	char input[ROOM];

	for (size_t len = 1; len <= 8; len++) {
		for (unsigned i = 0; i < count_inputs(len) * len; i++) {
			size_t cut = i % len;
			struct dot d;

			make_input(input, len, i / (unsigned)len);
			dot_init(&d);
			dot_check(&d, str_n(input, cut));
			dot_check(&d, str_n(input + cut, len - cut));
			dot_check_end(&d);
			if (d.bare != has_bare(str_n(input, len)))
				ck_abort_msg("length %zu, input %u", len, i);
		}
	}
}
END_TEST

/* Lines of every length around what memchr() takes at once, and dots. */
START_TEST(dot_keeps_long_bodies_whole)
{
	struct buf text, wire, out;
	struct dot e, d;

	buf_init(&text, 1 << 20);
	buf_init(&wire, 1 << 21);
	buf_init(&out, 1 << 20);
	for (size_t len = 0; len < 1000; len++) {
		for (size_t i = 0; i < len; i++)
			buf_putc(
			    &text, i % 61 == 0 ? '.' : (char)('a' + i % 26));
		buf_puts(&text, "\r\n");
	}
	dot_init(&e);
	dot_init(&d);
	for (struct str rest = buf_str(&text); rest.len > 0;
	     rest = str_from(rest, 4096))
		dot_encode(&e, str_head(rest, 4096), &wire);
	dot_finish(&e, &wire);
	for (struct str rest = buf_str(&wire); rest.len > 0;
	     rest = str_from(rest, 1461)) {
		struct str piece = str_head(rest, 1461);

		ck_assert_int_eq(dot_decode(&d, &piece, &out),
		    rest.len <= 1461 ? DOT_END : DOT_MORE);
	}
	ck_assert(!d.bare);
	ck_assert(str_is(buf_str(&out), buf_str(&text)));
	buf_clear(&text);
	buf_clear(&wire);
	buf_clear(&out);
}
END_TEST

UNIT_MAIN("dot", dot_decodes_all_short_inputs_however_they_are_cut,
    dot_decodes_longer_inputs_whole_cut_once_and_by_bytes,
    dot_encodes_so_that_decoding_gives_the_same, dot_takes_no_other_end_of_data,
    an_end_behind_two_carriage_returns_is_doubtful,
    dot_checks_line_ends_of_chunks_however_they_are_cut,
    dot_keeps_long_bodies_whole)
