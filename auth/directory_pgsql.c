/* SPDX-License-Identifier: ISC */
/*
 * The directory in PostgreSQL: our tables (directory_pgsql_schema.c), or, only
 * to be read, anybody's by the operator's own queries.
 *
 * What a name is (a user, an alias, a group, nothing) is one question to the
 * server, and its answer is kept for a while. While the server is away older
 * answers count too, but for one: that a name is nothing. So whoever is known
 * stays known, and nobody becomes unknown.
 */
#include "config.h"

#include "auth/directory_pgsql.h"

#include <inttypes.h>
#include <stdio.h>

#include "auth/directory_quota.h"
#include "base/mem.h"

enum {
	CACHE_MAX = 100000, /* answers */
	QUESTION_MAX = 1 + 2 * NAME_SIZE,
	ANSWER_MAX = sizeof(struct directory_group) + DIRECTORY_TARGETS_SIZE,
	USER_COLUMNS = 7,
	DOMAIN_COLUMNS = 4, /* behind the first, which only says it is there */
};

/* The first column says what the name is. */
static const struct pgsql_statement get_name = {
    "SELECT 'u', hash, " DIRECTORY_PGSQL_SWITCHES
    ", created::text, changed::text, " DIRECTORY_PGSQL_QUOTA
    ", node FROM mail_user WHERE local = $1 AND domain = $2 "
    "UNION ALL SELECT 'a', array_to_string(targets, ' '), '', '', '', '', '', '' "
    "FROM mail_alias WHERE local = $1 AND domain = $2 "
    "UNION ALL SELECT 'g', record, '', '', '', '', '', '' "
    "FROM mail_group WHERE local = $1 AND domain = $2"};
static const struct pgsql_statement get_one_domain = {
    "SELECT 'd', " DIRECTORY_PGSQL_DOMAIN
    " FROM mail_domain WHERE domain = $1"};
static const struct pgsql_statement get_one_member = {
    "SELECT 'm' FROM mail_member "
    "WHERE local = $1 AND domain = $2 AND member = $3"};
static const struct pgsql_statement get_one_credential = {
    "SELECT 'c', value FROM mail_credential "
    "WHERE local = $1 AND domain = $2 AND kind = $3"};
static const struct pgsql_statement get_one_sender = {
    "SELECT 'w', array_to_string(users, ' ') FROM mail_sender "
    "WHERE local = $1 AND domain = $2"};
static const struct pgsql_statement get_one_setting = {
    "SELECT 's', encode(value, 'hex') FROM mail_setting WHERE name = $1"};

static void
store_close(struct directory_store **store)
{
	struct directory_store *s = *store;

	if (s == NULL)
		return;
	directory_pgsql_discard(s);
	if (s->local != NULL)
		directory_bdb.close(&s->local);
	directory_cache_free(&s->cache);
	pgsql_free(&s->pgsql);
	for (size_t i = 0; i < ARRAY_LEN(s->queries); i++)
		mem_free((void *)(uintptr_t)s->queries[i].sql);
	mem_free(s);
	*store = NULL;
}

/* A server that is away now may be there before the first question. */
static int
start(struct directory_store *s, const struct directory_conf *conf,
    struct fault *f)
{
	if (s->has_queries) {
		s->local = directory_bdb.open(conf, f);
		return s->local == NULL ? -1 : 0;
	}
	if (directory_pgsql_check(s->pgsql, f) == 0)
		return 0;
	return pgsql_is_away(s->pgsql) ? 0 : -1;
}

static struct directory_store *
store_open(const struct directory_conf *conf, struct fault *f)
{
	const struct pgsql_conf pgsql = {
	    .connection = conf->database,
	    .max = conf->connections,
	    .timeout_ms = conf->timeout_ms,
	};
	const char *const queries[] = {
	    [QUERY_DOMAIN] = conf->domain_query,
	    [QUERY_USER] = conf->user_query,
	    [QUERY_ALIAS] = conf->alias_query,
	};
	struct directory_store *s = mem_new(struct directory_store);

	s->pgsql = pgsql_new(&pgsql);
	s->cache = directory_cache_new(CACHE_MAX);
	s->fresh_ms = conf->fresh_ms;
	s->stale_ms = conf->stale_ms;
	for (size_t i = 0; i < ARRAY_LEN(queries); i++) {
		if (queries[i] == NULL)
			continue;
		s->queries[i].sql = mem_dup(queries[i]);
		s->has_queries = true;
	}
	if (start(s, conf, f) < 0)
		store_close(&s);
	return s;
}

/* Questions. */

/* An answer is columns, each with a NUL behind it. */
static int
keep_row(void *ctx, const struct str *columns, size_t n)
{
	struct buf *answer = ctx;

	for (size_t i = 0; i < n; i++) {
		buf_put_str(answer, columns[i]);
		buf_putc(answer, '\0');
	}
	return 0;
}

struct question {
	struct str text; /* for the cache */
	bool may_miss;   /* an old answer that there is nothing counts too */
	int (*ask)(struct directory_store *s, struct str name,
	    struct buf *answer, struct fault *f);
	struct str name;
};

/* 1, 0 or -1. */
static int
answer(struct directory_store *s, const struct question *q, struct buf *answer,
    struct fault *f)
{
	int rc = directory_cache_get(s->cache, q->text, s->fresh_ms, answer);
	uint64_t epoch;

	if (rc >= 0)
		return rc;
	buf_reset(answer);
	epoch = directory_cache_epoch(s->cache);
	rc = q->ask(s, q->name, answer, f);
	if (rc == 0) {
		rc = buf_len(answer) > 0;
		directory_cache_put(
		    s->cache, q->text, rc > 0, buf_str(answer), epoch);
		return rc;
	}
	rc = directory_cache_get(s->cache, q->text, s->stale_ms, answer);
	if (rc == 1 || (rc == 0 && q->may_miss))
		return rc;
	return -1;
}

static struct str
question_text(char text[QUESTION_MAX], char kind, struct str a, struct str b)
{
	size_t len = 1;

	if (a.len + b.len + 2 > QUESTION_MAX)
		die_bug("a question of %zu bytes", a.len + b.len);
	text[0] = kind;
	if (a.len > 0)
		memcpy(text + len, a.at, a.len);
	len += a.len;
	if (b.len > 0) {
		text[len++] = '\0';
		memcpy(text + len, b.at, b.len);
		len += b.len;
	}
	return str_n(text, len);
}

static int
run_query(struct directory_store *s, enum directory_query query,
    struct str name, pgsql_row *row, void *ctx, struct fault *f)
{
	if (s->queries[query].sql == NULL)
		return 0;
	return pgsql_query(s->pgsql, &s->queries[query], &name, 1, row, ctx, f);
}

/* The operator's: a user is a row of a hash and maybe whether it is disabled,
 * and a quota; an alias is rows of targets. */

static int
keep_user(void *ctx, const struct str *columns, size_t n)
{
	struct buf *answer = ctx;
	struct str disabled = n > 1 ? columns[1] : (struct str){0};
	bool is_on =
	    disabled.len > 0 && strchr("tTyY1", disabled.at[0]) != NULL;

	if (buf_len(answer) > 0)
		return 0;
	buf_put_str(answer, str_n("u\0", 2));
	buf_put_str(answer, columns[0]);
	buf_putc(answer, '\0');
	buf_put_str(answer, is_on ? str_n("1\0", 2) : str_n("0\0", 2));
	buf_put_str(answer, str_n("0\0000\0", 4));
	for (size_t i = 2; i < 4; i++) {
		buf_put_str(answer, i < n ? columns[i] : (struct str){0});
		buf_putc(answer, '\0');
	}
	buf_putc(answer, '\0'); /* no node */
	return 0;
}

static int
keep_target(void *ctx, const struct str *columns, size_t n)
{
	struct buf *targets = ctx;
	struct str rest = columns[0];
	char key[NAME_SIZE];

	(void)n;
	/* One a row, or several split as people like. */
	while (rest.len > 0) {
		size_t len = 0;

		while (len < rest.len && strchr(", \t\n", rest.at[len]) == NULL)
			len++;
		if (name_key(str_head(rest, len), key)) {
			if (buf_len(targets) > 0)
				buf_putc(targets, ' ');
			buf_puts(targets, key);
		}
		rest = str_from(rest, len < rest.len ? len + 1 : len);
	}
	return 0;
}

static int
ask_queries(struct directory_store *s, struct str name, struct buf *answer,
    struct fault *f)
{
	struct buf targets;
	int rc = run_query(s, QUERY_USER, name, keep_user, answer, f);

	if (rc < 0 || buf_len(answer) > 0)
		return rc;
	buf_init(&targets, DIRECTORY_TARGETS_SIZE);
	rc = run_query(s, QUERY_ALIAS, name, keep_target, &targets, f);
	if (rc == 0 && buf_is_full(&targets))
		rc = fault_temp(f, "4.3.5",
		    "%.*s: an alias with more than %d "
		    "targets",
		    STR_ARG(name), DIRECTORY_TARGETS_MAX);
	if (rc == 0 && buf_len(&targets) > 0) {
		buf_put_str(answer, str_n("a\0", 2));
		buf_put_str(answer, buf_str(&targets));
		buf_putc(answer, '\0');
	}
	buf_clear(&targets);
	return rc;
}

static int
ask_name(struct directory_store *s, struct str name, struct buf *answer,
    struct fault *f)
{
	const struct str params[] = {name_local(name), name_domain(name)};

	if (s->has_queries)
		return ask_queries(s, name, answer, f);
	return pgsql_query(s->pgsql, &get_name, params, ARRAY_LEN(params),
	    keep_row, answer, f);
}

/* Whether the name is of that kind; columns (views into answer) are what the
 * server has said behind the kind. */
static int
find_name(struct directory_store *s, struct str name, char kind,
    struct buf *answer_buf, struct str *columns, struct fault *f)
{
	char text[QUESTION_MAX];
	const struct question q = {
	    .text = question_text(text, 'N', name, (struct str){0}),
	    /* Then the part before the "+" decides, which is a question too. */
	    .may_miss = str_has(name_local(name), '+'),
	    .ask = ask_name,
	    .name = name,
	};
	int rc = answer(s, &q, answer_buf, f);

	*columns = buf_str(answer_buf);
	if (rc <= 0)
		return rc;
	if (columns->len == 0 || columns->at[0] != kind)
		return 0;
	(void)str_cut(columns, '\0');
	return 1;
}

static int
bad_record(struct str name, struct fault *f)
{
	return fault_temp(f, "4.3.5",
	    "the directory's record of \"%.*s\" is not as expected",
	    STR_ARG(name));
}

static bool
take_time(struct str text, int64_t *time)
{
	uint64_t n;

	if (!str_to_u64(text, 0, INT64_MAX, &n))
		return false;
	*time = (int64_t)n;
	return true;
}

bool
directory_pgsql_parse_user(
    struct str name, const struct str *columns, struct directory_user *user)
{
	uint64_t switches;

	memset(user, 0, sizeof *user);
	if (!str_to_u64(columns[1], 0, UINT32_MAX, &switches))
		return false;
	directory_user_set_switches(user, (unsigned)switches);
	return str_copy(name, user->name, sizeof user->name) &&
	       str_copy(columns[0], user->hash, sizeof user->hash) &&
	       take_time(columns[2], &user->created) &&
	       take_time(columns[3], &user->changed) &&
	       directory_quota_parse_limit(columns[4], &user->quota.bytes) &&
	       directory_quota_parse_limit(columns[5], &user->quota.messages) &&
	       str_copy(columns[6], user->node, sizeof user->node);
}

bool
directory_pgsql_parse_domain(struct str name, const struct str *columns,
    size_t n, struct directory_domain *domain)
{
	int64_t *const limits[DOMAIN_COLUMNS] = {
	    &domain->total.bytes,
	    &domain->total.messages,
	    &domain->user.bytes,
	    &domain->user.messages,
	};

	memset(domain, 0, sizeof *domain);
	for (size_t i = 0; i < n && i < ARRAY_LEN(limits); i++)
		if (!directory_quota_parse_limit(columns[i], limits[i]))
			return false;
	return str_copy(name, domain->name, sizeof domain->name);
}

static bool
parse_user(struct str name, struct str rest, struct directory_user *user)
{
	struct str columns[USER_COLUMNS];

	for (size_t i = 0; i < ARRAY_LEN(columns); i++)
		columns[i] = str_cut(&rest, '\0');
	return directory_pgsql_parse_user(name, columns, user);
}

static int
get_user(struct directory_store *s, struct str name,
    struct directory_user *user, struct fault *f)
{
	struct str columns;
	struct buf value;
	int rc;

	buf_init_secret(&value, ANSWER_MAX);
	rc = find_name(s, name, 'u', &value, &columns, f);
	if (rc > 0 && user != NULL && !parse_user(name, columns, user))
		rc = bad_record(name, f);
	buf_clear(&value);
	return rc;
}

static int
get_alias(struct directory_store *s, struct str name, struct buf *targets,
    struct fault *f)
{
	struct str columns;
	struct buf value;
	int rc;

	buf_reset(targets);
	buf_init_secret(&value, ANSWER_MAX);
	rc = find_name(s, name, 'a', &value, &columns, f);
	if (rc > 0)
		buf_put_str(targets, str_cut(&columns, '\0'));
	buf_clear(&value);
	return rc;
}

static int
get_group(struct directory_store *s, struct str name, struct directory_group *g,
    struct fault *f)
{
	struct str columns;
	struct buf value;
	int rc;

	buf_init_secret(&value, ANSWER_MAX);
	rc = find_name(s, name, 'g', &value, &columns, f);
	if (rc > 0 && g != NULL &&
	    !directory_group_parse(name, str_cut(&columns, '\0'), g))
		rc = bad_record(name, f);
	buf_clear(&value);
	return rc;
}

/* Domains, members and settings. */

static int
ask_domain(struct directory_store *s, struct str name, struct buf *answer,
    struct fault *f)
{
	if (s->has_queries && s->queries[QUERY_DOMAIN].sql == NULL)
		return fault_temp(f, "4.3.5", "there is no query for domains");
	if (s->has_queries)
		return run_query(s, QUERY_DOMAIN, name, keep_row, answer, f);
	return pgsql_query(
	    s->pgsql, &get_one_domain, &name, 1, keep_row, answer, f);
}

/* name is group NUL member. */
static int
ask_member(struct directory_store *s, struct str name, struct buf *answer,
    struct fault *f)
{
	struct str member = name, group = str_cut(&member, '\0');
	const struct str params[] = {
	    name_local(group), name_domain(group), member};

	if (s->has_queries)
		return 0;
	return pgsql_query(s->pgsql, &get_one_member, params, ARRAY_LEN(params),
	    keep_row, answer, f);
}

/* name is user NUL kind. */
static int
ask_credential(struct directory_store *s, struct str name, struct buf *answer,
    struct fault *f)
{
	struct str kind = name, user = str_cut(&kind, '\0');
	const struct str params[] = {name_local(user), name_domain(user), kind};

	if (s->has_queries)
		return 0;
	return pgsql_query(s->pgsql, &get_one_credential, params,
	    ARRAY_LEN(params), keep_row, answer, f);
}

static int
ask_senders(struct directory_store *s, struct str name, struct buf *answer,
    struct fault *f)
{
	const struct str params[] = {name_local(name), name_domain(name)};

	if (s->has_queries)
		return 0;
	return pgsql_query(s->pgsql, &get_one_sender, params, ARRAY_LEN(params),
	    keep_row, answer, f);
}

static int
ask_setting(struct directory_store *s, struct str name, struct buf *answer,
    struct fault *f)
{
	return pgsql_query(
	    s->pgsql, &get_one_setting, &name, 1, keep_row, answer, f);
}

/* rest is a row. */
static bool
parse_domain(struct str name, struct str rest, struct directory_domain *domain)
{
	struct str columns[DOMAIN_COLUMNS];

	(void)str_cut(&rest, '\0');
	for (size_t i = 0; i < ARRAY_LEN(columns); i++)
		columns[i] = str_cut(&rest, '\0');
	return directory_pgsql_parse_domain(
	    name, columns, ARRAY_LEN(columns), domain);
}

static int
get_domain(struct directory_store *s, struct str name,
    struct directory_domain *domain, struct fault *f)
{
	char text[QUESTION_MAX];
	const struct question q = {
	    .text = question_text(text, 'D', name, (struct str){0}),
	    .ask = ask_domain,
	    .name = name,
	};
	struct buf value;
	int rc;

	buf_init(&value, ANSWER_MAX);
	rc = answer(s, &q, &value, f);
	if (rc > 0 && domain != NULL &&
	    !parse_domain(name, buf_str(&value), domain))
		rc = bad_record(name, f);
	buf_clear(&value);
	return rc;
}

static int
has_member(struct directory_store *s, struct str group, struct str member,
    struct fault *f)
{
	char text[QUESTION_MAX];
	struct question q = {
	    .text = question_text(text, 'M', group, member),
	    .ask = ask_member,
	};
	struct buf value;
	int rc;

	q.name = str_from(q.text, 1);
	buf_init(&value, ANSWER_MAX);
	rc = answer(s, &q, &value, f);
	buf_clear(&value);
	return rc;
}

/* The second column. That there is none is the answer for most, and holds on. */
static int
get_value(struct directory_store *s, const struct question *q,
    struct buf *value, struct fault *f)
{
	struct buf found;
	int rc;

	buf_init_secret(&found, ANSWER_MAX);
	rc = answer(s, q, &found, f);
	if (rc > 0) {
		struct str columns = buf_str(&found);

		(void)str_cut(&columns, '\0');
		buf_put_str(value, str_cut(&columns, '\0'));
	}
	buf_clear(&found);
	return rc;
}

static int
get_credential(struct directory_store *s, struct str user, struct str kind,
    struct buf *value, struct fault *f)
{
	char text[QUESTION_MAX];
	struct question q = {
	    .text = question_text(text, 'C', user, kind),
	    .may_miss = true,
	    .ask = ask_credential,
	};

	q.name = str_from(q.text, 1);
	buf_reset(value);
	return get_value(s, &q, value, f);
}

static int
get_senders(struct directory_store *s, struct str address, struct buf *users,
    struct fault *f)
{
	char text[QUESTION_MAX];
	const struct question q = {
	    .text = question_text(text, 'W', address, (struct str){0}),
	    .may_miss = true,
	    .ask = ask_senders,
	    .name = address,
	};

	buf_reset(users);
	return get_value(s, &q, users, f);
}

static int
get_setting(struct directory_store *s, const char *name, struct buf *value,
    struct fault *f)
{
	char text[QUESTION_MAX];
	const struct question q = {
	    .text = question_text(text, 'S', str(name), (struct str){0}),
	    .ask = ask_setting,
	    .name = str(name),
	};
	struct buf found;
	int rc;

	if (s->local != NULL)
		return directory_bdb.get_setting(s->local, name, value, f);
	buf_init_secret(&found, ANSWER_MAX);
	rc = answer(s, &q, &found, f);
	if (rc > 0) {
		struct str columns = buf_str(&found);

		(void)str_cut(&columns, '\0');
		buf_reset(value);
		if (!buf_put_unhex(value, str_cut(&columns, '\0')))
			rc = bad_record(str(name), f);
	}
	buf_clear(&found);
	return rc;
}

static int
backup(struct directory_store *s, struct buf *path, struct fault *f)
{
	(void)s;
	(void)path;
	return fault_perm(f, "5.5.1",
	    "a directory in PostgreSQL is copied by \"posthouse directory "
	    "export\"");
}

const struct directory_driver directory_pgsql = {
    .open = store_open,
    .close = store_close,
    .get_domain = get_domain,
    .get_user = get_user,
    .get_alias = get_alias,
    .get_group = get_group,
    .has_member = has_member,
    .get_credential = get_credential,
    .get_setting = get_setting,
    .put_domain = directory_pgsql_put_domain,
    .put_user = directory_pgsql_put_user,
    .put_alias = directory_pgsql_put_alias,
    .put_group = directory_pgsql_put_group,
    .put_member = directory_pgsql_put_member,
    .put_credential = directory_pgsql_put_credential,
    .put_setting = directory_pgsql_put_setting,
    .del_domain = directory_pgsql_del_domain,
    .del_user = directory_pgsql_del_user,
    .del_alias = directory_pgsql_del_alias,
    .del_group = directory_pgsql_del_group,
    .del_member = directory_pgsql_del_member,
    .del_credential = directory_pgsql_del_credential,
    .commit = directory_pgsql_commit,
    .discard = directory_pgsql_discard,
    .each_domain = directory_pgsql_each_domain,
    .each_user = directory_pgsql_each_user,
    .each_alias = directory_pgsql_each_alias,
    .each_group = directory_pgsql_each_group,
    .each_member = directory_pgsql_each_member,
    .each_credential = directory_pgsql_each_credential,
    .each_setting = directory_pgsql_each_setting,
    .get_senders = get_senders,
    .put_senders = directory_pgsql_put_senders,
    .del_senders = directory_pgsql_del_senders,
    .each_sender = directory_pgsql_each_sender,
    .put_audit = directory_pgsql_put_audit,
    .each_audit = directory_pgsql_each_audit,
    .backup = backup,
    .count = directory_pgsql_count,
};
