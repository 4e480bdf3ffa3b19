/* SPDX-License-Identifier: ISC */
/* UTF-8, decoded strictly. */
#include "config.h"

#include "base/utf8.h"

/* By its first byte. */
static size_t
length(unsigned char c)
{
	if (c < 0x80)
		return 1;
	if (c < 0xc0 || c > 0xf7)
		return 0;
	return c < 0xe0 ? 2 : c < 0xf0 ? 3 : 4;
}

size_t
utf8_get(struct str s, uint32_t *c)
{
	static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
	const unsigned char *p = (const unsigned char *)s.at;
	uint32_t u;
	size_t n;

	if (s.len == 0)
		return 0;
	n = length(p[0]);
	if (n == 0 || n > s.len)
		return 0;
	u = n == 1 ? p[0] : p[0] & (0x7fu >> n);
	for (size_t i = 1; i < n; i++) {
		if ((p[i] & 0xc0) != 0x80)
			return 0;
		u = u << 6 | (p[i] & 0x3f);
	}
	if (u < least[n] || u > 0x10ffff || (u >= 0xd800 && u <= 0xdfff))
		return 0;
	if (c != NULL)
		*c = u;
	return n;
}

bool
utf8_is_valid(struct str s)
{
	while (s.len > 0) {
		size_t n = utf8_get(s, NULL);

		if (n == 0)
			return false;
		s = str_from(s, n);
	}
	return true;
}

void
utf8_put(struct buf *b, uint32_t c)
{
	unsigned char bytes[4];
	size_t n = c < 0x80 ? 1 : c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;

	for (size_t i = n - 1; i > 0; i--) {
		bytes[i] = (unsigned char)(0x80 | (c & 0x3f));
		c >>= 6;
	}
	bytes[0] = (unsigned char)(n == 1 ? c : (0xf00u >> n & 0xf0) | c);
	buf_put(b, bytes, n);
}
