/* SPDX-License-Identifier: ISC */
#include "config.h"

#include "mta/send/tls_stats.h"

#include <pthread.h>
#include <stdio.h>

#include "base/map.h"
#include "base/mem.h"
#include "mta/send/sts.h"

enum { DAY_S = 86400, POLICY_TEXT_MAX = 64 << 10 };

/* What was counted under one policy. */
struct counted {
	char *policy; /* the report's member, as text: equal texts are equal */
	int64_t good, bad;
	json_t *rows;
};

struct entry {
	struct tls_day day;
	struct counted policies[TLS_STATS_POLICIES_MAX];
	size_t n;
	size_t weight;
	struct map_node node;
};

struct tls_stats {
	pthread_mutex_t mutex;
	struct map map;
	size_t weight;
};

static uint64_t
hash_of(const struct tls_day *day)
{
	return str_hash(str(day->domain)) * 31 + (uint64_t)day->day;
}

static bool
is_day(const struct map_node *node, const void *key)
{
	const struct entry *e = STRUCT_OF(node, const struct entry, node);
	const struct tls_day *day = key;

	return e->day.day == day->day &&
	       strcmp(e->day.domain, day->domain) == 0;
}

static struct entry *
find(struct tls_stats *s, const struct tls_day *day)
{
	struct map_node *node = map_find(&s->map, hash_of(day), is_day, day);

	return node == NULL ? NULL : STRUCT_OF(node, struct entry, node);
}

static bool
weigh(struct tls_stats *s, struct entry *e, size_t weight)
{
	if (s->weight + weight > TLS_STATS_WEIGHT_MAX)
		return false;
	s->weight += weight;
	e->weight += weight;
	return true;
}

static void
forget_counts(struct tls_stats *s, struct entry *e)
{
	for (size_t i = 0; i < e->n; i++) {
		mem_free(e->policies[i].policy);
		json_free(&e->policies[i].rows);
	}
	s->weight -= e->weight;
	e->weight = e->n = 0;
}

static void
remove_entry(struct tls_stats *s, struct entry *e)
{
	map_remove(&s->map, &e->node);
	forget_counts(s, e);
	mem_free(e);
}

static void
remove_node(void *ctx, struct map_node *node)
{
	remove_entry(ctx, STRUCT_OF(node, struct entry, node));
}

/* NULL where there are too many. */
static struct entry *
take(struct tls_stats *s, const struct tls_day *day)
{
	struct entry *e = find(s, day);

	if (e != NULL || s->map.n >= TLS_STATS_DAYS_MAX)
		return e;
	e = mem_new(struct entry);
	e->day = *day;
	map_add(&s->map, &e->node, hash_of(day));
	return e;
}

struct tls_stats *
tls_stats_new(void)
{
	struct tls_stats *s = mem_new(struct tls_stats);

	pthread_mutex_init(&s->mutex, NULL);
	return s;
}

void
tls_stats_free(struct tls_stats **stats)
{
	struct tls_stats *s = *stats;

	if (s == NULL)
		return;
	map_each(&s->map, remove_node, s);
	map_clear(&s->map);
	pthread_mutex_destroy(&s->mutex);
	mem_free(s);
	*stats = NULL;
}

/* Policies (RFC 8460 4.2). */

static void
add_tlsa(json_t *list, const struct tls_tlsa *t)
{
	struct buf b;

	buf_init(&b, 2000);
	buf_putf(&b, "%u %u %u ", t->usage, t->selector, t->matching);
	for (size_t i = 0; i < t->data.len; i++)
		buf_putf(&b, "%02x", (unsigned char)t->data.at[i]);
	json_add_str(list, buf_str(&b));
	buf_clear(&b);
}

static void
put_tlsa(json_t *policy, const struct tls_session *session)
{
	const struct tls_demand *d = &session->policy->demand;
	json_t *strings = json_new_array(), *mx = json_new_array();

	for (size_t i = 0; i < d->n_tlsa; i++)
		add_tlsa(strings, &d->tlsa[i]);
	json_add_text(mx, session->host);
	json_put(policy, "policy-string", strings);
	json_put(policy, "mx-host", mx);
}

static void
put_sts(json_t *policy, const struct sts_found *sts)
{
	json_t *strings = json_new_array(), *mx = json_new_array();
	struct str rest = str(sts->text);

	while (rest.len > 0)
		json_add_str(strings, str_cut(&rest, '\n'));
	for (size_t i = 0; i < sts->policy.n_mx; i++)
		json_add_str(mx, sts->policy.mx[i]);
	json_put(policy, "policy-string", strings);
	json_put(policy, "mx-host", mx);
}

static json_t *
make_policy(const struct tls_session *session)
{
	const struct sts_found *sts = session->sts;
	json_t *policy = json_new_object();
	bool is_dane = session->policy->is_dane || session->policy->is_bogus;
	bool is_sts = sts != NULL &&
		      (sts->text != NULL || sts->trouble != STS_TROUBLE_NONE);

	json_put_text(policy, "policy-type",
	    is_dane  ? "tlsa"
	    : is_sts ? "sts"
		     : "no-policy-found");
	if (is_dane)
		put_tlsa(policy, session);
	else if (is_sts && sts->text != NULL)
		put_sts(policy, sts);
	json_put_text(policy, "policy-domain", session->domain);
	return policy;
}

static char *
policy_text(json_t *policy)
{
	struct buf b;
	char *text;

	buf_init(&b, POLICY_TEXT_MAX);
	json_format(&b, policy);
	text = str_dup(buf_str(&b));
	buf_clear(&b);
	return text;
}

/* Takes the text. NULL where there are too many. */
static struct counted *
take_counted(struct tls_stats *s, struct entry *e, char *policy)
{
	struct counted *c = NULL;

	for (size_t i = 0; i < e->n && c == NULL; i++)
		if (strcmp(e->policies[i].policy, policy) == 0)
			c = &e->policies[i];
	if (c == NULL && e->n < TLS_STATS_POLICIES_MAX &&
	    weigh(s, e, 1 + str(policy).len / 512)) {
		c = &e->policies[e->n++];
		*c = (struct counted){
		    .policy = policy, .rows = json_new_array()};
		return c;
	}
	mem_free(policy);
	return c;
}

/* Failures (RFC 8460 4.3). */

static json_t *
make_row(const struct tls_session *session)
{
	json_t *row = json_new_object();

	json_put_text(row, "result-type", session->failure);
	if (session->from[0] != '\0')
		json_put_text(row, "sending-mta-ip", session->from);
	json_put_text(row, "receiving-mx-hostname", session->host);
	if (session->to[0] != '\0')
		json_put_text(row, "receiving-ip", session->to);
	if (session->reason != NULL)
		json_put_text(row, "failure-reason-code", session->reason);
	return row;
}

static bool
is_same_row(const json_t *a, const json_t *b)
{
	static const char *const keys[] = {"result-type", "sending-mta-ip",
	    "receiving-mx-hostname", "receiving-ip", "failure-reason-code"};

	for (size_t i = 0; i < ARRAY_LEN(keys); i++)
		if (!str_is(str(json_get_text(a, keys[i])),
			str(json_get_text(b, keys[i]))))
			return false;
	return true;
}

static void
count_failure(struct tls_stats *s, struct entry *e, struct counted *c,
    const struct tls_session *session)
{
	json_t *row = make_row(session), *found = NULL;
	int64_t n;

	c->bad++;
	for (size_t i = 0; i < json_len(c->rows) && found == NULL; i++)
		if (is_same_row(json_at(c->rows, i), row))
			found = json_at(c->rows, i);
	if (found == NULL && json_len(c->rows) < TLS_STATS_ROWS_MAX &&
	    weigh(s, e, 1)) {
		json_put_int(row, "failed-session-count", 1);
		json_add(c->rows, row);
		return;
	}
	json_free(&row);
	if (found == NULL)
		return;
	n = json_get_int(found, "failed-session-count", 0);
	json_put_int(found, "failed-session-count", n + 1);
}

void
tls_stats_count(
    struct tls_stats *s, int64_t now, const struct tls_session *session)
{
	struct tls_day day = {.day = now / DAY_S};
	struct counted *c = NULL;
	struct entry *e;
	json_t *policy;

	if (!str_copy(str(session->domain), day.domain, sizeof day.domain))
		return;
	pthread_mutex_lock(&s->mutex);
	e = take(s, &day);
	if (e != NULL && e->day.wanted != TLS_WANTED_NO) {
		policy = make_policy(session);
		c = take_counted(s, e, policy_text(policy));
		json_free(&policy);
		e->day.is_dirty = true;
	}
	if (c != NULL && session->failure != NULL)
		count_failure(s, e, c, session);
	else if (c != NULL)
		c->good++;
	pthread_mutex_unlock(&s->mutex);
}

/* Reading. */

struct listing {
	struct tls_day *days;
	size_t n;
};

static void
add_day(void *ctx, struct map_node *node)
{
	struct listing *l = ctx;

	l->days[l->n++] = STRUCT_OF(node, struct entry, node)->day;
}

size_t
tls_stats_list(struct tls_stats *s, struct tls_day **days)
{
	struct listing l = {.n = 0};

	pthread_mutex_lock(&s->mutex);
	l.days = mem_zeroed(s->map.n + 1, sizeof *l.days);
	map_each(&s->map, add_day, &l);
	pthread_mutex_unlock(&s->mutex);
	*days = l.days;
	return l.n;
}

/* What is counted on changes: a copy. */
static json_t *
copy(const json_t *value)
{
	struct fault ignored;
	json_t *twin;
	struct buf b;

	buf_init(&b, TLS_STATS_BYTES_MAX);
	json_format(&b, value);
	twin = json_parse(buf_str(&b), &ignored);
	buf_clear(&b);
	return twin;
}

static void
add_counted(json_t *policies, const struct counted *c)
{
	json_t *o = json_new_object(), *sums = json_new_object();
	json_t *policy, *rows = copy(c->rows);
	struct fault ignored;

	policy = json_parse(str(c->policy), &ignored);
	if (policy != NULL)
		json_put(o, "policy", policy);
	json_put_int(sums, "total-successful-session-count", c->good);
	json_put_int(sums, "total-failure-session-count", c->bad);
	json_put(o, "summary", sums);
	if (rows != NULL && json_len(rows) > 0)
		json_put(o, "failure-details", json_hold(rows));
	json_free(&rows);
	json_add(policies, o);
}

json_t *
tls_stats_policies(struct tls_stats *s, const struct tls_day *day, bool keeps)
{
	json_t *policies = NULL;
	struct entry *e;

	pthread_mutex_lock(&s->mutex);
	e = find(s, day);
	if (e != NULL && e->n > 0) {
		policies = json_new_array();
		for (size_t i = 0; i < e->n; i++)
			add_counted(policies, &e->policies[i]);
		e->day.is_dirty = e->day.is_dirty && !keeps;
	}
	pthread_mutex_unlock(&s->mutex);
	return policies;
}

void
tls_stats_set(struct tls_stats *s, const struct tls_day *day)
{
	struct entry *e;
	bool is_dirty;

	pthread_mutex_lock(&s->mutex);
	e = find(s, day);
	if (e != NULL) {
		is_dirty = e->day.is_dirty;
		e->day = *day;
		e->day.is_dirty = is_dirty;
		if (day->wanted == TLS_WANTED_NO)
			forget_counts(s, e);
	}
	pthread_mutex_unlock(&s->mutex);
}

void
tls_stats_drop(struct tls_stats *s, const struct tls_day *day)
{
	struct entry *e;

	pthread_mutex_lock(&s->mutex);
	e = find(s, day);
	if (e != NULL)
		remove_entry(s, e);
	pthread_mutex_unlock(&s->mutex);
}

/* Keeping. */

void
tls_day_put_name(struct buf *b, const struct tls_day *day)
{
	buf_putf(b, "%lld/%s", (long long)day->day, day->domain);
}

void
tls_day_put_value(
    struct buf *b, const struct tls_day *day, const json_t *policies)
{
	json_t *o = json_new_object();

	json_put_bool(o, "mailed", day->was_mailed);
	json_put(o, "policies", copy(policies));
	json_format(b, o);
	json_free(&o);
}

static void
load_counted(struct tls_stats *s, struct entry *e, const json_t *o)
{
	const json_t *sums = json_get(o, "summary");
	json_t *policy = json_get(o, "policy");
	json_t *rows = json_get(o, "failure-details");
	struct counted *c;

	if (policy == NULL)
		return;
	c = take_counted(s, e, policy_text(policy));
	if (c == NULL)
		return;
	c->good = json_get_int(sums, "total-successful-session-count", 0);
	c->bad = json_get_int(sums, "total-failure-session-count", 0);
	if (!json_is_array(rows) || !weigh(s, e, json_len(rows)))
		return;
	json_free(&c->rows);
	c->rows = json_hold(rows);
}

void
tls_stats_load(struct tls_stats *s, struct str name, struct str value)
{
	struct str domain = name, number = str_cut(&domain, '/');
	struct tls_day day = {.wanted = TLS_WANTED_YES};
	const json_t *policies;
	struct fault ignored;
	struct entry *e;
	uint64_t n;
	json_t *o;

	if (!str_to_u64(number, 0, INT32_MAX, &n) ||
	    !str_copy(domain, day.domain, sizeof day.domain))
		return;
	day.day = (int64_t)n;
	o = json_parse(value, &ignored);
	day.was_mailed = json_get_bool(o, "mailed", false);
	policies = json_get(o, "policies");
	pthread_mutex_lock(&s->mutex);
	e = json_is_array(policies) ? take(s, &day) : NULL;
	for (size_t i = 0; e != NULL && i < json_len(policies); i++)
		load_counted(s, e, json_at(policies, i));
	pthread_mutex_unlock(&s->mutex);
	json_free(&o);
}
