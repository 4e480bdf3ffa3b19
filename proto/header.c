/* SPDX-License-Identifier: ISC */
/*
 * The header section as it stands: fields, folds, and a watch on a message that
 * goes by. What is inside of fields is header_value.c and header_decode.c.
 *
 * Invariant: header_next() and header_scan_feed() have the same idea of what a
 * field is and of where the section ends.
 */
#include "config.h"

#include "proto/header.h"

/* A character of a field's name (RFC 5322 3.6.8), the colon not. */
static bool
is_name_char(char c)
{
	return c > ' ' && c < 0x7f && c != ':';
}

static bool
is_blank(char c)
{
	return c == ' ' || c == '\t';
}

/* The length of the field at the front of s, its last line end included. */
static size_t
field_length(struct str s)
{
	size_t at = 0;

	do {
		at += str_find(str_from(s, at), '\n');
		if (at < s.len)
			at++;
	} while (at < s.len && is_blank(s.at[at]));
	return at;
}

/* The length of the name at the front of s; 0 where there is no field. Blanks
 * before the colon are the obsolete form of RFC 5322 4.5. */
static size_t
name_length(struct str s, size_t *colon)
{
	size_t len = 0, at;

	while (len < s.len && is_name_char(s.at[len]))
		len++;
	for (at = len; at < s.len && is_blank(s.at[at]); at++)
		continue;
	*colon = at;
	return at < s.len && s.at[at] == ':' ? len : 0;
}

static struct str
without_line_end(struct str s)
{
	if (str_ends(s, STR_LIT("\n")))
		s.len--;
	if (str_ends(s, STR_LIT("\r")))
		s.len--;
	return s;
}

bool
header_next(struct str *rest, struct header_field *field)
{
	size_t len, colon;

	if (str_starts(*rest, STR_LIT("\n")) ||
	    str_starts(*rest, STR_LIT("\r\n"))) {
		*rest = str_from(*rest, rest->at[0] == '\r' ? 2 : 1);
		return false;
	}
	len = name_length(*rest, &colon);
	if (len == 0)
		return false;
	field->name = str_head(*rest, len);
	field->whole = str_head(*rest, field_length(*rest));
	field->value = without_line_end(str_from(field->whole, colon + 1));
	*rest = str_from(*rest, field->whole.len);
	return true;
}

bool
header_find(struct str message, const char *name, struct header_field *field)
{
	while (header_next(&message, field)) {
		if (str_is_nocase(field->name, str(name)))
			return true;
	}
	return false;
}

void
header_unfold(struct buf *b, struct str value)
{
	bool begun = false;

	while (value.len > 0) {
		struct str line;
		size_t len = 0;

		while (len < value.len && value.at[len] != '\r' &&
		       value.at[len] != '\n')
			len++;
		line = str_trim(str_head(value, len));
		value = str_from(value, len + 1);
		if (line.len == 0)
			continue;
		if (begun)
			buf_putc(b, ' ');
		buf_put_str(b, line);
		begun = true;
	}
}

enum {
	LINE, /* the beginning of a line, behind a field or the very first */
	CR,   /* behind a CR that began a line */
	NAME,
	COLON, /* behind a name and a blank */
	VALUE,
};

void
header_scan_init(struct header_scan *s)
{
	*s = (struct header_scan){.state = LINE};
}

static void
note_field(struct header_scan *s)
{
	struct str name = str_n(s->name, s->name_len);

	if (str_is_nocase(name, STR_LIT("Received")))
		s->received++;
	else if (str_is_nocase(name, STR_LIT("Date")))
		s->has_date = true;
	else if (str_is_nocase(name, STR_LIT("Message-ID")))
		s->has_message_id = true;
	else if (str_is_nocase(name, STR_LIT("From")))
		s->has_from = true;
}

/* One byte in the name of a field, or behind it: the state that follows, or -1
 * where this is no field. */
static int
scan_name(struct header_scan *s, char c)
{
	if (s->state == NAME && is_name_char(c)) {
		/* A name that fills all of the room is none of ours. */
		if (s->name_len < sizeof s->name)
			s->name[s->name_len++] = c;
		return NAME;
	}
	if (s->name_len > 0 && c == ':') {
		note_field(s);
		return VALUE;
	}
	return s->name_len > 0 && is_blank(c) ? COLON : -1;
}

static int
scan_line_start(struct header_scan *s, char c)
{
	if (c == '\r')
		return CR;
	/* Only a field can be folded: before the first a blank ends all. */
	if (is_blank(c) && s->size > 1)
		return VALUE;
	s->state = NAME;
	s->name_len = 0;
	return scan_name(s, c);
}

void
header_scan_feed(struct header_scan *s, struct str bytes)
{
	for (size_t at = 0; at < bytes.len && !s->done; at++) {
		char c = bytes.at[at];
		int next = -1;

		s->size++;
		if (s->state == LINE) {
			next = scan_line_start(s, c);
		} else if (s->state == NAME || s->state == COLON) {
			next = scan_name(s, c);
		} else if (s->state == VALUE) {
			size_t lf = str_find(str_from(bytes, at), '\n');

			next = at + lf < bytes.len ? LINE : VALUE;
			s->size += next == LINE ? lf : lf - 1;
			at += next == LINE ? lf : lf - 1;
		}
		/* An empty line, or one that is no field. */
		s->done = next < 0;
		s->state = next;
	}
}
