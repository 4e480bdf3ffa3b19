/* SPDX-License-Identifier: ISC */
/* What the files of the driver for Berkeley DB share; directory_bdb.c has the
 * picture of the tables. */
#ifndef AUTH_DIRECTORY_BDB_H
#define AUTH_DIRECTORY_BDB_H

#include "auth/directory_driver.h"
#include "base/arena.h"
#include "base/db.h"

enum { DIRECTORY_BDB_KEY_SIZE = NAME_SIZE + 1 };

struct directory_write;

struct directory_store {
	struct db_env *env;
	struct db *domain, *user, *alias, *group, *member, *setting;
	struct db *credential, *sender, *audit;
	uint64_t audit_first, audit_next; /* ids; 0: not known yet */
	struct arena arena;               /* of the writes */
	struct directory_write *first, *last;
};

/* DOMAIN NUL LOCAL */
struct directory_bdb_key {
	char bytes[DIRECTORY_BDB_KEY_SIZE];
	size_t len;
};
/* name is a key. */
struct directory_bdb_key directory_bdb_key(struct str name);
struct str directory_bdb_str(const struct directory_bdb_key *key);
/* False where it is no key. */
bool directory_bdb_name(struct str key, char name[NAME_SIZE]);
int directory_bdb_bad_record(struct str key, struct fault *f);

/* To be written, or deleted, at the commit. Copies. */
void directory_bdb_put(
    struct directory_store *s, struct db *db, struct str key, struct str value);
void directory_bdb_del(
    struct directory_store *s, struct db *db, struct str key);
/* One domain's records, or all, from the first behind the name `after`. */
int directory_bdb_scan(struct db *db, struct str domain, struct str after,
    int (*give)(void *ctx, struct str key, struct str value), void *ctx,
    struct fault *f) MUST_USE;

/* Of the driver's table: groups and members. */
int directory_bdb_get_group(struct directory_store *s, struct str name,
    struct directory_group *g, struct fault *f) MUST_USE;
void directory_bdb_put_group(
    struct directory_store *s, const struct directory_group *g);
int directory_bdb_del_group(
    struct directory_store *s, struct str name, struct fault *f) MUST_USE;
int directory_bdb_each_group(struct directory_store *s, struct str domain,
    struct str after, directory_each_group_call *each, void *ctx,
    struct fault *f) MUST_USE;
int directory_bdb_has_member(struct directory_store *s, struct str group,
    struct str member, struct fault *f) MUST_USE;
void directory_bdb_put_member(
    struct directory_store *s, struct str group, struct str member);
void directory_bdb_del_member(
    struct directory_store *s, struct str group, struct str member);
int directory_bdb_each_member(struct directory_store *s, struct str group,
    struct str after, directory_each_member_call *each, void *ctx,
    struct fault *f) MUST_USE;

/* Of the driver's table: the audit. */
int directory_bdb_put_audit(struct directory_store *s,
    const struct directory_audit *entry,
    const struct directory_audit_bounds *bounds, struct fault *f) MUST_USE;
int directory_bdb_each_audit(struct directory_store *s, uint64_t after,
    directory_each_audit_call *each, void *ctx, struct fault *f) MUST_USE;

/* Of the driver's table: credentials. */
int directory_bdb_get_credential(struct directory_store *s, struct str user,
    struct str kind, struct buf *value, struct fault *f) MUST_USE;
void directory_bdb_put_credential(struct directory_store *s, struct str user,
    struct str kind, struct str value);
void directory_bdb_del_credential(
    struct directory_store *s, struct str user, struct str kind);
int directory_bdb_each_credential(struct directory_store *s, struct str user,
    directory_each_credential_call *each, void *ctx, struct fault *f) MUST_USE;

#endif
