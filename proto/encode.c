/* SPDX-License-Identifier: ISC */
#include "config.h"

#include "proto/encode.h"

#include "base/crypto.h"

enum { LINE_WIDTH = 76, GROUP = 57 };

static const char *const names[] = {
    [ENCODING_7BIT] = "7bit",
    [ENCODING_8BIT] = "8bit",
    [ENCODING_BINARY] = "binary",
    [ENCODING_QUOTED] = "quoted-printable",
    [ENCODING_BASE64] = "base64",
};

const char *
encoding_name(enum encoding encoding)
{
	return names[encoding];
}

enum encoding
encoding_parse(struct str value)
{
	value = str_trim(str_head(value, str_find(value, '(')));
	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		if (str_is_nocase(value, str(names[i])))
			return (enum encoding)i;
	return value.len == 0 ? ENCODING_7BIT : ENCODING_OTHER;
}

void
encode_init(struct encode *e, enum encoding encoding)
{
	*e = (struct encode){.encoding = encoding};
}

static void
put_group(struct encode *e, struct buf *out)
{
	if (e->n_held == 0)
		return;
	if (e->column > 0)
		buf_puts(out, "\r\n");
	e->column = LINE_WIDTH;
	crypto_base64_put(out, str_n(e->held, e->n_held));
	e->n_held = 0;
}

static void
put_base64(struct encode *e, struct str bytes, struct buf *out)
{
	for (size_t i = 0; i < bytes.len; i++) {
		e->held[e->n_held++] = bytes.at[i];
		if (e->n_held == GROUP)
			put_group(e, out);
	}
}

static void
put_quoted_byte(
    struct encode *e, unsigned char c, bool literal, struct buf *out)
{
	size_t width = literal ? 1 : 3;

	/* The last column is for the "=" of a soft line break. */
	if (e->column + width >= LINE_WIDTH) {
		buf_puts(out, "=\r\n");
		e->column = 0;
	}
	e->column += width;
	if (literal)
		buf_putc(out, (char)c);
	else
		buf_putf(out, "=%02X", c);
}

/* A blank is itself where more of the line follows; a CR is a line end where an
 * LF follows. */
static void
release(struct encode *e, bool more, struct buf *out)
{
	unsigned char c = (unsigned char)e->held[0];

	if (e->n_held == 0)
		return;
	e->n_held = 0;
	put_quoted_byte(e, c, more && c != '\r', out);
}

static void
put_quoted(struct encode *e, struct str bytes, struct buf *out)
{
	for (size_t i = 0; i < bytes.len; i++) {
		unsigned char c = (unsigned char)bytes.at[i];

		if (c == '\n' && e->n_held > 0 && e->held[0] == '\r') {
			buf_puts(out, "\r\n");
			e->column = e->n_held = 0;
			continue;
		}
		/* A blank before a CR may be the last of its line. */
		release(e, c != '\r', out);
		if (c == ' ' || c == '\t' || c == '\r')
			e->held[e->n_held++] = (char)c;
		else
			put_quoted_byte(
			    e, c, c > ' ' && c < 0x7f && c != '=', out);
	}
}

void
encode_put(struct encode *e, struct str bytes, struct buf *out)
{
	if (e->encoding == ENCODING_BASE64)
		put_base64(e, bytes, out);
	else if (e->encoding == ENCODING_QUOTED)
		put_quoted(e, bytes, out);
	else
		buf_put_str(out, bytes);
}

void
encode_end(struct encode *e, struct buf *out)
{
	if (e->encoding == ENCODING_BASE64)
		put_group(e, out);
	else if (e->encoding == ENCODING_QUOTED)
		release(e, false, out);
}
