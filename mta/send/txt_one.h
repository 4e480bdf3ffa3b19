/* SPDX-License-Identifier: ISC */
/* The one TXT record of its kind that a name must have (RFC 8460 3, 8461 3.1). */
#ifndef MTA_SEND_TXT_ONE_H
#define MTA_SEND_TXT_ONE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/fault.h"
#include "base/str.h"
#include "mta/send/dns.h"

struct txt_one {
	char text[DNS_TXT_SIZE];
	uint32_t ttl; /* seconds, also where there is none */
};

/* Blocks for seconds at most. 1 with the record for which is() is true, 0 where
 * there is none, or more than one; -1 as dns_txt(). */
int txt_one_ask(struct dns *dns, const char *name, bool (*is)(struct str text),
    struct txt_one *one, struct fault *f) MUST_USE;

#endif
