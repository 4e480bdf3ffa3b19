/* SPDX-License-Identifier: ISC */
/*
 * posthouse-authd: who gets mail, and who may log in.
 *
 * The only process that has the directory open. It runs as its owner, and no
 * hash of a password leaves it.
 */
#include "config.h"

#include <errno.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sysexits.h>
#include <unistd.h>

#include "auth/auth_session.h"
#include "auth/authd.h"
#include "auth/directory.h"
#include "auth/door_session.h"
#include "auth/guard.h"
#include "auth/guard_methods.h"
#include "auth/name.h"
#include "auth/password.h"
#include "auth/recent.h"
#include "auth/sasl.h"
#include "auth/socketmap_session.h"
#include "auth/token.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/service.h"

enum { LOGINS_MAX = 100000, DRAIN_MS = 5000, PATH_SIZE = 512 };

static const char program[] = "posthouse-authd";
static struct authd authd;
static struct token_rules *tokens; /* NULL: none are taken */

static void
put_status(void *ctx, json_t *object)
{
	struct authd_counters *c = &authd.counters;

	(void)ctx;
	json_put_int(
	    object, "connections", (int64_t)atomic_load(&c->connections));
	json_put_int(object, "lookups", (int64_t)atomic_load(&c->lookups));
	json_put_int(
	    object, "lookups_found", (int64_t)atomic_load(&c->lookups_found));
	json_put_int(
	    object, "lookups_failed", (int64_t)atomic_load(&c->lookups_failed));
	json_put_int(object, "logins", (int64_t)atomic_load(&c->logins));
	json_put_int(
	    object, "logins_refused", (int64_t)atomic_load(&c->logins_refused));
	json_put_int(
	    object, "logins_locked", (int64_t)atomic_load(&c->logins_locked));
	json_put_int(
	    object, "logins_failed", (int64_t)atomic_load(&c->logins_failed));
}

static void
set_limits(struct service *service)
{
	const struct authd_options *o = authd.options;
	const struct server_limits sessions = {
	    .sessions = (unsigned)o->max_sessions,
	};
	const struct loop_limits threads = {.max = (unsigned)o->threads};

	service_set_limits(service, &sessions, &threads);
	/* Log-ins that wait leave threads for look-ups. */
	password_set_limits(
	    (unsigned)o->max_hashes, (unsigned)(o->threads + 1) / 2);
}

static void
set_up_guard(void)
{
	const struct authd_options *o = authd.options;
	struct net_network *exempt =
	    mem_zeroed(o->guard_exempt.n + 1, sizeof *exempt);
	const struct guard_conf conf = {
	    .lock_failures = (unsigned)o->lock_failures,
	    .lock_ms = (int64_t)o->lock_time,
	    .delay_ms = (int64_t)o->failure_delay,
	    .exempt = exempt,
	    .n_exempt = o->guard_exempt.n,
	};
	struct fault f;

	for (size_t i = 0; i < o->guard_exempt.n; i++) {
		if (net_parse_network(
			str(o->guard_exempt.items[i]), &exempt[i], &f) < 0)
			die(EX_CONFIG, "%s: %s", program, f.text);
	}
	authd.guard = guard_new(&conf);
	authd.recent = recent_logins_new(LOGINS_MAX, (int64_t)o->login_memory);
	mem_free(exempt);
}

/* As root: a secret need not be the user's to read. */
static void
set_up_tokens(void)
{
	struct fault f;

	if (!authd_options_has_bearer(authd.options))
		return;
	tokens = token_rules_new(authd.options, &f);
	if (tokens == NULL)
		die(EX_CONFIG, "%s: %s", program, f.text);
}

/* The library finds the keys by the environment. */
static void
set_up_kerberos(const struct service *service)
{
	const struct authd_options *o = authd.options;

	if (o->gssapi_keytab == NULL || o->gssapi_domain == NULL)
		return;
	if (setenv("KRB5_KTNAME", o->gssapi_keytab, 1) < 0)
		die(EX_OSERR, "%s: %s", program, strerror(errno));
	sasl_set_kerberos(service_common(service)->hostname, o->gssapi_domain);
}

/* As the user. */
static void
check_keytab(void)
{
	const char *path = authd.options->gssapi_keytab;

	if (path != NULL && access(path, R_OK) < 0)
		die(EX_CONFIG, "%s: gssapi_keytab: %s: %s", program, path,
		    strerror(errno));
}

static void
start_tokens(void)
{
	struct fault f;

	if (tokens != NULL && token_rules_start(tokens, &f) < 0)
		die(EX_OSERR, "%s: %s", program, f.text);
}

/* HUP. */
static void
reload(void *ctx)
{
	struct fault f;

	(void)ctx;
	if (tokens == NULL)
		return;
	if (token_rules_reload(tokens, &f) < 0)
		log_error(NULL, "keys for tokens not read again", "reason",
		    f.text, NULL);
	else
		log_info(NULL, "keys for tokens read again", NULL);
}

static void
set_up_homes(void)
{
	const struct authd_options *o = authd.options;
	struct fault f;

	if (homes_init(&authd.homes, o->mail_root, o->mail_user, &f) < 0)
		die(EX_CONFIG, "%s: %s", program, f.text);
}

/* Listeners. */

struct door {
	const char *protocol;
	const char *socket; /* in run_dir; NULL: only where configured */
	const struct conf_list *addresses;
	const char *mode, *group_option, *group;
	const struct session_ops *ops;
};

static void
listen_at(struct service *service, const struct door *door, const char *address)
{
	mode_t mode;

	if (!net_parse_mode(door->mode, &mode))
		die(EX_CONFIG, "%s: \"%s\" is no mode", program, door->mode);
	service_listener(
	    service, address, door->protocol, mode, door->ops, &authd);
	service_listener_group(
	    service, address, door->group_option, door->group);
}

static void
open_door(struct service *service, const struct door *door)
{
	char path[PATH_SIZE];

	for (size_t i = 0; i < door->addresses->n; i++)
		listen_at(service, door, door->addresses->items[i]);
	if (door->addresses->n > 0 || door->socket == NULL)
		return;
	snprintf(path, sizeof path, "unix:%s/%s",
	    service_common(service)->run_dir, door->socket);
	listen_at(service, door, path);
}

static void
set_up_listeners(struct service *service)
{
	const struct authd_options *o = authd.options;
	const struct door doors[] = {
	    {"socketmap", "socketmap.sock", &o->socketmap, o->socketmap_mode,
		"socketmap_group", o->socketmap_group, &socketmap_session_ops},
	    {"auth", "auth.sock", &o->auth, o->auth_mode, "auth_group",
		o->auth_group, &auth_session_ops},
	    {"saslauthd", NULL, &o->saslauthd, o->saslauthd_mode,
		"saslauthd_group", o->saslauthd_group, &saslauthd_session_ops},
	    {"authdaemon", NULL, &o->authdaemon, o->authdaemon_mode,
		"authdaemon_group", o->authdaemon_group,
		&authdaemon_session_ops},
	};

	for (size_t i = 0; i < ARRAY_LEN(doors); i++)
		open_door(service, &doors[i]);
}

/* The operator's methods: the directory's, and one that only a daemon has. */

static json_t *
lift_lock(void *ctx, const json_t *params, struct fault *f)
{
	(void)ctx;
	return guard_methods_lift(authd.guard, params, f);
}

static void
serve_control(struct service *service)
{
	struct control_method *all;
	size_t n = 0;

	while (directory_methods[n].name != NULL)
		n++;
	all = mem_zeroed(n + 2, sizeof *all);
	memcpy(all, directory_methods, n * sizeof *all);
	all[n] = (struct control_method){"lock.lift", lift_lock};
	service_control(service, all, authd.directory, put_status);
	mem_free(all);
}

/* The directory. */

static void
directory_path(struct service *service, char path[PATH_SIZE])
{
	int n;

	if (authd.options->directory != NULL)
		n = snprintf(path, PATH_SIZE, "%s", authd.options->directory);
	else
		n = snprintf(path, PATH_SIZE, "%s/directory",
		    service_common(service)->state_dir);
	if (n < 0 || n >= PATH_SIZE)
		die(EX_CONFIG, "%s: directory: the path is too long", program);
}

/* While root still is: the user may not be able to make it there. */
static void
make_folder(const char *path)
{
	const char *user = authd.options->user;
	const struct passwd *pw;

	if (mkdir(path, 0700) < 0) {
		if (errno != EEXIST)
			die(EX_CANTCREAT, "%s: cannot make %s: %s", program,
			    path, strerror(errno));
		return;
	}
	pw = user == NULL ? NULL : getpwnam(user);
	if (pw != NULL && geteuid() == 0 &&
	    chown(path, pw->pw_uid, pw->pw_gid) < 0)
		die(EX_CANTCREAT, "%s: cannot give %s away: %s", program, path,
		    strerror(errno));
}

/* Mail to the hostname itself always comes here, so it is a good default. */
static void
set_srs_domain(const struct service *service)
{
	const char *domain = authd.options->srs_domain;
	char key[NAME_SIZE];

	if (domain == NULL)
		domain = service_common(service)->hostname;
	if (strcmp(domain, "none") != 0 && name_domain_key(str(domain), key))
		directory_set_srs_domain(authd.directory, key);
}

/* As the user that it belongs to. */
static void
start_directory(const char *path)
{
	const struct directory_conf conf =
	    authd_directory_conf(authd.options, path);
	struct fault f;

	if (directory_start(authd.directory, &conf, &f) < 0)
		die(f.kind == FAULT_TEMP ? EX_TEMPFAIL : EX_CONFIG, "%s: %s",
		    program, f.text);
}

int
main(int argc, char **argv)
{
	const struct service_spec spec = {
	    .program = program,
	    .version = PACKAGE_VERSION,
	    .table = &authd_table,
	    .drain_ms = DRAIN_MS,
	    .reload = reload,
	};
	struct service *service = service_start(&spec, argc, argv);
	char path[PATH_SIZE];
	struct fault f;
	int status;

	authd.options = service_options(service);
	authd.directory = directory_new();
	directory_set_forms(
	    authd.directory, authd_options_forms(authd.options));
	set_up_tokens();
	set_up_kerberos(service);
	if (sasl_open(authd.options->mechanisms.items,
		authd.options->mechanisms.n, tokens, &f) < 0)
		die(EX_UNAVAILABLE, "%s: %s", program, f.text);
	set_limits(service);
	set_up_guard();
	set_up_homes();
	set_srs_domain(service);
	set_up_listeners(service);
	directory_path(service, path);
	make_folder(path);
	serve_control(service);
	service_drop(service, authd.options->user);
	check_keytab();
	start_directory(path);
	start_tokens();
	status = service_run(service);
	service_stop(&service);
	guard_free(&authd.guard);
	recent_logins_free(&authd.recent);
	directory_close(&authd.directory);
	sasl_close();
	token_rules_free(&tokens);
	return status;
}
