/* SPDX-License-Identifier: ISC */
/*
 * Routes as they are written: by the operator (`to`, `smarthost`), and in
 * Postfix' words by the map `transport`. Each fills kind, host, port, lmtp and
 * fault of a route and leaves the rest alone; faults are permanent, 5.3.5.
 */
#ifndef MTA_SEND_ROUTE_PARSE_H
#define MTA_SEND_ROUTE_PARSE_H

#include "base/attr.h"
#include "base/fault.h"
#include "base/str.h"
#include "mta/send/route.h"

/* "mx", "mx:DOMAIN", "smtp:HOST[:PORT]", "lmtp:ADDRESS", "error:5.1.2 TEXT",
 * "error:TEXT", "discard". "mx" leaves host empty: it is the recipient's. */
int route_parse_to(
    struct str text, struct route *route, struct fault *f) MUST_USE;

/* A next hop for single messages: "HOST[:PORT]", or what route_parse_to() takes
 * with smtp:, lmtp: or mx: and a name in front. */
int route_parse_via(
    struct str text, struct route *route, struct fault *f) MUST_USE;

/* "mx.example.org", "mx.example.org:587", "192.0.2.1", "[2001:db8::1]:25". */
int route_parse_host(
    struct str text, struct route *route, struct fault *f) MUST_USE;

/*
 * "TRANSPORT:NEXTHOP" as in Postfix' transport(5). Known are smtp and relay
 * (and esmtp), lmtp, error and retry, discard. 1 with a route, 0 where the
 * value is empty or only ":", which changes nothing. A next hop without a
 * transport, and one of our own mailboxes ("local:", "virtual:"), are faults.
 */
int route_parse_transport(
    struct str text, struct route *route, struct fault *f) MUST_USE;

/*
 * The title of a `route` section as it is compared: an address_key(), a domain
 * as A-labels, a literal, ".domain" or "*".
 */
int route_parse_key(
    struct str text, char key[ADDRESS_TEXT_SIZE], struct fault *f) MUST_USE;

/* The keys for which an address is looked up, best first. They live as long as
 * this. */
enum { ROUTE_PARENTS_MAX = 10, ROUTE_KEYS_MAX = ROUTE_PARENTS_MAX + 3 };
struct route_keys {
	char text[ADDRESS_TEXT_SIZE];
	struct str
	    domain; /* A-labels or a literal; empty where there is none */
	struct str keys[ROUTE_KEYS_MAX];
	size_t n;
};
void route_keys_of(const struct address *a, struct route_keys *k);

#endif
