/* SPDX-License-Identifier: ISC */
/*
 * A route, resolved: the hosts to try, in order (RFC 5321 5.1): MX by preference,
 * shuffled among equals, ourselves and all that is worse cut off; no MX: the
 * domain's own address; null MX; address literals; smarthosts; LMTP sockets.
 */
#ifndef MTA_SEND_TARGET_H
#define MTA_SEND_TARGET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/fault.h"
#include "mta/send/dns.h"
#include "mta/send/route.h"

enum { TARGET_HOSTS_MAX = 20, TARGET_KEY_SIZE = 320 };

struct target_host {
	char name[DNS_NAME_SIZE]; /* "" for a unix socket */
	uint16_t preference;
	bool secure; /* the name came by a validated answer (DANE) */
};

/* A value. */
struct target {
	struct route route;
	/* The same for all routes that lead to the same hosts with the same
	 * rules (port, TLS, credentials): connections are kept, and slowness
	 * is felt, by it. */
	char key[TARGET_KEY_SIZE];
	/* The organisational domain (libpsl) of the first host: "google.com";
	 * the key where there is none. */
	char provider[DNS_NAME_SIZE];
	char domain[DNS_NAME_SIZE]; /* of the recipients, for MTA-STS */
	struct target_host hosts[TARGET_HOSTS_MAX]; /* in order of trial */
	size_t n_hosts;
	int64_t until; /* clock_ms(): resolve again after it */
};

struct target_conf {
	const char *hostname; /* ours: an MX of this name is ourselves */
	/* Our addresses: an MX that has one of them is ourselves. */
	const struct net_address *own;
	size_t n_own;
	int64_t timeout_ms; /* for one resolution; 0: 60 s */
};

/* The addresses of this host's interfaces, max at most; those of loopback only
 * where they are ours alone: nothing else listens there at the port of mail. */
size_t target_find_own(struct net_address *own, size_t max, bool loopback);

/*
 * Blocks. domain is the recipients', as it stands in an address; a route to a
 * host, a socket or an error asks nothing. Faults: 5.1.2 no such domain
 * (NXDOMAIN, neither MX nor address), 5.1.10 null MX, 5.4.6 we are its best MX
 * ("mail loops back to us"), 5.4.4 MX records that name no host, 4.4.3 no
 * answer. Hosts may turn out to have no address when they are tried.
 */
int target_resolve(const struct target_conf *conf, struct dns *dns,
    const struct route *route, struct str domain, struct target *target,
    struct fault *f) MUST_USE;

/* The deciding part, which asks nothing. */
struct target_facts {
	const char *domain; /* whose MX was asked */
	struct dns_answer mx_answer;
	const struct dns_mx *mx;
	const bool *own_mx;          /* which of them are ourselves */
	struct dns_answer addresses; /* the domain's own; where mx_answer has
				       * no record */
	bool own_addresses;          /* and they are ours */
};
/* Fills hosts, key, provider and until of a target whose route is set. */
int target_decide(const struct target_facts *facts, struct target *target,
    struct fault *f) MUST_USE;

#endif
