/* SPDX-License-Identifier: ISC */
/*
 * The operator's sections are parsed once and sorted, so that a look-up is a
 * few searches; the two maps are asked over sockets.
 */
#include "config.h"

#include "mta/send/route.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/log.h"
#include "base/mem.h"
#include "mta/queued_options.h"
#include "mta/send/route_parse.h"
#include "proto/socketmap.h"

enum {
	LOOKUP_MS = 10000,
	CACHE_MS = 10000,
	CACHE_ENTRIES = 10000,
	MISSING_MS = 100, /* that a domain is not ours */
	PASSWORD_MAX = 1024,
};

struct rule {
	char key[ADDRESS_TEXT_SIZE];
	const struct route_options *options;
	const char *name;     /* "route \"KEY\"" */
	struct route route;   /* where options->to is set */
	const char *password; /* NULL: none; the mutex guards it */
};

struct routes {
	const struct queued_options *options;
	struct arena arena; /* the mutex guards it */
	struct rule *rules; /* sorted by rule_order() */
	size_t n;
	struct socketmap_client *directory;
	struct socketmap_client *transports; /* NULL: none */
	struct net_address lmtp;
	bool has_smarthost;
	struct route smarthost;
	pthread_mutex_t mutex;
};

static int
rule_order(bool a_sender, const char *a, bool b_sender, const char *b)
{
	if (a_sender != b_sender)
		return a_sender ? -1 : 1;
	return strcmp(a, b);
}

static int
by_key(const void *a, const void *b)
{
	const struct rule *x = a, *y = b;

	return rule_order(
	    x->options->by_sender, x->key, y->options->by_sender, y->key);
}

/* Reading what was configured. */

/* Without the line end that an editor puts behind it. */
static struct str
chomp(struct str s)
{
	while (
	    s.len > 0 && (s.at[s.len - 1] == '\n' || s.at[s.len - 1] == '\r'))
		s.len--;
	return s;
}

static int
read_all(int fd, struct buf *b)
{
	for (;;) {
		size_t room;
		char *at = buf_space(b, PASSWORD_MAX, &room);
		ssize_t n;

		if (at == NULL)
			return 0;
		n = read(fd, at, room);
		if (n <= 0)
			return n < 0 ? -1 : 0;
		buf_added(b, (size_t)n);
	}
}

static int
read_password(const char *path, struct buf *password, struct fault *f)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	struct stat st;
	int rc = -1;

	if (fd < 0 || fstat(fd, &st) < 0 || read_all(fd, password) < 0) {
		fault_perm(f, "5.3.5", "%s: %s", path, strerror(errno));
		goto out;
	}
	if ((st.st_mode & S_IROTH) != 0)
		log_warn(NULL, "password file can be read by everybody", "file",
		    path, NULL);
	if (buf_is_full(password) || str_has(buf_str(password), '\0') ||
	    chomp(buf_str(password)).len == 0) {
		fault_perm(f, "5.3.5",
		    "%s: holds no password, or too long a one", path);
		goto out;
	}
	rc = 0;
out:
	if (fd >= 0)
		close(fd);
	return rc;
}

/* What is in use by somebody stays until the end: only changes cost. */
static void
set_password(struct routes *routes, struct rule *rule, struct str password)
{
	pthread_mutex_lock(&routes->mutex);
	if (rule->password == NULL || !str_is(str(rule->password), password))
		rule->password = arena_text(&routes->arena, password);
	pthread_mutex_unlock(&routes->mutex);
}

int
routes_reload(struct routes *routes, struct fault *f)
{
	int rc = 0;

	for (size_t i = 0; i < routes->n; i++) {
		struct rule *rule = &routes->rules[i];
		struct fault why;
		struct buf password;

		if (rule->options->password_file == NULL)
			continue;
		buf_init_secret(&password, 2 * PASSWORD_MAX);
		if (read_password(
			rule->options->password_file, &password, &why) == 0)
			set_password(routes, rule, chomp(buf_str(&password)));
		else
			rc = fault_perm(f, "5.3.5", "%.100s: %s: %.100s",
			    rule->options->where, rule->name, why.text);
		buf_clear(&password);
	}
	return rc;
}

static int
set_rule(struct routes *routes, const struct route_options *o,
    struct rule *rule, struct fault *f)
{
	struct fault why;

	rule->options = o;
	rule->name = arena_putf(&routes->arena, "route \"%.300s\"", o->title);
	rule->route = (struct route){
	    .rule = rule->name,
	    .where = o->where != NULL ? o->where : "",
	    .implicit_tls = o->implicit_tls,
	    .user = o->user,
	};
	if (route_parse_key(str(o->title), rule->key, &why) < 0 ||
	    (o->to != NULL &&
		route_parse_to(str(o->to), &rule->route, &why) < 0))
		return fault_perm(
		    f, "5.3.5", "%.100s: %s", rule->route.where, why.text);
	return 0;
}

static int
set_rules(struct routes *routes, struct fault *f)
{
	const struct conf_sections *sections = &routes->options->routes;
	const struct route_options *options = sections->bytes;

	routes->rules = mem_zeroed(sections->n, sizeof *routes->rules);
	for (; routes->n < sections->n; routes->n++)
		if (set_rule(routes, &options[routes->n],
			&routes->rules[routes->n], f) < 0)
			return -1;
	if (routes->n > 1)
		qsort(routes->rules, routes->n, sizeof *routes->rules, by_key);
	for (size_t i = 1; i < routes->n; i++)
		if (by_key(&routes->rules[i - 1], &routes->rules[i]) == 0)
			return fault_perm(f, "5.3.5",
			    "%.100s: %s is the same as %s",
			    routes->rules[i].route.where, routes->rules[i].name,
			    routes->rules[i - 1].route.where);
	return routes_reload(routes, f);
}

static int
set_peer(struct net_address *address, const char *text, const char *run_dir,
    const char *name, struct fault *f)
{
	struct buf b;
	int rc;

	if (text != NULL)
		return net_parse(str(text), address, f);
	buf_init(&b, 4096);
	buf_putf(&b, "unix:%s/%s", run_dir, name);
	rc = net_parse(buf_str(&b), address, f);
	buf_clear(&b);
	return rc;
}

static int
set_maps(struct routes *routes, const struct routes_conf *conf, struct fault *f)
{
	const struct queued_options *o = conf->options;
	struct socketmap_client_conf map = {
	    .timeout_ms = LOOKUP_MS,
	    .cache_ms = CACHE_MS,
	    .cache_entries = CACHE_ENTRIES,
	    .missing_map = "domain",
	    .missing_ms = MISSING_MS,
	};

	if (set_peer(&map.address, o->socketmap, conf->run_dir,
		"socketmap.sock", f) < 0)
		return -1;
	routes->directory = socketmap_client_new(&map);
	if (o->transport_map != NULL) {
		if (net_parse(str(o->transport_map), &map.address, f) < 0)
			return -1;
		routes->transports = socketmap_client_new(&map);
	}
	return set_peer(&routes->lmtp, o->lmtp, conf->run_dir, "lmtp.sock", f);
}

struct routes *
routes_new(const struct routes_conf *conf, struct fault *f)
{
	struct routes *routes = mem_new(struct routes);
	const char *smarthost = conf->options->smarthost;

	routes->options = conf->options;
	pthread_mutex_init(&routes->mutex, NULL);
	routes->smarthost = (struct route){.rule = "smarthost", .where = ""};
	routes->has_smarthost = smarthost != NULL;
	if (set_maps(routes, conf, f) < 0 ||
	    (smarthost != NULL &&
		route_parse_host(str(smarthost), &routes->smarthost, f) < 0) ||
	    set_rules(routes, f) < 0)
		routes_free(&routes);
	return routes;
}

void
routes_free(struct routes **routes)
{
	struct routes *r = *routes;

	if (r == NULL)
		return;
	socketmap_client_free(&r->directory);
	socketmap_client_free(&r->transports);
	for (size_t i = 0; i < r->n; i++)
		if (r->rules[i].password != NULL)
			mem_wipe((char *)(uintptr_t)r->rules[i].password,
			    strlen(r->rules[i].password));
	mem_free(r->rules);
	arena_clear(&r->arena);
	pthread_mutex_destroy(&r->mutex);
	mem_free(r);
	*routes = NULL;
}

struct socketmap_client *
routes_directory(struct routes *routes)
{
	return routes->directory;
}

/* Finding. */

struct wanted {
	bool by_sender;
	struct str key;
};

static int
against(const void *a, const void *b)
{
	const struct wanted *w = a;
	const struct rule *rule = b;
	char key[ADDRESS_TEXT_SIZE];

	if (!str_copy(w->key, key, sizeof key))
		key[0] = '\0';
	return rule_order(
	    w->by_sender, key, rule->options->by_sender, rule->key);
}

/*
 * The best section that says where; those passed on the way, which say only
 * how, have their say about TLS: the first of them counts.
 */
static const struct rule *
find_rule(const struct routes *routes, bool by_sender,
    const struct route_keys *keys, int *tls)
{
	for (size_t i = 0; routes->n > 0 && i < keys->n; i++) {
		struct wanted w = {by_sender, keys->keys[i]};
		const struct rule *rule = bsearch(&w, routes->rules, routes->n,
		    sizeof *routes->rules, against);

		if (rule == NULL)
			continue;
		if (*tls == 0)
			*tls = rule->options->tls;
		if (rule->options->to != NULL)
			return rule;
	}
	return NULL;
}

/* 1, 0 where the map says nothing. A map that speaks nonsense is to be mended:
 * mail waits. */
static int
ask_transports(struct routes *routes, const struct route_keys *keys,
    struct route *route, struct fault *f)
{
	struct fault why;
	struct buf value;
	int found = 0;

	if (routes->transports == NULL)
		return 0;
	buf_init(&value, SOCKETMAP_REPLY_MAX);
	for (size_t i = 0; i < keys->n && found == 0; i++)
		found = socketmap_look_up(routes->transports, "transport",
		    keys->keys[i], &value, &why);
	if (found > 0)
		found = route_parse_transport(buf_str(&value), route, &why);
	buf_clear(&value);
	if (found < 0)
		return fault_temp(f, "4.3.5", "transport map: %s", why.text);
	route->rule = "transport map";
	return found;
}

static int
ask_domains(struct routes *routes, struct str domain, struct fault *f)
{
	struct fault why;
	struct buf value;
	int found;

	if (domain.len == 0)
		return 1; /* <postmaster> is ours */
	if (domain.at[0] == '[' ||
	    socketmap_is_missing(routes->directory, domain))
		return 0;
	buf_init(&value, SOCKETMAP_REPLY_MAX);
	found = socketmap_look_up(
	    routes->directory, "domain", domain, &value, &why);
	buf_clear(&value);
	if (found < 0)
		return fault_temp(
		    f, "4.3.0", "the directory is not available: %s", why.text);
	return found;
}

static void
use_rule(struct routes *routes, const struct rule *rule, struct route *route)
{
	*route = rule->route;
	pthread_mutex_lock(&routes->mutex);
	route->password = rule->password;
	pthread_mutex_unlock(&routes->mutex);
}

/* Steps 2 to 4. */
static int
find_by_maps(struct routes *routes, const struct route_keys *keys,
    struct route *route, struct fault *f)
{
	int rc = ask_transports(routes, keys, route, f);

	if (rc != 0)
		return rc < 0 ? -1 : 0;
	rc = ask_domains(routes, keys->domain, f);
	if (rc < 0)
		return -1;
	if (rc > 0) {
		route->kind = ROUTE_LMTP;
		route->lmtp = routes->lmtp;
		route->rule = "local domain";
		return 0;
	}
	if (routes->has_smarthost) {
		*route = routes->smarthost;
		return 0;
	}
	route->kind = ROUTE_MX;
	route->rule = "MX";
	return 0;
}

int
routes_find(struct routes *routes, const struct address *reverse_path,
    const struct address *forward_path, struct route *route, struct fault *f)
{
	struct route_keys from, to;
	const struct rule *rule;
	int tls = 0;

	memset(route, 0, sizeof *route);
	route->where = "";
	route_keys_of(reverse_path, &from);
	route_keys_of(forward_path, &to);
	rule = find_rule(routes, true, &from, &tls);
	if (rule == NULL)
		rule = find_rule(routes, false, &to, &tls);
	if (rule != NULL)
		use_rule(routes, rule, route);
	else if (find_by_maps(routes, &to, route, f) < 0)
		return -1;
	if (route->kind == ROUTE_MX && route->host[0] == '\0' &&
	    !str_copy(to.domain, route->host, sizeof route->host))
		return fault_temp(f, "4.3.0", "the domain is too long");
	route->tls = (enum route_tls)(tls > 0 ? tls - 1 : routes->options->tls);
	return 0;
}

int
routes_find_via(const struct routes *routes, struct str hop,
    struct route *route, struct fault *f)
{
	memset(route, 0, sizeof *route);
	route->where = "";
	route->rule = "the operator, by drain";
	route->tls = (enum route_tls)routes->options->tls;
	return route_parse_via(hop, route, f);
}
