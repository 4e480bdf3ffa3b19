/* SPDX-License-Identifier: ISC */
/*
 * Which TLS a host gets, from the route, DANE (RFC 7672), MTA-STS (RFC 8461),
 * and what the message itself demands (RFC 8689). The strictest wins; where a
 * host has usable TLSA records MTA-STS has no say (RFC 8461 2), and a route that
 * says "none" is the operator's last word.
 */
#ifndef MTA_SEND_TLS_POLICY_H
#define MTA_SEND_TLS_POLICY_H

#include <stdbool.h>

#include "base/attr.h"
#include "base/fault.h"
#include "base/tls.h"
#include "mta/send/dns.h"
#include "mta/send/sts.h"
#include "mta/send/target.h"

struct tls_policy {
	enum route_tls level; /* VERIFY: as the demand says */
	const char *rule;     /* "route", "dane", "mta-sts", "requiretls" */
	struct tls_demand demand;
	/* What the demand points to. */
	char name[DNS_NAME_SIZE];
	struct dns_tlsa *records;
	struct tls_tlsa *tlsa;
	bool has_malformed;
	/* The policy of MTA-STS that has a say, as the host had it; NULL: none.
	 * In mode testing the host may be none of its, which is told. */
	const struct sts_found *sts;
	bool is_foreign;
	bool is_dane;  /* there are TLSA records, usable or not */
	bool is_bogus; /* with a fault: their answer is */
};

/* What is known of a host once its addresses are. */
struct tls_host {
	const struct target *target;
	const struct target_host *host;
	const char *canonical; /* the name behind CNAMEs; "" or the same */
	bool secure;           /* its addresses came by validated answers */
	uint16_t port;
	bool requiretls;
	bool tls_optional; /* neither TLSA records nor MTA-STS have a say */
	const struct sts_found *sts; /* of tls_policy_domain(); NULL: none */
};

/* Whose policy of MTA-STS holds: the next hop's domain (RFC 8461 3.4). False
 * where none can. */
bool tls_policy_domain(
    const struct target *target, char domain[DNS_NAME_SIZE]) MUST_USE;

/*
 * Blocks where TLSA records are to be asked for: only where name and addresses
 * are secure. -1, and nothing to clear, where there is no telling whether there
 * are such records: the host must not be used then (RFC 7672 2.1.3).
 */
int tls_policy_find(struct tls_policy *policy, struct dns *dns,
    const struct tls_host *host, int64_t deadline, struct fault *f) MUST_USE;
void tls_policy_clear(struct tls_policy *policy);

#endif
