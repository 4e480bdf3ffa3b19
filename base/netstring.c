/* SPDX-License-Identifier: ISC */
/* Netstrings. */
#include "config.h"

#include "base/netstring.h"

enum { DIGITS_MAX = 9 };

void
netstring_put(struct buf *b, struct str payload)
{
	buf_putf(b, "%zu:", payload.len);
	buf_put_str(b, payload);
	buf_putc(b, ',');
}

enum netstring_result
netstring_take(struct str in, size_t max, struct str *payload, size_t *used)
{
	size_t colon = str_find(str_head(in, DIGITS_MAX + 1), ':');
	struct str digits = str_head(in, colon);
	uint64_t len = 0;

	if (digits.len > DIGITS_MAX || (digits.len == 0 && in.len > 0) ||
	    (digits.len > 1 && digits.at[0] == '0'))
		return NETSTRING_BAD;
	if (digits.len == 0)
		return NETSTRING_MORE;
	if (!str_to_u64(digits, 0, max, &len))
		return NETSTRING_BAD;
	if (colon == in.len)
		return NETSTRING_MORE;
	in = str_from(in, colon + 1);
	if (in.len < len + 1)
		return NETSTRING_MORE;
	if (in.at[len] != ',')
		return NETSTRING_BAD;
	*payload = str_head(in, (size_t)len);
	*used = colon + (size_t)len + 2;
	return NETSTRING_OK;
}
