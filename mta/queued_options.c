/* SPDX-License-Identifier: ISC */
/* The options of posthouse-queued. */
#include "config.h"

#include "mta/queued_options.h"

#include <stddef.h>
#include <string.h>

#include "base/net.h"
#include "mta/queue/limit.h"
#include "mta/send/route_parse.h"
#include "proto/mime.h"

/* In the order of enum route_tls (mta/send/route.h). */
static const char *const tls_levels[] = {
    "none", "may", "encrypt", "verify", NULL};
static const char *const route_tls_levels[] = {
    "default", "none", "may", "encrypt", "verify", NULL};

static int
check_route(const void *options, struct fault *f)
{
	const struct route_options *o = options;
	char key[ADDRESS_TEXT_SIZE];
	struct route route = {.kind = ROUTE_MX};

	if (route_parse_key(str(o->title), key, f) < 0 ||
	    (o->to != NULL && route_parse_to(str(o->to), &route, f) < 0))
		return -1;
	if (o->to == NULL && (o->user != NULL || o->implicit_tls))
		return fault_perm(f, "5.3.5",
		    "auth_user and implicit_tls have no meaning without to");
	if (o->implicit_tls && route.kind != ROUTE_HOST)
		return fault_perm(f, "5.3.5",
		    "implicit_tls has no meaning but with smtp:HOST");
	/* What others' MX records name is nobody to show a password to. */
	if (o->user != NULL && route.kind != ROUTE_HOST)
		return fault_perm(
		    f, "5.3.5", "auth_user has no meaning but with smtp:HOST");
	if ((o->user == NULL) != (o->password_file == NULL))
		return fault_perm(
		    f, "5.3.5", "auth_user and password_file need each other");
	if (o->user != NULL && o->tls == ROUTE_TLS_NONE + 1)
		return fault_perm(f, "5.3.5",
		    "tls = none would show the password to everybody");
	return 0;
}

static int
check_provider(const void *options, struct fault *f)
{
	const struct provider_options *o = options;
	char name[LIMIT_PROVIDER_SIZE];
	struct pace_limit ignored;

	if (limit_parse_provider(str(o->title), name, f) < 0)
		return -1;
	return o->rate == NULL ? 0
			       : limit_parse_rate(str(o->rate), &ignored, f);
}

#define ROUTE(field) offsetof(struct route_options, field)
#define PROVIDER(field) offsetof(struct provider_options, field)
#define QUEUED(field) offsetof(struct queued_options, field)

/* clang-format off */
static const struct conf_option route_options[] = {
	{ .name = "by_sender", .type = CONF_BOOL, .offset = ROUTE(by_sender),
	  .fallback = "off",
	  .help = "the title is compared with the sender's address" },
	{ .name = "to", .type = CONF_TEXT, .offset = ROUTE(to),
	  .help = "mx[:DOMAIN], smtp:HOST[:PORT], lmtp:ADDRESS, "
		  "error:CODE TEXT or discard" },
	{ .name = "tls", .type = CONF_CHOICE, .offset = ROUTE(tls),
	  .fallback = "default", .choices = route_tls_levels,
	  .help = "none, may, encrypt or verify" },
	{ .name = "implicit_tls", .type = CONF_BOOL,
	  .offset = ROUTE(implicit_tls), .fallback = "off",
	  .help = "TLS begins with the connection (port 465)" },
	{ .name = "auth_user", .type = CONF_TEXT, .offset = ROUTE(user),
	  .help = "log in with this name; only over TLS" },
	{ .name = "password_file", .type = CONF_PATH,
	  .offset = ROUTE(password_file),
	  .help = "a file that holds the password, and nothing else" },
	{ .name = NULL },
};

static const struct conf_table route_table = {
	.section = "route",
	.options = route_options,
	.size = sizeof(struct route_options),
	.check = check_route,
	.where = ROUTE(where),
};

static const struct conf_option provider_options[] = {
	{ .name = "concurrency", .type = CONF_NUMBER,
	  .offset = PROVIDER(concurrency), .fallback = "0", .max = 2000,
	  .help = "deliveries at once; 0: no limit but those of next hops" },
	{ .name = "rate", .type = CONF_TEXT, .offset = PROVIDER(rate),
	  .help = "messages in a time, such as 20/min (s, min, h, d)" },
	{ .name = "gap", .type = CONF_TIME, .offset = PROVIDER(gap),
	  .fallback = "0s", .max = 3600000,
	  .help = "from the start of one delivery to that of the next" },
	{ .name = NULL },
};

static const struct conf_table provider_table = {
	.section = "provider",
	.options = provider_options,
	.size = sizeof(struct provider_options),
	.check = check_provider,
};

static const struct conf_option queued_options[] = {
	{ .name = "user", .type = CONF_TEXT, .offset = QUEUED(user),
	  .help = "the user to run as, and the owner of the queue" },
	{ .name = "listen", .type = CONF_TEXT, .offset = QUEUED(listen),
	  .help = "where mail is handed over by LMTP; "
		  "default: queue.sock in run_dir" },
	{ .name = "listen_mode", .type = CONF_TEXT,
	  .offset = QUEUED(listen_mode), .fallback = "0666",
	  .help = "mode of the unix socket; who may use it, says "
		  "trusted_users" },
	{ .name = "listen_group", .type = CONF_TEXT,
	  .offset = QUEUED(listen_group),
	  .help = "group of the unix socket" },
	{ .name = "trusted_users", .type = CONF_LIST,
	  .offset = QUEUED(trusted_users),
	  .help = "users, besides root and queued's own, that may hand mail "
		  "over" },
	{ .name = "socketmap", .type = CONF_TEXT, .offset = QUEUED(socketmap),
	  .help = "where local domains are looked up; "
		  "default: socketmap.sock in run_dir" },
	{ .name = "lmtp", .type = CONF_TEXT, .offset = QUEUED(lmtp),
	  .help = "where local mail is delivered; "
		  "default: lmtp.sock in run_dir" },
	{ .name = "transport_map", .type = CONF_TEXT,
	  .offset = QUEUED(transport_map),
	  .help = "a socketmap server with the map \"transport\"; default: "
		  "none" },
	{ .name = "route", .type = CONF_SECTION, .offset = QUEUED(routes),
	  .sub = &route_table,
	  .help = "where mail for an address or a domain goes" },
	{ .name = "smarthost", .type = CONF_TEXT, .offset = QUEUED(smarthost),
	  .help = "HOST[:PORT] that takes all mail for elsewhere" },
	{ .name = "tls", .type = CONF_CHOICE, .offset = QUEUED(tls),
	  .fallback = "may", .choices = tls_levels,
	  .help = "none, may (where it is offered), encrypt or verify" },
	{ .name = "ca_file", .type = CONF_PATH, .offset = QUEUED(ca_file),
	  .help = "the authorities that verify trusts; default: the "
		  "system's" },
	{ .name = "dns_server", .type = CONF_TEXT,
	  .offset = QUEUED(dns_server),
	  .help = "ADDRESS[@PORT] of a resolver; default: those of "
		  "/etc/resolv.conf" },
	{ .name = "dns_trust_anchor", .type = CONF_PATH,
	  .offset = QUEUED(dns_trust_anchor),
	  .help = "a file with the DNSSEC keys to trust; default: the "
		  "system's" },
	{ .name = "dnssec", .type = CONF_BOOL, .offset = QUEUED(dnssec),
	  .fallback = "on",
	  .help = "validate answers; off where the resolver does not pass "
		  "DNSSEC on" },
	{ .name = "smtp_port", .type = CONF_NUMBER, .offset = QUEUED(smtp_port),
	  .fallback = "25", .min = 1, .max = 65535,
	  .help = "the port of other mail servers" },
	{ .name = "mta_sts", .type = CONF_BOOL, .offset = QUEUED(mta_sts),
	  .fallback = "on",
	  .help = "obey what domains say of TLS by MTA-STS" },
	{ .name = "https_via", .type = CONF_TEXT,
	  .offset = QUEUED(https_via),
	  .help = "ADDRESS:PORT where connections for HTTPS go; default: "
		  "to each host itself" },
	{ .name = "tls_reports", .type = CONF_BOOL,
	  .offset = QUEUED(tls_reports), .fallback = "off",
	  .help = "report to other domains each day how TLS fared with their "
		  "mail servers" },
	{ .name = "tls_report_from", .type = CONF_TEXT,
	  .offset = QUEUED(tls_report_from),
	  .help = "the address that reports come from" },
	{ .name = "tls_report_organization", .type = CONF_TEXT,
	  .offset = QUEUED(tls_report_organization),
	  .help = "who reports; default: the domain of tls_report_from" },
	{ .name = "tls_report_contact", .type = CONF_TEXT,
	  .offset = QUEUED(tls_report_contact),
	  .help = "where to ask about a report; default: tls_report_from" },
	{ .name = "connect_timeout", .type = CONF_TIME,
	  .offset = QUEUED(connect_timeout), .fallback = "30s", .min = 100,
	  .max = 600000,
	  .help = "how long a connection to a host's address may take" },
	{ .name = "reply_timeout", .type = CONF_TIME,
	  .offset = QUEUED(reply_timeout), .fallback = "10m", .min = 100,
	  .max = 600000,
	  .help = "how long another server may take for a reply; never longer "
		  "than RFC 5321 says" },
	{ .name = "cache", .type = CONF_SIZE, .offset = QUEUED(cache),
	  .fallback = "32M", .min = UINT64_C(1) << 20,
	  .max = UINT64_C(1) << 36,
	  .help = "memory for the database" },
	{ .name = "min_free", .type = CONF_SIZE, .offset = QUEUED(min_free),
	  .fallback = "64M", .max = UINT64_C(1) << 40,
	  .help = "space on the disk that new messages may not use" },
	{ .name = "max_size", .type = CONF_SIZE, .offset = QUEUED(max_size),
	  .fallback = "50M", .max = UINT64_C(1) << 40,
	  .help = "size of a message; 0: no limit" },
	{ .name = "max_hops", .type = CONF_NUMBER, .offset = QUEUED(max_hops),
	  .fallback = "100", .min = 10, .max = 1000,
	  .help = "Received fields before a message counts as looping" },
	{ .name = "threads", .type = CONF_NUMBER, .offset = QUEUED(threads),
	  .fallback = "256", .min = 4, .max = 4096,
	  .help = "threads at most" },
	{ .name = "max_deliveries", .type = CONF_NUMBER,
	  .offset = QUEUED(max_deliveries), .fallback = "100", .min = 1,
	  .max = 2000,
	  .help = "deliveries at once, in all" },
	{ .name = "hop_start", .type = CONF_NUMBER, .offset = QUEUED(hop_start),
	  .fallback = "5", .min = 1, .max = 1000,
	  .help = "deliveries at once to a next hop, at first" },
	{ .name = "hop_max", .type = CONF_NUMBER, .offset = QUEUED(hop_max),
	  .fallback = "20", .min = 1, .max = 1000,
	  .help = "deliveries at once to a next hop, at most" },
	{ .name = "max_rcpts", .type = CONF_NUMBER, .offset = QUEUED(max_rcpts),
	  .fallback = "50", .min = 1, .max = 1000,
	  .help = "recipients in one transaction" },
	{ .name = "provider", .type = CONF_SECTION,
	  .offset = QUEUED(providers), .sub = &provider_table,
	  .help = "how much the hosts of one organisation get" },
	{ .name = "retry_min", .type = CONF_TIME, .offset = QUEUED(retry_min),
	  .fallback = "5m", .min = 100, .max = 86400000,
	  .help = "the pause after a first failure; it doubles" },
	{ .name = "retry_max", .type = CONF_TIME, .offset = QUEUED(retry_max),
	  .fallback = "4h", .min = 100, .max = UINT64_C(86400000) * 7,
	  .help = "the longest pause" },
	{ .name = "max_age", .type = CONF_TIME, .offset = QUEUED(max_age),
	  .fallback = "5d", .min = 1000, .max = UINT64_C(86400000) * 100,
	  .help = "how long a message may wait before it is returned" },
	{ .name = "user_rate", .type = CONF_TEXT, .offset = QUEUED(user_rate),
	  .help = "recipients of a user in a time, as in \"500/h\"; what is "
		  "more is held" },
	{ .name = "warn_after", .type = CONF_TIME, .offset = QUEUED(warn_after),
	  .fallback = "4h", .max = UINT64_C(86400000) * 100,
	  .help = "when the sender is told of a delay; 0: never" },
	{ .name = "postmaster", .type = CONF_TEXT, .offset = QUEUED(postmaster),
	  .help = "gets notices that cannot be delivered; default: "
		  "postmaster@hostname" },
	{ .name = "templates", .type = CONF_PATH, .offset = QUEUED(templates),
	  .help = "a folder with texts for notices; default: built in" },
	{ .name = NULL },
};
/* clang-format on */

static int
check_peer(const char *name, const char *text, struct fault *f)
{
	struct net_address address;
	struct fault why;

	if (text == NULL || net_parse(str(text), &address, &why) == 0)
		return 0;
	return fault_perm(f, "5.3.5", "%s: %s", name, why.text);
}

/* Behind TCP nobody can be told from anybody else. */
static int
check_listen(const char *text, struct fault *f)
{
	struct net_address address;

	if (text == NULL || net_parse(str(text), &address, f) < 0 ||
	    net_is_loopback(&address))
		return 0;
	return fault_perm(f, "5.3.5",
	    "listen: \"%s\" is neither a unix socket nor a loopback address, "
	    "and whoever can connect could send mail in any name",
	    text);
}

static int
check_https(const char *name, const char *text, struct fault *f)
{
	struct net_address address;

	if (check_peer(name, text, f) < 0)
		return -1;
	if (text == NULL || net_parse(str(text), &address, f) < 0 ||
	    !net_is_unix(&address))
		return 0;
	return fault_perm(f, "5.3.5", "%s: HTTPS needs ADDRESS:PORT", name);
}

/* It stands in a header, and its domain says who we are. */
static int
check_reports(const struct queued_options *o, struct fault *f)
{
	struct address from;
	struct fault why;

	if (o->tls_report_from == NULL)
		return !o->tls_reports
			   ? 0
			   : fault_perm(f, "5.3.5",
				 "tls_reports needs tls_report_from");
	if (address_parse(str(o->tls_report_from), &from, &why) < 0)
		return fault_perm(f, "5.3.5", "tls_report_from: %s", why.text);
	if (from.domain[0] == '\0' || from.domain[0] == '[' ||
	    !mime_is_ascii(str(o->tls_report_from)))
		return fault_perm(f, "5.3.5",
		    "tls_report_from: \"%s\" is no address in ASCII with a "
		    "domain",
		    o->tls_report_from);
	return 0;
}

static int
check_smarthost(const char *text, struct fault *f)
{
	struct route route;
	struct fault why;

	if (text == NULL || route_parse_host(str(text), &route, &why) == 0)
		return 0;
	return fault_perm(f, "5.3.5", "smarthost: %s", why.text);
}

static int
check_providers(const struct conf_sections *providers, struct fault *f)
{
	const struct provider_options *o = providers->bytes;
	char a[LIMIT_PROVIDER_SIZE], b[LIMIT_PROVIDER_SIZE];

	for (size_t i = 0; i < providers->n; i++) {
		for (size_t k = 0; k < i; k++) {
			if (limit_parse_provider(str(o[i].title), a, f) < 0 ||
			    limit_parse_provider(str(o[k].title), b, f) < 0)
				return -1;
			if (strcmp(a, b) == 0)
				return fault_perm(f, "5.3.5",
				    "there are two sections provider \"%.100s\"",
				    a);
		}
	}
	return 0;
}

static int
check_queued(const void *options, struct fault *f)
{
	const struct queued_options *o = options;
	struct pace_limit rate;
	mode_t mode;

	if (!net_parse_mode(o->listen_mode, &mode))
		return fault_perm(f, "5.3.5",
		    "listen_mode: \"%s\" is no mode, such as 0660",
		    o->listen_mode);
	if (o->retry_max < o->retry_min)
		return fault_perm(
		    f, "5.3.5", "retry_max is less than retry_min");
	if (o->hop_max < o->hop_start)
		return fault_perm(f, "5.3.5", "hop_max is less than hop_start");
	if (o->user_rate != NULL &&
	    limit_parse_rate(str(o->user_rate), &rate, f) < 0)
		return -1;
	if (check_providers(&o->providers, f) < 0 ||
	    check_smarthost(o->smarthost, f) < 0)
		return -1;
	if (check_peer("listen", o->listen, f) < 0 ||
	    check_peer("socketmap", o->socketmap, f) < 0 ||
	    check_peer("lmtp", o->lmtp, f) < 0 ||
	    check_peer("transport_map", o->transport_map, f) < 0 ||
	    check_https("https_via", o->https_via, f) < 0)
		return -1;
	if (check_reports(o, f) < 0)
		return -1;
	return check_listen(o->listen, f);
}

const struct conf_table queued_table = {
    .section = "queued",
    .options = queued_options,
    .size = sizeof(struct queued_options),
    .check = check_queued,
};
