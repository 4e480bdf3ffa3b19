/* SPDX-License-Identifier: ISC */
/* What the files of the driver for PostgreSQL share. */
#ifndef AUTH_DIRECTORY_PGSQL_H
#define AUTH_DIRECTORY_PGSQL_H

#include "auth/directory_cache.h"
#include "auth/directory_driver.h"
#include "auth/pgsql.h"
#include "base/arena.h"

/* The operator's own, each with the address (or the domain) as $1. */
enum directory_query { QUERY_DOMAIN, QUERY_USER, QUERY_ALIAS, QUERIES };

struct directory_pgsql_write;

struct directory_store {
	struct pgsql *pgsql;
	struct directory_cache *cache;
	int64_t fresh_ms, stale_ms;
	/* Of the operator: then the tables are others', and only read. */
	struct pgsql_statement queries[QUERIES]; /* sql NULL: none */
	bool has_queries;
	/* Where settings are then: the driver for Berkeley DB. */
	struct directory_store *local;
	/* Of the change under way. */
	struct arena arena;
	struct directory_pgsql_write *first, *last;
};

/* directory_pgsql_write.c: the driver's changes. */
void directory_pgsql_put_domain(
    struct directory_store *s, const struct directory_domain *domain);
void directory_pgsql_put_user(
    struct directory_store *s, const struct directory_user *user);
void directory_pgsql_put_alias(
    struct directory_store *s, struct str name, struct str targets);
void directory_pgsql_put_group(
    struct directory_store *s, const struct directory_group *g);
void directory_pgsql_put_member(
    struct directory_store *s, struct str group, struct str member);
void directory_pgsql_put_credential(struct directory_store *s, struct str user,
    struct str kind, struct str value);
void directory_pgsql_put_senders(
    struct directory_store *s, struct str address, struct str users);
void directory_pgsql_del_senders(struct directory_store *s, struct str address);
int directory_pgsql_put_audit(struct directory_store *s,
    const struct directory_audit *entry,
    const struct directory_audit_bounds *bounds, struct fault *f) MUST_USE;
void directory_pgsql_put_setting(
    struct directory_store *s, const char *name, struct str value);
void directory_pgsql_del_domain(struct directory_store *s, struct str domain);
void directory_pgsql_del_user(struct directory_store *s, struct str name);
void directory_pgsql_del_alias(struct directory_store *s, struct str name);
int directory_pgsql_del_group(
    struct directory_store *s, struct str name, struct fault *f) MUST_USE;
void directory_pgsql_del_member(
    struct directory_store *s, struct str group, struct str member);
void directory_pgsql_del_credential(
    struct directory_store *s, struct str user, struct str kind);
int directory_pgsql_commit(struct directory_store *s, struct fault *f) MUST_USE;
void directory_pgsql_discard(struct directory_store *s);

/* directory_pgsql_list.c: its lists. */
int directory_pgsql_each_domain(struct directory_store *s, struct str after,
    directory_each_domain_call *each, void *ctx, struct fault *f) MUST_USE;
int directory_pgsql_each_user(struct directory_store *s, struct str domain,
    struct str after, directory_each_user_call *each, void *ctx,
    struct fault *f) MUST_USE;
int directory_pgsql_each_alias(struct directory_store *s, struct str domain,
    struct str after, directory_each_alias_call *each, void *ctx,
    struct fault *f) MUST_USE;
int directory_pgsql_each_group(struct directory_store *s, struct str domain,
    struct str after, directory_each_group_call *each, void *ctx,
    struct fault *f) MUST_USE;
int directory_pgsql_each_member(struct directory_store *s, struct str group,
    struct str after, directory_each_member_call *each, void *ctx,
    struct fault *f) MUST_USE;
int directory_pgsql_each_credential(struct directory_store *s, struct str user,
    directory_each_credential_call *each, void *ctx, struct fault *f) MUST_USE;
int directory_pgsql_each_sender(struct directory_store *s, struct str after,
    directory_each_sender_call *each, void *ctx, struct fault *f) MUST_USE;
int directory_pgsql_each_audit(struct directory_store *s, uint64_t after,
    directory_each_audit_call *each, void *ctx, struct fault *f) MUST_USE;
int directory_pgsql_each_setting(struct directory_store *s,
    directory_each_setting_call *each, void *ctx, struct fault *f) MUST_USE;
int directory_pgsql_count(struct directory_store *s,
    struct directory_counts *counts, struct fault *f) MUST_USE;

/* enum directory_switch of a row. */
#define DIRECTORY_PGSQL_SWITCHES                    \
	"(disabled::int + 2 * main_closed::int + "  \
	"4 * no_receive::int + 8 * no_send::int + " \
	"16 * moving::int)::text"

/* Columns of a quota. */
#define DIRECTORY_PGSQL_QUOTA "quota::text, quota_messages::text"
#define DIRECTORY_PGSQL_DOMAIN \
	DIRECTORY_PGSQL_QUOTA ", user_quota::text, user_quota_messages::text"

/* columns are hash, switches, created, changed, quota, node. */
bool directory_pgsql_parse_user(struct str name, const struct str *columns,
    struct directory_user *user) MUST_USE;

/* columns are those of DIRECTORY_PGSQL_DOMAIN, n of them; what is missing is
 * none. */
bool directory_pgsql_parse_domain(struct str name, const struct str *columns,
    size_t n, struct directory_domain *domain) MUST_USE;

/* directory_pgsql_schema.c. Whether the tables are there, and of our version:
 * else a fault that says what to do. */
int directory_pgsql_check(struct pgsql *pgsql, struct fault *f) MUST_USE;

#endif
