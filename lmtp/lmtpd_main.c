/* SPDX-License-Identifier: ISC */
/*
 * posthouse-lmtpd: takes mail by LMTP and keeps it in Maildirs.
 *
 * The only process that has the store open. It runs as the mailboxes' owner.
 */
#include "config.h"

#include <pwd.h>
#include <stdio.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include "base/json.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/service.h"
#include "lmtp/limits.h"
#include "lmtp/quota_session.h"
#include "lmtp/session.h"
#include "lmtp/warning.h"
#include "proto/domain.h"
#include "proto/socketmap.h"
#include "store/keeper.h"
#include "store/store.h"

enum {
	DRAIN_MS = 30000,
	LOOKUPS_MAX = 10000, /* remembered at once */
};

static struct lmtpd lmtpd;

static void
put_status(void *ctx, json_t *object)
{
	struct lmtpd_counters *c = &lmtpd.counters;

	(void)ctx;
	json_put_int(
	    object, "connections", (int64_t)atomic_load(&c->connections));
	json_put_int(object, "messages", (int64_t)atomic_load(&c->messages));
	json_put_int(object, "stored", (int64_t)atomic_load(&c->stored));
	json_put_int(object, "repeated", (int64_t)atomic_load(&c->repeated));
	json_put_int(object, "failed", (int64_t)atomic_load(&c->failed));
}

static struct smtp_server_conf
engine_conf(bool trusted)
{
	const struct lmtpd_options *o = lmtpd.options;

	return (struct smtp_server_conf){
	    .dialect = DIALECT_LMTP,
	    .hostname = lmtpd.hostname,
	    .max_size = o->max_size,
	    .max_rcpts = (unsigned)o->max_recipients,
	    .max_errors = (unsigned)o->max_errors,
	    .max_hops = 1000,
	    .xforward = trusted,
	};
}

/* Networks are trusted as such, all else are users. */
static void
set_up_trust(const struct conf_list *trusted)
{
	struct fault f;

	lmtpd.trusted = mem_zeroed(trusted->n + 1, sizeof *lmtpd.trusted);
	lmtpd.trusted_users =
	    mem_zeroed(trusted->n + 1, sizeof *lmtpd.trusted_users);
	for (size_t i = 0; i < trusted->n; i++) {
		const char *item = trusted->items[i];
		const struct passwd *user;

		if (net_parse_network(
			str(item), &lmtpd.trusted[lmtpd.n_trusted], &f) == 0) {
			lmtpd.n_trusted++;
			continue;
		}
		user = getpwnam(item);
		if (user == NULL)
			die(EX_CONFIG,
			    "posthouse-lmtpd: trusted: \"%s\" is neither a "
			    "network nor a user",
			    item);
		lmtpd.trusted_users[lmtpd.n_trusted_users++] = user->pw_uid;
	}
}

static void
set_up_directory(struct service *service)
{
	const struct lmtpd_options *o = lmtpd.options;
	struct socketmap_client_conf conf = {
	    .timeout_ms = (int64_t)o->lookup_timeout,
	    .cache_ms = (int64_t)o->lookup_cache,
	    .cache_entries = LOOKUPS_MAX,
	};
	const char *text = o->socketmap;
	char path[512], domain[DOMAIN_SIZE];
	struct fault f;

	lmtpd.domains = mem_zeroed(o->domains.n + 1, sizeof *lmtpd.domains);
	for (size_t i = 0; i < o->domains.n; i++) {
		if (domain_to_ascii(str(o->domains.items[i]), domain))
			lmtpd.domains[lmtpd.n_domains++] = mem_dup(domain);
	}
	if (text == NULL) {
		snprintf(path, sizeof path, "unix:%s/socketmap.sock",
		    service_common(service)->run_dir);
		text = path;
	}
	if (net_parse(str(text), &conf.address, &f) < 0)
		die(EX_CONFIG, "posthouse-lmtpd: socketmap: %s", f.text);
	lmtpd.directory = socketmap_client_new(&conf);
	conf.cache_ms = 0;
	lmtpd.nodes = socketmap_client_new(&conf);
}

static void
set_up_quotas(void)
{
	const struct lmtpd_options *o = lmtpd.options;
	const struct warnings_conf warnings = {
	    .levels = &o->quota_warnings,
	    .templates = o->templates,
	    .hostname = lmtpd.hostname,
	};
	struct fault f;

	if (!lmtpd_has_quotas(o))
		return;
	lmtpd.limits = limits_new(lmtpd.directory);
	lmtpd.warnings = warnings_new(&warnings, &f);
	if (lmtpd.warnings == NULL)
		die(EX_CONFIG, "posthouse-lmtpd: templates: %s", f.text);
}

static void
set_limits(struct service *service)
{
	const struct server_limits sessions = {
	    .sessions = (unsigned)lmtpd.options->max_sessions,
	};
	const struct loop_limits threads = {
	    .max = (unsigned)lmtpd.options->threads,
	};

	service_set_limits(service, &sessions, &threads);
}

static void
listen_at(struct service *service, const char *address, const char *protocol,
    const struct session_ops *ops)
{
	mode_t mode;

	if (!net_parse_mode(lmtpd.options->socket_mode, &mode))
		die(EX_CONFIG, "posthouse-lmtpd: socket_mode is no mode");
	service_listener(service, address, protocol, mode, ops, &lmtpd);
	service_listener_group(
	    service, address, "socket_group", lmtpd.options->socket_group);
}

/* At the addresses, or at the socket of this name in run_dir. */
static void
listen_for(struct service *service, const struct conf_list *addresses,
    const char *name, const struct session_ops *ops)
{
	char path[512];

	for (size_t i = 0; i < addresses->n; i++)
		listen_at(service, addresses->items[i], name, ops);
	if (addresses->n > 0)
		return;
	snprintf(path, sizeof path, "unix:%s/%s.sock",
	    service_common(service)->run_dir, name);
	listen_at(service, path, name, ops);
}

static void
set_up_listeners(struct service *service)
{
	const struct lmtpd_options *o = lmtpd.options;

	listen_for(service, &o->listen, "lmtp", &lmtp_session_ops);
	if (lmtpd_has_quotas(o))
		listen_for(
		    service, &o->quota_status, "quota", &quota_session_ops);
}

static void
set_up_store(struct service *service)
{
	const struct lmtpd_options *o = lmtpd.options;
	const char *state_dir = service_common(service)->state_dir;
	struct store_conf conf = {
	    .root = o->root,
	    .index_dir = o->index_dir,
	    .hostname = lmtpd.hostname,
	    .commit = (enum store_commit)o->commit,
	    .quota =
		{
		    .permanent = o->quota_full == LMTPD_QUOTA_NEVER,
		    .grace = o->quota_grace,
		},
	    .index_cache = o->index_cache,
	    .watches = o->watches,
	    .look_interval = (int64_t)o->look_interval,
	};
	char root[512], index[512];

	snprintf(root, sizeof root, "%s/mail", state_dir);
	snprintf(index, sizeof index, "%s/index", state_dir);
	if (conf.root == NULL)
		conf.root = root;
	if (conf.index_dir == NULL)
		conf.index_dir = index;
	maildirsize_set_trash(o->quota_trash);
	lmtpd.store = store_new(&conf);
}

/* As the user that the mailboxes belong to. */
static void
start_store(void)
{
	const struct lmtpd_options *o = lmtpd.options;
	struct keeper_conf keeper = {
	    .expire = o->expire.items,
	    .n_expire = o->expire.n,
	    .keep = (int64_t)(o->keep_removed / 1000),
	};
	struct fault f;

	/* The options were checked. */
	(void)!keeper_parse_at(str(o->expire_at), &keeper.at);
	if (store_start(lmtpd.store, &f) < 0 ||
	    store_keep(lmtpd.store, &keeper, &f) < 0)
		die(f.kind == FAULT_TEMP ? EX_TEMPFAIL : EX_CONFIG,
		    "posthouse-lmtpd: %s", f.text);
}

static void
clean_up(void)
{
	store_close(&lmtpd.store);
	limits_free(&lmtpd.limits);
	warnings_free(&lmtpd.warnings);
	socketmap_client_free(&lmtpd.directory);
	socketmap_client_free(&lmtpd.nodes);
	for (size_t i = 0; i < lmtpd.n_domains; i++)
		mem_free((void *)(uintptr_t)lmtpd.domains[i]);
	mem_free(lmtpd.domains);
	mem_free(lmtpd.trusted);
	mem_free(lmtpd.trusted_users);
}

int
main(int argc, char **argv)
{
	const struct service_spec spec = {
	    .program = "posthouse-lmtpd",
	    .version = PACKAGE_VERSION,
	    .table = &lmtpd_table,
	    .drain_ms = DRAIN_MS,
	};
	struct service *service = service_start(&spec, argc, argv);
	int status;

	lmtpd.options = service_options(service);
	lmtpd.hostname = service_common(service)->hostname;
	lmtpd.engine = engine_conf(false);
	lmtpd.engine_trusted = engine_conf(true);
	set_limits(service);
	set_up_trust(&lmtpd.options->trusted);
	set_up_directory(service);
	set_up_quotas();
	set_up_listeners(service);
	set_up_store(service);
	service_control(service, store_methods, lmtpd.store, put_status);
	service_drop(service, lmtpd.options->user);
	start_store();
	status = service_run(service);
	service_stop(&service);
	clean_up();
	return status;
}
