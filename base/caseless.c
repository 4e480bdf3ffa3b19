/* SPDX-License-Identifier: ISC */
/*
 * Characters are compared as they are met, without a folded copy of the text:
 * most texts have not even the first one. What the C library knows of case goes
 * into a table, since asking it costs more than all the rest.
 */
#include "config.h"

#include "base/caseless.h"

#include <locale.h>
#include <pthread.h>
#include <wctype.h>

#include "base/mem.h"
#include "base/utf8.h"

enum { TABLE_SIZE = 0x10000, NO_CHARACTER = 0x110000 };

static uint16_t lower[TABLE_SIZE];
static pthread_once_t once = PTHREAD_ONCE_INIT;

static inline uint32_t
lower_ascii(uint32_t c)
{
	return c >= 'A' && c <= 'Z' ? c | 0x20 : c;
}

/* By way of the capital: some letters have two small forms ("\u03c3" and
 * "\u03c2"). */
static void
fill_table(void)
{
	locale_t unicode = newlocale(LC_CTYPE_MASK, "C.UTF-8", (locale_t)0);

	for (uint32_t c = 0; c < TABLE_SIZE; c++) {
		wint_t w = (wint_t)c;

		if (unicode != (locale_t)0)
			w = towlower_l(towupper_l(w, unicode), unicode);
		else
			w = lower_ascii(w);
		lower[c] = (uint16_t)(w < TABLE_SIZE ? w : c);
	}
	if (unicode != (locale_t)0)
		freelocale(unicode);
}

/* Takes a character off the front. */
static uint32_t
take(struct str *text)
{
	unsigned char first = (unsigned char)text->at[0];
	uint32_t c;
	size_t n;

	if (first < 0x80) {
		*text = str_n(text->at + 1, text->len - 1);
		return lower_ascii(first);
	}
	n = utf8_get(*text, &c);
	if (n == 0) {
		c = NO_CHARACTER + first;
		n = 1;
	}
	*text = str_n(text->at + n, text->len - n);
	return c < TABLE_SIZE ? lower[c] : c;
}

void
caseless_init(struct caseless *c, struct str text)
{
	pthread_once(&once, fill_table);
	*c = (struct caseless){
	    .chars = mem_zeroed(text.len + 1, sizeof(*c->chars)),
	    .is_ascii = true,
	};
	while (text.len > 0) {
		uint32_t next = take(&text);

		c->chars[c->n++] = next;
		c->is_ascii = c->is_ascii && next < 0x80;
	}
}

void
caseless_clear(struct caseless *c)
{
	mem_free(c->chars);
	*c = (struct caseless){0};
}

static bool
starts(const struct caseless *c, struct str text)
{
	for (size_t i = 1; i < c->n; i++)
		if (text.len == 0 || take(&text) != c->chars[i])
			return false;
	return true;
}

/* No character of several bytes need be put together. */
static bool
is_in_bytes(const struct caseless *c, struct str text)
{
	const unsigned char *at = (const unsigned char *)text.at;

	for (size_t i = 0; i + c->n <= text.len; i++) {
		size_t n = 0;

		while (n < c->n && lower_ascii(at[i + n]) == c->chars[n])
			n++;
		if (n == c->n)
			return true;
	}
	return false;
}

bool
caseless_is_in(const struct caseless *c, struct str text)
{
	if (c->n == 0)
		return true;
	if (c->is_ascii)
		return is_in_bytes(c, text);
	while (text.len > 0)
		if (take(&text) == c->chars[0] && starts(c, text))
			return true;
	return false;
}
