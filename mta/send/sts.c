/* SPDX-License-Identifier: ISC */
/*
 * A domain is checked by one thread at a time: by whoever asks for it first, or
 * by the thread of this module where a policy is known already. The fetch
 * itself is https.h's. While it is checked its entry stays.
 */
#include "config.h"

#include "mta/send/sts.h"

#include <pthread.h>
#include <stdio.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/loop.h"
#include "base/mem.h"
#include "base/thread.h"
#include "base/https.h"
#include "mta/send/txt_one.h"

enum {
	WAIT_MS = 10000,
	MAX = 10000,
	DNS_MS = 10000,
	ROUND_MS = 60000,
	/* RFC 8461 3.3 wants minutes between fetches that fail. */
	AGAIN_MS = 5 * 60000,
	AGAIN_MAX_MS = 60 * 60000,
	CHECK_MIN_MS = 60000,
	CHECK_MAX_MS = 60 * 60000,
	DAY_MS = 24 * 60 * 60000,
	NAME_SIZE = DNS_NAME_SIZE + 16,
	VALUE_MAX = STS_TEXT_MAX + 1024,
};

struct sts {
	struct sts_conf conf;
	pthread_t thread;
	bool has_thread;
	pthread_mutex_t mutex; /* guards what follows */
	pthread_cond_t work;   /* for the thread */
	pthread_cond_t settled;
	struct sts_table table;
	struct sts_entry *first, **last; /* to be checked by the thread */
	bool stopping;
};

static int64_t
now_ms(void)
{
	return clock_unix_us() / 1000;
}

static bool
is_live(const struct sts_entry *e)
{
	return e->text != NULL && now_ms() < e->expires;
}

/* Keeping. Under the mutex. */

static void
store(struct sts *s, const struct sts_entry *e)
{
	struct buf b;

	if (s->conf.store.put == NULL)
		return;
	buf_init(&b, VALUE_MAX);
	if (e->text != NULL)
		sts_entry_encode(e, &b);
	s->conf.store.put(s->conf.store.ctx, str(e->domain), buf_str(&b));
	buf_clear(&b);
}

static void
take_away(struct sts *s, struct sts_entry *e)
{
	sts_table_set(&s->table, e, NULL);
	store(s, e);
}

static void
remove_surplus(struct sts *s)
{
	struct sts_entry *e;

	while ((e = sts_table_surplus(&s->table)) != NULL) {
		if (e->text != NULL)
			take_away(s, e);
		sts_table_remove(&s->table, &e);
	}
}

static int
keep(void *ctx, struct str domain, struct str value)
{
	struct sts *s = ctx;
	char name[DNS_NAME_SIZE];
	struct sts_entry *e;

	if (!str_copy(domain, name, sizeof name) ||
	    sts_table_find(&s->table, name) != NULL)
		return 0;
	e = sts_table_add(&s->table, name);
	if (!sts_entry_decode(&s->table, e, value))
		sts_table_remove(&s->table, &e);
	return 0;
}

/* Checking. */

/* It is over: who waits goes on, and it comes again after some time. */
static void
settle(struct sts *s, struct sts_entry *e, int64_t ms)
{
	e->is_checking = false;
	e->check_at = clock_ms() + ms;
	remove_surplus(s);
	pthread_cond_broadcast(&s->settled);
}

/* The same from outside of the mutex. */
static void
settle_domain(struct sts *s, const char *domain, int64_t ms)
{
	pthread_mutex_lock(&s->mutex);
	settle(s, sts_table_find(&s->table, domain), ms);
	pthread_mutex_unlock(&s->mutex);
}

static int64_t
check_again_in(uint32_t ttl)
{
	int64_t ms = (int64_t)ttl * 1000;

	if (ms < CHECK_MIN_MS)
		return CHECK_MIN_MS;
	return ms > CHECK_MAX_MS ? CHECK_MAX_MS : ms;
}

static void
fail_fetch(struct sts *s, const char *domain, enum sts_trouble trouble,
    const char *reason)
{
	struct sts_entry *e;
	int64_t ms = AGAIN_MS;
	bool live;

	pthread_mutex_lock(&s->mutex);
	e = sts_table_find(&s->table, domain);
	e->trouble = trouble;
	snprintf(e->reason, sizeof e->reason, "%s", reason);
	for (unsigned i = 0; i < e->failures && ms < AGAIN_MAX_MS; i++)
		ms *= 2;
	if (ms > AGAIN_MAX_MS)
		ms = AGAIN_MAX_MS;
	e->failures++;
	e->fetch_at = clock_ms() + ms;
	live = is_live(e);
	settle(s, e, CHECK_MIN_MS);
	pthread_mutex_unlock(&s->mutex);
	log_warn(NULL, "cannot fetch an MTA-STS policy", "domain", domain,
	    "reason", reason, "kept", live ? "yes" : "no", NULL);
}

struct fetch {
	struct sts *sts;
	char domain[DNS_NAME_SIZE];
	char id[STS_ID_MAX + 1];
};

static void
take_policy(struct fetch *fetch, const struct sts_policy *policy)
{
	struct sts *s = fetch->sts;
	struct sts_entry *e;
	struct buf b;

	buf_init(&b, VALUE_MAX);
	sts_put_policy(&b, policy);
	pthread_mutex_lock(&s->mutex);
	e = sts_table_find(&s->table, fetch->domain);
	sts_table_set(&s->table, e, buf_text(&b));
	memcpy(e->id, fetch->id, sizeof e->id);
	e->fetched = now_ms();
	e->expires = e->fetched + (int64_t)policy->max_age * 1000;
	e->used = 0;
	e->trouble = STS_TROUBLE_NONE;
	e->reason[0] = '\0';
	e->failures = 0;
	e->fetch_at = 0;
	store(s, e);
	settle(s, e, CHECK_MIN_MS);
	pthread_mutex_unlock(&s->mutex);
	log_info(NULL, "MTA-STS policy", "domain", fetch->domain, "id",
	    fetch->id, "mode", sts_mode_name(policy->mode), "max_age",
	    LOG_NUM(policy->max_age), NULL);
	buf_clear(&b);
}

/* RFC 8461 3.3: other media types may be what anybody puts there. */
static bool
is_text(struct str type)
{
	type = str_trim(str_cut(&type, ';'));
	return type.len == 0 || str_is_nocase(type, str("text/plain"));
}

/* Takes the fetch. */
static void
on_answer(void *ctx, const struct https_answer *a)
{
	struct fetch *fetch = ctx;
	struct sts_policy policy;
	struct fault f;

	if (a->result != HTTPS_OK)
		fail_fetch(fetch->sts, fetch->domain,
		    a->result == HTTPS_UNTRUSTED ? STS_TROUBLE_WEBPKI
						 : STS_TROUBLE_FETCH,
		    a->fault->text);
	else if (!is_text(a->type))
		fail_fetch(fetch->sts, fetch->domain, STS_TROUBLE_INVALID,
		    "it is not text/plain");
	else if (sts_parse_policy(a->body, &policy, &f) < 0)
		fail_fetch(
		    fetch->sts, fetch->domain, STS_TROUBLE_INVALID, f.text);
	else
		take_policy(fetch, &policy);
	mem_free(fetch);
}

static int
begin_fetch(struct sts *s, const char *domain, const char *id, int64_t deadline,
    struct fault *f)
{
	struct fetch *fetch = mem_new(struct fetch);
	char url[NAME_SIZE + 64];
	const struct https_request request = {
	    .url = url,
	    .deadline = deadline,
	    .done = on_answer,
	    .ctx = fetch,
	};

	snprintf(url, sizeof url, "https://mta-sts.%s/.well-known/mta-sts.txt",
	    domain);
	fetch->sts = s;
	(void)!str_copy(str(domain), fetch->domain, sizeof fetch->domain);
	(void)!str_copy(str(id), fetch->id, sizeof fetch->id);
	if (https_begin(s->conf.https, &request, f) == 0)
		return 0;
	mem_free(fetch);
	return -1;
}

/* What DNS says. */
struct record {
	char id[STS_ID_MAX + 1];
	uint32_t ttl;
};

/* 1 with the domain's one record, 0 where it has none. */
static int
ask_record(
    struct sts *s, const char *domain, struct record *record, struct fault *f)
{
	struct txt_one one;
	char name[NAME_SIZE];
	struct str id;
	int rc;

	snprintf(name, sizeof name, "_mta-sts.%s", domain);
	rc = txt_one_ask(s->conf.dns, name, sts_is_record, &one, f);
	record->ttl = one.ttl;
	if (rc <= 0 || !sts_parse_record(str(one.text), &id) ||
	    !str_copy(id, record->id, sizeof record->id))
		return rc < 0 ? -1 : 0;
	return 1;
}

/* It is read anew each day, where it is used, and in good time. */
static bool
is_stale(const struct sts_entry *e)
{
	int64_t age = now_ms() - e->fetched;

	return age >= DAY_MS || age >= (e->expires - e->fetched) / 2;
}

/* What the id means for an entry: whether to fetch now. If not, it is settled. */
static bool
must_fetch(struct sts *s, const char *domain, const struct record *record)
{
	const char *id = record->id;
	bool must = false;
	struct sts_entry *e;

	pthread_mutex_lock(&s->mutex);
	e = sts_table_find(&s->table, domain);
	if (is_live(e) && strcmp(e->id, id) == 0 && !is_stale(e)) {
		settle(s, e, check_again_in(record->ttl));
	} else if (strcmp(e->tried_id, id) == 0 && clock_ms() < e->fetch_at) {
		settle(s, e, e->fetch_at - clock_ms());
	} else {
		must = true;
		(void)!str_copy(str(id), e->tried_id, sizeof e->tried_id);
	}
	pthread_mutex_unlock(&s->mutex);
	return must;
}

/* Of an entry that was marked as being checked. Blocks for DNS. */
static void
check(struct sts *s, const char *domain)
{
	int64_t deadline = clock_ms() + DNS_MS;
	struct record record = {.ttl = 0};
	struct fault f;
	int found = ask_record(s, domain, &record, &f);

	if (found < 0)
		settle_domain(s, domain, CHECK_MIN_MS);
	else if (found == 0)
		/* One that is known stays until it expires (RFC 8461 5.1). */
		settle_domain(s, domain, check_again_in(record.ttl));
	else if (must_fetch(s, domain, &record) &&
		 begin_fetch(s, domain, record.id, deadline, &f) < 0)
		fail_fetch(s, domain, STS_TROUBLE_FETCH, f.text);
}

/* The thread. Under the mutex, but where it works. */

static void
begin_check(struct sts *s, struct sts_entry *e)
{
	e->is_checking = true;
	e->wait_until = clock_ms() + s->conf.wait_ms;
}

static void
enqueue(struct sts *s, struct sts_entry *e)
{
	begin_check(s, e);
	e->next = NULL;
	*s->last = e;
	s->last = &e->next;
	pthread_cond_signal(&s->work);
}

static void
look_at(void *ctx, struct sts_entry *e)
{
	struct sts *s = ctx;

	if (e->text == NULL || e->is_checking)
		return;
	if (!is_live(e))
		take_away(s, e);
	else if (e->used != 0 && is_stale(e) && clock_ms() >= e->check_at)
		enqueue(s, e);
}

static void
check_first(struct sts *s)
{
	struct sts_entry *e = s->first;
	char domain[DNS_NAME_SIZE];

	s->first = e->next;
	if (s->first == NULL)
		s->last = &s->first;
	memcpy(domain, e->domain, sizeof domain);
	pthread_mutex_unlock(&s->mutex);
	check(s, domain);
	pthread_mutex_lock(&s->mutex);
}

static void
sleep_until(struct sts *s, pthread_cond_t *cond, int64_t ms)
{
	const struct timespec until = {
	    .tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000};

	pthread_cond_timedwait(cond, &s->mutex, &until);
}

static void *
run(void *ctx)
{
	struct sts *s = ctx;
	int64_t next = clock_ms();

	pthread_mutex_lock(&s->mutex);
	while (!s->stopping) {
		if (clock_ms() >= next) {
			sts_table_each(&s->table, look_at, s);
			next = clock_ms() + ROUND_MS;
		}
		if (s->first != NULL)
			check_first(s);
		else
			sleep_until(s, &s->work, next);
	}
	pthread_mutex_unlock(&s->mutex);
	return NULL;
}

static int
start(struct sts *s, struct fault *f)
{
	if (s->conf.store.each != NULL &&
	    s->conf.store.each(s->conf.store.ctx, keep, s, f) < 0)
		return -1;
	s->has_thread = thread_start(&s->thread, run, s, f) == 0;
	return s->has_thread ? 0 : -1;
}

struct sts *
sts_new(const struct sts_conf *conf, struct fault *f)
{
	struct sts *s = mem_new(struct sts);
	pthread_condattr_t attr;

	s->conf = *conf;
	if (s->conf.wait_ms == 0)
		s->conf.wait_ms = WAIT_MS;
	s->last = &s->first;
	sts_table_init(&s->table, conf->max > 0 ? conf->max : MAX);
	pthread_mutex_init(&s->mutex, NULL);
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&s->work, &attr);
	pthread_cond_init(&s->settled, &attr);
	pthread_condattr_destroy(&attr);
	if (start(s, f) < 0)
		sts_free(&s);
	return s;
}

void
sts_free(struct sts **sts)
{
	struct sts *s = *sts;

	if (s == NULL)
		return;
	if (s->has_thread) {
		pthread_mutex_lock(&s->mutex);
		s->stopping = true;
		pthread_cond_signal(&s->work);
		pthread_mutex_unlock(&s->mutex);
		pthread_join(s->thread, NULL);
	}
	sts_table_clear(&s->table);
	pthread_cond_destroy(&s->work);
	pthread_cond_destroy(&s->settled);
	pthread_mutex_destroy(&s->mutex);
	mem_free(s);
	*sts = NULL;
}

/* Asking. */

/* Under the mutex. Until it is settled, or has taken too long. */
static struct sts_entry *
wait_for(struct sts *s, const char *domain)
{
	struct sts_entry *e = sts_table_find(&s->table, domain);

	while (e != NULL && e->is_checking && !is_live(e) &&
	       clock_ms() < e->wait_until) {
		loop_blocking_begin();
		sleep_until(s, &s->settled, e->wait_until);
		loop_blocking_end();
		e = sts_table_find(&s->table, domain);
	}
	return e;
}

static void
fill(const struct sts_entry *e, struct sts_found *found)
{
	struct fault ignored;

	found->trouble = e->trouble;
	memcpy(found->reason, e->reason, sizeof found->reason);
	if (!is_live(e))
		return;
	found->text = mem_dup(e->text);
	if (sts_parse_policy(str(found->text), &found->policy, &ignored) < 0)
		die_bug("sts: a policy that cannot be read again");
	memcpy(found->id, e->id, sizeof found->id);
	found->fetched = e->fetched;
	found->expires = e->expires;
}

/* Under the mutex. True where the caller is the one to check it. */
static bool
claim(struct sts *s, const char *domain)
{
	struct sts_entry *e = sts_table_find(&s->table, domain);

	if (e == NULL)
		e = sts_table_add(&s->table, domain);
	if (e == NULL)
		return false;
	sts_table_touch(&s->table, e);
	e->used = now_ms();
	if (e->is_checking || clock_ms() < e->check_at)
		return false;
	if (is_live(e)) {
		enqueue(s, e);
		return false;
	}
	begin_check(s, e);
	return true;
}

void
sts_find(struct sts *s, const char *domain, struct sts_found *found)
{
	const struct sts_entry *e;

	memset(found, 0, sizeof *found);
	if (!str_copy(str(domain), found->domain, sizeof found->domain))
		return;
	pthread_mutex_lock(&s->mutex);
	if (claim(s, domain)) {
		pthread_mutex_unlock(&s->mutex);
		check(s, domain);
		pthread_mutex_lock(&s->mutex);
	}
	e = wait_for(s, domain);
	if (e != NULL)
		fill(e, found);
	pthread_mutex_unlock(&s->mutex);
}

void
sts_found_clear(struct sts_found *found)
{
	mem_free(found->text);
	found->text = NULL;
}

void
sts_doubt(struct sts *s, const char *domain)
{
	struct sts_entry *e;

	pthread_mutex_lock(&s->mutex);
	e = sts_table_find(&s->table, domain);
	if (e != NULL && !e->is_checking && is_live(e))
		enqueue(s, e);
	pthread_mutex_unlock(&s->mutex);
}

/* The operator. */

struct walk {
	void (*each)(void *ctx, const struct sts_entry *e);
	void *ctx;
};

static void
give_live(void *ctx, struct sts_entry *e)
{
	const struct walk *w = ctx;

	if (is_live(e))
		w->each(w->ctx, e);
}

void
sts_each(struct sts *s, void (*each)(void *ctx, const struct sts_entry *e),
    void *ctx)
{
	struct walk w = {each, ctx};

	pthread_mutex_lock(&s->mutex);
	sts_table_each(&s->table, give_live, &w);
	pthread_mutex_unlock(&s->mutex);
}

bool
sts_forget(struct sts *s, const char *domain)
{
	struct sts_entry *e;
	bool known;

	pthread_mutex_lock(&s->mutex);
	e = sts_table_find(&s->table, domain);
	known = e != NULL && e->text != NULL;
	if (known)
		take_away(s, e);
	if (e != NULL) {
		e->check_at = e->fetch_at = 0;
		e->tried_id[0] = '\0';
		e->failures = 0;
		e->trouble = STS_TROUBLE_NONE;
	}
	pthread_mutex_unlock(&s->mutex);
	return known;
}
