/* SPDX-License-Identifier: ISC */
/*
 * From a route to hosts. What DNS says is gathered first; what follows from it
 * is decided by target_decide(), without asking anybody.
 */
#include "config.h"

#include "mta/send/target.h"

#include <ifaddrs.h>
#include <net/if.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/crypto.h"
#include "base/mem.h"
#include "proto/domain.h"

enum {
	TIMEOUT_MS = 60000,
	KEEP_MIN_S = 60,
	KEEP_MAX_S = 3600,
	LITERAL_MAX = 64,
};

/* Ourselves. */

size_t
target_find_own(struct net_address *own, size_t max, bool loopback)
{
	struct ifaddrs *all = NULL;
	size_t n = 0;

	if (getifaddrs(&all) < 0)
		return 0;
	for (struct ifaddrs *i = all; i != NULL && n < max; i = i->ifa_next) {
		size_t len = i->ifa_addr == NULL ? 0
			     : i->ifa_addr->sa_family == AF_INET
				 ? sizeof(struct sockaddr_in)
			     : i->ifa_addr->sa_family == AF_INET6
				 ? sizeof(struct sockaddr_in6)
				 : 0;

		if (len == 0 || ((i->ifa_flags & IFF_LOOPBACK) && !loopback))
			continue;
		memset(&own[n], 0, sizeof own[n]);
		memcpy(&own[n].sa, i->ifa_addr, len);
		own[n++].len = (socklen_t)len;
	}
	freeifaddrs(all);
	return n;
}

static bool
has_own(const struct target_conf *conf, const struct net_address *addresses,
    size_t n)
{
	for (size_t i = 0; i < n; i++)
		for (size_t k = 0; k < conf->n_own; k++)
			if (net_is_same_host(&addresses[i], &conf->own[k]))
				return true;
	return false;
}

static bool
is_own_name(const struct target_conf *conf, const char *name)
{
	return conf->hostname != NULL &&
	       str_is_nocase(str(name), str(conf->hostname));
}

/* A host whose address is not known is not known to be ourselves. */
static bool
is_own_host(const struct target_conf *conf, struct dns *dns, const char *name,
    int64_t deadline)
{
	struct net_address addresses[DNS_RECORDS_MAX];
	struct dns_answer a;
	struct fault ignored;

	if (is_own_name(conf, name))
		return true;
	if (conf->n_own == 0 || name[0] == '\0' ||
	    dns_addresses(dns, name, deadline, &a, addresses, NULL, &ignored) <
		0)
		return false;
	return has_own(conf, addresses, a.n);
}

/* Keys. */

/* Whatever has another rule has another key. */
static void
put_rules(struct buf *b, const struct route *route)
{
	static const char *const levels[] = {
	    [ROUTE_TLS_NONE] = ",none",
	    [ROUTE_TLS_MAY] = "",
	    [ROUTE_TLS_ENCRYPT] = ",encrypt",
	    [ROUTE_TLS_VERIFY] = ",verify",
	};

	if (route->port != 0)
		buf_putf(b, ":%u", route->port);
	buf_puts(b, levels[route->tls]);
	if (route->implicit_tls)
		buf_puts(b, ",implicit");
	if (route->user != NULL)
		buf_putf(b, ",user=%s", route->user);
}

/* Takes what is in the buffer; what is too long ends in a hash of the whole. */
static void
set_key(struct target *target, struct buf *b)
{
	struct str whole = buf_str(b);

	if (!str_copy(whole, target->key, sizeof target->key)) {
		uint64_t hash = str_hash(whole);

		buf_truncate(b, sizeof target->key - 18);
		buf_putf(b, "#%016llx", (unsigned long long)hash);
		if (!str_copy(buf_str(b), target->key, sizeof target->key))
			die_bug("target: a key that does not fit");
	}
	buf_clear(b);
}

static void
set_provider(struct target *target, const char *host)
{
	if (host[0] != '[' && host[0] != '\0' &&
	    domain_organisation(str(host), target->provider))
		return;
	if (!str_copy(str_head(str(target->key), sizeof target->provider - 1),
		target->provider, sizeof target->provider))
		target->provider[0] = '\0';
}

/* Names in the order of preference, then of the alphabet: for the key, the
 * shuffle does not matter. */
static int
by_name(const void *a, const void *b)
{
	const struct target_host *x = a, *y = b;

	if (x->preference != y->preference)
		return x->preference < y->preference ? -1 : 1;
	return strcmp(x->name, y->name);
}

static void
set_mx_key(struct target *target)
{
	struct target_host *hosts = mem_zeroed(target->n_hosts, sizeof *hosts);
	struct buf rest, key;

	memcpy(hosts, target->hosts, target->n_hosts * sizeof *hosts);
	qsort(hosts, target->n_hosts, sizeof *hosts, by_name);
	buf_init(&rest, TARGET_HOSTS_MAX * (DNS_NAME_SIZE + 1));
	for (size_t i = 1; i < target->n_hosts; i++)
		buf_putf(&rest, "%c%s",
		    hosts[i].preference == hosts[i - 1].preference ? '=' : '>',
		    hosts[i].name);
	buf_init(&key, 4096);
	buf_putf(&key, "smtp:%s", hosts[0].name);
	if (target->n_hosts > 1)
		buf_putf(&key, "+%zu-%08x", target->n_hosts - 1,
		    (unsigned)str_hash(buf_str(&rest)));
	put_rules(&key, &target->route);
	set_key(target, &key);
	set_provider(target, hosts[0].name);
	buf_clear(&rest);
	mem_free(hosts);
}

/* Decisions. */

static int64_t
keep_until(uint32_t ttl)
{
	if (ttl < KEEP_MIN_S)
		ttl = KEEP_MIN_S;
	if (ttl > KEEP_MAX_S)
		ttl = KEEP_MAX_S;
	return clock_ms() + (int64_t)ttl * 1000;
}

static int
loops_back(const char *domain, struct fault *f)
{
	return fault_perm(f, "5.4.6",
	    "mail for %.150s loops back to us: we are its best MX", domain);
}

/* RFC 5321 5.1: no MX at all means the domain's own address. */
static int
decide_implicit(
    const struct target_facts *facts, struct target *target, struct fault *f)
{
	struct target_host *host = &target->hosts[0];

	if (!facts->mx_answer.exists || !facts->addresses.exists)
		return fault_perm(f, "5.1.2", "%.150s: there is no such domain",
		    facts->domain);
	if (facts->addresses.n == 0)
		return fault_perm(f, "5.1.2",
		    "%.150s takes no mail: it has neither MX nor address",
		    facts->domain);
	if (facts->own_addresses)
		return loops_back(facts->domain, f);
	if (!str_copy(str(facts->domain), host->name, sizeof host->name))
		return fault_perm(f, "5.1.2", "the domain is too long");
	host->preference = 0;
	host->secure = facts->mx_answer.secure;
	target->n_hosts = 1;
	target->until = keep_until(facts->addresses.ttl);
	set_mx_key(target);
	return 0;
}

struct candidate {
	const struct dns_mx *mx;
	uint32_t shuffle;
};

static int
by_preference(const void *a, const void *b)
{
	const struct candidate *x = a, *y = b;

	if (x->mx->preference != y->mx->preference)
		return x->mx->preference < y->mx->preference ? -1 : 1;
	if (x->shuffle != y->shuffle)
		return x->shuffle < y->shuffle ? -1 : 1;
	return 0;
}

/* The preference that others must be better than; 65536: all are. */
static uint32_t
own_preference(const struct target_facts *facts)
{
	uint32_t best = 65536;

	for (size_t i = 0; i < facts->mx_answer.n; i++)
		if (facts->own_mx[i] && facts->mx[i].preference < best)
			best = facts->mx[i].preference;
	return best;
}

static bool
has_host(const struct target *target, const char *name)
{
	for (size_t i = 0; i < target->n_hosts; i++)
		if (strcmp(target->hosts[i].name, name) == 0)
			return true;
	return false;
}

static void
put_hosts(const struct target_facts *facts, const struct candidate *candidates,
    size_t n, struct target *target)
{
	for (size_t i = 0; i < n && target->n_hosts < TARGET_HOSTS_MAX; i++) {
		const struct dns_mx *mx = candidates[i].mx;
		struct target_host *host = &target->hosts[target->n_hosts];

		if (has_host(target, mx->host))
			continue;
		memcpy(host->name, mx->host, sizeof host->name);
		host->preference = mx->preference;
		host->secure = facts->mx_answer.secure;
		target->n_hosts++;
	}
}

static int
decide_mx(
    const struct target_facts *facts, struct target *target, struct fault *f)
{
	struct candidate candidates[DNS_RECORDS_MAX];
	uint32_t limit = own_preference(facts);
	bool some = false;
	size_t n = 0;

	for (size_t i = 0; i < facts->mx_answer.n; i++) {
		/* "." beside others says nothing (RFC 7505 3). */
		if (facts->mx[i].host[0] == '\0')
			continue;
		some = true;
		if (facts->mx[i].preference >= limit)
			continue;
		candidates[n].mx = &facts->mx[i];
		crypto_random(&candidates[n].shuffle, sizeof(uint32_t));
		n++;
	}
	if (!some)
		return fault_perm(f, "5.4.4",
		    "the MX records of %.150s name no host", facts->domain);
	if (n == 0)
		return loops_back(facts->domain, f);
	qsort(candidates, n, sizeof *candidates, by_preference);
	put_hosts(facts, candidates, n, target);
	target->until = keep_until(facts->mx_answer.ttl);
	set_mx_key(target);
	return 0;
}

int
target_decide(
    const struct target_facts *facts, struct target *target, struct fault *f)
{
	const struct dns_answer *a = &facts->mx_answer;

	target->n_hosts = 0;
	if (a->n == 0 && a->malformed == 0)
		return decide_implicit(facts, target, f);
	if (a->n == 1 && a->malformed == 0 && facts->mx[0].host[0] == '\0')
		return fault_perm(f, "5.1.10", "%.150s takes no mail (null MX)",
		    facts->domain);
	return decide_mx(facts, target, f);
}

/* Asking. */

static int
ask_addresses(const struct target_conf *conf, struct dns *dns, int64_t deadline,
    struct target_facts *facts, struct fault *f)
{
	struct net_address addresses[DNS_RECORDS_MAX];
	char canonical[DNS_NAME_SIZE];

	if (dns_addresses(dns, facts->domain, deadline, &facts->addresses,
		addresses, canonical, f) < 0)
		return -1;
	facts->own_addresses = is_own_name(conf, facts->domain) ||
			       is_own_name(conf, canonical) ||
			       has_own(conf, addresses, facts->addresses.n);
	return 0;
}

static int
resolve_mx(const struct target_conf *conf, struct dns *dns, const char *domain,
    struct target *target, struct fault *f)
{
	int64_t deadline =
	    clock_ms() + (conf->timeout_ms > 0 ? conf->timeout_ms : TIMEOUT_MS);
	struct dns_mx *mx = mem_zeroed(DNS_RECORDS_MAX, sizeof *mx);
	struct target_facts facts = {.domain = domain, .mx = mx};
	bool own[DNS_RECORDS_MAX] = {false};
	int rc = -1;

	facts.own_mx = own;
	if (dns_mx(dns, domain, deadline, &facts.mx_answer, mx, f) < 0)
		goto out;
	for (size_t i = 0; i < facts.mx_answer.n; i++)
		own[i] = is_own_host(conf, dns, mx[i].host, deadline);
	facts.addresses.exists = facts.mx_answer.exists;
	if (facts.mx_answer.n == 0 && facts.mx_answer.malformed == 0 &&
	    facts.mx_answer.exists &&
	    ask_addresses(conf, dns, deadline, &facts, f) < 0)
		goto out;
	rc = target_decide(&facts, target, f);
out:
	mem_free(mx);
	return rc;
}

/* One host that is named by the route, or by a literal in the address. */
static int
use_host(const char *name, struct target *target, struct fault *f)
{
	struct target_host *host = &target->hosts[0];
	struct buf key;

	if (!str_copy(str(name), host->name, sizeof host->name))
		return fault_perm(
		    f, "5.1.2", "the name of the host is too long");
	/* The operator's word, not that of DNS. */
	host->secure = true;
	target->n_hosts = 1;
	target->until = keep_until(KEEP_MAX_S);
	buf_init(&key, 4096);
	buf_putf(&key, "smtp:%s", name);
	put_rules(&key, &target->route);
	set_key(target, &key);
	set_provider(target, name);
	return 0;
}

static void
use_lmtp(struct target *target)
{
	char text[140];
	struct str host;
	struct buf key;

	/* As addresses stand elsewhere: in brackets. */
	net_format(&target->route.lmtp, text, sizeof text);
	host = str_head(str(text), str_find_last(str(text), ':'));
	if (net_is_unix(&target->route.lmtp))
		target->hosts[0].name[0] = '\0';
	else
		snprintf(target->hosts[0].name, DNS_NAME_SIZE,
		    text[0] == '[' ? "%.*s" : "[%.*s]", STR_ARG(host));
	target->n_hosts = 1;
	target->until = keep_until(KEEP_MAX_S);
	buf_init(&key, 4096);
	buf_putf(&key, "lmtp:%s", text);
	set_key(target, &key);
	set_provider(target, "");
}

static void
use_nothing(struct target *target, const char *name)
{
	struct buf key;

	target->until = keep_until(KEEP_MAX_S);
	buf_init(&key, 4096);
	buf_puts(&key, name);
	set_key(target, &key);
	set_provider(target, "");
}

/* RFC 5321 4.1.3; address_parse_*() has seen that it is well-formed. */
static int
check_literal(
    const struct target_conf *conf, struct str literal, struct fault *f)
{
	struct net_address address;
	struct fault ignored;
	struct str in = str_n(literal.at + 1, literal.len - 2);
	struct buf b;
	int rc;

	buf_init(&b, LITERAL_MAX);
	if (str_starts_nocase(in, STR_LIT("IPv6:")))
		buf_putf(&b, "[%.*s]:25", STR_ARG(str_from(in, 5)));
	else
		buf_putf(&b, "%.*s:25", STR_ARG(in));
	rc = net_parse(buf_str(&b), &address, &ignored);
	buf_clear(&b);
	if (rc < 0 || net_is_unix(&address))
		return fault_perm(f, "5.1.2",
		    "%.*s is no address that mail can be sent to",
		    STR_ARG(str_head(literal, 80)));
	if (has_own(conf, &address, 1))
		return fault_perm(f, "5.4.6", "mail for %.*s loops back to us",
		    STR_ARG(str_head(literal, 80)));
	return 0;
}

int
target_resolve(const struct target_conf *conf, struct dns *dns,
    const struct route *route, struct str domain, struct target *target,
    struct fault *f)
{
	char name[DNS_NAME_SIZE];

	memset(target, 0, sizeof *target);
	target->route = *route;
	/* Address literals have no A-labels, and stay. */
	if (!domain_to_ascii(domain, target->domain) &&
	    !str_copy(domain, target->domain, sizeof target->domain))
		return fault_perm(f, "5.1.2", "the domain is too long");
	switch (route->kind) {
	case ROUTE_LMTP:
		use_lmtp(target);
		return 0;
	case ROUTE_ERROR:
		use_nothing(target, "error");
		return 0;
	case ROUTE_DISCARD:
		use_nothing(target, "discard");
		return 0;
	case ROUTE_HOST:
		return use_host(route->host, target, f);
	case ROUTE_MX:
		break;
	}
	if (route->host[0] == '[') {
		if (check_literal(conf, str(route->host), f) < 0)
			return -1;
		return use_host(route->host, target, f);
	}
	if (!domain_to_ascii(str(route->host), name))
		return fault_perm(
		    f, "5.1.2", "%.150s: there is no such domain", route->host);
	return resolve_mx(conf, dns, name, target, f);
}
