/* SPDX-License-Identifier: ISC */
/* Routes, DNS and connections, made from the options. */
#include "config.h"

#include "mta/queue/way_out.h"

#include "base/mem.h"
#include "base/options.h"
#include "mta/queue/shelf.h"
#include "mta/queue/tls_reporter.h"
#include "mta/queued_options.h"
#include "mta/send/dns.h"
#include "mta/send/explain.h"
#include "base/https.h"
#include "mta/send/route.h"
#include "mta/send/sender.h"
#include "mta/send/sts.h"
#include "mta/send/target.h"

enum { OWN_MAX = 64, PORT = 25 };

struct way_out {
	struct dns *dns;
	struct routes *routes;
	struct shelf policies;
	struct https *https;
	struct sts *sts;
	struct tls_reporter *reporter;
	struct sender *sender;
	struct target_conf target;
	uint16_t port;
	struct net_address own[OWN_MAX];
	struct scheduler_ops ops;
};

static int
find(void *ctx, const struct address *reverse_path,
    const struct address *forward_path, struct route *route, struct fault *f)
{
	const struct way_out *way = ctx;

	return routes_find(way->routes, reverse_path, forward_path, route, f);
}

static int
find_via(void *ctx, struct str hop, struct route *route, struct fault *f)
{
	const struct way_out *way = ctx;

	return routes_find_via(way->routes, hop, route, f);
}

static int
resolve(void *ctx, const struct route *route, struct str domain,
    struct target *target, struct fault *f)
{
	const struct way_out *way = ctx;

	return target_resolve(&way->target, way->dns, route, domain, target, f);
}

static void
send_message(void *ctx, const struct target *target,
    const struct send_message *message, struct send_outcome *outcomes,
    struct send_report *report)
{
	const struct way_out *way = ctx;

	sender_send(way->sender, target, message, outcomes, report);
}

static void
tidy(void *ctx)
{
	const struct way_out *way = ctx;

	sender_tidy(way->sender);
}

static void
put_policy(void *ctx, struct str domain, struct str value)
{
	shelf_put(ctx, domain, value);
}

static int
each_policy(void *ctx,
    int (*give)(void *to, struct str domain, struct str value), void *to,
    struct fault *f)
{
	return shelf_each(ctx, give, to, f);
}

static int
find_addresses(void *ctx, const char *host, int64_t deadline,
    struct net_address *addresses, struct fault *f)
{
	struct net_address all[DNS_RECORDS_MAX];
	struct dns_answer a;
	int n = 0;

	if (dns_addresses(ctx, host, deadline, &a, all, NULL, f) < 0)
		return -1;
	for (; n < (int)a.n && n < HTTPS_ADDRESSES_MAX; n++)
		addresses[n] = all[n];
	return n;
}

static int
open_https(struct way_out *way, const struct queued_options *o, struct fault *f)
{
	const struct https_conf conf = {
	    .resolve = find_addresses,
	    .resolve_ctx = way->dns,
	    .ca_file = o->ca_file,
	    .via = o->https_via,
	};

	if (!o->mta_sts && !o->tls_reports)
		return 0;
	way->https = https_new(&conf, f);
	return way->https != NULL ? 0 : -1;
}

static int
open_sts(struct way_out *way, const struct queued_options *o, struct fault *f)
{
	const struct sts_conf conf = {
	    .dns = way->dns,
	    .https = way->https,
	    .store = {put_policy, each_policy, &way->policies},
	};

	if (!o->mta_sts)
		return 0;
	way->sts = sts_new(&conf, f);
	return way->sts != NULL ? 0 : -1;
}

static int
open_reporter(struct way_out *way, const struct queued_options *o,
    const struct common_options *common, struct fault *f)
{
	const struct tls_reporter_conf conf = {
	    .queue = way->policies.queue,
	    .dns = way->dns,
	    .https = way->https,
	    .hostname = common->hostname,
	    .from = o->tls_report_from,
	    .organization = o->tls_report_organization,
	    .contact = o->tls_report_contact,
	};

	if (!o->tls_reports)
		return 0;
	way->reporter = tls_reporter_new(&conf, f);
	return way->reporter == NULL ? -1
				     : tls_reporter_start(way->reporter, f);
}

static int
open_all(struct way_out *way, const struct queued_options *o,
    const struct common_options *common, struct fault *f)
{
	const struct dns_conf dns = {
	    .server = o->dns_server,
	    .trust_anchor = o->dns_trust_anchor,
	    .no_dnssec = !o->dnssec,
	};
	const struct routes_conf routes = {
	    .options = o,
	    .run_dir = common->run_dir,
	};
	struct sender_conf sender = {
	    .hostname = common->hostname,
	    .ca_file = o->ca_file,
	    .port = (uint16_t)o->smtp_port,
	    .connect_ms = (int64_t)o->connect_timeout,
	    .reply_ms = (int64_t)o->reply_timeout,
	};

	way->dns = dns_new(&dns, f);
	if (way->dns == NULL)
		return -1;
	way->routes = routes_new(&routes, f);
	if (way->routes == NULL)
		return -1;
	if (open_https(way, o, f) < 0 || open_sts(way, o, f) < 0 ||
	    open_reporter(way, o, common, f) < 0)
		return -1;
	sender.dns = way->dns;
	sender.sts = way->sts;
	if (way->reporter != NULL)
		sender.stats = tls_reporter_stats(way->reporter);
	way->sender = sender_new(&sender, f);
	return way->sender != NULL ? 0 : -1;
}

struct way_out *
way_out_new(const struct queued_options *options,
    const struct common_options *common, struct queue *queue, struct fault *f)
{
	struct way_out *way = mem_new(struct way_out);

	/* At another port than that of mail somebody else may listen. */
	way->target = (struct target_conf){
	    .hostname = common->hostname,
	    .own = way->own,
	    .n_own =
		target_find_own(way->own, OWN_MAX, options->smtp_port == PORT),
	};
	way->port = (uint16_t)options->smtp_port;
	way->policies = (struct shelf){queue, "sts/"};
	way->ops = (struct scheduler_ops){
	    .find = find,
	    .via = find_via,
	    .resolve = resolve,
	    .send = send_message,
	    .tidy = tidy,
	    .ctx = way,
	};
	if (open_all(way, options, common, f) < 0)
		way_out_free(&way);
	return way;
}

void
way_out_free(struct way_out **way)
{
	struct way_out *w = *way;

	if (w == NULL)
		return;
	sender_free(&w->sender);
	/* It may still have something to tell them. */
	if (w->https != NULL)
		https_stop(w->https);
	sts_free(&w->sts);
	tls_reporter_free(&w->reporter);
	https_free(&w->https);
	routes_free(&w->routes);
	dns_free(&w->dns);
	mem_free(w);
	*way = NULL;
}

struct socketmap_client *
way_out_directory(struct way_out *way)
{
	return routes_directory(way->routes);
}

const struct scheduler_ops *
way_out_ops(struct way_out *way)
{
	return &way->ops;
}

int
way_out_reload(struct way_out *way, struct fault *f)
{
	return routes_reload(way->routes, f);
}

unsigned
way_out_idle(struct way_out *way)
{
	return sender_idle(way->sender);
}

json_t *
way_out_explain(struct way_out *way, const struct address *reverse_path,
    const struct address *forward_path)
{
	const struct explain_conf conf = {
	    .routes = way->routes,
	    .dns = way->dns,
	    .sts = way->sts,
	    .target = &way->target,
	    .port = way->port,
	};

	return explain(&conf, reverse_path, forward_path);
}

struct sts *
way_out_sts(const struct way_out *way)
{
	return way->sts;
}

struct tls_reporter *
way_out_reporter(const struct way_out *way)
{
	return way->reporter;
}
