/* SPDX-License-Identifier: ISC */
/* Lists of what the directory in PostgreSQL has, by pages. */
#include "config.h"

#include <inttypes.h>
#include <stdio.h>

#include "auth/directory_pgsql.h"
#include "base/mem.h"

/* Rows of a page; the statements say the same. */
enum { PAGE = 1000, SETTING_MAX = 4096, FIXED_MAX = 2 };

/* $1 is a domain, or empty: all; $2 and $3 are where to begin behind. */
#define BEHIND                                                            \
	" WHERE ($1 = '' OR domain = $1) AND (domain, local) > ($3, $2) " \
	"ORDER BY domain, local LIMIT 1000"

static const struct pgsql_statement list_domains = {
    "SELECT domain, " DIRECTORY_PGSQL_DOMAIN
    " FROM mail_domain WHERE domain > $1 "
    "ORDER BY domain LIMIT 1000"};
static const struct pgsql_statement list_users = {
    "SELECT local || '@' || domain, hash, " DIRECTORY_PGSQL_SWITCHES
    ", created::text, changed::text, " DIRECTORY_PGSQL_QUOTA
    ", node FROM mail_user" BEHIND};
static const struct pgsql_statement list_aliases = {
    "SELECT local || '@' || domain, array_to_string(targets, ' ') "
    "FROM mail_alias" BEHIND};
static const struct pgsql_statement list_senders = {
    "SELECT local || '@' || domain, array_to_string(users, ' ') "
    "FROM mail_sender" BEHIND};
static const struct pgsql_statement list_groups = {
    "SELECT local || '@' || domain, record FROM mail_group" BEHIND};
static const struct pgsql_statement list_members = {
    "SELECT member FROM mail_member WHERE local = $1 AND domain = $2 "
    "AND member > $3 ORDER BY member LIMIT 1000"};
static const struct pgsql_statement list_credentials = {
    "SELECT kind, value FROM mail_credential "
    "WHERE local = $1 AND domain = $2 ORDER BY kind"};
static const struct pgsql_statement list_audit = {
    "SELECT id::text, time::text, who, what, name, detail FROM mail_audit "
    "WHERE id > $1::bigint ORDER BY mail_audit.id LIMIT 1000"};
static const struct pgsql_statement list_settings = {
    "SELECT name, encode(value, 'hex') FROM mail_setting ORDER BY name"};
static const struct pgsql_statement count_all = {
    "SELECT (SELECT count(*) FROM mail_domain)::text, "
    "(SELECT count(*) FROM mail_user)::text, "
    "(SELECT count(*) FROM mail_alias)::text, "
    "(SELECT count(*) FROM mail_group)::text"};

struct list {
	const struct pgsql_statement *statement;
	struct str fixed[FIXED_MAX]; /* its first parameters */
	size_t n_fixed;
	bool splits_last; /* two parameters say where to begin, else one */
	directory_each_domain_call *each_domain;
	directory_each_user_call *each_user;
	directory_each_alias_call *each_alias;
	directory_each_group_call *each_group;
	directory_each_member_call *each_member;
	directory_each_setting_call *each_setting;
	directory_each_credential_call *each_credential;
	void *ctx;
	struct fault *f;
	size_t rows;          /* of the page */
	char last[NAME_SIZE]; /* row's name */
};

static int
no_lists(struct fault *f)
{
	return fault_perm(f, "5.3.3",
	    "the directory is kept in others' tables; list it there");
}

static int
bad_row(struct list *l, struct str name)
{
	return fault_temp(l->f, "4.3.5",
	    "the directory's record of \"%.*s\" is not as expected",
	    STR_ARG(str_head(name, NAME_SIZE)));
}

static int
give_group(struct list *l, struct str name, struct str record)
{
	struct directory_group *g = mem_new(struct directory_group);
	int rc;

	if (directory_group_parse(name, record, g))
		rc = l->each_group(l->ctx, g);
	else
		rc = bad_row(l, name);
	mem_free(g);
	return rc;
}

static int
give_domain(
    struct list *l, struct str name, const struct str *columns, size_t n)
{
	struct directory_domain domain;

	if (!directory_pgsql_parse_domain(name, columns, n, &domain))
		return bad_row(l, name);
	return l->each_domain(l->ctx, &domain);
}

static int
give_row(void *ctx, const struct str *columns, size_t n)
{
	struct list *l = ctx;
	struct str name = columns[0];
	struct directory_user user;

	l->rows++;
	if (!str_copy(name, l->last, sizeof l->last))
		return bad_row(l, name);
	if (l->each_domain != NULL)
		return give_domain(l, name, columns + 1, n - 1);
	if (l->each_member != NULL)
		return l->each_member(l->ctx, name);
	if (l->each_alias != NULL)
		return l->each_alias(l->ctx, name, columns[1]);
	if (l->each_group != NULL)
		return give_group(l, name, columns[1]);
	if (!directory_pgsql_parse_user(name, columns + 1, &user))
		return bad_row(l, name);
	return l->each_user(l->ctx, &user);
}

/* Page by page, each from behind the last row of the one before. */
static int
list_pages(struct directory_store *s, struct str after, struct list *l)
{
	int rc;

	if (s->has_queries)
		return no_lists(l->f);
	(void)!str_copy(after, l->last, sizeof l->last);
	do {
		char from[NAME_SIZE];
		const struct str last = str(memcpy(from, l->last, sizeof from));
		struct str params[FIXED_MAX + 2];
		size_t n = l->n_fixed;

		memcpy(params, l->fixed, sizeof l->fixed);
		params[n++] = l->splits_last ? name_local(last) : last;
		if (l->splits_last)
			params[n++] = name_domain(last);
		l->rows = 0;
		rc = pgsql_query(
		    s->pgsql, l->statement, params, n, give_row, l, l->f);
	} while (rc == 0 && l->rows == PAGE);
	return rc;
}

/* Names, of a domain or of all. */
static int
list_names(struct directory_store *s, const struct pgsql_statement *statement,
    struct str domain, struct str after, struct list *l)
{
	l->statement = statement;
	l->fixed[0] = domain;
	l->n_fixed = 1;
	l->splits_last = true;
	return list_pages(s, after, l);
}

int
directory_pgsql_each_domain(struct directory_store *s, struct str after,
    directory_each_domain_call *each, void *ctx, struct fault *f)
{
	struct list l = {.statement = &list_domains,
	    .each_domain = each,
	    .ctx = ctx,
	    .f = f};

	return list_pages(s, after, &l);
}

int
directory_pgsql_each_user(struct directory_store *s, struct str domain,
    struct str after, directory_each_user_call *each, void *ctx,
    struct fault *f)
{
	struct list l = {.each_user = each, .ctx = ctx, .f = f};

	return list_names(s, &list_users, domain, after, &l);
}

int
directory_pgsql_each_alias(struct directory_store *s, struct str domain,
    struct str after, directory_each_alias_call *each, void *ctx,
    struct fault *f)
{
	struct list l = {.each_alias = each, .ctx = ctx, .f = f};

	return list_names(s, &list_aliases, domain, after, &l);
}

struct audit_list {
	directory_each_audit_call *each;
	void *ctx;
	struct fault *f;
	size_t rows;
	uint64_t last;
};

static int
give_audit(void *ctx, const struct str *columns, size_t n)
{
	struct audit_list *l = ctx;
	struct directory_audit a;
	uint64_t when;

	l->rows++;
	if (n < 6 || !str_to_u64(columns[0], 1, INT64_MAX, &a.id) ||
	    !str_to_u64(columns[1], 0, INT64_MAX, &when) ||
	    !str_copy(columns[2], a.who, sizeof a.who) ||
	    !str_copy(columns[3], a.what, sizeof a.what) ||
	    !str_copy(columns[4], a.name, sizeof a.name) ||
	    !str_copy(columns[5], a.detail, sizeof a.detail))
		return fault_temp(l->f, "4.3.5",
		    "the directory's audit entry %.*s is not as expected",
		    STR_ARG(str_head(columns[0], 20)));
	a.time = (int64_t)when;
	l->last = a.id;
	return l->each(l->ctx, &a);
}

int
directory_pgsql_each_audit(struct directory_store *s, uint64_t after,
    directory_each_audit_call *each, void *ctx, struct fault *f)
{
	struct audit_list l = {.each = each, .ctx = ctx, .f = f, .last = after};
	int rc;

	if (s->has_queries)
		return no_lists(f);
	do {
		char number[24];
		struct str from;

		snprintf(number, sizeof number, "%" PRIu64, l.last);
		from = str(number);
		l.rows = 0;
		rc = pgsql_query(
		    s->pgsql, &list_audit, &from, 1, give_audit, &l, f);
	} while (rc == 0 && l.rows == PAGE);
	return rc;
}

/* Rows of names are alike. */
int
directory_pgsql_each_sender(struct directory_store *s, struct str after,
    directory_each_sender_call *each, void *ctx, struct fault *f)
{
	struct list l = {.each_alias = each, .ctx = ctx, .f = f};

	return list_names(s, &list_senders, (struct str){0}, after, &l);
}

int
directory_pgsql_each_group(struct directory_store *s, struct str domain,
    struct str after, directory_each_group_call *each, void *ctx,
    struct fault *f)
{
	struct list l = {.each_group = each, .ctx = ctx, .f = f};

	return list_names(s, &list_groups, domain, after, &l);
}

int
directory_pgsql_each_member(struct directory_store *s, struct str group,
    struct str after, directory_each_member_call *each, void *ctx,
    struct fault *f)
{
	struct list l = {.statement = &list_members,
	    .fixed = {name_local(group), name_domain(group)},
	    .n_fixed = 2,
	    .each_member = each,
	    .ctx = ctx,
	    .f = f};

	return list_pages(s, after, &l);
}

static int
give_credential(void *ctx, const struct str *columns, size_t n)
{
	struct list *l = ctx;

	(void)n;
	return l->each_credential(l->ctx, columns[0], columns[1]);
}

int
directory_pgsql_each_credential(struct directory_store *s, struct str user,
    directory_each_credential_call *each, void *ctx, struct fault *f)
{
	const struct str params[] = {name_local(user), name_domain(user)};
	struct list l = {.each_credential = each, .ctx = ctx, .f = f};

	if (s->has_queries)
		return 0;
	return pgsql_query(s->pgsql, &list_credentials, params,
	    ARRAY_LEN(params), give_credential, &l, f);
}

static int
give_setting(void *ctx, const struct str *columns, size_t n)
{
	struct list *l = ctx;
	struct buf value;
	int rc;

	(void)n;
	buf_init_secret(&value, SETTING_MAX);
	if (buf_put_unhex(&value, columns[1]))
		rc = l->each_setting(l->ctx, columns[0], buf_str(&value));
	else
		rc = bad_row(l, columns[0]);
	buf_clear(&value);
	return rc;
}

int
directory_pgsql_each_setting(struct directory_store *s,
    directory_each_setting_call *each, void *ctx, struct fault *f)
{
	struct list l = {.each_setting = each, .ctx = ctx, .f = f};

	if (s->local != NULL)
		return directory_bdb.each_setting(s->local, each, ctx, f);
	return pgsql_query(
	    s->pgsql, &list_settings, NULL, 0, give_setting, &l, f);
}

static int
take_counts(void *ctx, const struct str *columns, size_t n)
{
	struct directory_counts *c = ctx;
	uint64_t *const to[] = {
	    &c->domains, &c->users, &c->aliases, &c->groups};

	for (size_t i = 0; i < ARRAY_LEN(to) && i < n; i++)
		if (!str_to_u64(columns[i], 0, INT64_MAX, to[i]))
			*to[i] = 0;
	return 0;
}

int
directory_pgsql_count(
    struct directory_store *s, struct directory_counts *c, struct fault *f)
{
	memset(c, 0, sizeof *c);
	if (s->has_queries)
		return 0;
	return pgsql_query(s->pgsql, &count_all, NULL, 0, take_counts, c, f);
}
