/* SPDX-License-Identifier: ISC */
/*
 * Whoever works, the thread or an operator's call, holds `working`: a report is
 * made by one at a time. A report that goes by mail and the end of its counts
 * are one change of the queue.
 */
#include "config.h"

#include "mta/queue/tls_reporter.h"

#include <pthread.h>
#include <stdio.h>
#include <time.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/crypto.h"
#include "base/gzip.h"
#include "base/log.h"
#include "base/loop.h"
#include "base/mem.h"
#include "base/thread.h"
#include "mta/queue/queue.h"
#include "mta/queue/shelf.h"
#include "base/https.h"
#include "mta/send/tls_stats.h"
#include "mta/send/txt_one.h"
#include "proto/tlsrpt.h"

enum {
	ROUND_MS = 60000,
	DNS_MS = 5000,
	HOUR_MS = 3600000,
	DELAY_MS = 4 * HOUR_MS, /* RFC 8460 4.1 */
	TRIES_MAX = 24,         /* an hour apart */
	DAY_S = 86400,
	DAY_MS = DAY_S * 1000,
	NAME_SIZE = DNS_NAME_SIZE + 16,
	REPORT_MAX = 4 << 20,
	ID_SIZE = IDENT_SIZE + 256,
};

#define PREFIX "tls-report/"

struct tls_reporter {
	struct tls_reporter_conf conf;
	struct arena arena; /* of its texts */
	struct address from;
	struct shelf shelf;
	struct tls_stats *stats;
	pthread_mutex_t working;
	pthread_t thread;
	bool has_thread;
	pthread_mutex_t mutex; /* guards what follows */
	pthread_cond_t changed;
	bool stopping;
};

static int64_t
now_ms(void)
{
	return clock_unix_us() / 1000;
}

static int
load(void *ctx, struct str name, struct str value)
{
	const struct tls_reporter *r = ctx;

	tls_stats_load(r->stats, name, value);
	return 0;
}

static const char *
copy(struct tls_reporter *r, const char *text, const char *fallback)
{
	return arena_text(&r->arena, str(text != NULL ? text : fallback));
}

/* The options are gone before the reporter is. */
static void
copy_texts(struct tls_reporter *r)
{
	struct tls_reporter_conf *c = &r->conf;

	c->hostname = copy(r, c->hostname, NULL);
	c->from = copy(r, c->from, NULL);
	c->organization = copy(r, c->organization, r->from.domain);
	c->contact = copy(r, c->contact, c->from);
}

struct tls_reporter *
tls_reporter_new(const struct tls_reporter_conf *conf, struct fault *f)
{
	struct tls_reporter *r = mem_new(struct tls_reporter);
	pthread_condattr_t attr;

	r->conf = *conf;
	r->shelf = (struct shelf){conf->queue, PREFIX};
	r->stats = tls_stats_new();
	pthread_mutex_init(&r->working, NULL);
	pthread_mutex_init(&r->mutex, NULL);
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&r->changed, &attr);
	pthread_condattr_destroy(&attr);
	if (address_parse(str(conf->from), &r->from, f) < 0 ||
	    shelf_each(&r->shelf, load, r, f) < 0)
		tls_reporter_free(&r);
	else
		copy_texts(r);
	return r;
}

struct tls_stats *
tls_reporter_stats(struct tls_reporter *r)
{
	return r->stats;
}

/* Keeping. */

static void
put_name(struct buf *b, const struct tls_day *day)
{
	buf_init(b, NAME_SIZE);
	tls_day_put_name(b, day);
}

static void
forget(struct tls_reporter *r, const struct tls_day *day)
{
	struct buf name;

	put_name(&name, day);
	shelf_put(&r->shelf, buf_str(&name), str(""));
	buf_clear(&name);
	tls_stats_drop(r->stats, day);
}

static void
keep(struct tls_reporter *r, const struct tls_day *day)
{
	json_t *policies = tls_stats_policies(r->stats, day, true);
	struct buf name, value;

	if (policies == NULL)
		return;
	put_name(&name, day);
	buf_init(&value, TLS_STATS_BYTES_MAX);
	tls_day_put_value(&value, day, policies);
	if (!buf_is_full(&value))
		shelf_put(&r->shelf, buf_str(&name), buf_str(&value));
	buf_clear(&name);
	buf_clear(&value);
	json_free(&policies);
}

/* Who wants reports. */

/* Where the domain wants them. */
struct wanted {
	struct txt_one record;
	struct str uris[TLSRPT_URIS_MAX]; /* views into it */
};

/* How many there are; -1 where DNS does not say. */
static int
ask(struct tls_reporter *r, const char *domain, struct wanted *w)
{
	char name[NAME_SIZE];
	struct fault ignored;
	int rc;

	snprintf(name, sizeof name, "_smtp._tls.%s", domain);
	rc = txt_one_ask(
	    r->conf.dns, name, tlsrpt_is_record, &w->record, &ignored);
	if (rc > 0)
		rc = (int)tlsrpt_parse_record(str(w->record.text), w->uris);
	return rc;
}

static void
find_wanted(struct tls_reporter *r, struct tls_day *day)
{
	struct wanted wanted;
	int n = ask(r, day->domain, &wanted);

	if (n < 0)
		return;
	day->wanted = n > 0 ? TLS_WANTED_YES : TLS_WANTED_NO;
	tls_stats_set(r->stats, day);
}

/* A report. */

struct report {
	struct tls_reporter *reporter;
	struct tls_day day;
	char id[ID_SIZE]; /* "id@host" */
	struct buf gzip;
	struct queue_change *change;
	size_t sent, failed;
	bool is_broken; /* a mail could not be added: nothing is done */
};

static void
put_time(json_t *object, const char *key, int64_t at)
{
	time_t t = (time_t)at;
	char text[40];
	struct tm tm;

	gmtime_r(&t, &tm);
	strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &tm);
	json_put_text(object, key, text);
}

static int64_t
begin_of(const struct tls_day *day)
{
	return day->day * DAY_S;
}

static int64_t
end_of(const struct tls_day *day)
{
	return begin_of(day) + DAY_S - 1;
}

/* RFC 8460 4.4. Takes policies. */
static void
make_report(struct report *p, json_t *policies)
{
	const struct tls_reporter_conf *conf = &p->reporter->conf;
	json_t *o = json_new_object(), *range = json_new_object();
	struct buf text;

	put_time(range, "start-datetime", begin_of(&p->day));
	put_time(range, "end-datetime", end_of(&p->day));
	json_put_text(o, "organization-name", conf->organization);
	json_put(o, "date-range", range);
	json_put_text(o, "contact-info", conf->contact);
	json_put_text(o, "report-id", p->id);
	json_put(o, "policies", policies);
	buf_init(&text, REPORT_MAX);
	json_format(&text, o);
	gzip_put(&p->gzip, buf_str(&text));
	buf_clear(&text);
	json_free(&o);
}

static int
add_mail(struct report *p, const struct address *to, struct fault *f)
{
	struct tls_reporter *r = p->reporter;
	char address[ADDRESS_TEXT_SIZE], message_id[ID_SIZE];
	struct entry_rcpt rcpt = {
	    .to = {.forward_path = *to, .notify = NOTIFY_NEVER},
	};
	struct entry e = {
	    .arrived = now_ms(),
	    .tls_optional = true,
	    .owner = str("tls-reports"),
	    .n_rcpts = 1,
	    .rcpts = &rcpt,
	};
	struct tlsrpt_mail mail = {
	    .from = r->conf.from,
	    .to = address,
	    .domain = p->day.domain,
	    .submitter = r->from.domain,
	    .organization = r->conf.organization,
	    .report_id = p->id,
	    .message_id = message_id,
	    .begin = (time_t)begin_of(&p->day),
	    .end = (time_t)end_of(&p->day),
	    .date = (time_t)(e.arrived / 1000),
	    .gzip = buf_str(&p->gzip),
	};
	struct buf text;
	int rc;

	ident_make(&e.id);
	e.expires = e.arrived + DAY_MS;
	e.mail.reverse_path = r->from;
	rcpt.due = e.arrived;
	address_format(to, address);
	snprintf(message_id, sizeof message_id, "%s@%s", e.id.text,
	    r->conf.hostname);
	buf_init(&text, 2 * REPORT_MAX);
	tlsrpt_put_mail(&text, &mail);
	rc = queue_change_add(p->change, &e, buf_str(&text), NULL, f);
	buf_clear(&text);
	if (rc == 0)
		log_info(NULL, "TLS report", "domain", p->day.domain, "to",
		    address, "id", e.id.text, NULL);
	return rc;
}

/* HTTPS, waited for. */

struct post {
	struct tls_reporter *reporter;
	bool done, ok;
	char why[240];
};

static void
on_posted(void *ctx, const struct https_answer *a)
{
	struct post *post = ctx;
	struct tls_reporter *r = post->reporter;

	pthread_mutex_lock(&r->mutex);
	post->ok = a->result == HTTPS_OK;
	if (!post->ok)
		snprintf(post->why, sizeof post->why, "%s", a->fault->text);
	post->done = true;
	pthread_cond_broadcast(&r->changed);
	pthread_mutex_unlock(&r->mutex);
}

static int
post_report(struct report *p, const char *url, struct fault *f)
{
	struct tls_reporter *r = p->reporter;
	struct post post = {.reporter = r};
	const struct https_request request = {
	    .url = url,
	    .deadline = clock_ms() + DNS_MS,
	    .post = buf_str(&p->gzip),
	    .type = "application/tlsrpt+gzip",
	    .done = on_posted,
	    .ctx = &post,
	};

	if (https_begin(r->conf.https, &request, f) < 0)
		return -1;
	pthread_mutex_lock(&r->mutex);
	while (!post.done)
		pthread_cond_wait(&r->changed, &r->mutex);
	pthread_mutex_unlock(&r->mutex);
	if (!post.ok)
		return fault_temp(f, "4.4.1", "%s", post.why);
	log_info(NULL, "TLS report", "domain", p->day.domain, "to", url, NULL);
	return 0;
}

static void
send_to(struct report *p, struct str uri)
{
	bool is_url = str_starts_nocase(uri, str("https:"));
	char *text = str_dup(uri);
	struct address to;
	struct fault f;
	int rc = 0;

	if (is_url)
		rc = post_report(p, text, &f);
	else if (!tlsrpt_take_mailto(uri, &to))
		rc = fault_perm(&f, "5.1.3", "nothing can be sent there");
	else if (!p->day.was_mailed)
		rc = add_mail(p, &to, &f);
	if (rc < 0) {
		log_warn(NULL, "cannot send a TLS report", "domain",
		    p->day.domain, "to", text, "reason", f.text, NULL);
		/* What will never do does not count. */
		p->failed += is_url && f.kind == FAULT_TEMP;
		p->is_broken |= !is_url && f.kind == FAULT_TEMP;
	} else {
		p->sent++;
	}
	mem_free(text);
}

/* Of the mails that were added, and what becomes of the counts. */
static int
commit(struct report *p, const json_t *policies, struct fault *f)
{
	struct tls_reporter *r = p->reporter;
	struct buf name, value;
	int rc;

	buf_init(&name, NAME_SIZE + sizeof PREFIX);
	buf_init(&value, TLS_STATS_BYTES_MAX);
	buf_puts(&name, PREFIX);
	tls_day_put_name(&name, &p->day);
	if (p->failed > 0)
		tls_day_put_value(&value, &p->day, policies);
	if (buf_is_full(&value))
		buf_reset(&value);
	queue_change_set(p->change, buf_str(&name), buf_str(&value));
	rc = queue_commit(r->conf.queue, &p->change, f);
	buf_clear(&name);
	buf_clear(&value);
	return rc;
}

/* Again in an hour, for a day. */
static void
postpone(struct tls_reporter *r, struct tls_day *day, int64_t now)
{
	if (++day->tries >= TRIES_MAX) {
		log_warn(
		    NULL, "TLS report given up", "domain", day->domain, NULL);
		forget(r, day);
		return;
	}
	day->due = now + HOUR_MS;
	tls_stats_set(r->stats, day);
}

/* What follows from how it went. */
static void
conclude(
    struct report *p, struct tls_day *day, const json_t *policies, int64_t now)
{
	struct tls_reporter *r = p->reporter;
	struct fault f;

	p->day.was_mailed = true;
	if (!p->is_broken && commit(p, policies, &f) < 0) {
		log_warn(NULL, "cannot send a TLS report", "domain",
		    day->domain, "reason", f.text, NULL);
		p->is_broken = true;
	}
	if (p->is_broken)
		p->sent = 0;
	else
		*day = p->day;
	if (p->is_broken || p->failed > 0)
		postpone(r, day, now);
	else
		tls_stats_drop(r->stats, day);
}

static size_t
send_all(struct tls_reporter *r, struct tls_day *day, const struct str *uris,
    size_t n, int64_t now)
{
	struct report p = {.reporter = r, .day = *day};
	json_t *policies = tls_stats_policies(r->stats, day, true);
	struct ident id;

	if (policies == NULL) {
		forget(r, day);
		return 0;
	}
	ident_make(&id);
	snprintf(p.id, sizeof p.id, "%s@%s", id.text, r->conf.hostname);
	buf_init(&p.gzip, REPORT_MAX);
	make_report(&p, json_hold(policies));
	p.change = queue_change_new(r->conf.queue);
	for (size_t i = 0; i < n; i++)
		send_to(&p, uris[i]);
	conclude(&p, day, policies, now);
	queue_change_free(&p.change);
	buf_clear(&p.gzip);
	json_free(&policies);
	return p.sent > 0 ? 1 : 0;
}

/* 1 where it was sent, to anybody. */
static size_t
send_day(struct tls_reporter *r, struct tls_day *day, int64_t now)
{
	struct wanted wanted;
	int n = ask(r, day->domain, &wanted);

	if (n > 0)
		return send_all(r, day, wanted.uris, (size_t)n, now);
	if (n < 0)
		postpone(r, day, now);
	else
		forget(r, day);
	return 0;
}

/* Working. */

static void
settle_delay(struct tls_reporter *r, struct tls_day *day, int64_t now)
{
	uint32_t delay;

	crypto_random(&delay, sizeof delay);
	day->due = now + delay % DELAY_MS;
	tls_stats_set(r->stats, day);
}

static void
work_on(struct tls_reporter *r, struct tls_day *day, int64_t now)
{
	bool is_over = day->day < now / DAY_MS;

	if (day->wanted == TLS_WANTED_UNKNOWN)
		find_wanted(r, day);
	if (day->wanted == TLS_WANTED_YES && day->is_dirty)
		keep(r, day);
	if (!is_over)
		return;
	if (day->wanted == TLS_WANTED_NO)
		tls_stats_drop(r->stats, day);
	else if (day->due == 0)
		settle_delay(r, day, now);
	else if (now >= day->due)
		(void)send_day(r, day, now);
}

static bool
is_stopping(struct tls_reporter *r)
{
	bool stopping;

	pthread_mutex_lock(&r->mutex);
	stopping = r->stopping;
	pthread_mutex_unlock(&r->mutex);
	return stopping;
}

void
tls_reporter_work(struct tls_reporter *r, int64_t now)
{
	struct tls_day *days;
	size_t n;

	pthread_mutex_lock(&r->working);
	n = tls_stats_list(r->stats, &days);
	for (size_t i = 0; i < n && !is_stopping(r); i++)
		work_on(r, &days[i], now);
	mem_free(days);
	pthread_mutex_unlock(&r->working);
}

static bool
is_meant(const struct tls_day *day, const char *domain)
{
	return domain[0] == '\0' || strcmp(day->domain, domain) == 0;
}

size_t
tls_reporter_run(struct tls_reporter *r, const char *domain)
{
	struct tls_day *days;
	size_t n, sent = 0;

	loop_blocking_begin();
	pthread_mutex_lock(&r->working);
	n = tls_stats_list(r->stats, &days);
	for (size_t i = 0; i < n && !is_stopping(r); i++)
		if (days[i].wanted != TLS_WANTED_NO &&
		    is_meant(&days[i], domain))
			sent += send_day(r, &days[i], now_ms());
	mem_free(days);
	pthread_mutex_unlock(&r->working);
	loop_blocking_end();
	return sent;
}

json_t *
tls_reporter_counts(struct tls_reporter *r, const char *domain)
{
	json_t *list = json_new_array();
	struct tls_day *days;
	size_t n = tls_stats_list(r->stats, &days);

	for (size_t i = 0; i < n; i++) {
		json_t *o, *policies;

		if (!is_meant(&days[i], domain))
			continue;
		policies = tls_stats_policies(r->stats, &days[i], false);
		if (policies == NULL)
			continue;
		o = json_new_object();
		json_put_text(o, "domain", days[i].domain);
		put_time(o, "day", begin_of(&days[i]));
		if (days[i].wanted == TLS_WANTED_YES)
			json_put_bool(o, "wanted", true);
		json_put(o, "policies", policies);
		json_add(list, o);
	}
	mem_free(days);
	return list;
}

/* The thread. */

static void
wait_for_round(struct tls_reporter *r)
{
	int64_t ms = clock_ms() + ROUND_MS;
	const struct timespec until = {
	    .tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000};

	pthread_mutex_lock(&r->mutex);
	while (!r->stopping && clock_ms() < ms)
		pthread_cond_timedwait(&r->changed, &r->mutex, &until);
	pthread_mutex_unlock(&r->mutex);
}

static void *
run(void *ctx)
{
	struct tls_reporter *r = ctx;

	while (!is_stopping(r)) {
		tls_reporter_work(r, now_ms());
		wait_for_round(r);
	}
	return NULL;
}

int
tls_reporter_start(struct tls_reporter *r, struct fault *f)
{
	r->has_thread = thread_start(&r->thread, run, r, f) == 0;
	return r->has_thread ? 0 : -1;
}

static void
keep_all(struct tls_reporter *r)
{
	struct tls_day *days;
	size_t n = tls_stats_list(r->stats, &days);

	for (size_t i = 0; i < n; i++)
		if (days[i].wanted == TLS_WANTED_YES && days[i].is_dirty)
			keep(r, &days[i]);
	mem_free(days);
}

void
tls_reporter_free(struct tls_reporter **reporter)
{
	struct tls_reporter *r = *reporter;

	if (r == NULL)
		return;
	if (r->has_thread) {
		pthread_mutex_lock(&r->mutex);
		r->stopping = true;
		pthread_cond_broadcast(&r->changed);
		pthread_mutex_unlock(&r->mutex);
		pthread_join(r->thread, NULL);
	}
	keep_all(r);
	tls_stats_free(&r->stats);
	arena_clear(&r->arena);
	pthread_cond_destroy(&r->changed);
	pthread_mutex_destroy(&r->mutex);
	pthread_mutex_destroy(&r->working);
	mem_free(r);
	*reporter = NULL;
}
