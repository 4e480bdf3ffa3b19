/* SPDX-License-Identifier: ISC */
/* Counted strings, as saslauthd has them. */
#include "config.h"

#include "proto/saslauthd.h"

/* Takes a string off *rest. */
static enum saslauthd_result
take_string(struct str *rest, struct str *s)
{
	const unsigned char *at = (const unsigned char *)rest->at;
	size_t len;

	if (rest->len < 2)
		return SASLAUTHD_MORE;
	len = (size_t)at[0] << 8 | at[1];
	if (len > SASLAUTHD_FIELD_MAX)
		return SASLAUTHD_BAD;
	if (rest->len - 2 < len)
		return SASLAUTHD_MORE;
	*s = str_n(rest->at + 2, len);
	*rest = str_from(*rest, 2 + len);
	return SASLAUTHD_OK;
}

enum saslauthd_result
saslauthd_take(struct str in, struct saslauthd_request *r, size_t *used)
{
	struct str *const strings[] = {
	    &r->user, &r->password, &r->service, &r->realm, &r->client};
	struct str rest = in;

	r->client = str_n(NULL, 0);
	for (size_t i = 0; i < ARRAY_LEN(strings); i++) {
		enum saslauthd_result result;

		if (i == 4 && rest.len == 0)
			break;
		result = take_string(&rest, strings[i]);
		if (result != SASLAUTHD_OK)
			return result;
	}
	*used = in.len - rest.len;
	return SASLAUTHD_OK;
}

void
saslauthd_put_answer(struct buf *out, bool ok)
{
	buf_putc(out, 0);
	buf_putc(out, 2);
	buf_puts(out, ok ? "OK" : "NO");
}
