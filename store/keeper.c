/* SPDX-License-Identifier: ISC */
/*
 * The thread, its clock, and the round.
 *
 * Mailboxes are gone through in the order of their names, so that one name says
 * how far a round has come. What is done twice after a crash changes nothing.
 */
#include "config.h"

#include "store/keeper.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/thread.h"
#include "store/expire.h"
#include "store/hold.h"
#include "store/hold_watch.h"
#include "store/quota.h"
#include "store/retired.h"

enum {
	YIELD = 10,       /* nice value */
	LOOK_MS = 60000,  /* at the clock, which may be set */
	SAVE_MS = 5000,   /* how far the round has come */
	STATE_MAX = 4096, /* bytes */
};

#define DIRECTORY ".posthouse"
#define STATE DIRECTORY "/round"

/* A mailbox whose hold has changed. */
struct news {
	struct news *next;
	struct mailbox_name mailbox;
};

/* How far the last round came. */
struct progress {
	int64_t began; /* seconds since 1970; 0: never */
	bool ended;
	struct mailbox_name after; /* the last one that is done */
};

struct keeper {
	struct client *client;
	char *root;
	struct expire_rules rules;
	int64_t keep;
	int at;
	struct quotas *quotas;
	pthread_t thread;
	bool has_thread;
	int wake; /* an eventfd */
	atomic_bool stopping;
	pthread_mutex_t mutex;
	struct news *news; /* under the mutex */

	/* The thread's alone. */
	struct hold_watch *holds;
	struct progress progress;
	int64_t saved; /* clock_ms() */
};

/* The hour. */

bool
keeper_parse_at(struct str text, int *at)
{
	struct str rest = text, hour = str_cut(&rest, ':');
	uint64_t h, m;

	if (hour.len > 2 || rest.len != 2 || !str_to_u64(hour, 0, 23, &h) ||
	    !str_to_u64(rest, 0, 59, &m))
		return false;
	*at = (int)(h * 60 + m);
	return true;
}

int64_t
keeper_next(int64_t after, int at)
{
	time_t t = (time_t)after, next;
	struct tm day;

	localtime_r(&t, &day);
	/* mktime() knows how long a day is, also where the clocks change. */
	for (int more = 0;; more++) {
		struct tm tm = day;

		tm.tm_mday += more;
		tm.tm_hour = at / 60;
		tm.tm_min = at % 60;
		tm.tm_sec = 0;
		tm.tm_isdst = -1;
		next = mktime(&tm);
		if (next > t || more > 2)
			return (int64_t)next;
	}
}

/* How far it came. */

static void
load_progress(struct keeper *k)
{
	int fd = openat(k->client->root, STATE, O_RDONLY | O_CLOEXEC);
	struct progress *p = &k->progress;
	char text[STATE_MAX];
	json_t *state = NULL;
	const char *after;
	struct fault f;
	ssize_t n;

	*p = (struct progress){.ended = true};
	if (fd < 0)
		return;
	n = read(fd, text, sizeof text);
	close(fd);
	if (n > 0)
		state = json_parse(str_n(text, (size_t)n), &f);
	if (state == NULL)
		return;
	p->began = json_get_int(state, "began", 0);
	p->ended = json_get_bool(state, "ended", true);
	after = json_get_text(state, "after");
	if (after == NULL || mailbox_name_parse(str(after), &p->after, &f) < 0)
		p->after.text[0] = '\0';
	json_free(&state);
}

/* Lost, it costs a round more, so it is not synced. */
static void
save_progress(struct keeper *k)
{
	int root = k->client->root, fd;
	json_t *state = json_new_object();
	bool ok = false;
	struct buf b;

	k->saved = clock_ms();
	json_put_int(state, "began", k->progress.began);
	json_put_bool(state, "ended", k->progress.ended);
	json_put_text(state, "after", k->progress.after.text);
	buf_init(&b, STATE_MAX);
	json_format(&b, state);
	(void)mkdirat(root, DIRECTORY, 0700);
	fd = openat(
	    root, STATE ".new", O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	if (fd >= 0) {
		ok = write(fd, buf_text(&b), buf_len(&b)) ==
		     (ssize_t)buf_len(&b);
		close(fd);
	}
	if (!ok || renameat(root, STATE ".new", root, STATE) < 0)
		log_warn(NULL, "the round's state is not written", "reason",
		    strerror(errno), NULL);
	buf_clear(&b);
	json_free(&state);
}

/* The round. */

struct round {
	struct keeper *keeper;
	struct expire expire;
	struct expire_sum sum;
	uint64_t mailboxes, failed;
};

static int
compare_mailboxes(const struct mailbox_name *a, const struct mailbox_name *b)
{
	struct str x = str(a->path), y = str(b->path);
	int rc = str_compare(str_cut(&x, '/'), str_cut(&y, '/'));

	return rc != 0 ? rc : str_compare(x, y);
}

static void
take_news(struct keeper *k)
{
	struct news *news, *next;

	pthread_mutex_lock(&k->mutex);
	news = k->news;
	k->news = NULL;
	pthread_mutex_unlock(&k->mutex);
	for (; news != NULL; news = next) {
		next = news->next;
		hold_watch_look(k->holds, &news->mailbox);
		mem_free(news);
	}
}

/* Programs that change a mailbox at the same time may have counted a message
 * twice, or not at all. */
static void
set_right(struct keeper *k, const struct mailbox_name *mailbox)
{
	struct fault f;
	int rc = k->quotas == NULL ? 0 : quota_mend(k->quotas, mailbox, &f);

	if (rc > 0)
		log_info(
		    NULL, "quota counted anew", "mailbox", mailbox->text, NULL);
	if (rc < 0)
		log_warn(NULL, "quota not counted", "mailbox", mailbox->text,
		    "reason", f.text, NULL);
}

static int
go_through(void *ctx, const struct mailbox_name *mailbox, struct fault *f)
{
	struct round *r = ctx;
	struct keeper *k = r->keeper;

	if (atomic_load(&k->stopping))
		return 1;
	if (k->progress.after.text[0] != '\0' &&
	    compare_mailboxes(mailbox, &k->progress.after) <= 0)
		return 0;
	if (expire_mailbox(&r->expire, mailbox, &r->sum, f) < 0) {
		r->failed++;
		log_warn(NULL, "mailbox not expired", "mailbox", mailbox->text,
		    "reason", f->text, NULL);
	}
	set_right(k, mailbox);
	r->mailboxes++;
	k->progress.after = *mailbox;
	if (clock_ms() - k->saved > SAVE_MS)
		save_progress(k);
	take_news(k);
	(void)hold_watch_work(k->holds);
	return 0;
}

static void
note_round(const struct round *r, int64_t began)
{
	log_info(NULL, "mailboxes expired", "mailboxes", LOG_NUM(r->mailboxes),
	    "messages", LOG_NUM(r->sum.moved.messages), "bytes",
	    LOG_NUM(r->sum.moved.bytes), "ended",
	    LOG_NUM(r->sum.ended.messages), "ended_bytes",
	    LOG_NUM(r->sum.ended.bytes), "failed", LOG_NUM(r->failed), "ms",
	    LOG_NUM(clock_ms() - began), NULL);
}

static void
make_round(struct keeper *k)
{
	int64_t began = clock_ms(), now = (int64_t)time(NULL);
	struct round r = {.keeper = k,
	    .expire = {.client = k->client,
		.rules = &k->rules,
		.now = now,
		.keep = k->keep}};
	struct attic_sum sum;
	struct fault f;
	int rc;

	if (k->progress.ended) {
		k->progress = (struct progress){.began = now};
		save_progress(k);
	}
	rc = client_each_mailbox(k->client, str(""), go_through, &r, &f);
	if (rc == 0)
		rc = retired_purge(
		    k->client->root, now - k->keep, false, &sum, &f);
	if (rc == 0) {
		r.sum.ended.messages += sum.messages;
		r.sum.ended.bytes += sum.bytes;
	}
	if (rc < 0) {
		r.failed++;
		log_warn(NULL, "round broken off", "reason", f.text, NULL);
	}
	/* A round that fails is not tried before its time. */
	k->progress.ended = rc <= 0;
	save_progress(k);
	if (rc <= 0)
		note_round(&r, began);
}

/* The thread. */

static int
look_at(void *ctx, const struct mailbox_name *mailbox, struct fault *f)
{
	struct keeper *k = ctx;

	(void)f;
	if (hold_is_on(k->client->root, mailbox))
		hold_watch_look(k->holds, mailbox);
	return atomic_load(&k->stopping) ? 1 : 0;
}

static bool
is_due(const struct keeper *k)
{
	int64_t now = (int64_t)time(NULL), began = k->progress.began;

	/* The clock was set back: nobody knows when the last one was. */
	return !k->progress.ended || began > now ||
	       now >= keeper_next(began, k->at);
}

/* Until there is something to do; `next` is a time of hold_watch_work(). */
static void
wait(struct keeper *k, int64_t next)
{
	struct pollfd p[2] = {{.fd = k->wake, .events = POLLIN},
	    {.fd = hold_watch_fd(k->holds), .events = POLLIN}};
	int64_t ms = next - clock_ms();
	uint64_t n;

	if (ms > LOOK_MS)
		ms = LOOK_MS;
	(void)poll(p, 2, ms > 0 ? (int)ms : 0);
	(void)!read(k->wake, &n, sizeof n);
}

static void *
run(void *ctx)
{
	struct keeper *k = ctx;
	struct fault f;

	setpriority(PRIO_PROCESS, (id_t)gettid(), YIELD);
	if (client_each_mailbox(k->client, str(""), look_at, k, &f) < 0)
		log_error(NULL, "holds are not known", "reason", f.text, NULL);
	load_progress(k);
	/* The first time there is none to make up for. */
	if (k->progress.began == 0) {
		k->progress.began = (int64_t)time(NULL);
		save_progress(k);
	}
	while (!atomic_load(&k->stopping)) {
		take_news(k);
		if (is_due(k))
			make_round(k);
		wait(k, hold_watch_work(k->holds));
	}
	return NULL;
}

struct keeper *
keeper_new(const struct keeper_conf *conf, const char *root,
    const char *hostname, struct fault *f)
{
	struct keeper *k = mem_new(struct keeper);

	k->root = mem_dup(root);
	k->keep = conf->keep;
	k->at = conf->at;
	k->quotas = conf->quotas;
	pthread_mutex_init(&k->mutex, NULL);
	k->wake = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	if (k->wake < 0) {
		fault_errno(f, "cannot make an eventfd");
		goto fail;
	}
	k->client = client_new(root, hostname, f);
	if (k->client == NULL ||
	    expire_rules_parse(&k->rules, conf->expire, conf->n_expire, f) < 0)
		goto fail;
	k->holds = hold_watch_new(k->client, k->root);
	if (thread_start(&k->thread, run, k, f) < 0)
		goto fail;
	k->has_thread = true;
	return k;
fail:
	keeper_free(&k);
	return NULL;
}

static void
ring(struct keeper *k)
{
	const uint64_t one = 1;

	(void)!write(k->wake, &one, sizeof one);
}

void
keeper_free(struct keeper **keeper)
{
	struct keeper *k = *keeper;

	if (k == NULL)
		return;
	atomic_store(&k->stopping, true);
	if (k->has_thread) {
		ring(k);
		pthread_join(k->thread, NULL);
	}
	while (k->news != NULL) {
		struct news *next = k->news->next;

		mem_free(k->news);
		k->news = next;
	}
	hold_watch_free(&k->holds);
	client_free(&k->client);
	expire_rules_clear(&k->rules);
	if (k->wake >= 0)
		close(k->wake);
	pthread_mutex_destroy(&k->mutex);
	mem_free(k->root);
	mem_free(k);
	*keeper = NULL;
}

void
keeper_look(struct keeper *k, const struct mailbox_name *mailbox)
{
	struct news *news = mem_new(struct news);

	news->mailbox = *mailbox;
	pthread_mutex_lock(&k->mutex);
	news->next = k->news;
	k->news = news;
	pthread_mutex_unlock(&k->mutex);
	ring(k);
}
