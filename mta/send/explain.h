/* SPDX-License-Identifier: ISC */
/*
 * Where a message would go, and why: each decision with the rule that made it,
 * in JSON. Nothing is sent, and no mail server is asked.
 *
 *   {from, to,
 *    route: {kind, rule, where?, host?, port?, address?, implicit_tls?, user?,
 *            tls},
 *    target: {key, provider, hosts: [{name, preference, secure, addresses: [],
 *            tls: {level, rule, verify?, tlsa?}, fault?}],
 *            sts: {domain, mode?, id?, fetched?, expires?, mx?: [],
 *            trouble?}?},
 *    fault: {kind, dsn, text}}
 *
 * kind of a route is "mx", "host", "lmtp", "error" or "discard". target is
 * missing where nothing is sent; sts where MTA-STS is off or has no say; fault is why, or why a host is of no use. kind
 * of a fault is "temporary" or "permanent".
 */
#ifndef MTA_SEND_EXPLAIN_H
#define MTA_SEND_EXPLAIN_H

#include <stdint.h>

#include "base/attr.h"
#include "base/json.h"

struct address;
struct dns;
struct routes;
struct sts;
struct target_conf;

/* Borrowed for the call. */
struct explain_conf {
	struct routes *routes;
	struct dns *dns;
	struct sts *sts; /* NULL: none */
	const struct target_conf *target;
	uint16_t port; /* of MX hosts */
};

/* Blocks for look-ups, for half a minute at most beyond those of the maps.
 * Returns new. */
json_t *explain(const struct explain_conf *conf,
    const struct address *reverse_path,
    const struct address *forward_path) MUST_USE;

#endif
