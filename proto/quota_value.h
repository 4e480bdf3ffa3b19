/* SPDX-License-Identifier: ISC */
/* The value of the socketmap map "quota": "user=ann@example.org bytes=1000
 * messages=0 domain_bytes=0 domain_messages=0", in any order; 0 is no limit. */
#ifndef PROTO_QUOTA_VALUE_H
#define PROTO_QUOTA_VALUE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/buf.h"
#include "base/str.h"

struct quota_value {
	struct str user; /* whose mailbox it is */
	uint64_t bytes, messages;
	uint64_t domain_bytes, domain_messages;
};

void quota_value_put(struct buf *b, const struct quota_value *value);
/* False where nobody is named. What is not known is ignored, and what is no
 * number is no limit. Views into text. */
bool quota_value_parse(struct str text, struct quota_value *value) MUST_USE;

/* Appends the user's own as Maildir++ has it, "1000S,10C", or as Dovecot does,
 * "*:bytes=1000:messages=10"; nothing where there is no limit. */
void quota_value_put_maildir(struct buf *b, const struct quota_value *value);
void quota_value_put_rule(struct buf *b, const struct quota_value *value);

#endif
