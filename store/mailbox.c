/* SPDX-License-Identifier: ISC */
/*
 * Names become paths here and nowhere else. Each rule refuses; none mends: a
 * name that needed mending would be a second name for somebody's mailbox.
 */
#include "config.h"

#include "store/mailbox.h"

#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "base/utf8.h"

enum { PART_MAX = 200 };

/* Takes one character of well-formed UTF-8 off *s; false where there is none. */
static bool
take_char(struct str *s, uint32_t *c)
{
	size_t n = utf8_get(*s, c);

	*s = str_from(*s, n);
	return n > 0;
}

static bool
is_control(uint32_t c)
{
	return c < 0x20 || (c >= 0x7f && c < 0xa0);
}

/* What may be the name of a directory of ours. */
static bool
is_good_part(struct str part)
{
	if (part.len == 0 || part.len > PART_MAX || part.at[0] == '.' ||
	    part.at[0] == '-' || str_has(part, '/'))
		return false;
	for (size_t i = 1; i < part.len; i++) {
		if (part.at[i] == '.' && part.at[i - 1] == '.')
			return false;
	}
	while (part.len > 0) {
		uint32_t c;

		if (!take_char(&part, &c) || is_control(c))
			return false;
	}
	return true;
}

int
mailbox_name_parse(struct str text, struct mailbox_name *name, struct fault *f)
{
	size_t at = str_find_last(text, '@');
	struct str user = str_head(text, at), domain = str_from(text, at + 1);

	memset(name, 0, sizeof *name);
	if (!is_good_part(user) || !is_good_part(domain))
		return fault_perm(
		    f, "5.1.3", "this name can not be that of a mailbox");
	/* Two parts of 200 bytes and a character between them always fit. */
	snprintf(name->text, sizeof name->text, "%.*s@%.*s", STR_ARG(user),
	    STR_ARG(domain));
	snprintf(name->path, sizeof name->path, "%.*s/%.*s", STR_ARG(domain),
	    STR_ARG(user));
	return 0;
}

/*
 * Modified UTF-7 (RFC 3501 5.1.3): printable ASCII stands for itself, "&" is
 * "&-", and all else is UTF-16 in a base64 of its own between "&" and "-".
 */
static const char base64[] =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+,";

struct bits {
	uint32_t value;
	unsigned n;
};

static void
put_unit(struct buf *b, struct bits *bits, uint32_t unit)
{
	bits->value = bits->value << 16 | unit;
	bits->n += 16;
	while (bits->n >= 6) {
		bits->n -= 6;
		buf_putc(b, base64[bits->value >> bits->n & 63]);
	}
	bits->value &= (1U << bits->n) - 1;
}

static void
put_utf16(struct buf *b, struct bits *bits, uint32_t c)
{
	if (c > 0xffff) {
		put_unit(b, bits, 0xd800 + ((c - 0x10000) >> 10));
		c = 0xdc00 + ((c - 0x10000) & 0x3ff);
	}
	put_unit(b, bits, c);
}

static void
end_shift(struct buf *b, struct bits *bits)
{
	if (bits->n > 0)
		buf_putc(b, base64[bits->value << (6 - bits->n) & 63]);
	bits->value = 0;
	bits->n = 0;
	buf_putc(b, '-');
}

/* Well-formed UTF-8 without controls into modified UTF-7. */
static bool
encode_level(struct str text, struct buf *b)
{
	struct bits bits = {0};
	bool shifted = false;

	while (text.len > 0) {
		uint32_t c;

		if (!take_char(&text, &c) || is_control(c))
			return false;
		if (c < 0x80 && shifted) {
			end_shift(b, &bits);
			shifted = false;
		}
		if (c >= 0x80 && !shifted)
			buf_putc(b, '&');
		if (c == '&')
			buf_puts(b, "&-");
		else if (c < 0x80)
			buf_putc(b, (char)c);
		else
			put_utf16(b, &bits, c);
		shifted = c >= 0x80;
	}
	if (shifted)
		end_shift(b, &bits);
	return true;
}

/* What stands between "&" and "-". */
static bool
decode_shift(struct str text, struct buf *b)
{
	uint32_t bits = 0, high = 0;
	unsigned n = 0;

	for (size_t i = 0; i < text.len; i++) {
		const char *at = strchr(base64, text.at[i]);

		if (at == NULL || *at == '\0')
			return false;
		bits = (bits << 6 | (uint32_t)(at - base64)) & 0x3fffff;
		n += 6;
		if (n < 16)
			continue;
		n -= 16;
		uint32_t unit = bits >> n & 0xffff;
		bool is_low = unit >= 0xdc00 && unit < 0xe000;

		if (is_low != (high != 0))
			return false;
		if (is_low)
			utf8_put(b,
			    0x10000 + ((high - 0xd800) << 10) + unit - 0xdc00);
		else if (unit < 0xd800 || unit > 0xdfff)
			utf8_put(b, unit);
		high = unit >= 0xd800 && unit < 0xdc00 ? unit : 0;
	}
	return high == 0 && n < 6 && (bits & ((1U << n) - 1)) == 0;
}

static bool
decode_level(struct str dir, struct buf *b)
{
	while (dir.len > 0) {
		struct str shift;

		if (dir.at[0] != '&') {
			buf_putc(b, dir.at[0]);
			dir = str_from(dir, 1);
			continue;
		}
		if (!str_has(dir, '-'))
			return false;
		dir = str_from(dir, 1);
		shift = str_cut(&dir, '-');
		if (shift.len == 0)
			buf_putc(b, '&');
		else if (!decode_shift(shift, b))
			return false;
	}
	return true;
}

static int
bad_folder(struct fault *f)
{
	return fault_perm(f, "5.2.0", "this name can not be that of a folder");
}

/* Both forms of the level into the two buffers. */
static bool
put_level(struct str level, struct buf *text, struct buf *dir)
{
	if (level.len == 0 || level.len > PART_MAX)
		return false;
	if (buf_len(text) > 0)
		buf_putc(text, '/');
	buf_put_str(text, level);
	buf_putc(dir, '.');
	return encode_level(level, dir);
}

int
mailbox_folder_parse(
    struct str text, struct mailbox_folder *folder, struct fault *f)
{
	struct buf shown, dir;
	int rc = -1;

	memset(folder, 0, sizeof *folder);
	if (text.len == 0 || str_is_nocase(text, STR_LIT("inbox")))
		return 0;
	buf_init(&shown, sizeof folder->text - 1);
	buf_init(&dir, sizeof folder->dir - 1);
	for (size_t i = 0; i <= text.len; i++) {
		size_t end = i;

		while (end < text.len && text.at[end] != '/' &&
		       text.at[end] != '.')
			end++;
		if (!put_level(str_n(text.at + i, end - i), &shown, &dir))
			goto out;
		i = end;
	}
	if (buf_is_full(&shown) || buf_is_full(&dir) ||
	    !str_copy(buf_str(&shown), folder->text, sizeof folder->text) ||
	    !str_copy(buf_str(&dir), folder->dir, sizeof folder->dir))
		goto out;
	rc = 0;
out:
	buf_clear(&shown);
	buf_clear(&dir);
	return rc == 0 ? 0 : bad_folder(f);
}

const char *
mailbox_folder_shown(const struct mailbox_folder *folder)
{
	return folder->dir[0] == '\0' ? "INBOX" : folder->text;
}

int
mailbox_folder_from_dir(
    struct str dir, struct mailbox_folder *folder, struct fault *f)
{
	struct mailbox_folder again;
	struct buf shown;
	struct str rest = str_from(dir, 1);
	int rc = -1;

	memset(folder, 0, sizeof *folder);
	if (dir.len == 0)
		return 0;
	if (dir.at[0] != '.')
		return bad_folder(f);
	buf_init(&shown, sizeof folder->text - 1);
	while (rest.at != NULL) {
		struct str level = str_cut(&rest, '.');

		if (buf_len(&shown) > 0)
			buf_putc(&shown, '/');
		if (!decode_level(level, &shown))
			goto out;
	}
	/* Only a name that comes out the same again has one spelling. */
	if (buf_is_full(&shown) ||
	    mailbox_folder_parse(buf_str(&shown), &again, f) < 0 ||
	    !str_is(str(again.dir), dir))
		goto out;
	*folder = again;
	rc = 0;
out:
	buf_clear(&shown);
	return rc == 0 ? 0 : bad_folder(f);
}
