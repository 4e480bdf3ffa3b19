/* SPDX-License-Identifier: ISC */
/* The section "authd" of the configuration file: posthouse-authd(8). */
#ifndef AUTH_OPTIONS_H
#define AUTH_OPTIONS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "auth/directory.h"
#include "base/attr.h"
#include "base/conf.h"

/* One `node "NAME" { lmtp = … }`: a host that keeps mailboxes. */
struct node_options {
	const char *title; /* its name */
	const char *lmtp;  /* address of its lmtpd */
};

struct authd_options {
	const char *user;      /* NULL: stays who it is */
	const char *directory; /* NULL: directory below state_dir */

	const char *database; /* NULL: Berkeley DB */
	uint64_t database_connections;
	uint64_t database_timeout, database_cache, database_stale; /* ms */
	const char *domain_query, *user_query, *alias_query;

	struct conf_list socketmap;  /* empty: socketmap.sock in run_dir */
	const char *socketmap_mode;  /* octal, for unix sockets */
	const char *socketmap_group; /* NULL: not changed */
	struct conf_list auth;       /* empty: auth.sock in run_dir */
	const char *auth_mode;
	const char *auth_group;
	bool auth_without_tls;
	struct conf_list mechanisms; /* of SASL */
	struct conf_list oauth_keys; /* files */
	const char *oauth_issuer, *oauth_audience, *oauth_claim;
	/* NULL: tokens are checked by the keys. */
	const char *oauth_introspection, *oauth_client;
	const char *oauth_client_secret, *oauth_ca_file; /* files */
	uint64_t oauth_timeout, oauth_cache;             /* ms */
	const char *gssapi_keytab, *gssapi_domain;
	struct conf_list saslauthd; /* empty: none */
	const char *saslauthd_mode;
	const char *saslauthd_group;
	struct conf_list authdaemon; /* empty: none */
	const char *authdaemon_mode;
	const char *authdaemon_group;

	const char *mail_root; /* NULL: nobody is told where mail is */
	const char *mail_user;

	uint64_t lock_failures; /* 0: nothing is locked */
	uint64_t lock_time;     /* ms */
	uint64_t failure_delay; /* ms, the longest; 0: none */
	struct conf_list guard_exempt;

	struct conf_sections nodes; /* struct node_options */

	uint64_t login_memory; /* ms */

	uint64_t audit_entries;
	uint64_t audit_age; /* ms; 0: for ever */

	const char *srs_domain; /* NULL: hostname; "none": no rewriting */

	uint64_t threads;
	uint64_t max_sessions; /* 0: none */
	uint64_t max_hashes;   /* at once; 0: one a processor */
	uint64_t idle_timeout; /* ms; 0: none */
};

extern const struct conf_table authd_table;

/* NULL where none has this name. */
const struct node_options *authd_options_node(
    const struct authd_options *o, const char *name);
/* Whether one of the mechanisms takes tokens. */
bool authd_options_has_bearer(const struct authd_options *o);
/* What the mechanisms want kept of passwords: enum directory_form. */
unsigned authd_options_forms(const struct authd_options *o);
/* Where the directory is; dir is the one of a Berkeley DB environment. Borrows
 * both. */
struct directory_conf authd_directory_conf(
    const struct authd_options *o, const char *dir);

#endif
