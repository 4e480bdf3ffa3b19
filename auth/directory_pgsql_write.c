/* SPDX-License-Identifier: ISC */
/* Changes of the directory in PostgreSQL, gathered until they are committed. */
#include "config.h"

#include <inttypes.h>
#include <stdio.h>

#include "auth/directory_pgsql.h"
#include "base/mem.h"

enum { PARAMS_MAX = 13, SETTING_MAX = 4096, NUMBER_SIZE = 24 };

static const struct pgsql_statement set_domain = {
    "INSERT INTO mail_domain (domain, quota, quota_messages, user_quota, "
    "user_quota_messages) "
    "VALUES ($1, $2::bigint, $3::bigint, $4::bigint, $5::bigint) "
    "ON CONFLICT (domain) DO UPDATE SET quota = EXCLUDED.quota, "
    "quota_messages = EXCLUDED.quota_messages, "
    "user_quota = EXCLUDED.user_quota, "
    "user_quota_messages = EXCLUDED.user_quota_messages"};
static const struct pgsql_statement remove_domain = {
    "DELETE FROM mail_domain WHERE domain = $1"};
static const struct pgsql_statement set_user = {
    "INSERT INTO mail_user (local, domain, hash, disabled, main_closed, "
    "no_receive, no_send, created, changed, quota, quota_messages, node, "
    "moving) "
    "VALUES ($1, $2, $3, $4 = '1', $5 = '1', $6 = '1', $7 = '1', "
    "$8::bigint, $9::bigint, $10::bigint, $11::bigint, $12, $13 = '1') "
    "ON CONFLICT (domain, local) DO UPDATE SET hash = EXCLUDED.hash, "
    "disabled = EXCLUDED.disabled, main_closed = EXCLUDED.main_closed, "
    "no_receive = EXCLUDED.no_receive, no_send = EXCLUDED.no_send, "
    "created = EXCLUDED.created, changed = EXCLUDED.changed, "
    "quota = EXCLUDED.quota, quota_messages = EXCLUDED.quota_messages, "
    "node = EXCLUDED.node, moving = EXCLUDED.moving"};
static const struct pgsql_statement remove_user = {
    "DELETE FROM mail_user WHERE local = $1 AND domain = $2"};
static const struct pgsql_statement set_alias = {
    "INSERT INTO mail_alias (local, domain, targets) "
    "VALUES ($1, $2, string_to_array($3, ' ')) "
    "ON CONFLICT (domain, local) DO UPDATE SET targets = EXCLUDED.targets"};
static const struct pgsql_statement remove_alias = {
    "DELETE FROM mail_alias WHERE local = $1 AND domain = $2"};
static const struct pgsql_statement set_group = {
    "INSERT INTO mail_group (local, domain, record) VALUES ($1, $2, $3) "
    "ON CONFLICT (domain, local) DO UPDATE SET record = EXCLUDED.record"};
static const struct pgsql_statement remove_group = {
    "DELETE FROM mail_group WHERE local = $1 AND domain = $2"};
static const struct pgsql_statement add_member = {
    "INSERT INTO mail_member (local, domain, member) VALUES ($1, $2, $3) "
    "ON CONFLICT DO NOTHING"};
static const struct pgsql_statement remove_member = {
    "DELETE FROM mail_member "
    "WHERE local = $1 AND domain = $2 AND member = $3"};
static const struct pgsql_statement set_credential = {
    "INSERT INTO mail_credential (local, domain, kind, value) "
    "VALUES ($1, $2, $3, $4) "
    "ON CONFLICT (domain, local, kind) DO UPDATE SET value = EXCLUDED.value"};
static const struct pgsql_statement remove_credential = {
    "DELETE FROM mail_credential "
    "WHERE local = $1 AND domain = $2 AND kind = $3"};
static const struct pgsql_statement set_senders = {
    "INSERT INTO mail_sender (local, domain, users) "
    "VALUES ($1, $2, string_to_array($3, ' ')) "
    "ON CONFLICT (domain, local) DO UPDATE SET users = EXCLUDED.users"};
static const struct pgsql_statement remove_senders = {
    "DELETE FROM mail_sender WHERE local = $1 AND domain = $2"};
static const struct pgsql_statement add_audit = {
    "INSERT INTO mail_audit (time, who, what, name, detail) "
    "VALUES ($1::bigint, $2, $3, $4, $5)"};
static const struct pgsql_statement end_audit = {
    "DELETE FROM mail_audit WHERE time < $1::bigint OR id <= "
    "(SELECT max(id) FROM mail_audit) - $2::bigint"};
static const struct pgsql_statement set_setting = {
    "INSERT INTO mail_setting (name, value) VALUES ($1, decode($2, 'hex')) "
    "ON CONFLICT (name) DO UPDATE SET value = EXCLUDED.value"};

struct directory_pgsql_write {
	struct directory_pgsql_write *next;
	const struct pgsql_statement *statement;
	struct str params[PARAMS_MAX];
	size_t n;
};

static void
note(struct directory_store *s, const struct pgsql_statement *statement,
    const struct str *params, size_t n)
{
	struct directory_pgsql_write *w =
	    arena_new(&s->arena, struct directory_pgsql_write);

	w->next = NULL;
	w->statement = statement;
	w->n = n;
	for (size_t i = 0; i < n; i++)
		w->params[i] = arena_str(&s->arena, params[i]);
	if (s->last == NULL)
		s->first = w;
	else
		s->last->next = w;
	s->last = w;
}

/* For what is named by local part and domain, and maybe a value. */
static void
note_name(struct directory_store *s, const struct pgsql_statement *statement,
    struct str name, const struct str *value)
{
	const struct str params[] = {name_local(name), name_domain(name),
	    value != NULL ? *value : (struct str){0}};

	note(s, statement, params, value != NULL ? 3 : 2);
}

struct number {
	char text[NUMBER_SIZE];
};

static struct str
number(int64_t n, struct number *number)
{
	snprintf(number->text, sizeof number->text, "%" PRId64, n);
	return str(number->text);
}

void
directory_pgsql_put_domain(
    struct directory_store *s, const struct directory_domain *domain)
{
	struct number n[4];
	const struct str params[] = {
	    str(domain->name),
	    number(domain->total.bytes, &n[0]),
	    number(domain->total.messages, &n[1]),
	    number(domain->user.bytes, &n[2]),
	    number(domain->user.messages, &n[3]),
	};

	note(s, &set_domain, params, ARRAY_LEN(params));
}

static struct str
truth(bool value)
{
	return value ? STR_LIT("1") : STR_LIT("0");
}

void
directory_pgsql_put_user(
    struct directory_store *s, const struct directory_user *user)
{
	struct number n[4];
	const struct str params[] = {
	    name_local(str(user->name)),
	    name_domain(str(user->name)),
	    str(user->hash),
	    truth(user->disabled),
	    truth(user->main_closed),
	    truth(user->no_receive),
	    truth(user->no_send),
	    number(user->created, &n[0]),
	    number(user->changed, &n[1]),
	    number(user->quota.bytes, &n[2]),
	    number(user->quota.messages, &n[3]),
	    str(user->node),
	    truth(user->moving),
	};

	note(s, &set_user, params, ARRAY_LEN(params));
}

void
directory_pgsql_put_alias(
    struct directory_store *s, struct str name, struct str targets)
{
	note_name(s, &set_alias, name, &targets);
}

void
directory_pgsql_put_group(
    struct directory_store *s, const struct directory_group *g)
{
	struct buf record;
	struct str text;

	buf_init(&record, DIRECTORY_GROUP_RECORD_MAX);
	directory_group_format(g, &record);
	text = buf_str(&record);
	note_name(s, &set_group, str(g->name), &text);
	buf_clear(&record);
}

void
directory_pgsql_put_member(
    struct directory_store *s, struct str group, struct str member)
{
	note_name(s, &add_member, group, &member);
}

void
directory_pgsql_put_credential(struct directory_store *s, struct str user,
    struct str kind, struct str value)
{
	const struct str params[] = {
	    name_local(user), name_domain(user), kind, value};

	note(s, &set_credential, params, ARRAY_LEN(params));
}

void
directory_pgsql_put_setting(
    struct directory_store *s, const char *name, struct str value)
{
	struct buf hex;

	if (s->local != NULL) {
		directory_bdb.put_setting(s->local, name, value);
		return;
	}
	buf_init_secret(&hex, 2 * SETTING_MAX);
	buf_put_hex(&hex, value);
	note(
	    s, &set_setting, (const struct str[]){str(name), buf_str(&hex)}, 2);
	buf_clear(&hex);
}

void
directory_pgsql_del_domain(struct directory_store *s, struct str domain)
{
	note(s, &remove_domain, &domain, 1);
}

void
directory_pgsql_del_user(struct directory_store *s, struct str name)
{
	note_name(s, &remove_user, name, NULL);
}

int
directory_pgsql_put_audit(struct directory_store *s,
    const struct directory_audit *a,
    const struct directory_audit_bounds *bounds, struct fault *f)
{
	char now[NUMBER_SIZE], since[NUMBER_SIZE], entries[NUMBER_SIZE];

	(void)f;
	snprintf(now, sizeof now, "%" PRId64, a->time);
	snprintf(since, sizeof since, "%" PRId64,
	    bounds->age > 0 ? a->time - bounds->age : 0);
	snprintf(entries, sizeof entries, "%" PRIu64, bounds->entries);

	const struct str entry[] = {
	    str(now), str(a->who), str(a->what), str(a->name), str(a->detail)};
	const struct str bound[] = {str(since), str(entries)};

	note(s, &add_audit, entry, ARRAY_LEN(entry));
	note(s, &end_audit, bound, ARRAY_LEN(bound));
	return 0;
}

void
directory_pgsql_put_senders(
    struct directory_store *s, struct str address, struct str users)
{
	note_name(s, &set_senders, address, &users);
}

void
directory_pgsql_del_senders(struct directory_store *s, struct str address)
{
	note_name(s, &remove_senders, address, NULL);
}

void
directory_pgsql_del_alias(struct directory_store *s, struct str name)
{
	note_name(s, &remove_alias, name, NULL);
}

int
directory_pgsql_del_group(
    struct directory_store *s, struct str name, struct fault *f)
{
	(void)f;
	note_name(s, &remove_group, name, NULL);
	return 0;
}

void
directory_pgsql_del_member(
    struct directory_store *s, struct str group, struct str member)
{
	note_name(s, &remove_member, group, &member);
}

void
directory_pgsql_del_credential(
    struct directory_store *s, struct str user, struct str kind)
{
	note_name(s, &remove_credential, user, &kind);
}

static int
write_all(struct directory_store *s, struct fault *f)
{
	struct pgsql_txn *txn = pgsql_begin(s->pgsql, f);
	int rc = txn == NULL ? -1 : 0;

	for (const struct directory_pgsql_write *w = s->first;
	     rc == 0 && w != NULL; w = w->next)
		rc =
		    pgsql_do(txn, w->statement, w->params, w->n, NULL, NULL, f);
	if (rc == 0)
		rc = pgsql_commit(&txn, f);
	pgsql_abort(&txn);
	return rc;
}

int
directory_pgsql_commit(struct directory_store *s, struct fault *f)
{
	int rc = 0;

	if (s->first != NULL && s->has_queries)
		rc = fault_perm(f, "5.3.3",
		    "the directory is kept in others' tables; change it "
		    "there");
	else if (s->first != NULL)
		rc = write_all(s, f);
	else if (s->local != NULL)
		rc = directory_bdb.commit(s->local, f);
	/* A commit whose answer is lost may have been done. */
	directory_cache_drop(s->cache);
	directory_pgsql_discard(s);
	return rc;
}

void
directory_pgsql_discard(struct directory_store *s)
{
	s->first = s->last = NULL;
	arena_clear(&s->arena);
	if (s->local != NULL)
		directory_bdb.discard(s->local);
}
