/* SPDX-License-Identifier: ISC */
/* Lists of domains in the configuration: "example.org" is that one alone,
 * ".example.org" all below it. */
#ifndef MTA_SMTPD_DOMAINS_H
#define MTA_SMTPD_DOMAINS_H

#include <stdbool.h>
#include <stddef.h>

#include "base/attr.h"
#include "base/conf.h"
#include "base/fault.h"
#include "base/str.h"

/* In A-label form, lower case. */
struct domains {
	char **names;
	size_t n;
};

/* Embedded. A permanent fault names the item that is no domain. */
int domains_init(
    struct domains *d, const struct conf_list *list, struct fault *f) MUST_USE;
void domains_clear(struct domains *d);

/* domain is an ASCII name in lower case, as address_key() makes it. */
bool domains_has(const struct domains *d, struct str domain);

#endif
