/* SPDX-License-Identifier: ISC */
/*
 * The door to DNS (libunbound, with DNSSEC validation). Calls block, say so to
 * the loop, and never past the deadline. Answers are cached by libunbound.
 *
 * A name that does not exist (NXDOMAIN, or no record of the type) is an empty
 * list, not a fault; SERVFAIL, a bogus answer and no answer are temporary,
 * 4.4.3. `exists` is false for NXDOMAIN. `secure`: validated.
 */
#ifndef MTA_SEND_DNS_H
#define MTA_SEND_DNS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/fault.h"
#include "base/net.h"

struct dns;

struct dns_conf {
	/* "127.0.0.1@5353" or "127.0.0.1": forward to it; NULL: to those of
	 * resolv.conf. */
	const char *server;
	/* A file with DS or DNSKEY records; NULL: the root's, where the system
	 * has it, else a warning and no validation. */
	const char *trust_anchor;
	bool no_dnssec; /* nothing is validated, so nothing is `secure` */
};

/* Makes two threads. Permanent faults: a bad server, no trust anchor in the
 * file. Nothing is asked. */
struct dns *dns_new(const struct dns_conf *conf, struct fault *f) MUST_USE;
/* No call may be under way. */
void dns_free(struct dns **dns);

enum { DNS_NAME_SIZE = 256, DNS_RECORDS_MAX = 100 };

struct dns_answer {
	bool exists;
	bool secure;
	uint32_t ttl; /* seconds, for how long it may be kept */
	size_t n;
	size_t malformed; /* records that were left out */
	bool bogus; /* with a fault: it has not passed DNSSEC validation */
};

struct dns_mx {
	char host[DNS_NAME_SIZE]; /* "." as "": null MX (RFC 7505) */
	uint16_t preference;
};
struct dns_tlsa {
	uint8_t usage, selector, matching;
	uint8_t data[512];
	size_t len; /* 0: longer than data, so there but of no use */
};

/*
 * From any thread. Names are text in U-labels or A-labels; underscores are
 * allowed. What is no name is a permanent fault, 5.1.2.
 *
 * Each fills at most DNS_RECORDS_MAX of an array with as many places. CNAMEs
 * are followed, not for ever: a loop or a long chain is a temporary fault.
 * Records that are malformed are left out.
 */
int dns_mx(struct dns *dns, const char *domain, int64_t deadline,
    struct dns_answer *a, struct dns_mx *mx, struct fault *f) MUST_USE;
/*
 * AAAA and A, asked at once; IPv6 first in the list. canonical (DNS_NAME_SIZE;
 * may be NULL) gets the name behind CNAMEs. Ports are 0. Where one of the two
 * is not answered, the other is enough if it is not empty. Secure where both
 * are.
 */
int dns_addresses(struct dns *dns, const char *host, int64_t deadline,
    struct dns_answer *a, struct net_address *addresses, char *canonical,
    struct fault *f) MUST_USE;
int dns_tlsa(struct dns *dns, const char *host, uint16_t port, int64_t deadline,
    struct dns_answer *a, struct dns_tlsa *tlsa, struct fault *f) MUST_USE;
/* Each string of a TXT record joined; longer ones than 1024 bytes are left
 * out. */
enum { DNS_TXT_SIZE = 1025 };
int dns_txt(struct dns *dns, const char *name, int64_t deadline,
    struct dns_answer *a, char (*texts)[DNS_TXT_SIZE],
    struct fault *f) MUST_USE;

#endif
