/* SPDX-License-Identifier: ISC */
/*
 * The directory: domains, users, aliases, groups (directory_group.h). Who gets
 * mail, and who may log in.
 *
 * One interface, one table of functions a driver (directory_bdb.c). Names are
 * keys: lower case, domains in A-label form (proto/address.h, address_key()).
 */
#ifndef AUTH_DIRECTORY_H
#define AUTH_DIRECTORY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "auth/cram.h"
#include "auth/scram.h"
#include "base/attr.h"
#include "base/buf.h"
#include "base/control.h"
#include "base/fault.h"
#include "base/str.h"

enum {
	DIRECTORY_TARGETS_MAX = 1000,      /* of one alias */
	DIRECTORY_SENDERS_MAX = 1000,      /* users, of one address */
	DIRECTORY_EXPANSION_MAX = 1000,    /* mailboxes of one recipient */
	DIRECTORY_NAMES_MAX = 4000,        /* looked at for one recipient */
	DIRECTORY_DEPTH_MAX = 10,          /* aliases of aliases */
	DIRECTORY_GROUP_NAMES_MAX = 30000, /* looked at for a whole group */
};

/* What stands before the name of a group in an answer of directory_resolve();
 * no address has a ":" there. */
#define DIRECTORY_GROUP_MARK "group:"

struct directory;

/*
 * How much mail there may be. A limit is a number from 1 on, or
 * DIRECTORY_QUOTA_UNSET: what the domain says; in a domain: none.
 */
enum { DIRECTORY_QUOTA_UNSET = 0, DIRECTORY_QUOTA_NONE = -1 };
#define DIRECTORY_QUOTA_MAX (INT64_C(1) << 60)
struct directory_quota {
	int64_t bytes;
	int64_t messages;
};

enum { DIRECTORY_NODE_SIZE = 64 };

struct directory_user {
	char name[256];   /* "user@domain" */
	char hash[256];   /* crypt(5); empty: no password, no login */
	bool disabled;    /* no login; mail is refused with 5.2.1 */
	bool main_closed; /* the password is not for mail (service.h) */
	bool no_receive;  /* mail is refused with 5.2.1 */
	bool no_send;     /* no login to SMTP, and no address to send as */
	bool moving;      /* to another node: mail waits (directory_node.h) */
	int64_t created;  /* seconds since 1970 */
	int64_t changed;
	struct directory_quota quota;
	char node[DIRECTORY_NODE_SIZE]; /* "": none in particular */
};

struct directory_domain {
	char name[256];
	struct directory_quota total; /* of all its mailboxes together */
	struct directory_quota user;  /* of a user who has none */
};

/* What is kept of a password. */
struct directory_password {
	char hash[256];          /* crypt(5) */
	struct scram_keys scram; /* empty: none */
	struct cram_key cram;    /* may not be set */
};

/* Records, for statistics. */
struct directory_counts {
	uint64_t domains, users, aliases, groups;
};

/* Where it is kept. Strings are borrowed for the call. */
struct directory_conf {
	/* A Berkeley DB environment, made where it is missing; one process owns
	 * it (base/db.h). */
	const char *dir;

	/* PostgreSQL instead: how to connect (as for PQconnectdb()); NULL: no.
	 * Built without it: a permanent fault. */
	const char *database;
	unsigned connections; /* at once */
	int64_t timeout_ms;   /* of each question */
	int64_t fresh_ms;     /* so long an answer holds */
	int64_t stale_ms;     /* while the server is away */
	/* Queries of the operator's; NULL: our own tables. $1 is the address
	 * ("@domain" for a catch-all) or the domain. A domain of ours is one
	 * row or more; a user is a row: hash and, where there are such
	 * columns, whether it is disabled, and its quota in bytes and in
	 * messages; an alias is one row a target. In the row of a domain the
	 * second to fifth column, where there are such, are the quota of the
	 * domain and that of its users. With any of them the directory is only
	 * read, and has no lists. */
	const char *domain_query, *user_query, *alias_query;

	/* Of the audit (directory_audit.h): entries (0: 10000), and for how
	 * many seconds they are kept (0: for ever). */
	uint64_t audit_entries;
	int64_t audit_age;
};

struct directory *directory_open(
    const struct directory_conf *conf, struct fault *f) MUST_USE;
void directory_close(struct directory **directory);
/* The two halves of opening, for a daemon that hands the directory around
 * before it has become the user whose files these are. */
struct directory *directory_new(void) MUST_USE;
int directory_start(struct directory *d, const struct directory_conf *conf,
    struct fault *f) MUST_USE;

/* For PostgreSQL: makes the tables (only with `anew`), or brings them up to
 * date, before the directory can be opened. Returns their version and *from,
 * what it was (0: there were none). */
int directory_migrate(const struct directory_conf *conf, bool anew,
    unsigned *from, struct fault *f) MUST_USE;

/* What is to be kept of new passwords beside their hash: keys for SCRAM, unless
 * something else is said. Before anything else. */
enum directory_form {
	DIRECTORY_FORM_SCRAM = 1,
	DIRECTORY_FORM_CRAM_MD5 = 2,
};
void directory_set_forms(struct directory *d, unsigned forms);
unsigned directory_forms(const struct directory *d);
/* All of them for this password, but the hash. */
void directory_make_forms(const struct directory *d, struct str password,
    struct directory_password *made);

/*
 * Names may come in any spelling, and are brought into key form. Changes are
 * durable when they return 0. Faults are permanent and say what is wrong in
 * the operator's words: a name that is no address or could not be a mailbox
 * (5.1.3), one that exists (5.1.0), one that does not (5.1.1), a domain that
 * still has users, aliases or groups (5.1.0) or is not ours (5.1.2).
 *
 * Users, aliases and groups share their names: what is one cannot be another.
 */
int directory_domain_add(
    struct directory *d, struct str domain, struct fault *f) MUST_USE;
int directory_domain_del(
    struct directory *d, struct str domain, struct fault *f) MUST_USE;
/* password may be NULL. */
int directory_user_add(struct directory *d, struct str name,
    const struct directory_password *password, struct fault *f) MUST_USE;
/* Aliases that lead to the user stay: a target that is no more is skipped. */
int directory_user_del(
    struct directory *d, struct str name, struct fault *f) MUST_USE;
/* In place of all that was kept of the old one. */
int directory_user_set_password(struct directory *d, struct str name,
    const struct directory_password *password, struct fault *f) MUST_USE;
/* Which of the forms that are to be kept of a user's password are missing. */
int directory_user_missing_forms(struct directory *d, struct str name,
    unsigned *missing, struct fault *f) MUST_USE;
/* For a user whose password has just shown itself: what was made of it, but for
 * what there is already, unless the hash is another by now. */
int directory_user_add_forms(struct directory *d,
    const struct directory_user *user, const struct directory_password *made,
    struct fault *f) MUST_USE;
int directory_user_set_disabled(struct directory *d, struct str name,
    bool disabled, struct fault *f) MUST_USE;
/* Makes those of `on` true and those of `off` false. */
enum directory_switch {
	DIRECTORY_DISABLED = 1,
	DIRECTORY_MAIN_CLOSED = 2,
	DIRECTORY_NO_RECEIVE = 4,
	DIRECTORY_NO_SEND = 8,
	DIRECTORY_MOVING = 16,
};
int directory_user_switch(struct directory *d, struct str name, unsigned on,
    unsigned off, struct fault *f) MUST_USE;
/*
 * name may be "@domain", the catch-all, and may have a sub-address
 * ("ann+lists@…"), which then goes before ann's. Targets need not exist yet,
 * may be in domains of others, and are kept each once.
 */
int directory_alias_add(struct directory *d, struct str name,
    const struct str *targets, size_t n, struct fault *f) MUST_USE;
int directory_alias_del(
    struct directory *d, struct str name, struct fault *f) MUST_USE;

/* Look-ups: 1 found, 0 not found, -1 fault (temporary). */
int directory_domain_get(
    struct directory *d, struct str domain, struct fault *f) MUST_USE;
int directory_domain_read(struct directory *d, struct str name,
    struct directory_domain *domain, struct fault *f) MUST_USE;
/* user may be NULL. */
int directory_user_get(struct directory *d, struct str name,
    struct directory_user *user, struct fault *f) MUST_USE;
/* 1 with the user's keys, 0 where there are none. */
int directory_user_get_scram(struct directory *d, struct str name,
    struct scram_keys *keys, struct fault *f) MUST_USE;
/* The same for CRAM-MD5. */
int directory_user_get_cram(struct directory *d, struct str name,
    struct cram_key *key, struct fault *f) MUST_USE;
/* Keys for a name without any, by a secret that is kept. */
int directory_fake_scram(struct directory *d, struct str name,
    struct scram_keys *keys, struct fault *f) MUST_USE;
/* targets: replaced by "a@x, b@y". One level. Permanent 5.4.6 where they do
 * not fit into the buffer. */
int directory_alias_get(struct directory *d, struct str name,
    struct buf *targets, struct fault *f) MUST_USE;

/*
 * The final addresses of a recipient: its user, alias or group; else those of
 * the group whose owners' address it is; else those of the part before '+' (a
 * user's mailbox then keeps the sub-address: "user+detail@domain"; groups have
 * none); else the catch-all. Aliases are expanded to the end; what they have in
 * others' domains is given as it is, and a group as "group:" and its name.
 * mailboxes is replaced by names split by blanks, each
 * once, disabled users left out. 1 found, 0 no such recipient, -1 fault.
 * Permanent: 5.2.1 where only disabled users are left; 5.4.6 where a loop has
 * left nothing, or there are too many (or more than the buffer takes) or too
 * many levels: then none at all are given, so that nobody is forgotten.
 */
int directory_resolve(struct directory *d, struct str recipient,
    struct buf *mailboxes, struct fault *f) MUST_USE;
/* The same one level deep, for those who expand aliases themselves: the
 * targets ("a@x, b@y") of the alias that applies, the catch-all too... */
int directory_find_alias(struct directory *d, struct str address,
    struct buf *targets, struct fault *f) MUST_USE;
/* ...or the user who gets the mail, sub-address or not, disabled or not. */
int directory_find_mailbox(struct directory *d, struct str address,
    struct directory_user *user, struct fault *f) MUST_USE;
/*
 * The logins that may send as address: the users that it resolves to, of a
 * group its owners, and those who were allowed to. logins is replaced, split by
 * blanks, each once. 1, 0 or -1.
 */
int directory_senders(struct directory *d, struct str address,
    struct buf *logins, struct fault *f) MUST_USE;
/*
 * Allows a user an address that is not the user's own: of anybody, with all
 * its sub-addresses, or "@domain": all that are in it. Permanent: 5.1.3, 5.1.1
 * for the user, 5.1.0 where it was allowed already, 5.3.4 where it is to more
 * than DIRECTORY_SENDERS_MAX. Deleting the user ends it.
 */
int directory_sender_add(struct directory *d, struct str user,
    struct str address, struct fault *f) MUST_USE;
/* 5.1.1 where it was not allowed. */
int directory_sender_del(struct directory *d, struct str user,
    struct str address, struct fault *f) MUST_USE;
/* What was allowed to a user, in order of address; an empty user: to all.
 * users are split by blanks. */
typedef int directory_each_sender_call(
    void *ctx, struct str address, struct str users);
int directory_each_sender(struct directory *d, struct str user,
    directory_each_sender_call *each, void *ctx, struct fault *f) MUST_USE;

/*
 * Senders of mail that is forwarded (srs.h). Addresses are as on the wire, and
 * value is replaced by one. The secret is made when it is first needed.
 */

/* Which domain rewritten senders get; until it is set, or empty, none are.
 * Before the first look-up. */
void directory_set_srs_domain(struct directory *d, const char *domain);
/* 1 with the new sender; 0 where the old one can stay (it is ours, or null) or
 * cannot be rewritten (too long). */
int directory_srs_forward(struct directory *d, struct str sender,
    struct buf *value, struct fault *f) MUST_USE;
/* 1 with the sender behind a rewritten one, 0 where it is none of ours.
 * Permanent 5.1.1 where we have not made it, or it has expired. */
int directory_srs_reverse(struct directory *d, struct str address,
    struct buf *value, struct fault *f) MUST_USE;

/*
 * In order of domain, then of local part, from the first behind `after` (a
 * name, or empty) until each() returns not 0, which is then returned; -1 is a
 * fault too. An empty domain: all. each() may not change the directory.
 */
typedef int directory_each_domain_call(
    void *ctx, const struct directory_domain *domain);
typedef int directory_each_user_call(
    void *ctx, const struct directory_user *user);
/* targets are split by blanks. */
typedef int directory_each_alias_call(
    void *ctx, struct str name, struct str targets);
int directory_each_domain(struct directory *d, struct str after,
    directory_each_domain_call *each, void *ctx, struct fault *f) MUST_USE;
int directory_each_user(struct directory *d, struct str domain,
    struct str after, directory_each_user_call *each, void *ctx,
    struct fault *f) MUST_USE;
int directory_each_alias(struct directory *d, struct str domain,
    struct str after, directory_each_alias_call *each, void *ctx,
    struct fault *f) MUST_USE;

int directory_count(struct directory *d, struct directory_counts *counts,
    struct fault *f) MUST_USE;

/*
 * Copies a directory in Berkeley DB while it is in use (db_env_backup()), and
 * puts where the copy is into path. It belongs to the caller, until the next one
 * is made in its place. A permanent fault 5.5.1 for one in PostgreSQL, of which
 * directory_export() (directory_copy.h) makes a copy.
 */
int directory_backup(
    struct directory *d, struct buf *path, struct fault *f) MUST_USE;

/*
 * The operator's methods "domain.add|del|set|get|list", "user.add|del|list|
 * passwd|disable|enable|get|set", "alias.add|del|list", "group.add|set|del|
 * get|list", "member.add|del|list", by the same code on a running authd and on a directory that posthouse opened itself. ctx is the directory.
 * Parameters and results: directory_methods.c and posthouse-authd(8).
 */
extern const struct control_method directory_methods[];

#endif
