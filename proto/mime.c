/* SPDX-License-Identifier: ISC */
/* Encodings of MIME, for who writes; and what content asks of its transport. */
#include "config.h"

#include "proto/mime.h"

#include "base/utf8.h"

enum {
	QP_LINE_MAX = 76,    /* RFC 2045 6.7: with the "=" of a soft break */
	WORD_MAX = 75,       /* RFC 2047 2 */
	FIELD_LINE_MAX = 76, /* RFC 2047 2: a line that has encoded words */
	CUT_AT = 900,
};

static const char hex[] = "0123456789ABCDEF";

bool
mime_is_ascii(struct str s)
{
	for (size_t i = 0; i < s.len; i++) {
		if ((unsigned char)s.at[i] > 127)
			return false;
	}
	return true;
}

/* The line at the front, without its end; *ended where it had one. */
static struct str
take_line(struct str *text, bool *ended)
{
	size_t len = str_find(*text, '\n');
	struct str line = str_head(*text, len);

	*ended = len < text->len;
	*text = str_from(*text, len + 1);
	if (*ended && str_ends(line, STR_LIT("\r")))
		line.len--;
	return line;
}

void
mime_put_lines(struct buf *b, struct str text)
{
	while (text.len > 0) {
		bool ended;

		buf_put_str(b, take_line(&text, &ended));
		if (ended)
			buf_puts(b, "\r\n");
	}
}

static void
put_qp_line(struct buf *b, struct str line)
{
	size_t width = 0;

	for (size_t i = 0; i < line.len; i++) {
		unsigned char c = (unsigned char)line.at[i];
		bool is_last = i + 1 == line.len;
		bool is_blank = c == ' ' || c == '\t';
		bool plain =
		    (c > ' ' && c < 0x7f && c != '=') || (is_blank && !is_last);
		size_t n = plain ? 1 : 3;

		if (width + n > QP_LINE_MAX - (is_last ? 0 : 1)) {
			buf_puts(b, "=\r\n");
			width = 0;
		}
		width += n;
		if (plain)
			buf_putc(b, (char)c);
		else
			buf_putf(b, "=%c%c", hex[c >> 4], hex[c & 15]);
	}
}

void
mime_put_quoted_printable(struct buf *b, struct str text)
{
	while (text.len > 0) {
		bool ended;

		put_qp_line(b, take_line(&text, &ended));
		if (ended)
			buf_puts(b, "\r\n");
	}
}

static bool
is_word_char(unsigned char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
	       (c >= '0' && c <= '9');
}

/* One character as the Q encoding has it; the strictest form, which stands
 * anywhere (RFC 2047 5). Returns its width. */
static size_t
encode_q(struct str character, char *out)
{
	size_t n = 0;

	if (character.len == 1 && is_word_char((unsigned char)*character.at)) {
		out[0] = *character.at;
		return 1;
	}
	if (str_is(character, STR_LIT(" "))) {
		out[0] = '_';
		return 1;
	}
	for (size_t i = 0; i < character.len; i++) {
		unsigned char c = (unsigned char)character.at[i];

		out[n++] = '=';
		out[n++] = hex[c >> 4];
		out[n++] = hex[c & 15];
	}
	return n;
}

/* All of text in words; a character is never cut in two. */
static void
put_encoded_words(struct buf *b, struct str text, size_t used)
{
	static const char open[] = "=?utf-8?q?";
	size_t word = 0; /* width of the one that is open */

	while (text.len > 0) {
		size_t len = utf8_get(text, NULL), n;
		struct str c = str_head(text, len);
		char out[12];

		if (len == 0)
			c = STR_LIT("\xef\xbf\xbd");
		else if (*c.at < ' ' && *c.at >= 0)
			c = STR_LIT(" ");
		n = encode_q(c, out);
		text = str_from(text, len > 0 ? len : 1);
		if (word > 0 && (word + n + 2 > WORD_MAX ||
				    used + word + n + 2 > FIELD_LINE_MAX)) {
			buf_puts(b, "?=\r\n ");
			word = 0;
			used = 1;
		}
		if (word == 0) {
			buf_puts(b, open);
			word = sizeof open - 1;
		}
		buf_put(b, out, n);
		word += n;
	}
	if (word > 0)
		buf_puts(b, "?=");
}

static bool
is_plain(struct str text)
{
	for (size_t i = 0; i < text.len; i++) {
		if (text.at[i] < ' ' || text.at[i] > '~')
			return false;
	}
	/* What looks like an encoded word would be read as one. */
	for (struct str rest = text; rest.len > 1; rest = str_from(rest, 1)) {
		if (str_starts(rest, STR_LIT("=?")))
			return false;
	}
	return true;
}

/* The width of the blanks and the word at the front. */
static size_t
next_word(struct str text)
{
	size_t at = 0;

	while (at < text.len && text.at[at] == ' ')
		at++;
	while (at < text.len && text.at[at] != ' ' && at < CUT_AT)
		at++;
	return at;
}

void
mime_put_folded(struct buf *b, struct str text, size_t used)
{
	text = str_trim(text);
	for (bool first = true; text.len > 0; first = false) {
		size_t len = next_word(text);

		if (!first && used + len > FIELD_LINE_MAX) {
			buf_puts(b, text.at[0] == ' ' ? "\r\n" : "\r\n ");
			used = 0;
		}
		buf_put_str(b, str_head(text, len));
		used += len;
		text = str_from(text, len);
	}
}

void
mime_put_words(struct buf *b, struct str text, size_t used)
{
	if (is_plain(text))
		mime_put_folded(b, text, used);
	else
		put_encoded_words(b, text, used);
}

/* bchars of RFC 2046 5.1.1 that need no quotes and no thought. */
void
mime_scan_init(struct mime_scan *s, struct str seed)
{
	*s = (struct mime_scan){.mark_len = 4};
	memcpy(s->mark, "--=_", 4);
	seed = str_head(seed, MIME_SEED_MAX - 2);
	for (size_t i = 0; i < seed.len; i++) {
		if (is_word_char((unsigned char)seed.at[i]))
			s->mark[s->mark_len++] = seed.at[i];
	}
}

static int
ending_of(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	return c >= 'a' && c <= 'z' ? 10 + c - 'a' : -1;
}

/* The next byte of the front of a line, as far as it is the mark. */
static void
match(struct mime_scan *s, char c)
{
	if (s->matched < s->mark_len) {
		s->matched =
		    c == s->mark[s->matched] ? s->matched + 1 : SIZE_MAX;
		return;
	}
	if (ending_of(c) >= 0)
		s->taken |= UINT64_C(1) << ending_of(c);
	s->matched = SIZE_MAX;
}

static bool
has_high_byte(struct str s)
{
	unsigned char all = 0;

	for (size_t i = 0; i < s.len; i++)
		all |= (unsigned char)s.at[i];
	return all > 127;
}

/* A piece of a line, its LF included where it is there. */
static void
feed_line(struct mime_scan *s, struct str piece)
{
	bool ended = str_ends(piece, STR_LIT("\n"));
	size_t len = piece.len - ended;
	char before = len > 0 ? piece.at[len - 1] : s->last;

	for (size_t i = 0; i < len && s->matched != SIZE_MAX; i++)
		match(s, piece.at[i]);
	/* A CR that ends the piece before was no line's end after all. */
	if (s->last == '\r' && len > 0)
		s->is_odd = true;
	/* All CRs but one at the very end. */
	if (len > 0 && str_has(str_head(piece, len - 1), '\r'))
		s->is_odd = true;
	if (str_has(piece, '\0'))
		s->is_odd = true;
	s->line += len;
	s->last = piece.at[piece.len - 1];
	if (!ended)
		return;
	if (before != '\r')
		s->is_odd = true;
	else
		s->line--;
	if (s->line > s->line_max)
		s->line_max = s->line;
	s->line = 0;
	s->matched = 0;
}

void
mime_scan_feed(struct mime_scan *s, struct str bytes)
{
	size_t open;

	s->size += bytes.len;
	if (!s->is_8bit)
		s->is_8bit = has_high_byte(bytes);
	while (bytes.len > 0) {
		size_t len = str_find(bytes, '\n');

		len = len < bytes.len ? len + 1 : len;
		feed_line(s, str_head(bytes, len));
		bytes = str_from(bytes, len);
	}
	/* The CR may be half of its end. */
	open = s->line - (s->last == '\r' ? 1 : 0);
	if (open > s->line_max)
		s->line_max = open;
}

bool
mime_scan_is_binary(const struct mime_scan *s)
{
	return s->is_odd || s->last == '\r';
}

bool
mime_scan_boundary(const struct mime_scan *s, char boundary[MIME_BOUNDARY_SIZE])
{
	static const char endings[] = "0123456789abcdefghijklmnopqrstuvwxyz";

	for (size_t i = 0; i < sizeof endings - 1; i++) {
		if ((s->taken >> i & 1) != 0)
			continue;
		/* Without the two hyphens that come before it in use. */
		memcpy(boundary, s->mark + 2, s->mark_len - 2);
		boundary[s->mark_len - 2] = endings[i];
		boundary[s->mark_len - 1] = '\0';
		return true;
	}
	return false;
}

enum mime_encoding
mime_encoding_of(struct str text)
{
	struct mime_scan scan;
	struct buf lines;

	buf_init(&lines, 2 * text.len);
	mime_put_lines(&lines, text);
	mime_scan_init(&scan, STR_LIT(""));
	mime_scan_feed(&scan, buf_str(&lines));
	buf_clear(&lines);
	if (mime_scan_is_binary(&scan) || scan.line_max > MIME_LINE_MAX)
		return MIME_QUOTED_PRINTABLE;
	return scan.is_8bit ? MIME_8BIT : MIME_7BIT;
}
