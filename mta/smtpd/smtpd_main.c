/* SPDX-License-Identifier: ISC */
/*
 * posthouse-smtpd: takes mail by SMTP and hands it over by LMTP.
 *
 * Owns nothing on disk and needs no right to anything but its sockets.
 */
#include "config.h"

#include <stdio.h>
#include <sysexits.h>

#include "base/json.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/service.h"
#include "base/tls.h"
#include "base/user.h"
#include "mta/queue/template.h"
#include "mta/send/lmtp_pool.h"
#include "mta/smtpd/explain_session.h"
#include "mta/smtpd/nodes.h"
#include "mta/smtpd/quota.h"
#include "mta/smtpd/repeat.h"
#include "mta/smtpd/session.h"
#include "mta/smtpd/trust.h"
#include "proto/auth_client.h"
#include "proto/socketmap.h"

enum {
	DRAIN_MS = 30000,
	LOOKUPS_MAX = 10000, /* remembered at once */
	MISSING_MS = 100,    /* that a domain is not ours */
	REPEATS_MAX = 1000,
	REPEATS_MS = 6 * 60 * 60 * 1000,
};

static struct smtpd smtpd;
/* Nothing listens in between: REQUIRETLS is kept. */
static bool delivers_on_this_host;

static void
reload(void *ctx)
{
	struct fault f;

	(void)ctx;
	if (smtpd.tls == NULL)
		return;
	if (tls_server_reload(smtpd.tls, &f) < 0 ||
	    (smtpd.tls_users != NULL &&
		tls_server_reload(smtpd.tls_users, &f) < 0))
		log_error(NULL, "certificates not read again", "reason", f.text,
		    NULL);
	else
		log_info(NULL, "certificates read again", NULL);
}

static void
put_status(void *ctx, json_t *object)
{
	struct smtpd_counters *c = &smtpd.counters;

	(void)ctx;
	json_put_int(
	    object, "connections", (int64_t)atomic_load(&c->connections));
	json_put_int(object, "messages", (int64_t)atomic_load(&c->messages));
	json_put_int(object, "refused", (int64_t)atomic_load(&c->refused));
	json_put_int(object, "deferred", (int64_t)atomic_load(&c->deferred));
	json_put_int(
	    object, "auth_failures", (int64_t)atomic_load(&c->auth_failures));
	json_put_int(object, "lmtp_idle", lmtp_pool_idle(smtpd.lmtp));
}

/* An address from the configuration, or the default socket below run_dir. */
static struct net_address
peer_address(struct service *service, const char *text, const char *name)
{
	struct net_address address;
	char path[512];
	struct fault f;

	if (text == NULL) {
		snprintf(path, sizeof path, "unix:%s/%s",
		    service_common(service)->run_dir, name);
		text = path;
	}
	if (net_parse(str(text), &address, &f) < 0)
		die(EX_CONFIG, "posthouse-smtpd: %s: %s", text, f.text);
	return address;
}

static struct tls_server *
read_certificates(const struct tls_options *options)
{
	const struct certificate_options *from = options->certificates.bytes;
	size_t n = options->certificates.n;
	struct tls_certificate *to;
	struct tls_server *tls;
	struct fault f;

	to = mem_zeroed(n, sizeof *to);
	for (size_t i = 0; i < n; i++)
		to[i] = (struct tls_certificate){
		    .chain = from[i].chain, .key = from[i].key};
	tls = tls_server_new(to, n, &f);
	if (tls == NULL)
		die(EX_CONFIG, "posthouse-smtpd: %s", f.text);
	mem_free(to);
	return tls;
}

/* Other mail servers are not asked: some would make trouble. */
static void
set_up_tls(const struct tls_options *options)
{
	struct fault f;

	if (options->certificates.n == 0)
		return;
	smtpd.tls = read_certificates(options);
	if (options->client_ca == NULL)
		return;
	smtpd.tls_users = read_certificates(options);
	if (tls_server_ask_clients(smtpd.tls_users, options->client_ca, &f) < 0)
		die(EX_CONFIG, "posthouse-smtpd: client_ca: %s", f.text);
}

static void
set_up_trust(const struct conf_list *networks)
{
	struct trust_facts facts;
	struct fault f;

	smtpd.trusted = mem_zeroed(networks->n + 1, sizeof *smtpd.trusted);
	smtpd.n_trusted = networks->n;
	trust_facts_read(&facts);
	for (size_t i = 0; i < networks->n; i++)
		if (trust_parse(str(networks->items[i]), &facts,
			&smtpd.trusted[i], &f) < 0)
			die(EX_CONFIG, "posthouse-smtpd: %s", f.text);
}

static void
set_up_postmaster(void)
{
	const char *text = smtpd.options->postmaster;
	char fallback[300];
	struct fault f;

	snprintf(fallback, sizeof fallback, "postmaster@%s", smtpd.hostname);
	if (address_parse(
		str(text == NULL ? fallback : text), &smtpd.postmaster, &f) < 0)
		die(EX_CONFIG, "posthouse-smtpd: postmaster: %s", f.text);
}

static void
set_up_local(const struct conf_list *names)
{
	struct local_rules *local = &smtpd.local;
	const char *domain = smtpd.options->local_domain;
	uid_t *anyone = mem_zeroed(names->n + 1, sizeof *anyone);
	struct fault f;

	if (user_find_all(names, anyone, &f) < 0)
		die(EX_CONFIG, "posthouse-smtpd: trusted_users: %s", f.text);
	local->domain = domain == NULL ? smtpd.hostname : domain;
	local->anyone = anyone;
	local->n_anyone = names->n;
}

static void
set_up_domains(
    const char *option, const struct conf_list *list, struct domains *domains)
{
	struct fault f;

	if (domains_init(domains, list, &f) < 0)
		die(EX_CONFIG, "posthouse-smtpd: %s: %s", option, f.text);
}

static void
set_up_relay(struct service *service, struct socketmap_client_conf map)
{
	const struct smtpd_options *o = smtpd.options;
	struct fault f;

	set_up_domains(
	    "relay_domains", &o->relay_domains, &smtpd.relay_domains);
	set_up_domains(
	    "etrn_domains", smtpd_etrn_domains(o), &smtpd.etrn_domains);
	if (o->relay_recipients != NULL) {
		map.address = peer_address(service, o->relay_recipients, "");
		smtpd.relay_recipients = socketmap_client_new(&map);
	}
	smtpd.etrn_from =
	    mem_zeroed(o->etrn_from.n + 1, sizeof *smtpd.etrn_from);
	smtpd.n_etrn_from = o->etrn_from.n;
	for (size_t i = 0; i < o->etrn_from.n; i++)
		if (net_parse_network(str(o->etrn_from.items[i]),
			&smtpd.etrn_from[i], &f) < 0)
			die(EX_CONFIG, "posthouse-smtpd: etrn_from: %s",
			    f.text);
}

static void
set_up_nodes(struct service *service, struct socketmap_client_conf map,
    const struct lmtp_pool_conf *lmtp)
{
	const char *transport_map = smtpd.options->transport_map;

	if (transport_map == NULL)
		return;
	map.address = peer_address(service, transport_map, "");
	map.missing_map = NULL;
	smtpd.nodes = nodes_new(socketmap_client_new(&map), lmtp);
}

static void
set_up_quota(struct service *service)
{
	const struct smtpd_options *o = smtpd.options;
	struct quota_asker_conf conf = {
	    .timeout_ms = (int64_t)o->lookup_timeout,
	    .cache_ms = (int64_t)o->quota_cache,
	    .is_default = o->quota_status == NULL,
	};

	if (!smtpd_asks_quota(o))
		return;
	conf.address = peer_address(service, o->quota_status, "quota.sock");
	smtpd.quota = quota_asker_new(&conf);
}

static void
set_up(struct service *service)
{
	const struct smtpd_options *o = service_options(service);

	smtpd.options = o;
	smtpd.hostname = service_common(service)->hostname;
	set_up_tls(service_tls(service));
	set_up_trust(&o->relay_from);
	set_up_postmaster();
	set_up_local(&o->trusted_users);

	const struct socketmap_client_conf directory = {
	    .address = peer_address(service, o->socketmap, "socketmap.sock"),
	    .timeout_ms = (int64_t)o->lookup_timeout,
	    .cache_ms = (int64_t)o->lookup_cache,
	    .cache_entries = LOOKUPS_MAX,
	    .missing_map = "domain",
	    .missing_ms = MISSING_MS,
	};
	const struct net_address auth =
	    peer_address(service, o->auth, "auth.sock");
	const struct lmtp_pool_conf lmtp = {
	    .address = peer_address(service, o->lmtp, "lmtp.sock"),
	    .hostname = smtpd.hostname,
	    .max_idle = (unsigned)o->threads,
	    .loop = service_loop(service),
	};

	struct fault f;

	delivers_on_this_host =
	    net_is_loopback(&lmtp.address) && o->transport_map == NULL;
	smtpd.directory = socketmap_client_new(&directory);
	smtpd.loop = service_loop(service);
	smtpd.auth = auth_client_new(&auth, "smtp", (int64_t)o->auth_timeout);
	smtpd.lmtp = lmtp_pool_new(&lmtp);
	if (smtpd_has_queue(o)) {
		struct lmtp_pool_conf queue = lmtp;

		queue.address = peer_address(service, o->queue, "queue.sock");
		smtpd.queue_address = queue.address;
		smtpd.queue = lmtp_pool_new(&queue);
	}
	set_up_relay(service, directory);
	set_up_nodes(service, directory, &lmtp);
	set_up_quota(service);
	smtpd.repeats = repeats_new(REPEATS_MAX, REPEATS_MS);
	smtpd.templates = templates_new(smtpd.options->templates, &f);
	if (smtpd.templates == NULL)
		die(EX_CONFIG, "posthouse-smtpd: templates: %s", f.text);
}

static struct smtp_server_conf
engine_conf(const struct listen_options *l)
{
	const struct smtpd_options *o = smtpd.options;

	return (struct smtp_server_conf){
	    .dialect = DIALECT_SMTP,
	    .hostname = smtpd.hostname,
	    .max_size = o->max_size,
	    .max_rcpts = (unsigned)o->max_recipients,
	    .max_errors = (unsigned)o->max_errors,
	    .max_commands = (unsigned)o->max_commands,
	    .max_header_size = o->max_header_size,
	    .max_hops = (unsigned)o->max_hops,
	    .starttls = smtpd.tls != NULL && l->protocol != SMTPD_SUBMISSIONS &&
			l->protocol != SMTPD_LOCAL,
	    .tls_required =
		l->protocol == SMTPD_SUBMISSION && !l->auth_without_tls,
	    .auth_required = l->protocol == SMTPD_SUBMISSION ||
			     l->protocol == SMTPD_SUBMISSIONS,
	    .auth_plain_ok = l->auth_without_tls,
	    .etrn = smtpd.etrn_domains.n > 0 && smtpd.queue != NULL,
	    .requiretls = smtpd.tls != NULL && delivers_on_this_host,
	};
}

static void
set_up_listener(struct service *service, const struct listen_options *l,
    struct smtpd_listener *listener)
{
	if ((l->protocol == SMTPD_SUBMISSION ||
		l->protocol == SMTPD_SUBMISSIONS) &&
	    smtpd.tls == NULL && !l->auth_without_tls)
		die(EX_CONFIG,
		    "posthouse-smtpd: listen \"%s\": %s needs a certificate "
		    "in the section tls",
		    l->title, smtpd_protocol_name(l->protocol));
	*listener = (struct smtpd_listener){
	    .smtpd = &smtpd,
	    .options = l,
	    .protocol = l->protocol,
	    .auth_without_tls = l->auth_without_tls,
	    .tls = l->protocol == SMTPD_SMTP || smtpd.tls_users == NULL
		       ? smtpd.tls
		       : smtpd.tls_users,
	    .engine = engine_conf(l),
	};
	service_listener(service, l->title, smtpd_protocol_name(l->protocol),
	    0666,
	    l->protocol == SMTPD_SUBMISSIONS ? &smtpd_session_tls_ops
					     : &smtpd_session_ops,
	    listener);
}

static struct smtpd_listener *
set_up_listeners(struct service *service)
{
	const struct conf_sections *sections = &smtpd.options->listeners;
	const struct listen_options *l = sections->bytes;
	struct smtpd_listener *listeners;

	if (sections->n == 0)
		die(EX_CONFIG,
		    "posthouse-smtpd: the section smtpd has no \"listen\"");
	listeners = mem_zeroed(sections->n, sizeof *listeners);
	for (size_t i = 0; i < sections->n; i++)
		set_up_listener(service, &l[i], &listeners[i]);
	return listeners;
}

static void
set_limits(struct service *service)
{
	const struct smtpd_options *o = service_options(service);
	const struct server_limits sessions = {
	    .sessions = (unsigned)o->max_sessions,
	    .per_client = (unsigned)o->max_sessions_per_client,
	};
	const struct loop_limits threads = {.max = (unsigned)o->threads};

	service_set_limits(service, &sessions, &threads);
}

static void
clean_up(struct smtpd_listener *listeners)
{
	mem_free(listeners);
	lmtp_pool_free(&smtpd.lmtp);
	lmtp_pool_free(&smtpd.queue);
	nodes_free(&smtpd.nodes);
	quota_asker_free(&smtpd.quota);
	auth_client_free(&smtpd.auth);
	socketmap_client_free(&smtpd.directory);
	repeats_free(&smtpd.repeats);
	templates_free(&smtpd.templates);
	tls_server_free(&smtpd.tls);
	tls_server_free(&smtpd.tls_users);
	socketmap_client_free(&smtpd.relay_recipients);
	domains_clear(&smtpd.relay_domains);
	domains_clear(&smtpd.etrn_domains);
	mem_free(smtpd.etrn_from);
	mem_free(smtpd.trusted);
	mem_free(smtpd.local.anyone);
}

int
main(int argc, char **argv)
{
	const struct service_spec spec = {
	    .program = "posthouse-smtpd",
	    .version = PACKAGE_VERSION,
	    .table = &smtpd_table,
	    .wants_tls = true,
	    .drain_ms = DRAIN_MS,
	    .reload = reload,
	};
	struct service *service = service_start(&spec, argc, argv);
	struct smtpd_listener *listeners;
	int status;

	set_limits(service);
	set_up(service);
	listeners = set_up_listeners(service);
	smtpd.conf = service_conf(service);
	smtpd.listeners = listeners;
	smtpd.n_listeners = smtpd.options->listeners.n;
	service_control(service, explain_session_methods, &smtpd, put_status);
	service_drop(service, smtpd.options->user);
	status = service_run(service);
	auth_client_quit(smtpd.auth);
	lmtp_pool_quit(smtpd.lmtp);
	lmtp_pool_quit(smtpd.queue);
	nodes_quit(smtpd.nodes);
	service_stop(&service);
	clean_up(listeners);
	return status;
}
