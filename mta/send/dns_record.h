/* SPDX-License-Identifier: ISC */
/*
 * The bytes of DNS records (RFC 1035 3.3, RFC 6698 2.1), as they come in an
 * answer: names whole, without compression. Each is false for what is no such
 * record, or not one that mail can use.
 */
#ifndef MTA_SEND_DNS_RECORD_H
#define MTA_SEND_DNS_RECORD_H

#include <stdbool.h>
#include <stddef.h>

#include "base/attr.h"
#include "base/net.h"
#include "base/str.h"
#include "mta/send/dns.h"

/* A name on the wire that fills all of bytes: lower case, no trailing dot, the
 * root as "". Labels are letters, digits, hyphens and underscores: what others
 * hold is no host. */
bool dns_record_name(struct str bytes, char name[DNS_NAME_SIZE]) MUST_USE;
bool dns_record_mx(struct str bytes, struct dns_mx *mx) MUST_USE;
bool dns_record_a(struct str bytes, struct net_address *address) MUST_USE;
bool dns_record_aaaa(struct str bytes, struct net_address *address) MUST_USE;
bool dns_record_tlsa(struct str bytes, struct dns_tlsa *tlsa) MUST_USE;
bool dns_record_txt(struct str bytes, char text[DNS_TXT_SIZE]) MUST_USE;

/*
 * A name that can be asked for: A-labels, lower case, without a trailing dot;
 * in ASCII, underscores are allowed, and in front of U-labels those labels that
 * begin with one ("_mta-sts.bücher.example").
 */
bool dns_record_ask(struct str text, char name[DNS_NAME_SIZE]) MUST_USE;

#endif
