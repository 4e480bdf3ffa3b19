/* SPDX-License-Identifier: ISC */
#include "config.h"

#include "mta/send/tls_policy.h"

#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "proto/domain.h"

/* At least encryption where there is a password to show. */
static enum route_tls
level_of(const struct route *route)
{
	if (route->kind == ROUTE_LMTP && net_is_unix(&route->lmtp))
		return ROUTE_TLS_NONE;
	if (route->tls < ROUTE_TLS_ENCRYPT &&
	    (route->user != NULL || route->implicit_tls))
		return ROUTE_TLS_ENCRYPT;
	return route->tls;
}

/* RFC 7672 3.1: usages 0 and 1 are of no use with SMTP. */
static bool
is_usable(const struct dns_tlsa *r)
{
	return (r->usage == 2 || r->usage == 3) && r->selector <= 1 &&
	       r->matching <= 2 && r->len > 0;
}

/* The records of a name, where it has secure ones: 1, else 0. */
static int
ask(struct tls_policy *p, struct dns *dns, const char *name, uint16_t port,
    int64_t deadline, size_t *n, struct fault *f)
{
	struct dns_answer answer = {.n = 0};

	if (dns_tlsa(dns, name, port, deadline, &answer, p->records, f) < 0) {
		p->is_bogus = answer.bogus;
		return -1;
	}
	*n = answer.secure ? answer.n : 0;
	/* There, and of no use. */
	p->has_malformed = answer.secure && answer.malformed > 0;
	if (*n == 0 && !p->has_malformed)
		return 0;
	snprintf(p->name, sizeof p->name, "%s", name);
	return 1;
}

/* RFC 7672 2.2.2: the name behind the CNAMEs, then the one before them. */
static int
find_records(struct tls_policy *p, struct dns *dns, const struct tls_host *h,
    int64_t deadline, size_t *n, struct fault *f)
{
	const char *name = h->host->name;
	int rc = 0;

	*n = 0;
	if (h->canonical[0] != '\0' && strcasecmp(h->canonical, name) != 0)
		rc = ask(p, dns, h->canonical, h->port, deadline, n, f);
	if (rc == 0)
		rc = ask(p, dns, name, h->port, deadline, n, f);
	return rc < 0 ? -1 : 0;
}

/* RFC 7672 2.2: usable records are to be obeyed; where there are only others,
 * TLS is mandatory still, and nothing to be proven. */
static void
apply_records(struct tls_policy *p, const struct tls_host *h, size_t n)
{
	const struct route *route = &h->target->route;
	size_t usable = 0;

	p->is_dane = true;
	p->tlsa = mem_zeroed(n + 1, sizeof *p->tlsa);
	for (size_t i = 0; i < n; i++) {
		const struct dns_tlsa *r = &p->records[i];

		if (is_usable(r))
			p->tlsa[usable++] = (struct tls_tlsa){r->usage,
			    r->selector, r->matching,
			    str_n((const char *)r->data, r->len)};
	}
	if (usable == 0) {
		if (p->level < ROUTE_TLS_ENCRYPT)
			p->level = ROUTE_TLS_ENCRYPT;
		p->rule = "dane";
		return;
	}
	p->rule = "dane";
	p->level = ROUTE_TLS_VERIFY;
	p->demand = (struct tls_demand){
	    .proof = TLS_PROOF_TLSA,
	    .name = p->name,
	    /* RFC 7672 3.2.2: with usage 2 the domain's name will do. */
	    .also = route->kind == ROUTE_MX ? route->host : NULL,
	    .tlsa = p->tlsa,
	    .n_tlsa = usable,
	};
}

static bool
is_literal(const char *name)
{
	return name[0] == '\0' || name[0] == '[';
}

bool
tls_policy_domain(const struct target *target, char domain[DNS_NAME_SIZE])
{
	const struct route *route = &target->route;

	return (route->kind == ROUTE_MX || route->kind == ROUTE_HOST) &&
	       route->tls != ROUTE_TLS_NONE && !is_literal(route->host) &&
	       str_has(str(route->host), '.') &&
	       domain_to_ascii(str(route->host), domain);
}

static int
apply_sts(struct tls_policy *p, const struct tls_host *h, struct fault *f)
{
	const struct sts_found *sts = h->sts;
	const char *name = h->host->name;

	if (sts == NULL || sts->policy.mode == STS_NONE || h->tls_optional)
		return 0;
	p->sts = sts;
	p->rule = "mta-sts";
	p->is_foreign = !sts_has_mx(&sts->policy, str(name));
	if (sts->policy.mode == STS_TESTING)
		return 0;
	if (p->is_foreign)
		return fault_temp(f, "4.7.5",
		    "MTA-STS: %.90s is no mail server that the policy of "
		    "%.90s names",
		    name, sts->domain);
	p->level = ROUTE_TLS_VERIFY;
	return 0;
}

static bool
is_enforced(const struct tls_policy *p)
{
	return p->sts != NULL && p->sts->policy.mode == STS_ENFORCE;
}

/* Whom the host has to be, where no TLSA record says that. */
static int
demand_name(struct tls_policy *p, const struct tls_host *h, struct fault *f)
{
	/* A name that anyone may have put into DNS proves nothing. */
	if (h->requiretls &&
	    (h->host->secure || h->target->route.kind != ROUTE_MX ||
		is_enforced(p))) {
		p->level = ROUTE_TLS_VERIFY;
		p->rule = "requiretls";
	}
	if (p->level == ROUTE_TLS_VERIFY && p->demand.name == NULL)
		return fault_temp(
		    f, "4.7.5", "an address has no name that TLS could verify");
	p->demand.is_lenient = p->level != ROUTE_TLS_VERIFY && p->sts != NULL;
	if (p->demand.name != NULL &&
	    (p->level == ROUTE_TLS_VERIFY || p->demand.is_lenient))
		p->demand.proof = TLS_PROOF_NAME;
	return 0;
}

int
tls_policy_find(struct tls_policy *p, struct dns *dns, const struct tls_host *h,
    int64_t deadline, struct fault *f)
{
	const struct route *route = &h->target->route;
	const char *name = h->host->name;
	size_t n = 0;

	*p = (struct tls_policy){.level = level_of(route), .rule = "route"};
	snprintf(p->name, sizeof p->name, "%s", name);
	if (!is_literal(name))
		p->demand.name = p->name;
	if (p->level == ROUTE_TLS_NONE)
		return 0;
	if (h->secure && h->host->secure && !is_literal(name) &&
	    !h->tls_optional) {
		p->records = mem_zeroed(DNS_RECORDS_MAX, sizeof *p->records);
		if (find_records(p, dns, h, deadline, &n, f) < 0) {
			tls_policy_clear(p);
			return -1;
		}
		if (n > 0 || p->has_malformed)
			apply_records(p, h, n);
	}
	if (p->demand.proof == TLS_PROOF_TLSA)
		return 0;
	if (apply_sts(p, h, f) < 0 || demand_name(p, h, f) < 0) {
		tls_policy_clear(p);
		return -1;
	}
	return 0;
}

void
tls_policy_clear(struct tls_policy *p)
{
	mem_free(p->records);
	mem_free(p->tlsa);
	p->records = NULL;
	p->tlsa = NULL;
}
