/* SPDX-License-Identifier: ISC */
/*
 * Where a directory is kept. directory.c has the rules; a driver has the
 * records and no opinion about them. Private to directory*.c.
 *
 * All names are keys. Reads may come from many threads at once. Changes come
 * one at a time: what put_*() and del_*() note becomes true at commit(), all of
 * it or nothing, and no read sees it before.
 */
#ifndef AUTH_DIRECTORY_DRIVER_H
#define AUTH_DIRECTORY_DRIVER_H

#include <pthread.h>

#include "auth/directory.h"
#include "auth/directory_audit.h"
#include "auth/directory_group.h"
#include "auth/name.h"

enum { DIRECTORY_TARGETS_SIZE = DIRECTORY_TARGETS_MAX * NAME_SIZE };

enum {
	DIRECTORY_KIND_MAX = 80, /* bytes, without NUL */
	DIRECTORY_CREDENTIAL_MAX = 512,
};

/* As with the other lists; each() may note changes, though. */
typedef int directory_each_credential_call(
    void *ctx, struct str kind, struct str value);

struct directory_audit_bounds {
	uint64_t entries; /* at most */
	int64_t age;      /* s */
};

struct directory_store;

typedef int directory_each_setting_call(
    void *ctx, struct str name, struct str value);

struct directory_driver {
	struct directory_store *(*open)(
	    const struct directory_conf *conf, struct fault *f);
	void (*close)(struct directory_store **store);

	/* 1 found, 0 not, -1 fault. targets is replaced by names split by
	 * blanks. domain and user may be NULL. */
	int (*get_domain)(struct directory_store *store, struct str name,
	    struct directory_domain *domain, struct fault *f);
	int (*get_user)(struct directory_store *store, struct str name,
	    struct directory_user *user, struct fault *f);
	int (*get_alias)(struct directory_store *store, struct str name,
	    struct buf *targets, struct fault *f);
	/* g may be NULL. */
	int (*get_group)(struct directory_store *store, struct str name,
	    struct directory_group *g, struct fault *f);
	int (*has_member)(struct directory_store *store, struct str group,
	    struct str member, struct fault *f);

	void (*put_domain)(struct directory_store *store,
	    const struct directory_domain *domain);
	void (*put_user)(
	    struct directory_store *store, const struct directory_user *user);
	void (*put_alias)(
	    struct directory_store *store, struct str name, struct str targets);
	void (*put_group)(
	    struct directory_store *store, const struct directory_group *g);
	void (*put_member)(
	    struct directory_store *store, struct str group, struct str member);

	/* What is kept beside the names: a value of at most 4096 bytes. */
	int (*get_setting)(struct directory_store *store, const char *name,
	    struct buf *value, struct fault *f);
	void (*put_setting)(
	    struct directory_store *store, const char *name, struct str value);

	/* What is not there (any more) is no fault. */
	void (*del_domain)(struct directory_store *store, struct str domain);
	void (*del_user)(struct directory_store *store, struct str name);
	void (*del_alias)(struct directory_store *store, struct str name);
	/* With its members, which must be found first. */
	int (*del_group)(
	    struct directory_store *store, struct str name, struct fault *f);
	void (*del_member)(
	    struct directory_store *store, struct str group, struct str member);

	/* All that was noted, durably, in one transaction; or forget it. */
	int (*commit)(struct directory_store *store, struct fault *f);
	void (*discard)(struct directory_store *store);

	/* As directory_each_*(): in order of domain, then of local part. */
	int (*each_domain)(struct directory_store *store, struct str after,
	    directory_each_domain_call *each, void *ctx, struct fault *f);
	int (*each_user)(struct directory_store *store, struct str domain,
	    struct str after, directory_each_user_call *each, void *ctx,
	    struct fault *f);
	int (*each_alias)(struct directory_store *store, struct str domain,
	    struct str after, directory_each_alias_call *each, void *ctx,
	    struct fault *f);

	int (*each_group)(struct directory_store *store, struct str domain,
	    struct str after, directory_each_group_call *each, void *ctx,
	    struct fault *f);
	/* In byte order. */
	int (*each_member)(struct directory_store *store, struct str group,
	    struct str after, directory_each_member_call *each, void *ctx,
	    struct fault *f);

	/* What a user is known by, beside the hash: one value of each kind.
	 * Deleting a user leaves them; the rules take them along. */
	int (*get_credential)(struct directory_store *store, struct str user,
	    struct str kind, struct buf *value, struct fault *f);
	void (*put_credential)(struct directory_store *store, struct str user,
	    struct str kind, struct str value);
	void (*del_credential)(
	    struct directory_store *store, struct str user, struct str kind);
	int (*each_credential)(struct directory_store *store, struct str user,
	    directory_each_credential_call *each, void *ctx, struct fault *f);
	int (*each_setting)(struct directory_store *store,
	    directory_each_setting_call *each, void *ctx, struct fault *f);

	/* Who may send as an address that is not the user's own: users split
	 * by blanks, as an alias has targets; the address may be anybody's. */
	int (*get_senders)(struct directory_store *store, struct str address,
	    struct buf *users, struct fault *f);
	void (*put_senders)(struct directory_store *store, struct str address,
	    struct str users);
	void (*del_senders)(struct directory_store *store, struct str address);
	int (*each_sender)(struct directory_store *store, struct str after,
	    directory_each_sender_call *each, void *ctx, struct fault *f);

	/* Notes an entry (its id is given by the driver), and that those be
	 * gone which are beyond the bounds: some at a time. */
	int (*put_audit)(struct directory_store *store,
	    const struct directory_audit *entry,
	    const struct directory_audit_bounds *bounds, struct fault *f);
	int (*each_audit)(struct directory_store *store, uint64_t after,
	    directory_each_audit_call *each, void *ctx, struct fault *f);

	/* directory_backup(): path is replaced by where the copy is. */
	int (*backup)(
	    struct directory_store *store, struct buf *path, struct fault *f);

	int (*count)(struct directory_store *store,
	    struct directory_counts *counts, struct fault *f);
};

extern const struct directory_driver directory_bdb;
/* Not where Posthouse was built without PostgreSQL. */
extern const struct directory_driver directory_pgsql;

/* directory_migrate() */
int directory_pgsql_migrate(const struct directory_conf *conf, bool anew,
    unsigned *from, struct fault *f) MUST_USE;

/* The form in which drivers keep a group: lines "NAME=VALUE". */
enum { DIRECTORY_GROUP_RECORD_MAX = sizeof(struct directory_group) + 200 };
void directory_group_format(const struct directory_group *g, struct buf *b);
/* name is its key. False where the record is none. */
bool directory_group_parse(
    struct str name, struct str record, struct directory_group *g) MUST_USE;

struct directory {
	const struct directory_driver *driver;
	struct directory_store *store;
	pthread_mutex_t changes;
	char srs_domain[NAME_SIZE]; /* empty: no rewriting */
	unsigned forms;             /* enum directory_form */
	uid_t caller; /* who changes it, but for control_caller() */
	struct directory_audit audit; /* of the change under way; what may be
				       * empty: none */
	struct directory_audit_bounds audit_bounds;
};

/* enum directory_switch of a user's record. */
unsigned directory_user_switches(const struct directory_user *user);
void directory_user_set_switches(
    struct directory_user *user, unsigned switches);

/* 0 with the user, or -1 where there is none. */
int directory_need_user(struct directory *d, struct str name,
    struct directory_user *user, struct fault *f) MUST_USE;

/* Within a change: what is done and to what (a key), for the audit; fmt is what
 * else there is to say. Becomes an entry where the change is committed. */
void directory_audit(struct directory *d, const char *what, const char *name,
    const char *fmt, ...) FORMAT(4, 5);
/* For directory_end_change(): writes it, if there is one. */
int directory_audit_flush(struct directory *d, struct fault *f) MUST_USE;

/* Within a change: user, a key, may no longer send as others. */
int directory_del_senders(
    struct directory *d, struct str user, struct fault *f) MUST_USE;

/* Within a change: the keys of that user, empty ones to have none. */
void directory_put_scram(
    struct directory *d, struct str user, const struct scram_keys *keys);
void directory_put_cram(
    struct directory *d, struct str user, const struct cram_key *key);

/*
 * Around the checks and the writes of one change, which is committed where rc
 * is not negative, else discarded. Returns rc, or -1 and a fault where that
 * failed. The disk, and others who wait for it, may take their time.
 */
void directory_begin_change(struct directory *d);
int directory_end_change(struct directory *d, int rc, struct fault *f) MUST_USE;

enum { DIRECTORY_SECRET_LEN = 32 };

/* Random bytes that are made when they are first asked for, and are kept as
 * that setting. Not within a change. */
int directory_get_secret(struct directory *d, const char *setting,
    uint8_t secret[DIRECTORY_SECRET_LEN], struct fault *f) MUST_USE;

/* Within a change: 0 where the key's domain is ours and nothing has its name
 * yet, else -1. */
int directory_need_free_name(
    struct directory *d, const char *key, struct fault *f) MUST_USE;
/* The keys of a domain and of a name that a list begins behind; both may be
 * empty. */
int directory_place(struct str domain, struct str after, char key[NAME_SIZE],
    char from[NAME_SIZE], struct fault *f) MUST_USE;

#endif
