/* SPDX-License-Identifier: ISC */
/*
 * Encoded words (RFC 2047), as people see them: "=?utf-8?q?caf=C3=A9?=".
 *
 * Words of one charset that follow one another are decoded as one text, since
 * many programs cut characters in two. They are recognised wherever they
 * stand, also where the standard wants a blank before.
 */
#include "config.h"

#include "proto/header.h"

#include "base/crypto.h"
#include "base/utf8.h"

enum {
	CHARSET_NONE,
	CHARSET_UTF8,
	CHARSET_1252, /* which has all that is printable in ISO-8859-1 */
	CHARSET_8859_15,
};

enum { REPLACEMENT = 0xfffd };

static const struct {
	const char *name;
	int charset;
} charsets[] = {
    /* clang-format off */
	{"utf-8",		CHARSET_UTF8},
	{"utf8",		CHARSET_UTF8},
	{"us-ascii",		CHARSET_UTF8},
	{"ascii",		CHARSET_UTF8},
	{"iso-8859-1",		CHARSET_1252},
	{"latin1",		CHARSET_1252},
	{"windows-1252",	CHARSET_1252},
	{"cp1252",		CHARSET_1252},
	{"iso-8859-15",		CHARSET_8859_15},
    /* clang-format on */
};

/* 0x80 to 0x9f of Windows-1252. */
static const uint16_t windows_1252[] = {
    /* clang-format off */
	0x20ac, REPLACEMENT, 0x201a, 0x0192, 0x201e, 0x2026, 0x2020, 0x2021,
	0x02c6, 0x2030, 0x0160, 0x2039, 0x0152, REPLACEMENT, 0x017d, REPLACEMENT,
	REPLACEMENT, 0x2018, 0x2019, 0x201c, 0x201d, 0x2022, 0x2013, 0x2014,
	0x02dc, 0x2122, 0x0161, 0x203a, 0x0153, REPLACEMENT, 0x017e, 0x0178,
    /* clang-format on */
};

/* Where ISO-8859-15 differs from ISO-8859-1. */
static const struct {
	unsigned char byte;
	uint16_t character;
} iso_8859_15[] = {
    /* clang-format off */
	{0xa4, 0x20ac}, {0xa6, 0x0160}, {0xa8, 0x0161}, {0xb4, 0x017d},
	{0xb8, 0x017e}, {0xbc, 0x0152}, {0xbd, 0x0153}, {0xbe, 0x0178},
    /* clang-format on */
};

static void
put_character(struct buf *b, uint32_t c)
{
	utf8_put(b, c < ' ' || (c >= 0x7f && c < 0xa0) ? ' ' : c);
}

static void
put_utf8(struct buf *b, struct str text)
{
	while (text.len > 0) {
		uint32_t c = REPLACEMENT;
		size_t n = utf8_get(text, &c);

		put_character(b, c);
		text = str_from(text, n > 0 ? n : 1);
	}
}

static uint32_t
character_of(int charset, unsigned char byte)
{
	for (size_t i = 0;
	     charset == CHARSET_8859_15 && i < ARRAY_LEN(iso_8859_15); i++) {
		if (iso_8859_15[i].byte == byte)
			return iso_8859_15[i].character;
	}
	if (charset == CHARSET_1252 && byte >= 0x80 && byte < 0xa0)
		return windows_1252[byte - 0x80];
	return byte;
}

static void
put_text(struct buf *b, int charset, struct str bytes)
{
	if (charset == CHARSET_UTF8) {
		put_utf8(b, bytes);
		return;
	}
	for (size_t i = 0; i < bytes.len; i++)
		put_character(
		    b, character_of(charset, (unsigned char)bytes.at[i]));
}

static int
hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static bool
take_q(struct buf *b, struct str text)
{
	for (size_t i = 0; i < text.len; i++) {
		char c = text.at[i];

		if (c == '=') {
			int high, low;

			if (text.len - i < 3)
				return false;
			high = hex_digit(text.at[i + 1]);
			low = hex_digit(text.at[i + 2]);
			if (high < 0 || low < 0)
				return false;
			c = (char)(high << 4 | low);
			i += 2;
		}
		buf_putc(b, text.at[i] == '_' ? ' ' : c);
	}
	return true;
}

static int
find_charset(struct str name)
{
	/* RFC 2231 5: "utf-8*en" has a language. */
	name = str_head(name, str_find(name, '*'));
	for (size_t i = 0; i < ARRAY_LEN(charsets); i++) {
		if (str_is_nocase(name, str(charsets[i].name)))
			return charsets[i].charset;
	}
	return CHARSET_NONE;
}

/* The part up to the next "?", without blanks; false where there is none. */
static bool
take_part(struct str *rest, struct str *part)
{
	size_t len = str_find(*rest, '?');

	*part = str_head(*rest, len);
	if (len == rest->len || str_has(*part, ' ') || str_has(*part, '\t'))
		return false;
	*rest = str_from(*rest, len + 1);
	return true;
}

/* The word at the front of *rest, decoded into bytes; its charset, or
 * CHARSET_NONE and nothing changed. */
static int
take_word(struct str *rest, struct buf *bytes)
{
	struct str after = *rest, name, encoding, text;
	size_t before = buf_len(bytes);
	int charset;
	bool ok;

	if (!str_starts(after, STR_LIT("=?")))
		return CHARSET_NONE;
	after = str_from(after, 2);
	if (!take_part(&after, &name) || !take_part(&after, &encoding) ||
	    !take_part(&after, &text) || !str_starts(after, STR_LIT("=")))
		return CHARSET_NONE;
	charset = find_charset(name);
	if (charset == CHARSET_NONE)
		return CHARSET_NONE;
	ok = str_is_nocase(encoding, STR_LIT("q")) ? take_q(bytes, text)
	     : str_is_nocase(encoding, STR_LIT("b"))
		 ? crypto_base64_take(bytes, text)
		 : false;
	if (!ok) {
		buf_truncate(bytes, before);
		return CHARSET_NONE;
	}
	*rest = str_from(after, 1);
	return charset;
}

/* One word and those that follow it with nothing but blanks between. False,
 * and nothing changed, where there is none at the front. */
static bool
take_words(struct str *rest, struct buf *bytes, struct buf *b)
{
	int charset = CHARSET_NONE, next;
	struct str ahead = *rest;
	size_t before;

	buf_reset(bytes);
	while (before = buf_len(bytes),
	    (next = take_word(&ahead, bytes)) != CHARSET_NONE) {
		if (charset != CHARSET_NONE && next != charset) {
			put_text(b, charset, str_head(buf_str(bytes), before));
			buf_consume(bytes, before);
		}
		charset = next;
		*rest = ahead;
		ahead = str_trim(ahead);
	}
	put_text(b, charset, buf_str(bytes));
	return charset != CHARSET_NONE;
}

void
header_decode(struct buf *b, struct str value)
{
	struct buf line, bytes;
	struct str rest;

	buf_init(&line, value.len);
	buf_init(&bytes, value.len);
	header_unfold(&line, value);
	rest = buf_str(&line);
	while (rest.len > 0) {
		size_t text;

		if (take_words(&rest, &bytes, b))
			continue;
		text = 1 + str_find(str_from(rest, 1), '=');
		put_utf8(b, str_head(rest, text));
		rest = str_from(rest, text);
	}
	buf_clear(&line);
	buf_clear(&bytes);
}
