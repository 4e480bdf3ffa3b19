/* SPDX-License-Identifier: ISC */
/*
 * The options of posthouse-smtpd. What one option alone cannot say is checked
 * here too, so that "config check" and the daemon refuse the same.
 */
#include "config.h"

#include "mta/options.h"

#include <stddef.h>

#include "base/net.h"
#include "mta/smtpd/domains.h"
#include "mta/smtpd/trust.h"
#include "proto/address.h"

static const char *const protocols[] = {
    "smtp", "submission", "submissions", "local", NULL};

#define LISTEN(field) offsetof(struct listen_options, field)
#define SMTPD(field) offsetof(struct smtpd_options, field)

/* clang-format off */
static const struct conf_option listen_options[] = {
	{ .name = "protocol", .type = CONF_CHOICE, .offset = LISTEN(protocol),
	  .fallback = "smtp", .choices = protocols,
	  .help = "smtp (port 25), submission (587), submissions (465) or "
		  "local (a unix socket for users of this machine)" },
	{ .name = "auth_without_tls", .type = CONF_BOOL,
	  .offset = LISTEN(auth_without_tls), .fallback = "off",
	  .help = "take passwords in the clear; only on a loopback address" },
	{ .name = NULL },
};

static const struct conf_table listen_table = {
	.section = "listen",
	.options = listen_options,
	.size = sizeof(struct listen_options),
	.where = LISTEN(where),
};

static const struct conf_option smtpd_options[] = {
	{ .name = "user", .type = CONF_TEXT, .offset = SMTPD(user),
	  .help = "the user to run as; it needs no right to any file" },
	{ .name = "listen", .type = CONF_SECTION, .offset = SMTPD(listeners),
	  .sub = &listen_table,
	  .help = "an address to serve" },
	{ .name = "socketmap", .type = CONF_TEXT, .offset = SMTPD(socketmap),
	  .help = "where recipients are looked up; "
		  "default: socketmap.sock in run_dir" },
	{ .name = "auth", .type = CONF_TEXT, .offset = SMTPD(auth),
	  .help = "where passwords are checked; "
		  "default: auth.sock in run_dir" },
	{ .name = "lmtp", .type = CONF_TEXT, .offset = SMTPD(lmtp),
	  .help = "where local mail is delivered; "
		  "default: lmtp.sock in run_dir" },
	{ .name = "transport_map", .type = CONF_TEXT,
	  .offset = SMTPD(transport_map),
	  .help = "a socketmap server that knows which mailboxes another host "
		  "keeps; default: lmtp has them all" },
	{ .name = "queue", .type = CONF_TEXT, .offset = SMTPD(queue),
	  .help = "where mail is handed over that cannot be delivered at "
		  "once; default: queue.sock in run_dir; none: it is not "
		  "taken" },
	{ .name = "quota_status", .type = CONF_TEXT,
	  .offset = SMTPD(quota_status),
	  .help = "where mailboxes are asked for room at RCPT; "
		  "default: quota.sock in run_dir; none: they are not" },
	{ .name = "spool_dir", .type = CONF_PATH, .offset = SMTPD(spool_dir),
	  .fallback = "/var/tmp",
	  .help = "holds messages over 256 KiB while they pass" },
	{ .name = "relay_from", .type = CONF_LIST, .offset = SMTPD(relay_from),
	  .help = "networks whose clients count as known; none by default" },
	{ .name = "relay_domains", .type = CONF_LIST,
	  .offset = SMTPD(relay_domains),
	  .help = "other hosts' domains whose mail is taken from everybody and "
		  "kept for them (backup MX); \".example.org\" is all below" },
	{ .name = "relay_recipients", .type = CONF_TEXT,
	  .offset = SMTPD(relay_recipients),
	  .help = "a socketmap server that knows the recipients in "
		  "relay_domains; default: all are taken" },
	{ .name = "etrn_domains", .type = CONF_LIST,
	  .offset = SMTPD(etrn_domains),
	  .help = "domains whose waiting mail a host may ask for (ETRN); "
		  "default: relay_domains" },
	{ .name = "etrn_from", .type = CONF_LIST, .offset = SMTPD(etrn_from),
	  .help = "networks, besides known clients, that may use ETRN" },
	{ .name = "relay_after_login", .type = CONF_BOOL,
	  .offset = SMTPD(relay_after_login), .fallback = "off",
	  .help = "a client counts as known from whose address somebody has "
		  "logged in lately" },
	{ .name = "sender_check", .type = CONF_BOOL,
	  .offset = SMTPD(sender_check), .fallback = "on",
	  .help = "a user may only send as the user's own addresses" },
	{ .name = "from_check", .type = CONF_BOOL,
	  .offset = SMTPD(from_check), .fallback = "on",
	  .help = "and only with them in the fields From and Sender" },
	{ .name = "postmaster", .type = CONF_TEXT, .offset = SMTPD(postmaster),
	  .help = "gets mail for <postmaster>; default: postmaster@hostname" },
	{ .name = "local_domain", .type = CONF_TEXT,
	  .offset = SMTPD(local_domain),
	  .help = "what completes the names of this machine's users; "
		  "default: hostname" },
	{ .name = "trusted_users", .type = CONF_LIST,
	  .offset = SMTPD(trusted_users),
	  .help = "users of this machine, besides root, that may use any "
		  "sender" },
	{ .name = "threads", .type = CONF_NUMBER, .offset = SMTPD(threads),
	  .fallback = "256", .min = 4, .max = 4096,
	  .help = "threads at most, those that wait for a delivery included" },
	{ .name = "max_sessions", .type = CONF_NUMBER,
	  .offset = SMTPD(max_sessions), .fallback = "10000", .max = 1000000,
	  .help = "connections at once; 0: no limit" },
	{ .name = "max_sessions_per_client", .type = CONF_NUMBER,
	  .offset = SMTPD(max_sessions_per_client), .fallback = "50",
	  .max = 1000000,
	  .help = "connections at once from one address; 0: no limit" },
	{ .name = "max_size", .type = CONF_SIZE, .offset = SMTPD(max_size),
	  .fallback = "50M", .max = UINT64_C(1) << 40,
	  .help = "size of a message; 0: no limit" },
	{ .name = "max_header_size", .type = CONF_SIZE,
	  .offset = SMTPD(max_header_size), .fallback = "256K",
	  .max = UINT64_C(1) << 30,
	  .help = "size of a message's header section; 0: no limit" },
	{ .name = "max_hops", .type = CONF_NUMBER, .offset = SMTPD(max_hops),
	  .fallback = "100", .min = 10, .max = 1000,
	  .help = "Received fields before a message counts as looping" },
	{ .name = "max_recipients", .type = CONF_NUMBER,
	  .offset = SMTPD(max_recipients), .fallback = "1000", .min = 1,
	  .max = SMTPD_RECIPIENTS_MAX,
	  .help = "recipients of a message" },
	{ .name = "max_errors", .type = CONF_NUMBER,
	  .offset = SMTPD(max_errors), .fallback = "20", .min = 1,
	  .max = 100000,
	  .help = "refused commands before the connection is closed" },
	{ .name = "max_commands", .type = CONF_NUMBER,
	  .offset = SMTPD(max_commands), .fallback = "50000",
	  .max = 1000000000,
	  .help = "commands in one connection; 0: no limit" },
	{ .name = "max_auth_failures", .type = CONF_NUMBER,
	  .offset = SMTPD(max_auth_failures), .fallback = "3", .min = 1,
	  .max = 1000,
	  .help = "failed log-ins before the connection is closed" },
	{ .name = "command_timeout", .type = CONF_TIME,
	  .offset = SMTPD(command_timeout), .fallback = "5m", .min = 1000,
	  .max = 86400000,
	  .help = "how long to wait for a command (RFC 5321: 5m)" },
	{ .name = "data_timeout", .type = CONF_TIME,
	  .offset = SMTPD(data_timeout), .fallback = "3m", .min = 1000,
	  .max = 86400000,
	  .help = "how long to wait for the next piece of a message" },
	{ .name = "delivery_timeout", .type = CONF_TIME,
	  .offset = SMTPD(delivery_timeout), .fallback = "30s", .min = 1000,
	  .max = 540000,
	  .help = "how long a delivery may take before the client gets 451" },
	{ .name = "lookup_timeout", .type = CONF_TIME,
	  .offset = SMTPD(lookup_timeout), .fallback = "10s", .min = 100,
	  .max = 240000,
	  .help = "how long to wait for the directory" },
	{ .name = "auth_timeout", .type = CONF_TIME,
	  .offset = SMTPD(auth_timeout), .fallback = "60s", .min = 100,
	  .max = 240000,
	  .help = "how long to wait for the answer to a log-in" },
	{ .name = "templates", .type = CONF_PATH, .offset = SMTPD(templates),
	  .help = "a folder with the texts of the notices about lists and "
		  "aliases" },
	{ .name = "quota_cache", .type = CONF_TIME,
	  .offset = SMTPD(quota_cache), .fallback = "10s", .max = 300000,
	  .help = "how long it holds that a mailbox has room" },
	{ .name = "lookup_cache", .type = CONF_TIME,
	  .offset = SMTPD(lookup_cache), .fallback = "5s", .max = 300000,
	  .help = "how long a recipient that was found is remembered" },
	{ .name = NULL },
};
/* clang-format on */

static int
check_listener(const struct listen_options *l, struct fault *f)
{
	struct net_address address;

	if (net_parse(str(l->title), &address, f) < 0)
		return -1;
	if (l->protocol == SMTPD_LOCAL && !net_is_unix(&address))
		return fault_perm(f, "5.3.5",
		    "listen \"%s\": local needs a unix socket, where the "
		    "kernel says who the client is",
		    l->title);
	if (!l->auth_without_tls)
		return 0;
	if (l->protocol == SMTPD_LOCAL)
		return fault_perm(f, "5.3.5",
		    "listen \"%s\": auth_without_tls has no meaning where "
		    "nobody logs in",
		    l->title);
	if (l->protocol == SMTPD_SUBMISSIONS)
		return fault_perm(f, "5.3.5",
		    "listen \"%s\": auth_without_tls has no meaning where TLS "
		    "begins with the connection",
		    l->title);
	if (!net_is_loopback(&address))
		return fault_perm(f, "5.3.5",
		    "listen \"%s\": auth_without_tls is allowed only on a "
		    "loopback address, since passwords would pass the network "
		    "in the clear",
		    l->title);
	return 0;
}

static int
check_local_domain(const char *domain, struct fault *f)
{
	char text[ADDRESS_DOMAIN_MAX + 1];
	struct fault why;

	if (domain == NULL || address_parse_domain(str(domain), false, text,
				  sizeof text, &why) == 0)
		return 0;
	return fault_perm(f, "5.3.5", "local_domain: %s", why.text);
}

static int
check_peer(const char *name, const char *text, struct fault *f)
{
	struct net_address address;
	struct fault why;

	if (text == NULL || net_parse(str(text), &address, &why) == 0)
		return 0;
	return fault_perm(f, "5.3.5", "%s: %s", name, why.text);
}

static int
check_relay_from(const struct conf_list *networks, struct fault *f)
{
	struct trust_facts facts;
	struct net_network network;

	if (networks->n == 0)
		return 0;
	trust_facts_read(&facts);
	for (size_t i = 0; i < networks->n; i++)
		if (trust_parse(str(networks->items[i]), &facts, &network, f) <
		    0)
			return -1;
	return 0;
}

bool
smtpd_has_queue(const struct smtpd_options *o)
{
	return o->queue == NULL || !str_is(str(o->queue), STR_LIT("none"));
}

static int
check_domains(const char *option, const struct conf_list *list, struct fault *f)
{
	struct domains domains;
	struct fault why;

	if (domains_init(&domains, list, &why) < 0)
		return fault_perm(f, "5.3.5", "%s: %s", option, why.text);
	domains_clear(&domains);
	return 0;
}

/* For whom mail is kept, and who may ask for it. */
static int
check_relay(const struct smtpd_options *o, struct fault *f)
{
	struct net_network network;
	struct fault why;

	if (check_domains("relay_domains", &o->relay_domains, f) < 0 ||
	    check_domains("etrn_domains", &o->etrn_domains, f) < 0 ||
	    check_peer("relay_recipients", o->relay_recipients, f) < 0)
		return -1;
	for (size_t i = 0; i < o->etrn_from.n; i++)
		if (net_parse_network(
			str(o->etrn_from.items[i]), &network, &why) < 0)
			return fault_perm(
			    f, "5.3.5", "etrn_from: %s", why.text);
	if (!smtpd_has_queue(o) &&
	    (o->relay_domains.n > 0 || o->etrn_domains.n > 0))
		return fault_perm(
		    f, "5.3.5", "relay_domains and etrn_domains need a queue");
	return 0;
}

bool
smtpd_asks_quota(const struct smtpd_options *o)
{
	return o->quota_status == NULL ||
	       !str_is(str(o->quota_status), STR_LIT("none"));
}

const struct conf_list *
smtpd_etrn_domains(const struct smtpd_options *o)
{
	return o->etrn_domains.n > 0 ? &o->etrn_domains : &o->relay_domains;
}

static int
check_smtpd(const void *options, struct fault *f)
{
	const struct smtpd_options *o = options;
	const struct listen_options *l = o->listeners.bytes;

	for (size_t i = 0; i < o->listeners.n; i++)
		if (check_listener(&l[i], f) < 0)
			return -1;
	if (check_peer("socketmap", o->socketmap, f) < 0 ||
	    check_peer("auth", o->auth, f) < 0 ||
	    check_peer("lmtp", o->lmtp, f) < 0 ||
	    check_peer("transport_map", o->transport_map, f) < 0 ||
	    (smtpd_has_queue(o) && check_peer("queue", o->queue, f) < 0) ||
	    (smtpd_asks_quota(o) &&
		check_peer("quota_status", o->quota_status, f) < 0) ||
	    check_local_domain(o->local_domain, f) < 0 || check_relay(o, f) < 0)
		return -1;
	return check_relay_from(&o->relay_from, f);
}

const char *
smtpd_local_socket(const struct smtpd_options *o)
{
	const struct listen_options *l = o->listeners.bytes;

	for (size_t i = 0; i < o->listeners.n; i++)
		if (l[i].protocol == SMTPD_LOCAL)
			return l[i].title;
	return NULL;
}

const char *
smtpd_protocol_name(enum smtpd_protocol protocol)
{
	return protocols[protocol];
}

const struct conf_table smtpd_table = {
    .section = "smtpd",
    .options = smtpd_options,
    .size = sizeof(struct smtpd_options),
    .check = check_smtpd,
};
