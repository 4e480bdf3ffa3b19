/* SPDX-License-Identifier: ISC */
#include "config.h"

#include "proto/quota_value.h"

#include <inttypes.h>
#include <string.h>

void
quota_value_put(struct buf *b, const struct quota_value *v)
{
	buf_puts(b, "user=");
	buf_put_str(b, v->user);
	buf_putf(b,
	    " bytes=%" PRIu64 " messages=%" PRIu64 " domain_bytes=%" PRIu64
	    " domain_messages=%" PRIu64,
	    v->bytes, v->messages, v->domain_bytes, v->domain_messages);
}

bool
quota_value_parse(struct str text, struct quota_value *v)
{
	const struct {
		const char *name;
		uint64_t *limit;
	} fields[] = {
	    {"bytes", &v->bytes},
	    {"messages", &v->messages},
	    {"domain_bytes", &v->domain_bytes},
	    {"domain_messages", &v->domain_messages},
	};

	memset(v, 0, sizeof *v);
	while (text.len > 0) {
		struct str value = str_cut(&text, ' ');
		struct str name = str_cut(&value, '=');

		if (str_is(name, STR_LIT("user")))
			v->user = value;
		for (size_t i = 0; i < ARRAY_LEN(fields); i++)
			if (str_is(name, str(fields[i].name)) &&
			    !str_to_u64(value, 0, INT64_MAX, fields[i].limit))
				*fields[i].limit = 0;
	}
	return v->user.len > 0;
}

void
quota_value_put_maildir(struct buf *b, const struct quota_value *v)
{
	if (v->bytes > 0)
		buf_putf(b, "%" PRIu64 "S", v->bytes);
	if (v->bytes > 0 && v->messages > 0)
		buf_putc(b, ',');
	if (v->messages > 0)
		buf_putf(b, "%" PRIu64 "C", v->messages);
}

void
quota_value_put_rule(struct buf *b, const struct quota_value *v)
{
	if (v->bytes == 0 && v->messages == 0)
		return;
	buf_putc(b, '*');
	if (v->bytes > 0)
		buf_putf(b, ":bytes=%" PRIu64, v->bytes);
	if (v->messages > 0)
		buf_putf(b, ":messages=%" PRIu64, v->messages);
}
