/* SPDX-License-Identifier: ISC */
/*
 * The directory: domains, users, aliases. Who gets mail, and who may log in.
 *
 * One interface, one table of functions a driver (directory_bdb.c). Names are
 * keys: lower case, domains in A-label form (proto/address.h, address_key()).
 */
#ifndef AUTH_DIRECTORY_H
#define AUTH_DIRECTORY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/buf.h"
#include "base/control.h"
#include "base/fault.h"
#include "base/str.h"

enum {
	DIRECTORY_TARGETS_MAX = 1000,	/* of one alias */
	DIRECTORY_EXPANSION_MAX = 1000,	/* mailboxes of one recipient */
	DIRECTORY_DEPTH_MAX = 10,	/* aliases of aliases */
};

struct directory;

struct directory_user {
	char name[256];		/* "user@domain" */
	char hash[256];		/* crypt(5); empty: no password, no login */
	bool disabled;		/* no login; mail is refused with 5.2.1 */
	int64_t created;	/* seconds since 1970 */
	int64_t changed;
};

struct directory *directory_open(const char *dir, struct fault *f) MUST_USE;
void directory_close(struct directory **directory);

/*
 * Changes are durable when they return 0. Faults are permanent and say what is
 * wrong in the operator's words: a name that is no address or could not be a
 * mailbox (5.1.3), one that exists (5.1.0), one that does not (5.1.1), a
 * domain that still has users (5.1.0), an alias target in a domain that is not
 * ours (5.1.2).
 */
int directory_domain_add(struct directory *d, struct str domain,
    struct fault *f) MUST_USE;
int directory_domain_del(struct directory *d, struct str domain,
    struct fault *f) MUST_USE;
int directory_user_add(struct directory *d, struct str name, const char *hash,
    struct fault *f) MUST_USE;
int directory_user_del(struct directory *d, struct str name,
    struct fault *f) MUST_USE;
int directory_user_set_hash(struct directory *d, struct str name,
    const char *hash, struct fault *f) MUST_USE;
int directory_user_set_disabled(struct directory *d, struct str name,
    bool disabled, struct fault *f) MUST_USE;
/* name may be "@domain", the catch-all. */
int directory_alias_add(struct directory *d, struct str name,
    const struct str *targets, size_t n, struct fault *f) MUST_USE;
int directory_alias_del(struct directory *d, struct str name,
    struct fault *f) MUST_USE;

/* Look-ups: 1 found, 0 not found, -1 fault (temporary). */
int directory_domain_get(struct directory *d, struct str domain,
    struct fault *f) MUST_USE;
int directory_user_get(struct directory *d, struct str name,
    struct directory_user *user, struct fault *f) MUST_USE;
/* targets: replaced by "a@x, b@y". One level. */
int directory_alias_get(struct directory *d, struct str name,
    struct buf *targets, struct fault *f) MUST_USE;

/*
 * The final mailboxes of a recipient address: its user (or that of the part
 * before '+', the sub-address then kept: "user+detail@domain"), else its alias,
 * expanded to the end, else the catch-all. mailboxes is replaced by them,
 * split by blanks, each once. 1 found, 0 no such recipient, -1 fault: a
 * disabled user is permanent 5.2.1; loops and too many are cut: permanent
 * 5.4.6 where nothing is left.
 */
int directory_resolve(struct directory *d, struct str recipient,
    struct buf *mailboxes, struct fault *f) MUST_USE;
/* The logins that may send as address: its user, and each user that it
 * resolves to. logins is replaced, split by blanks. 1, 0 or -1. */
int directory_senders(struct directory *d, struct str address,
    struct buf *logins, struct fault *f) MUST_USE;

/* In key order, until each() returns not 0. prefix may be empty. */
int directory_each_domain(struct directory *d,
    int (*each)(void *ctx, struct str domain), void *ctx, struct fault *f)
    MUST_USE;
int directory_each_user(struct directory *d, struct str domain,
    int (*each)(void *ctx, const struct directory_user *user), void *ctx,
    struct fault *f) MUST_USE;
int directory_each_alias(struct directory *d, struct str domain,
    int (*each)(void *ctx, struct str name, struct str targets), void *ctx,
    struct fault *f) MUST_USE;

/*
 * The operator's methods "domain.add|del|list", "user.add|del|list|passwd|
 * disable|enable", "alias.add|del|list", by the same code on a running authd
 * and on a directory that posthouse opened itself. ctx is the directory.
 */
extern const struct control_method directory_methods[];

#endif
