/* SPDX-License-Identifier: ISC */
/*
 * The options of posthouse-authd. What one option alone cannot say is checked
 * here too, so that "config check" and the daemon refuse the same.
 */
#include "config.h"

#include "auth/options.h"

#include <stddef.h>
#include <string.h>

#include "auth/directory_node.h"
#include "auth/mechanism.h"
#include "auth/name.h"
#include "base/net.h"

#define AUTHD(field) offsetof(struct authd_options, field)
#define NODE(field) offsetof(struct node_options, field)

static int
check_node(const void *options, struct fault *f)
{
	const struct node_options *node = options;
	struct net_address address;

	if (!directory_node_is_name(str(node->title)))
		return fault_perm(f, "5.3.5",
		    "node \"%.80s\": a name is of letters, digits, \"-\", "
		    "\"_\" and \".\"",
		    node->title);
	if (node->lmtp == NULL)
		return fault_perm(
		    f, "5.3.5", "node \"%.80s\": lmtp is missing", node->title);
	return net_parse(str(node->lmtp), &address, f);
}

/* clang-format off */
static const struct conf_option node_options[] = {
	{ .name = "lmtp", .type = CONF_TEXT, .offset = NODE(lmtp),
	  .help = "the address of its posthouse-lmtpd" },
	{ .name = NULL },
};

static const struct conf_table node_table = {
	.section = "node",
	.options = node_options,
	.size = sizeof(struct node_options),
	.check = check_node,
};

static const struct conf_option authd_options[] = {
	{ .name = "user", .type = CONF_TEXT, .offset = AUTHD(user),
	  .help = "the user to run as; the directory belongs to it" },
	{ .name = "directory", .type = CONF_PATH, .offset = AUTHD(directory),
	  .help = "the folder of the directory; "
		  "default: directory in state_dir" },
	{ .name = "database", .type = CONF_TEXT, .offset = AUTHD(database),
	  .help = "PostgreSQL instead: how to connect, as in "
		  "\"host=/run/postgresql dbname=mail\"" },
	{ .name = "database_connections", .type = CONF_NUMBER,
	  .offset = AUTHD(database_connections), .fallback = "8", .min = 1,
	  .max = 1000,
	  .help = "connections to it at once" },
	{ .name = "database_timeout", .type = CONF_TIME,
	  .offset = AUTHD(database_timeout), .fallback = "5s", .min = 100,
	  .max = 600000,
	  .help = "how long an answer of it may take" },
	{ .name = "database_cache", .type = CONF_TIME,
	  .offset = AUTHD(database_cache), .fallback = "5s", .max = 86400000,
	  .help = "how long an answer of it holds" },
	{ .name = "database_stale", .type = CONF_TIME,
	  .offset = AUTHD(database_stale), .fallback = "1d",
	  .max = 2592000000,
	  .help = "how long what it knew holds while it is away" },
	{ .name = "domain_query", .type = CONF_TEXT,
	  .offset = AUTHD(domain_query),
	  .help = "whether the domain $1 is ours, in tables of others: rows" },
	{ .name = "user_query", .type = CONF_TEXT, .offset = AUTHD(user_query),
	  .help = "the password hash of the user $1, and whether it is "
		  "disabled" },
	{ .name = "alias_query", .type = CONF_TEXT,
	  .offset = AUTHD(alias_query),
	  .help = "the targets of the alias $1, one a row" },
	{ .name = "socketmap", .type = CONF_LIST, .offset = AUTHD(socketmap),
	  .help = "addresses to serve look-ups at; "
		  "default: socketmap.sock in run_dir" },
	{ .name = "socketmap_mode", .type = CONF_TEXT,
	  .offset = AUTHD(socketmap_mode), .fallback = "0660",
	  .help = "who may look up at the unix sockets" },
	{ .name = "socketmap_group", .type = CONF_TEXT,
	  .offset = AUTHD(socketmap_group),
	  .help = "the group of the unix sockets for look-ups" },
	{ .name = "auth", .type = CONF_LIST, .offset = AUTHD(auth),
	  .help = "addresses to check passwords at; "
		  "default: auth.sock in run_dir" },
	{ .name = "auth_mode", .type = CONF_TEXT, .offset = AUTHD(auth_mode),
	  .fallback = "0660",
	  .help = "who may have passwords checked at the unix sockets" },
	{ .name = "auth_group", .type = CONF_TEXT, .offset = AUTHD(auth_group),
	  .help = "the group of the unix sockets for passwords" },
	{ .name = "auth_without_tls", .type = CONF_BOOL,
	  .offset = AUTHD(auth_without_tls), .fallback = "off",
	  .help = "check passwords too that the asking server did not get "
		  "over TLS" },
	{ .name = "saslauthd", .type = CONF_LIST, .offset = AUTHD(saslauthd),
	  .help = "addresses to check passwords at as saslauthd does; "
		  "default: none" },
	{ .name = "saslauthd_mode", .type = CONF_TEXT,
	  .offset = AUTHD(saslauthd_mode), .fallback = "0660",
	  .help = "who may have passwords checked at those unix sockets" },
	{ .name = "saslauthd_group", .type = CONF_TEXT,
	  .offset = AUTHD(saslauthd_group),
	  .help = "the group of those unix sockets" },
	{ .name = "authdaemon", .type = CONF_LIST,
	  .offset = AUTHD(authdaemon),
	  .help = "addresses to check passwords at as Courier's authdaemond "
		  "does; default: none" },
	{ .name = "authdaemon_mode", .type = CONF_TEXT,
	  .offset = AUTHD(authdaemon_mode), .fallback = "0660",
	  .help = "who may have passwords checked at those unix sockets" },
	{ .name = "authdaemon_group", .type = CONF_TEXT,
	  .offset = AUTHD(authdaemon_group),
	  .help = "the group of those unix sockets" },
	{ .name = "mail_root", .type = CONF_PATH, .offset = AUTHD(mail_root),
	  .help = "lmtpd's root, for servers that ask where a user's mail is" },
	{ .name = "mail_user", .type = CONF_TEXT, .offset = AUTHD(mail_user),
	  .help = "lmtpd's user, whom the mailboxes belong to" },
	{ .name = "node", .type = CONF_SECTION, .offset = AUTHD(nodes),
	  .sub = &node_table,
	  .help = "a host that keeps mailboxes, where there are several" },
	{ .name = "lock_failures", .type = CONF_NUMBER,
	  .offset = AUTHD(lock_failures), .fallback = "20", .max = 1000000,
	  .help = "wrong passwords in lock_time that lock an account, or a "
		  "client's network; 0: never" },
	{ .name = "lock_time", .type = CONF_TIME, .offset = AUTHD(lock_time),
	  .fallback = "10m", .min = 1000, .max = 86400000,
	  .help = "how long a lock lasts, and failures are remembered" },
	{ .name = "failure_delay", .type = CONF_TIME,
	  .offset = AUTHD(failure_delay), .fallback = "15s", .max = 60000,
	  .help = "longest delay of the answer to a wrong password; 0: none" },
	{ .name = "guard_exempt", .type = CONF_LIST,
	  .offset = AUTHD(guard_exempt),
	  .help = "networks that are never locked as such: others' servers, "
		  "a webmail" },
	{ .name = "mechanisms", .type = CONF_LIST, .offset = AUTHD(mechanisms),
	  .fallback = "PLAIN LOGIN SCRAM-SHA-256 SCRAM-SHA-1 "
		      "SCRAM-SHA-256-PLUS SCRAM-SHA-1-PLUS",
	  .help = "how users may prove who they are" },
	{ .name = "oauth_keys", .type = CONF_LIST, .offset = AUTHD(oauth_keys),
	  .help = "files with the keys, in PEM, that tokens are signed by" },
	{ .name = "oauth_issuer", .type = CONF_TEXT,
	  .offset = AUTHD(oauth_issuer),
	  .help = "who issues tokens: their \"iss\"" },
	{ .name = "oauth_audience", .type = CONF_TEXT,
	  .offset = AUTHD(oauth_audience),
	  .help = "whom tokens are for: their \"aud\"; default: anybody" },
	{ .name = "oauth_claim", .type = CONF_TEXT,
	  .offset = AUTHD(oauth_claim), .fallback = "email",
	  .help = "which claim of a token names the user" },
	{ .name = "oauth_introspection", .type = CONF_TEXT,
	  .offset = AUTHD(oauth_introspection),
	  .help = "the URL where the issuer says whether a token is good, in "
		  "place of keys" },
	{ .name = "oauth_client", .type = CONF_TEXT,
	  .offset = AUTHD(oauth_client), .help = "our name there" },
	{ .name = "oauth_client_secret", .type = CONF_TEXT,
	  .offset = AUTHD(oauth_client_secret),
	  .help = "a file with our password there" },
	{ .name = "oauth_ca_file", .type = CONF_TEXT,
	  .offset = AUTHD(oauth_ca_file),
	  .help = "a PEM file with the authorities that it is trusted by; "
		  "else the system's" },
	{ .name = "oauth_timeout", .type = CONF_TIME,
	  .offset = AUTHD(oauth_timeout), .fallback = "5s", .min = 100,
	  .max = 60000, .help = "how long its answer may take" },
	{ .name = "oauth_cache", .type = CONF_TIME,
	  .offset = AUTHD(oauth_cache), .fallback = "30s", .max = 3600000,
	  .help = "how long a good answer is remembered; 0: not at all" },
	{ .name = "gssapi_keytab", .type = CONF_TEXT,
	  .offset = AUTHD(gssapi_keytab),
	  .help = "a file with our Kerberos keys, for GSSAPI" },
	{ .name = "gssapi_domain", .type = CONF_TEXT,
	  .offset = AUTHD(gssapi_domain),
	  .help = "the domain of those who log in by Kerberos" },
	{ .name = "login_memory", .type = CONF_TIME,
	  .offset = AUTHD(login_memory), .fallback = "15m", .max = 86400000,
	  .help = "how long the address of a log-in is known by the map "
		  "\"login\"" },
	{ .name = "audit_entries", .type = CONF_NUMBER,
	  .offset = AUTHD(audit_entries), .fallback = "10000", .min = 10,
	  .max = 1000000,
	  .help = "changes of the directory that are remembered" },
	{ .name = "audit_age", .type = CONF_TIME, .offset = AUTHD(audit_age),
	  .fallback = "365d", .max = UINT64_C(315360000000),
	  .help = "and for how long; 0: for ever" },
	{ .name = "srs_domain", .type = CONF_TEXT, .offset = AUTHD(srs_domain),
	  .help = "domain of the senders of forwarded mail; "
		  "default: hostname; none: they stay as they are" },
	{ .name = "threads", .type = CONF_NUMBER, .offset = AUTHD(threads),
	  .fallback = "128", .min = 4, .max = 4096,
	  .help = "threads at most, those that wait for a hash included" },
	{ .name = "max_sessions", .type = CONF_NUMBER,
	  .offset = AUTHD(max_sessions), .fallback = "4096", .max = 100000,
	  .help = "connections at once; 0: no limit" },
	{ .name = "max_hashes", .type = CONF_NUMBER,
	  .offset = AUTHD(max_hashes), .fallback = "0", .max = 64,
	  .help = "password hashes computed at once, each in 16 MiB or "
		  "more; 0: one a processor" },
	{ .name = "idle_timeout", .type = CONF_TIME,
	  .offset = AUTHD(idle_timeout), .fallback = "1h", .max = 86400000,
	  .help = "how long a connection may be silent; 0: for ever" },
	{ .name = NULL },
};
/* clang-format on */

/* Whoever reaches a socket may ask who exists, and guess passwords. */
static int
check_addresses(const char *name, const struct conf_list *list, struct fault *f)
{
	struct net_address address;
	struct fault why;

	for (size_t i = 0; i < list->n; i++) {
		if (net_parse(str(list->items[i]), &address, &why) < 0)
			return fault_perm(f, "5.3.5", "%s: %s", name, why.text);
		if (!net_is_loopback(&address))
			return fault_perm(f, "5.3.5",
			    "%s: %s is neither a unix socket nor a loopback "
			    "address; this protocol has no protection of its "
			    "own",
			    name, list->items[i]);
	}
	return 0;
}

static int
check_networks(const char *name, const struct conf_list *list, struct fault *f)
{
	struct net_network network;
	struct fault why;

	for (size_t i = 0; i < list->n; i++) {
		if (net_parse_network(str(list->items[i]), &network, &why) < 0)
			return fault_perm(f, "5.3.5", "%s: %s", name, why.text);
	}
	return 0;
}

static int
check_mode(const char *name, const char *text, struct fault *f)
{
	mode_t mode;

	if (!net_parse_mode(text, &mode))
		return fault_perm(
		    f, "5.3.5", "%s: \"%s\" is no mode like 0660", name, text);
	return 0;
}

static int
check_srs_domain(const char *domain, struct fault *f)
{
	char key[NAME_SIZE];

	if (domain == NULL || name_domain_key(str(domain), key))
		return 0;
	return fault_perm(
	    f, "5.3.5", "srs_domain: \"%s\" is no domain", domain);
}

static int
check_nodes(const struct conf_sections *nodes, struct fault *f)
{
	const struct node_options *node = nodes->bytes;

	for (size_t i = 0; i < nodes->n; i++) {
		if (check_node(&node[i], f) < 0)
			return -1;
		for (size_t j = 0; j < i; j++)
			if (strcmp(node[j].title, node[i].title) == 0)
				return fault_perm(f, "5.3.5",
				    "there are two sections node \"%.80s\"",
				    node[i].title);
	}
	return 0;
}

const struct node_options *
authd_options_node(const struct authd_options *o, const char *name)
{
	const struct node_options *node = o->nodes.bytes;

	for (size_t i = 0; i < o->nodes.n; i++)
		if (strcmp(node[i].title, name) == 0)
			return &node[i];
	return NULL;
}

static int
check_mechanisms(const struct conf_list *list, struct fault *f)
{
	if (list->n == 0)
		return fault_perm(f, "5.3.5", "mechanisms: one is needed");
	for (size_t i = 0; i < list->n; i++) {
		if (mechanism_find(str(list->items[i])) == NULL)
			return fault_perm(f, "5.3.5",
			    "mechanisms: \"%.40s\" is none of PLAIN, LOGIN, "
			    "SCRAM-SHA-256, SCRAM-SHA-1, both also with -PLUS, "
			    "GSSAPI, CRAM-MD5, "
			    "OAUTHBEARER, XOAUTH2, EXTERNAL",
			    list->items[i]);
	}
	return 0;
}

bool
authd_options_has_bearer(const struct authd_options *o)
{
	for (size_t i = 0; i < o->mechanisms.n; i++) {
		const struct mechanism *m =
		    mechanism_find(str(o->mechanisms.items[i]));

		if (m != NULL && m->bearer)
			return true;
	}
	return false;
}

static int
check_introspection(const struct authd_options *o, struct fault *f)
{
	if (o->oauth_keys.n > 0)
		return fault_perm(
		    f, "5.3.5", "either oauth_keys or oauth_introspection");
	if (!str_starts(str(o->oauth_introspection), STR_LIT("https://")))
		return fault_perm(f, "5.3.5",
		    "oauth_introspection: \"%.150s\" is no https:// URL",
		    o->oauth_introspection);
	if (o->oauth_client == NULL || o->oauth_client_secret == NULL)
		return fault_perm(f, "5.3.5",
		    "oauth_introspection: needs oauth_client and "
		    "oauth_client_secret");
	return 0;
}

static int
check_oauth(const struct authd_options *o, struct fault *f)
{
	if (!authd_options_has_bearer(o))
		return 0;
	if (o->oauth_introspection != NULL)
		return check_introspection(o, f);
	if (o->oauth_keys.n == 0 || o->oauth_issuer == NULL)
		return fault_perm(f, "5.3.5",
		    "mechanisms: OAUTHBEARER and XOAUTH2 need oauth_keys and "
		    "oauth_issuer, or oauth_introspection");
	return 0;
}

unsigned
authd_options_forms(const struct authd_options *o)
{
	unsigned forms = 0;

	for (size_t i = 0; i < o->mechanisms.n; i++) {
		const struct mechanism *m =
		    mechanism_find(str(o->mechanisms.items[i]));

		if (m != NULL)
			forms |= m->form;
	}
	return forms;
}

static bool
has_mechanism(const struct authd_options *o, struct str name)
{
	for (size_t i = 0; i < o->mechanisms.n; i++) {
		if (str_is_nocase(str(o->mechanisms.items[i]), name))
			return true;
	}
	return false;
}

/* What they are given is a name and a password. */
static int
check_doors(const struct authd_options *o, struct fault *f)
{
	const bool any = o->saslauthd.n > 0 || o->authdaemon.n > 0;

	if (any && !has_mechanism(o, STR_LIT("PLAIN")))
		return fault_perm(f, "5.3.5",
		    "%s: needs PLAIN among the mechanisms",
		    o->saslauthd.n > 0 ? "saslauthd" : "authdaemon");
	return 0;
}

static int
check_gssapi(const struct authd_options *o, struct fault *f)
{
	char key[NAME_SIZE];

	if (!has_mechanism(o, STR_LIT("GSSAPI")))
		return 0;
	if (o->gssapi_keytab == NULL || o->gssapi_domain == NULL)
		return fault_perm(f, "5.3.5",
		    "mechanisms: GSSAPI needs gssapi_keytab and "
		    "gssapi_domain");
	if (!name_domain_key(str(o->gssapi_domain), key))
		return fault_perm(f, "5.3.5",
		    "gssapi_domain: \"%s\" is no domain", o->gssapi_domain);
	return 0;
}

static int
check_mail(const struct authd_options *o, struct fault *f)
{
	if (o->mail_root != NULL && o->mail_user == NULL)
		return fault_perm(f, "5.3.5",
		    "mail_root: needs mail_user, whom the mailboxes belong to");
	if (o->authdaemon.n > 0 && o->mail_root == NULL)
		return fault_perm(f, "5.3.5",
		    "authdaemon: needs mail_root, where the mailboxes are");
	return 0;
}

static int
check_database(const struct authd_options *o, struct fault *f)
{
	bool has_queries = o->domain_query != NULL || o->user_query != NULL ||
			   o->alias_query != NULL;

#ifndef HAVE_PGSQL
	if (o->database != NULL)
		return fault_perm(f, "5.3.5",
		    "database: this Posthouse was built without PostgreSQL");
#endif
	if (has_queries && o->database == NULL)
		return fault_perm(
		    f, "5.3.5", "a query is of no use without database");
	if (has_queries && (o->domain_query == NULL || o->user_query == NULL))
		return fault_perm(
		    f, "5.3.5", "domain_query and user_query are set together");
	return 0;
}

static int
check_authd(const void *options, struct fault *f)
{
	const struct authd_options *o = options;

	if (check_database(o, f) < 0 ||
	    check_addresses("socketmap", &o->socketmap, f) < 0 ||
	    check_addresses("auth", &o->auth, f) < 0 ||
	    check_networks("guard_exempt", &o->guard_exempt, f) < 0 ||
	    check_addresses("saslauthd", &o->saslauthd, f) < 0 ||
	    check_mode("saslauthd_mode", o->saslauthd_mode, f) < 0 ||
	    check_addresses("authdaemon", &o->authdaemon, f) < 0 ||
	    check_mode("authdaemon_mode", o->authdaemon_mode, f) < 0 ||
	    check_mail(o, f) < 0 || check_doors(o, f) < 0 ||
	    check_nodes(&o->nodes, f) < 0 ||
	    check_mode("socketmap_mode", o->socketmap_mode, f) < 0 ||
	    check_mechanisms(&o->mechanisms, f) < 0 || check_oauth(o, f) < 0 ||
	    check_gssapi(o, f) < 0 || check_srs_domain(o->srs_domain, f) < 0)
		return -1;
	return check_mode("auth_mode", o->auth_mode, f);
}

const struct conf_table authd_table = {
    .section = "authd",
    .options = authd_options,
    .size = sizeof(struct authd_options),
    .check = check_authd,
};

struct directory_conf
authd_directory_conf(const struct authd_options *o, const char *dir)
{
	return (struct directory_conf){
	    .dir = dir,
	    .database = o->database,
	    .connections = (unsigned)o->database_connections,
	    .timeout_ms = (int64_t)o->database_timeout,
	    .fresh_ms = (int64_t)o->database_cache,
	    .stale_ms = (int64_t)o->database_stale,
	    .domain_query = o->domain_query,
	    .user_query = o->user_query,
	    .alias_query = o->alias_query,
	    .audit_entries = o->audit_entries,
	    .audit_age = (int64_t)(o->audit_age / 1000),
	};
}
