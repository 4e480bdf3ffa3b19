/* SPDX-License-Identifier: ISC */
/*
 * A connection to whichever of a host's addresses answers first (RFC 8305):
 * IPv6 and IPv4 by turns, each with a head start of a quarter of a second
 * before the next, none without a limit of its own.
 */
#ifndef MTA_SEND_CONNECT_H
#define MTA_SEND_CONNECT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/fault.h"
#include "base/net.h"

enum { CONNECT_MAX = 32 }; /* addresses of a host that are looked at */

struct connect {
	struct net_address addresses[CONNECT_MAX]; /* in the order of trial */
	size_t n;
	size_t next; /* those before it were tried */
	int64_t limit_ms;
	const struct net_address *bind4, *bind6; /* source; NULL: any */
};

/* Puts at most CONNECT_MAX addresses in order, families by turns, beginning
 * with the first one's; each gets the port. */
void connect_init(struct connect *c, const struct net_address *addresses,
    size_t n, uint16_t port);

/*
 * Returns a connected non-blocking socket, and which address it leads to; the
 * attempts that were slower are ended. Addresses that failed are not tried by
 * the next call; neither is the one that was returned: call again where it
 * turns out to be of no use. Blocks, and says so to the loop. A temporary fault,
 * 4.4.1, where no address is left.
 */
int connect_next(
    struct connect *c, struct net_address *reached, struct fault *f) MUST_USE;

#endif
