/* SPDX-License-Identifier: ISC */
/*
 * Where mail for an address goes: decided anew for each attempt, never stored.
 * In this order, the first that says something wins:
 *
 *   1. the operator's `route "KEY"` sections for the sender, then for the
 *      recipient: "user@example.org", "example.org", ".example.org" (all below
 *      it), "*"
 *   2. the socketmap map `transport`, where one is configured, in Postfix'
 *      words: "smtp:[host]:port", "smtp:domain", "lmtp:unix:/path",
 *      "lmtp:inet:127.0.0.1:24", "relay:…", "error:5.1.2 text", "discard:"; keys as
 *      Postfix has them: address, domain, the ".parents", "*"
 *   3. the domain is local (socketmap `domain`): LMTP to lmtpd
 *   4. the smarthost, where one is configured; else MX
 */
#ifndef MTA_SEND_ROUTE_H
#define MTA_SEND_ROUTE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/fault.h"
#include "base/net.h"
#include "base/str.h"
#include "proto/address.h"

enum route_kind {
	ROUTE_MX,    /* host: the domain whose MX is asked */
	ROUTE_HOST,  /* host and port: no MX look-up */
	ROUTE_LMTP,  /* address */
	ROUTE_ERROR, /* fault */
	ROUTE_DISCARD,
};

/* Which TLS a next hop gets. ROUTE_TLS_MAY is opportunistic: unauthenticated
 * TLS, or none; DANE and MTA-STS make it stricter by themselves. */
enum route_tls {
	ROUTE_TLS_NONE,
	ROUTE_TLS_MAY,
	ROUTE_TLS_ENCRYPT,
	ROUTE_TLS_VERIFY,
};

/* A value. What is "const char *" lives as long as the routes. */
struct route {
	enum route_kind kind;
	char host[ADDRESS_DOMAIN_MAX + 1]; /* a name, or a literal as it stands
					    * in an address: "[192.0.2.1]",
					    * "[IPv6:2001:db8::1]" */
	uint16_t port;                     /* 0: 25 */
	bool implicit_tls;                 /* TLS from the first byte: 465 */
	enum route_tls tls;
	const char *user; /* SASL; NULL: none */
	const char *password;
	struct net_address lmtp;
	struct fault fault;
	const char *rule;  /* "route \"example.org\"", "transport map", "local
			    * domain", "smarthost", "MX" */
	const char *where; /* "FILE:LINE", or "" */
};

struct routes;
struct socketmap_client;
struct queued_options;

struct routes_conf {
	const struct queued_options *options; /* borrowed */
	const char *run_dir; /* where sockets are that options do not name */
};

/* Reads what the routes name (password files). Faults are permanent and name
 * the section. */
struct routes *routes_new(
    const struct routes_conf *conf, struct fault *f) MUST_USE;
void routes_free(struct routes **routes);

/* Reads the password files again; on a fault the old ones stay in use. From
 * any thread. */
int routes_reload(struct routes *routes, struct fault *f) MUST_USE;

/* The client that asks for domains; lives as long as the routes. */
struct socketmap_client *routes_directory(struct routes *routes);

/* Blocks for a look-up. -1 with a temporary fault where a map does not answer;
 * ROUTE_ERROR is a route, not a fault. From any thread. */
int routes_find(struct routes *routes, const struct address *reverse_path,
    const struct address *forward_path, struct route *route,
    struct fault *f) MUST_USE;

/* The way to a next hop that the operator has named for a message, whatever the
 * rules say; hop is as route_parse_via() takes it. Asks nobody. */
int routes_find_via(const struct routes *routes, struct str hop,
    struct route *route, struct fault *f) MUST_USE;

#endif
