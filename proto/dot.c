/* SPDX-License-Identifier: ISC */
/*
 * Dot-stuffing for DATA, both directions, and strictness about line ends.
 *
 *            .           CR           LF
 *   LINE ─────▶ DOT ─────────▶ DOT_CR ───▶ the end
 *     ▲ │        │ another       │ another: as in CR
 *  LF │ └──────▶ TEXT ───▶ CR ───▶ CR_CR
 *     └──────────────────────┴───────┘
 *
 * LINE is the beginning of a line and is entered by CRLF only: that is what
 * keeps bare line ends from ending a message. Long runs of TEXT are searched
 * and copied whole; only what stands around a dot or a cut goes by the table.
 */
#include "config.h"

#include "proto/dot.h"

enum {
	LINE, /* also the very beginning */
	TEXT,
	CR,     /* behind a CR that may yet be half of a line end */
	CR_CR,  /* the same, and the CR before it was bare */
	DOT,    /* behind a dot that began a line; it was not passed on */
	DOT_CR, /* behind such a dot and a CR; neither was passed on */
};

void
dot_init(struct dot *d)
{
	*d = (struct dot){.state = LINE};
}

/*
 * Goes over text, from LINE or TEXT, and notes the state behind it and what is
 * bare. Returns how much was gone over: all, or, where `dots`, up to a dot that
 * begins a line.
 */
static size_t
scan(struct dot *d, struct str text, bool dots)
{
	size_t at = 0;

	while (at < text.len) {
		struct str rest = str_from(text, at);
		size_t lf = str_find(rest, '\n');
		size_t cr = str_find(str_head(rest, lf), '\r');
		bool has_cr = lf > 0 && rest.at[lf - 1] == '\r';
		bool has_two = has_cr && lf > 1 && rest.at[lf - 2] == '\r';

		if (cr + 1 < lf)
			d->bare = true;
		at += lf;
		if (lf == rest.len) {
			d->state = has_two ? CR_CR : has_cr ? CR : TEXT;
			break;
		}
		at++;
		if (!has_cr) {
			d->bare = true;
			d->state = TEXT;
			continue;
		}
		d->state = LINE;
		d->doubtful = has_two;
		if (dots && at < text.len && text.at[at] == '.')
			break;
	}
	return at;
}

/* What the byte that follows makes of CR and CR_CR. True where it was used
 * up: it is half of a line end, or may be. */
static bool
after_cr(struct dot *d, char c)
{
	if (c == '\n') {
		d->doubtful = d->state == CR_CR;
		d->state = LINE;
		return true;
	}
	d->bare = true;
	d->state = c == '\r' ? CR_CR : TEXT;
	return c == '\r';
}

/* One byte, in the states that are not scanned. */
static void
decode_byte(struct dot *d, struct str *in, struct buf *out)
{
	char c = in->at[0];
	bool used = false;

	switch (d->state) {
	case LINE:
		used = c == '.';
		d->state = used ? DOT : TEXT;
		break;
	case DOT:
		used = c == '\r';
		d->state = used ? DOT_CR : TEXT;
		break;
	case DOT_CR:
		/* The dot goes, as it would before any other text. */
		buf_putc(out, '\r');
		d->state = CR;
		break;
	default:
		used = after_cr(d, c);
		if (used)
			buf_putc(out, c);
	}
	if (used)
		*in = str_from(*in, 1);
}

enum dot_result
dot_decode(struct dot *d, struct str *in, struct buf *out)
{
	while (in->len > 0) {
		if (d->state == DOT_CR && in->at[0] == '\n') {
			*in = str_from(*in, 1);
			d->state = LINE;
			return DOT_END;
		}
		if (d->state == TEXT) {
			size_t n = scan(d, *in, true);

			buf_put(out, in->at, n);
			*in = str_from(*in, n);
		} else {
			decode_byte(d, in, out);
		}
	}
	return DOT_MORE;
}

/* The state behind bytes that follow `state`. */
static int
state_behind(int state, struct str bytes)
{
	char last, before;

	if (bytes.len == 0)
		return state;
	last = bytes.at[bytes.len - 1];
	if (last == '\r')
		return CR;
	if (last != '\n')
		return TEXT;
	before = bytes.len > 1 ? bytes.at[bytes.len - 2]
		 : state == CR ? '\r'
			       : '\0';
	return before == '\r' ? LINE : TEXT;
}

void
dot_encode(struct dot *d, struct str bytes, struct buf *out)
{
	size_t done = 0;

	for (size_t at = 0; at < bytes.len; at++) {
		struct str before;

		at += str_find(str_from(bytes, at), '.');
		before = str_n(bytes.at + done, at - done);
		if (at == bytes.len)
			break;
		if (state_behind(d->state, str_head(bytes, at)) != LINE)
			continue;
		buf_put_str(out, before);
		buf_putc(out, '.');
		done = at;
	}
	buf_put_str(out, str_from(bytes, done));
	d->state = state_behind(d->state, bytes);
}

void
dot_finish(struct dot *d, struct buf *out)
{
	if (d->state == TEXT)
		buf_putc(out, '\r');
	if (d->state != LINE)
		buf_putc(out, '\n');
	buf_puts(out, ".\r\n");
	d->state = LINE;
}

void
dot_check(struct dot *d, struct str bytes)
{
	while (bytes.len > 0 && (d->state == CR || d->state == CR_CR)) {
		if (after_cr(d, bytes.at[0]))
			bytes = str_from(bytes, 1);
	}
	if (bytes.len > 0)
		scan(d, bytes, false);
}

void
dot_check_end(struct dot *d)
{
	if (d->state == CR || d->state == CR_CR)
		d->bare = true;
}
