/* SPDX-License-Identifier: ISC */
/*
 * Borrowed views of bytes. ASCII only: no function here depends on a locale.
 */
#include "config.h"

#include "base/str.h"

#include "base/mem.h"

static unsigned char
lower(char c)
{
	return (unsigned char)(c >= 'A' && c <= 'Z' ? c + ('a' - 'A') : c);
}

bool
str_is(struct str a, struct str b)
{
	return a.len == b.len && (a.len == 0 || !memcmp(a.at, b.at, a.len));
}

bool
str_is_nocase(struct str a, struct str b)
{
	return a.len == b.len && str_starts_nocase(a, b);
}

bool
str_starts(struct str s, struct str prefix)
{
	return s.len >= prefix.len && str_is(str_head(s, prefix.len), prefix);
}

bool
str_starts_nocase(struct str s, struct str prefix)
{
	if (s.len < prefix.len)
		return false;
	for (size_t i = 0; i < prefix.len; i++) {
		if (lower(s.at[i]) != lower(prefix.at[i]))
			return false;
	}
	return true;
}

bool
str_ends(struct str s, struct str suffix)
{
	return s.len >= suffix.len &&
	       str_is(str_from(s, s.len - suffix.len), suffix);
}

int
str_compare(struct str a, struct str b)
{
	size_t len = a.len < b.len ? a.len : b.len;
	/* What is empty may be nowhere. */
	int order = len > 0 ? memcmp(a.at, b.at, len) : 0;

	return order != 0 ? order : (a.len > b.len) - (a.len < b.len);
}

bool
str_has(struct str s, char c)
{
	return str_find(s, c) < s.len;
}

size_t
str_find(struct str s, char c)
{
	const char *p = s.len == 0 ? NULL : memchr(s.at, c, s.len);

	return p == NULL ? s.len : (size_t)(p - s.at);
}

size_t
str_find_last(struct str s, char c)
{
	const char *p = s.len == 0 ? NULL : memrchr(s.at, c, s.len);

	return p == NULL ? s.len : (size_t)(p - s.at);
}

struct str
str_from(struct str s, size_t n)
{
	if (n >= s.len)
		return str_n(s.at == NULL ? NULL : s.at + s.len, 0);
	return str_n(s.at + n, s.len - n);
}

struct str
str_head(struct str s, size_t n)
{
	return str_n(s.at, n < s.len ? n : s.len);
}

static bool
is_blank(char c)
{
	return c == ' ' || c == '\t';
}

struct str
str_trim(struct str s)
{
	while (s.len > 0 && is_blank(s.at[0]))
		s = str_from(s, 1);
	while (s.len > 0 && is_blank(s.at[s.len - 1]))
		s.len--;
	return s;
}

struct str
str_cut(struct str *rest, char c)
{
	struct str whole = *rest;
	size_t i = str_find(whole, c);

	if (i == whole.len)
		*rest = str_n(NULL, 0);
	else
		*rest = str_from(whole, i + 1);
	return str_head(whole, i);
}

bool
str_to_u64(struct str s, uint64_t min, uint64_t max, uint64_t *value)
{
	uint64_t n = 0;

	if (s.len == 0)
		return false;
	for (size_t i = 0; i < s.len; i++) {
		uint64_t digit = (uint64_t)(unsigned char)s.at[i] - '0';

		if (digit > 9 || n > (UINT64_MAX - digit) / 10)
			return false;
		n = n * 10 + digit;
	}
	if (n < min || n > max)
		return false;
	*value = n;
	return true;
}

char *
str_dup(struct str s)
{
	return mem_dup_n(s.at, s.len);
}

bool
str_copy(struct str s, char *dst, size_t size)
{
	dst[0] = '\0';
	if (s.len >= size || str_has(s, '\0'))
		return false;
	if (s.len > 0)
		memcpy(dst, s.at, s.len);
	dst[s.len] = '\0';
	return true;
}

/* FNV-1a. */
uint64_t
str_hash(struct str s)
{
	uint64_t h = 14695981039346656037u;

	for (size_t i = 0; i < s.len; i++)
		h = (h ^ (unsigned char)s.at[i]) * 1099511628211u;
	return h;
}
