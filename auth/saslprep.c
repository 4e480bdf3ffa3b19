/* SPDX-License-Identifier: ISC */
/*
 * SASLprep by libunistring: a character is dropped, becomes a blank, is
 * prohibited, or goes on to the normalisation.
 *
 * Not done: the rule of one direction (RFC 3454 6), which no other
 * implementation that a password would meet enforces on what it hashes.
 */
#include "config.h"

#include "auth/saslprep.h"

#include <stdlib.h>
#include <uninorm.h>
#include <unistr.h>

#include "base/mem.h"

struct range {
	ucs4_t first, last;
};

/* RFC 3454 B.1: commonly mapped to nothing. */
static const struct range dropped[] = {
    {0x00ad, 0x00ad},
    {0x034f, 0x034f},
    {0x1806, 0x1806},
    {0x180b, 0x180d},
    {0x200b, 0x200d},
    {0x2060, 0x2060},
    {0xfe00, 0xfe0f},
    {0xfeff, 0xfeff},
};

/* C.1.2: blanks that are not the ASCII one. */
static const struct range blanks[] = {
    {0x00a0, 0x00a0},
    {0x1680, 0x1680},
    {0x2000, 0x200a},
    {0x202f, 0x202f},
    {0x205f, 0x205f},
    {0x3000, 0x3000},
};

/* C.2 to C.9: control characters, private use, surrogates, and the like. */
static const struct range prohibited[] = {
    {0x0000, 0x001f},
    {0x007f, 0x009f},
    {0x0340, 0x0341},
    {0x06dd, 0x06dd},
    {0x070f, 0x070f},
    {0x180e, 0x180e},
    {0x200e, 0x200f},
    {0x2028, 0x202e},
    {0x2061, 0x2063},
    {0x206a, 0x206f},
    {0x2ff0, 0x2ffb},
    {0xd800, 0xf8ff},
    {0xfdd0, 0xfdef},
    {0xfff9, 0xffff},
    {0x1d173, 0x1d17a},
    {0xe0000, 0x10ffff},
};

static bool
is_in(const struct range *ranges, size_t n, ucs4_t c)
{
	for (size_t i = 0; i < n; i++) {
		if (c >= ranges[i].first && c <= ranges[i].last)
			return true;
	}
	return false;
}

static void
map(const uint8_t *at, size_t len, struct buf *mapped)
{
	while (len > 0) {
		ucs4_t c;
		int n = u8_mbtouc(&c, at, len);

		if (is_in(blanks, ARRAY_LEN(blanks), c))
			buf_putc(mapped, ' ');
		else if (!is_in(dropped, ARRAY_LEN(dropped), c))
			buf_put(mapped, at, (size_t)n);
		at += n;
		len -= (size_t)n;
	}
}

static bool
is_allowed(const uint8_t *at, size_t len)
{
	while (len > 0) {
		ucs4_t c;
		int n = u8_mbtouc(&c, at, len);

		if (is_in(prohibited, ARRAY_LEN(prohibited), c))
			return false;
		at += n;
		len -= (size_t)n;
	}
	return true;
}

static bool
normalise(struct str text, struct buf *prepared)
{
	size_t len = 0;
	uint8_t *made = u8_normalize(
	    UNINORM_NFKC, (const uint8_t *)text.at, text.len, NULL, &len);
	bool ok = made != NULL && len > 0 && is_allowed(made, len);

	if (ok)
		buf_put(prepared, made, len);
	if (made != NULL)
		mem_wipe(made, len);
	free(made);
	return ok && !buf_is_full(prepared);
}

bool
saslprep(struct str text, struct buf *prepared)
{
	const uint8_t *at = (const uint8_t *)text.at;
	struct buf mapped;
	bool ok;

	buf_reset(prepared);
	if (text.len == 0 || u8_check(at, text.len) != NULL)
		return false;
	buf_init_secret(&mapped, text.len);
	map(at, text.len, &mapped);
	ok = buf_len(&mapped) > 0 && normalise(buf_str(&mapped), prepared);
	buf_clear(&mapped);
	return ok;
}
