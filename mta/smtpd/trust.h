/* SPDX-License-Identifier: ISC */
/*
 * Which networks may be trusted to send anywhere (option relay_from).
 *
 * The commonest accidental open relay trusts an address behind which the whole
 * world stands: the default gateway, or a container engine's bridge, which
 * put their own address in place of the client's. Such networks are refused
 * with the reason; so are ranges too large to be anybody's own.
 */
#ifndef MTA_SMTPD_TRUST_H
#define MTA_SMTPD_TRUST_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/socket.h>

#include "base/attr.h"
#include "base/fault.h"
#include "base/net.h"
#include "base/str.h"

/* An address that may stand for any client. */
struct trust_point {
	struct sockaddr_storage sa;
	char what[96]; /* "the default gateway on eth0" */
};

enum { TRUST_POINTS_MAX = 128 };

struct trust_facts {
	struct trust_point points[TRUST_POINTS_MAX];
	size_t n;
};

/* What container engines use when nothing is said. */
void trust_facts_init(struct trust_facts *facts);
/* That, and the machine's routes and bridges as they are now. What cannot be
 * read is left out. */
void trust_facts_read(struct trust_facts *facts);
/* The gateways in the text of the kernel's tables /proc/net/route and
 * /proc/net/ipv6_route. */
void trust_facts_add_routes4(struct trust_facts *facts, struct str table);
void trust_facts_add_routes6(struct trust_facts *facts, struct str table);

/* A network as the operator wrote it; a permanent fault says why it may not be
 * trusted. */
int trust_parse(struct str text, const struct trust_facts *facts,
    struct net_network *network, struct fault *f) MUST_USE;

/* Whether a client's address is in one of the networks. */
bool trust_has(
    const struct net_network *networks, size_t n, const struct net_peer *peer);

#endif
