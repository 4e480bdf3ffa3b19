/* SPDX-License-Identifier: ISC */
/* proto/dot.h. The first byte says how the rest is cut into pieces. */
#include "config.h"

#include "proto/dot.h"

#include "tests/fuzz/fuzz.h"

struct decoded {
	struct dot dot;
	enum dot_result result;
	struct buf out;
	size_t used;
};

static void
decode(struct decoded *d, struct str in, size_t step)
{
	dot_init(&d->dot);
	buf_init(&d->out, 2 * in.len + 16);
	d->result = DOT_MORE;
	d->used = 0;
	while (d->used < in.len && d->result == DOT_MORE) {
		struct str piece = str_head(str_from(in, d->used), step);
		size_t len = piece.len, before = buf_len(&d->out);

		d->result = dot_decode(&d->dot, &piece, &d->out);
		FUZZ_CHECK(d->result == DOT_END || piece.len == 0);
		FUZZ_CHECK(piece.len < len);
		FUZZ_CHECK(buf_len(&d->out) - before <= len + 1);
		d->used += len - piece.len;
	}
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

/* Where the message ends, by the letter of RFC 5321; 0: it does not. */
static size_t
find_end(struct str in)
{
	const char *end;

	if (str_starts(in, STR_LIT(".\r\n")))
		return 3;
	end = in.len == 0 ? NULL : memmem(in.at, in.len, "\r\n.\r\n", 5);
	return end == NULL ? 0 : (size_t)(end - in.at) + 5;
}

static void
check_decode(struct str in, size_t step)
{
	struct decoded whole, cut;
	size_t end = find_end(in);

	decode(&whole, in, in.len);
	decode(&cut, in, step);
	FUZZ_CHECK(whole.result == cut.result && whole.used == cut.used);
	FUZZ_CHECK(whole.dot.bare == cut.dot.bare);
	FUZZ_CHECK(whole.dot.doubtful == cut.dot.doubtful);
	FUZZ_CHECK(str_is(buf_str(&whole.out), buf_str(&cut.out)));
	FUZZ_CHECK((whole.result == DOT_END) == (end > 0));
	if (end > 0) {
		FUZZ_CHECK(whole.used == end);
		FUZZ_CHECK(whole.dot.bare == has_bare(str_head(in, end)));
		FUZZ_CHECK(!whole.dot.doubtful || whole.dot.bare);
	}
	buf_clear(&whole.out);
	buf_clear(&cut.out);
}

static void
check_encode(struct str text, size_t step)
{
	struct decoded back;
	struct buf wire;
	struct str out, added;
	struct dot d;

	dot_init(&d);
	buf_init(&wire, 2 * text.len + 16);
	for (struct str rest = text; rest.len > 0; rest = str_from(rest, step))
		dot_encode(&d, str_head(rest, step), &wire);
	dot_finish(&d, &wire);
	FUZZ_CHECK(find_end(buf_str(&wire)) == buf_len(&wire));
	decode(&back, buf_str(&wire), buf_len(&wire));
	FUZZ_CHECK(back.result == DOT_END);
	out = buf_str(&back.out);
	/* The same text, with what was missing of its last line end. */
	FUZZ_CHECK(str_starts(out, text));
	added = str_from(out, text.len);
	FUZZ_CHECK(out.len == 0 || str_ends(out, STR_LIT("\r\n")));
	FUZZ_CHECK(
	    added.len == 0 || str_is(added, STR_LIT("\r\n")) ||
	    (str_is(added, STR_LIT("\n")) && str_ends(text, STR_LIT("\r"))));
	buf_clear(&back.out);
	buf_clear(&wire);
}

static void
check_chunks(struct str in, size_t step)
{
	struct dot d;

	dot_init(&d);
	for (struct str rest = in; rest.len > 0; rest = str_from(rest, step))
		dot_check(&d, str_head(rest, step));
	dot_check_end(&d);
	FUZZ_CHECK(d.bare == has_bare(in));
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct str in = str_n((const char *)data, size);
	size_t step = 1 + fuzz_take_byte(&in);

	check_decode(in, step);
	check_encode(in, step);
	check_chunks(in, step);
	return 0;
}
