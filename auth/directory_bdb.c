/* SPDX-License-Identifier: ISC */
/*
 * The directory in Berkeley DB, an environment of nine tables:
 *
 *   domain  DOMAIN             "2 BYTES MESSAGES BYTES MESSAGES"; the quota of
 *                              the domain, and of its users; "1": none
 *   user    DOMAIN NUL LOCAL   "2 SWITCHES CREATED CHANGED BYTES MESSAGES
 *                              HASH"; in version 1 without a quota
 *   alias   DOMAIN NUL LOCAL   "1 TARGET TARGET…"; no LOCAL: the catch-all
 *   group   DOMAIN NUL LOCAL   "1" and lines "NAME=VALUE"
 *   member  DOMAIN NUL LOCAL NUL ADDRESS   "1"; the group's key stands first
 *   setting NAME               bytes
 *   credential DOMAIN NUL LOCAL NUL KIND  bytes; the user's key stands first
 *   sender  DOMAIN NUL LOCAL   "1 USER USER…"; who may send as the address
 *   audit   ID, 8 bytes, big-endian     "1 TIME WHO WHAT NAME DETAIL"
 *
 * The domain stands first so that one domain is one stretch of the tree. The
 * leading number is the version of the record.
 */
#include "config.h"

#include <inttypes.h>
#include <stdio.h>

#include "auth/directory_bdb.h"
#include "auth/directory_quota.h"
#include "auth/name.h"
#include "base/mem.h"

enum {
	CACHE = 32 << 20, /* bytes */
	USER_MAX = 512,   /* of a record */
	DOMAIN_MAX = 128,
	ALIAS_MAX = 2 + DIRECTORY_TARGETS_MAX * NAME_SIZE,
};

/* To be done at the commit. */
struct directory_write {
	struct directory_write *next;
	struct db *db;
	struct str key, value;
	bool deletes;
};

struct directory_bdb_key
directory_bdb_key(struct str name)
{
	struct str local = name_local(name), domain = name_domain(name);
	struct directory_bdb_key k;

	if (name.len >= NAME_SIZE)
		die_bug("a directory key of %zu bytes", name.len);
	memcpy(k.bytes, domain.at, domain.len);
	k.bytes[domain.len] = '\0';
	if (local.len > 0)
		memcpy(k.bytes + domain.len + 1, local.at, local.len);
	k.len = domain.len + 1 + local.len;
	return k;
}

struct str
directory_bdb_str(const struct directory_bdb_key *k)
{
	return str_n(k->bytes, k->len);
}

bool
directory_bdb_name(struct str key, char name[NAME_SIZE])
{
	struct str local = key, domain = str_cut(&local, '\0');
	int n = snprintf(
	    name, NAME_SIZE, "%.*s@%.*s", STR_ARG(local), STR_ARG(domain));

	return n > 0 && n < NAME_SIZE;
}

int
directory_bdb_bad_record(struct str key, struct fault *f)
{
	char name[NAME_SIZE];

	if (!directory_bdb_name(key, name))
		name[0] = '\0';
	return fault_temp(
	    f, "4.3.5", "the directory's record of \"%s\" is damaged", name);
}

/* Users. */

static void
format_user(const struct directory_user *user, struct buf *b)
{
	buf_putf(b, "3 %u %" PRId64 " %" PRId64 " ",
	    directory_user_switches(user), user->created, user->changed);
	directory_quota_format(b, &user->quota);
	buf_putf(
	    b, " %s %s", user->node[0] != '\0' ? user->node : "-", user->hash);
}

static bool
take_time(struct str *rest, int64_t *time)
{
	uint64_t n;

	if (!str_to_u64(str_cut(rest, ' '), 0, INT64_MAX, &n))
		return false;
	*time = (int64_t)n;
	return true;
}

static bool
take_node(struct str *rest, char node[DIRECTORY_NODE_SIZE])
{
	struct str text = str_cut(rest, ' ');

	return str_is(text, STR_LIT("-")) ||
	       str_copy(text, node, DIRECTORY_NODE_SIZE);
}

/* Version 1 has no quota, 2 no node. */
static bool
parse_user(struct str key, struct str value, struct directory_user *user)
{
	uint64_t version, switches;

	memset(user, 0, sizeof *user);
	if (!str_to_u64(str_cut(&value, ' '), 1, 3, &version) ||
	    !str_to_u64(str_cut(&value, ' '), 0, UINT32_MAX, &switches))
		return false;
	directory_user_set_switches(user, (unsigned)switches);
	return take_time(&value, &user->created) &&
	       take_time(&value, &user->changed) &&
	       (version < 2 || directory_quota_parse(&value, &user->quota)) &&
	       (version < 3 || take_node(&value, user->node)) &&
	       str_copy(value, user->hash, sizeof user->hash) &&
	       directory_bdb_name(key, user->name);
}

/* Domains. */

static bool
parse_domain(struct str key, struct str value, struct directory_domain *domain)
{
	struct str version = str_cut(&value, ' ');

	memset(domain, 0, sizeof *domain);
	if (!str_copy(key, domain->name, sizeof domain->name))
		return false;
	if (str_is(version, STR_LIT("1")))
		return true;
	return str_is(version, STR_LIT("2")) &&
	       directory_quota_parse(&value, &domain->total) &&
	       directory_quota_parse(&value, &domain->user);
}

static bool
parse_alias(struct str value, struct str *targets)
{
	*targets = value;
	return str_is(str_cut(targets, ' '), STR_LIT("1"));
}

static void
store_close(struct directory_store **store)
{
	struct directory_store *s = *store;

	if (s == NULL)
		return;
	arena_clear(&s->arena);
	db_close(&s->domain);
	db_close(&s->user);
	db_close(&s->alias);
	db_close(&s->group);
	db_close(&s->member);
	db_close(&s->setting);
	db_close(&s->credential);
	db_close(&s->sender);
	db_close(&s->audit);
	db_env_close(&s->env);
	mem_free(s);
	*store = NULL;
}

static struct directory_store *
store_open(const struct directory_conf *conf, struct fault *f)
{
	const struct db_env_options o = {
	    .cache = CACHE, .durability = DB_DURABLE, .fatal = true};
	struct directory_store *s = mem_new(struct directory_store);

	s->env = db_env_open(conf->dir, &o, f);
	if (s->env == NULL ||
	    (s->domain = db_open(s->env, "domain", f)) == NULL ||
	    (s->user = db_open(s->env, "user", f)) == NULL ||
	    (s->alias = db_open(s->env, "alias", f)) == NULL ||
	    (s->group = db_open(s->env, "group", f)) == NULL ||
	    (s->member = db_open(s->env, "member", f)) == NULL ||
	    (s->setting = db_open(s->env, "setting", f)) == NULL ||
	    (s->credential = db_open(s->env, "credential", f)) == NULL ||
	    (s->sender = db_open(s->env, "sender", f)) == NULL ||
	    (s->audit = db_open(s->env, "audit", f)) == NULL)
		store_close(&s);
	return s;
}

/* Reads. */

static int
bad_domain(struct str name, struct fault *f)
{
	return fault_temp(f, "4.3.5",
	    "the directory's record of \"%.*s\" is damaged", STR_ARG(name));
}

static int
get_domain(struct directory_store *s, struct str name,
    struct directory_domain *domain, struct fault *f)
{
	struct directory_domain unwanted;
	struct buf value;
	int rc;

	buf_init(&value, DOMAIN_MAX);
	rc = db_get(s->domain, NULL, name, &value, f);
	if (rc > 0 && !parse_domain(name, buf_str(&value),
			  domain != NULL ? domain : &unwanted))
		rc = bad_domain(name, f);
	buf_clear(&value);
	return rc;
}

static int
get_user(struct directory_store *s, struct str name,
    struct directory_user *user, struct fault *f)
{
	struct directory_bdb_key k = directory_bdb_key(name);
	struct directory_user unwanted;
	struct buf value;
	int rc;

	buf_init(&value, USER_MAX);
	rc = db_get(s->user, NULL, directory_bdb_str(&k), &value, f);
	if (rc > 0 && !parse_user(directory_bdb_str(&k), buf_str(&value),
			  user != NULL ? user : &unwanted))
		rc = directory_bdb_bad_record(directory_bdb_str(&k), f);
	buf_clear(&value);
	return rc;
}

/* A record of names. */
static int
get_names(struct db *db, struct str name, struct buf *names, struct fault *f)
{
	struct directory_bdb_key k = directory_bdb_key(name);
	struct str list;
	struct buf value;
	int rc;

	buf_reset(names);
	buf_init(&value, ALIAS_MAX);
	rc = db_get(db, NULL, directory_bdb_str(&k), &value, f);
	if (rc > 0) {
		if (parse_alias(buf_str(&value), &list))
			buf_put_str(names, list);
		else
			rc = directory_bdb_bad_record(directory_bdb_str(&k), f);
	}
	buf_clear(&value);
	return rc;
}

static int
get_alias(struct directory_store *s, struct str name, struct buf *targets,
    struct fault *f)
{
	return get_names(s->alias, name, targets, f);
}

static int
get_senders(struct directory_store *s, struct str address, struct buf *users,
    struct fault *f)
{
	return get_names(s->sender, address, users, f);
}

static int
get_setting(struct directory_store *s, const char *name, struct buf *value,
    struct fault *f)
{
	return db_get(s->setting, NULL, str(name), value, f);
}

/* Changes. */

enum { TRIES = 5 };

static struct directory_write *
note(struct directory_store *s, struct db *db, struct str key)
{
	struct directory_write *w =
	    arena_new(&s->arena, struct directory_write);

	w->db = db;
	w->key = arena_str(&s->arena, key);
	if (s->last == NULL)
		s->first = w;
	else
		s->last->next = w;
	s->last = w;
	return w;
}

void
directory_bdb_put(
    struct directory_store *s, struct db *db, struct str key, struct str value)
{
	note(s, db, key)->value = arena_str(&s->arena, value);
}

void
directory_bdb_del(struct directory_store *s, struct db *db, struct str key)
{
	note(s, db, key)->deletes = true;
}

static int
write_all(struct directory_store *s, struct fault *f)
{
	struct db_txn *txn = db_begin(s->env, f);
	int rc = 0;

	if (txn == NULL)
		return -1;
	for (const struct directory_write *w = s->first; rc == 0 && w != NULL;
	     w = w->next) {
		rc = w->deletes ? db_del(w->db, txn, w->key, f)
				: db_put(w->db, txn, w->key, w->value, f);
		if (rc > 0)
			rc = 0;
	}
	if (rc == 0)
		rc = db_commit(&txn, f);
	db_abort(&txn);
	return rc;
}

static void
forget_writes(struct directory_store *s)
{
	s->first = s->last = NULL;
	arena_clear(&s->arena);
}

static void
discard(struct directory_store *s)
{
	forget_writes(s);
	/* What it was before is in the table. */
	s->audit_next = 0;
}

/* A reader may have been in the way. */
static int
commit(struct directory_store *s, struct fault *f)
{
	int rc = 0, tries = 0;

	if (s->first != NULL) {
		do
			rc = write_all(s, f);
		while (rc < 0 && f->kind == FAULT_TEMP &&
		       str_is(str(f->dsn), STR_LIT("4.3.0")) &&
		       ++tries < TRIES);
	}
	if (rc < 0)
		s->audit_next = 0;
	forget_writes(s);
	return rc;
}

static void
put_setting(struct directory_store *s, const char *name, struct str value)
{
	directory_bdb_put(s, s->setting, str(name), value);
}

static void
put_domain(struct directory_store *s, const struct directory_domain *domain)
{
	struct buf value;

	buf_init(&value, DOMAIN_MAX);
	buf_puts(&value, "2 ");
	directory_quota_format(&value, &domain->total);
	buf_putc(&value, ' ');
	directory_quota_format(&value, &domain->user);
	directory_bdb_put(s, s->domain, str(domain->name), buf_str(&value));
	buf_clear(&value);
}

static void
put_user(struct directory_store *s, const struct directory_user *user)
{
	struct directory_bdb_key k = directory_bdb_key(str(user->name));
	struct buf value;

	buf_init_secret(&value, USER_MAX);
	format_user(user, &value);
	directory_bdb_put(s, s->user, directory_bdb_str(&k), buf_str(&value));
	buf_clear(&value);
}

static void
put_names(
    struct directory_store *s, struct db *db, struct str name, struct str names)
{
	struct directory_bdb_key k = directory_bdb_key(name);
	struct buf value;

	buf_init(&value, ALIAS_MAX);
	buf_puts(&value, "1 ");
	buf_put_str(&value, names);
	directory_bdb_put(s, db, directory_bdb_str(&k), buf_str(&value));
	buf_clear(&value);
}

static void
put_alias(struct directory_store *s, struct str name, struct str targets)
{
	put_names(s, s->alias, name, targets);
}

static void
put_senders(struct directory_store *s, struct str address, struct str users)
{
	put_names(s, s->sender, address, users);
}

static void
del_domain(struct directory_store *s, struct str domain)
{
	directory_bdb_del(s, s->domain, domain);
}

static void
del_user(struct directory_store *s, struct str name)
{
	struct directory_bdb_key k = directory_bdb_key(name);

	directory_bdb_del(s, s->user, directory_bdb_str(&k));
}

static void
del_alias(struct directory_store *s, struct str name)
{
	struct directory_bdb_key k = directory_bdb_key(name);

	directory_bdb_del(s, s->alias, directory_bdb_str(&k));
}

static void
del_senders(struct directory_store *s, struct str address)
{
	struct directory_bdb_key k = directory_bdb_key(address);

	directory_bdb_del(s, s->sender, directory_bdb_str(&k));
}

/* Lists. */

struct scan {
	directory_each_domain_call *each_domain;
	directory_each_user_call *each_user;
	directory_each_alias_call *each_alias;
	void *ctx;
	struct fault *f;
};

static int
give_domain(void *ctx, struct str key, struct str value)
{
	const struct scan *scan = ctx;
	struct directory_domain domain;

	if (!parse_domain(key, value, &domain))
		return bad_domain(key, scan->f);
	return scan->each_domain(scan->ctx, &domain);
}

static int
give_user(void *ctx, struct str key, struct str value)
{
	const struct scan *scan = ctx;
	struct directory_user user;

	if (!parse_user(key, value, &user))
		return directory_bdb_bad_record(key, scan->f);
	return scan->each_user(scan->ctx, &user);
}

static int
give_alias(void *ctx, struct str key, struct str value)
{
	const struct scan *scan = ctx;
	char name[NAME_SIZE];
	struct str targets;

	if (!directory_bdb_name(key, name) || !parse_alias(value, &targets))
		return directory_bdb_bad_record(key, scan->f);
	return scan->each_alias(scan->ctx, str(name), targets);
}

int
directory_bdb_scan(struct db *db, struct str domain, struct str after,
    int (*give)(void *ctx, struct str key, struct str value), void *ctx,
    struct fault *f)
{
	char prefix[DIRECTORY_BDB_KEY_SIZE], from[DIRECTORY_BDB_KEY_SIZE + 1];
	size_t prefix_len = 0, from_len = 0;

	if (domain.len > 0) {
		memcpy(prefix, domain.at, domain.len);
		prefix[domain.len] = '\0';
		prefix_len = domain.len + 1;
	}
	if (after.len > 0) {
		struct directory_bdb_key k = directory_bdb_key(after);

		/* The least key that is greater. */
		memcpy(from, k.bytes, k.len);
		from[k.len] = '\0';
		from_len = k.len + 1;
	}
	return db_scan(
	    db, str_n(prefix, prefix_len), str_n(from, from_len), give, ctx, f);
}

static int
each_domain(struct directory_store *s, struct str after,
    directory_each_domain_call *each, void *ctx, struct fault *f)
{
	struct scan scan = {.each_domain = each, .ctx = ctx, .f = f};
	char from[DIRECTORY_BDB_KEY_SIZE];

	if (after.len == 0)
		return db_scan(s->domain, after, after, give_domain, &scan, f);
	memcpy(from, after.at, after.len);
	from[after.len] = '\0';
	return db_scan(s->domain, STR_LIT(""), str_n(from, after.len + 1),
	    give_domain, &scan, f);
}

static int
each_user(struct directory_store *s, struct str domain, struct str after,
    directory_each_user_call *each, void *ctx, struct fault *f)
{
	struct scan scan = {.each_user = each, .ctx = ctx, .f = f};

	return directory_bdb_scan(s->user, domain, after, give_user, &scan, f);
}

static int
each_alias(struct directory_store *s, struct str domain, struct str after,
    directory_each_alias_call *each, void *ctx, struct fault *f)
{
	struct scan scan = {.each_alias = each, .ctx = ctx, .f = f};

	return directory_bdb_scan(
	    s->alias, domain, after, give_alias, &scan, f);
}

static int
each_setting(struct directory_store *s, directory_each_setting_call *each,
    void *ctx, struct fault *f)
{
	const struct str all = {0};

	return db_scan(s->setting, all, all, each, ctx, f);
}

/* Records of names are alike. */
static int
each_sender(struct directory_store *s, struct str after,
    directory_each_sender_call *each, void *ctx, struct fault *f)
{
	struct scan scan = {.each_alias = each, .ctx = ctx, .f = f};

	return directory_bdb_scan(
	    s->sender, (struct str){0}, after, give_alias, &scan, f);
}

static int
count(struct directory_store *s, struct directory_counts *c, struct fault *f)
{
	if (db_count(s->domain, &c->domains, f) < 0 ||
	    db_count(s->user, &c->users, f) < 0)
		return -1;
	if (db_count(s->alias, &c->aliases, f) < 0)
		return -1;
	return db_count(s->group, &c->groups, f);
}

static int
backup(struct directory_store *s, struct buf *path, struct fault *f)
{
	buf_putf(path, "%s/backup", db_env_dir(s->env));
	return db_env_backup(s->env, buf_text(path), f);
}

const struct directory_driver directory_bdb = {
    .open = store_open,
    .close = store_close,
    .get_domain = get_domain,
    .get_user = get_user,
    .get_alias = get_alias,
    .get_group = directory_bdb_get_group,
    .has_member = directory_bdb_has_member,
    .put_domain = put_domain,
    .put_user = put_user,
    .put_alias = put_alias,
    .put_group = directory_bdb_put_group,
    .put_member = directory_bdb_put_member,
    .get_setting = get_setting,
    .put_setting = put_setting,
    .del_domain = del_domain,
    .del_user = del_user,
    .del_alias = del_alias,
    .del_group = directory_bdb_del_group,
    .del_member = directory_bdb_del_member,
    .commit = commit,
    .discard = discard,
    .each_domain = each_domain,
    .each_user = each_user,
    .each_alias = each_alias,
    .each_group = directory_bdb_each_group,
    .each_member = directory_bdb_each_member,
    .get_credential = directory_bdb_get_credential,
    .put_credential = directory_bdb_put_credential,
    .del_credential = directory_bdb_del_credential,
    .each_credential = directory_bdb_each_credential,
    .each_setting = each_setting,
    .get_senders = get_senders,
    .put_senders = put_senders,
    .del_senders = del_senders,
    .each_sender = each_sender,
    .put_audit = directory_bdb_put_audit,
    .each_audit = directory_bdb_each_audit,
    .backup = backup,
    .count = count,
};
