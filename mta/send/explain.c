/* SPDX-License-Identifier: ISC */
#include "config.h"

#include "mta/send/explain.h"

#include <netinet/in.h>

#include "base/clock.h"
#include "base/mem.h"
#include "mta/send/dns.h"
#include "mta/send/route.h"
#include "mta/send/target.h"
#include "mta/send/tls_policy.h"

enum { WAIT_MS = 30000, SMTP_PORT = 25 };

static const char *const kinds[] = {
    [ROUTE_MX] = "mx",
    [ROUTE_HOST] = "host",
    [ROUTE_LMTP] = "lmtp",
    [ROUTE_ERROR] = "error",
    [ROUTE_DISCARD] = "discard",
};

static const char *const levels[] = {
    [ROUTE_TLS_NONE] = "none",
    [ROUTE_TLS_MAY] = "may",
    [ROUTE_TLS_ENCRYPT] = "encrypt",
    [ROUTE_TLS_VERIFY] = "verify",
};

/* One explanation. */
struct work {
	const struct explain_conf *conf;
	const struct target *target;
	const struct sts_found *sts;
	int64_t deadline;
};

static void
put_address(json_t *object, const char *key, const struct address *a)
{
	char text[ADDRESS_TEXT_SIZE];

	address_format(a, text);
	json_put_text(object, key, text);
}

static void
put_fault(json_t *object, const struct fault *f)
{
	json_t *fault = json_new_object();

	json_put_text(
	    fault, "kind", f->kind == FAULT_TEMP ? "temporary" : "permanent");
	json_put_text(fault, "dsn", f->dsn);
	json_put_text(fault, "text", f->text);
	json_put(object, "fault", fault);
}

static void
put_route(json_t *object, const struct route *route)
{
	json_t *r = json_new_object();
	char text[140];

	json_put_text(r, "kind", kinds[route->kind]);
	json_put_text(r, "rule", route->rule);
	if (route->where[0] != '\0')
		json_put_text(r, "where", route->where);
	if (route->host[0] != '\0')
		json_put_text(r, "host", route->host);
	if (route->port != 0)
		json_put_int(r, "port", route->port);
	if (route->kind == ROUTE_LMTP) {
		net_format(&route->lmtp, text, sizeof text);
		json_put_text(r, "address", text);
	}
	if (route->implicit_tls)
		json_put_bool(r, "implicit_tls", true);
	if (route->user != NULL)
		json_put_text(r, "user", route->user);
	json_put_text(r, "tls", levels[route->tls]);
	json_put(object, "route", r);
}

static void
put_tls(json_t *object, const struct tls_policy *p)
{
	json_t *tls = json_new_object();

	json_put_text(tls, "level", levels[p->level]);
	json_put_text(tls, "rule", p->rule);
	if (p->level == ROUTE_TLS_VERIFY && p->demand.name != NULL)
		json_put_text(tls, "verify", p->demand.name);
	if (p->demand.n_tlsa > 0)
		json_put_int(tls, "tlsa", (int64_t)p->demand.n_tlsa);
	json_put(object, "tls", tls);
}

static uint16_t
port_of(const struct explain_conf *conf, const struct route *route)
{
	if (route->port != 0)
		return route->port;
	return route->kind == ROUTE_MX ? conf->port : SMTP_PORT;
}

static void
set_port(struct net_address *address, uint16_t port)
{
	if (address->sa.ss_family == AF_INET6)
		((struct sockaddr_in6 *)&address->sa)->sin6_port = htons(port);
	else
		((struct sockaddr_in *)&address->sa)->sin_port = htons(port);
}

/* canonical gets the name behind CNAMEs. A literal is its own address. */
static int
find_addresses(const struct work *w, struct tls_host *h, char *canonical,
    json_t *object, struct fault *f)
{
	const char *name = h->host->name;
	struct net_address addresses[DNS_RECORDS_MAX];
	json_t *list = json_new_array();
	struct dns_answer a = {.n = 0};
	char text[140];
	int rc = 0;

	if (name[0] == '[')
		json_add_text(list, name);
	else
		rc = dns_addresses(w->conf->dns, name, w->deadline, &a,
		    addresses, canonical, f);
	h->secure = a.secure;
	for (size_t i = 0; i < a.n; i++) {
		set_port(&addresses[i], h->port);
		net_format(&addresses[i], text, sizeof text);
		json_add_text(list, text);
	}
	json_put(object, "addresses", list);
	if (rc == 0 && a.n == 0 && name[0] != '[')
		rc = fault_temp(f, "4.4.4", "%.150s has no address", name);
	return rc;
}

static json_t *
explain_host(const struct work *w, const struct target_host *host)
{
	json_t *object = json_new_object();
	char canonical[DNS_NAME_SIZE] = "";
	struct tls_host h = {
	    .target = w->target,
	    .host = host,
	    .canonical = canonical,
	    .port = port_of(w->conf, &w->target->route),
	    .sts = w->sts,
	};
	struct tls_policy policy;
	struct fault f;

	json_put_text(object, "name", host->name);
	if (w->target->route.kind == ROUTE_MX)
		json_put_int(object, "preference", host->preference);
	json_put_bool(object, "secure", host->secure);
	if (find_addresses(w, &h, canonical, object, &f) < 0 ||
	    tls_policy_find(&policy, w->conf->dns, &h, w->deadline, &f) < 0) {
		put_fault(object, &f);
		return object;
	}
	put_tls(object, &policy);
	tls_policy_clear(&policy);
	return object;
}

static void
put_sts(json_t *object, const struct sts_found *found)
{
	json_t *sts = json_new_object(), *mx = json_new_array();

	json_put_text(sts, "domain", found->domain);
	if (found->text != NULL) {
		json_put_text(sts, "mode", sts_mode_name(found->policy.mode));
		json_put_text(sts, "id", found->id);
		json_put_int(sts, "fetched", found->fetched);
		json_put_int(sts, "expires", found->expires);
		for (size_t i = 0; i < found->policy.n_mx; i++)
			json_add_str(mx, found->policy.mx[i]);
		json_put(sts, "mx", json_hold(mx));
	}
	if (found->trouble != STS_TROUBLE_NONE)
		json_put_text(sts, "trouble", found->reason);
	json_put(object, "sts", sts);
	json_free(&mx);
}

static void
put_target(const struct explain_conf *conf, json_t *object,
    const struct target *target)
{
	struct sts_found sts = {.text = NULL};
	struct work w = {.conf = conf, .target = target, .sts = &sts};
	json_t *t = json_new_object(), *hosts = json_new_array();
	char domain[DNS_NAME_SIZE];

	if (conf->sts != NULL && tls_policy_domain(target, domain)) {
		sts_find(conf->sts, domain, &sts);
		put_sts(t, &sts);
	}
	w.deadline = clock_ms() + WAIT_MS;
	json_put_text(t, "key", target->key);
	json_put_text(t, "provider", target->provider);
	/* A socket is no host: the route has its address. */
	for (size_t i = 0;
	     target->route.kind != ROUTE_LMTP && i < target->n_hosts; i++)
		json_add(hosts, explain_host(&w, &target->hosts[i]));
	json_put(t, "hosts", hosts);
	json_put(object, "target", t);
	sts_found_clear(&sts);
}

json_t *
explain(const struct explain_conf *conf, const struct address *reverse_path,
    const struct address *forward_path)
{
	struct target *target = mem_new(struct target);
	json_t *object = json_new_object();
	struct route route;
	struct fault f;

	put_address(object, "from", reverse_path);
	put_address(object, "to", forward_path);
	if (routes_find(conf->routes, reverse_path, forward_path, &route, &f) <
	    0) {
		put_fault(object, &f);
		goto out;
	}
	put_route(object, &route);
	if (route.kind == ROUTE_ERROR) {
		put_fault(object, &route.fault);
		goto out;
	}
	if (route.kind == ROUTE_DISCARD)
		goto out;
	if (target_resolve(conf->target, conf->dns, &route,
		str(forward_path->domain), target, &f) < 0) {
		put_fault(object, &f);
		goto out;
	}
	put_target(conf, object, target);
out:
	mem_free(target);
	return object;
}
