/* SPDX-License-Identifier: ISC */
/*
 * Between the board, which decides, and the threads, which work.
 *
 * Workers are tasks of the loop that take one job after the other from the
 * board, and end when there is none. What happens elsewhere (a commit, a time
 * that has come) posts one worker; one that gets work, and sees more, posts the
 * next. The board is under one mutex, held while it decides and never while
 * anything blocks.
 */
#include "config.h"

#include "mta/queue/scheduler.h"

#include <string.h>

#include "base/clock.h"
#include "base/crypto.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/ring.h"
#include "mta/queue/scheduler_private.h"

enum {
	MAX_DELIVERIES = 100,
	MAX_LOOKUPS = 20,
	HOP_START = 5,
	HOP_MAX = 20,
	MAX_RCPTS = 50,
	RETRY_MIN_MS = 300000,
	RETRY_MAX_MS = 14400000,
	SWEEP_MIN_MS = 1000,
	SWEEP_MAX_MS = 60000,
	/* The clock of the wall may be set: look at it again. */
	TIMER_MAX_MS = 30000,
	NAME_MAX_LEN = 1000,
	REREAD_MS = 1000,
};

/* Names of settings: what is paused. */
#define PAUSE "pause/"

int64_t
scheduler_now(void)
{
	return clock_unix_us() / 1000;
}

uint32_t
scheduler_random(void)
{
	uint32_t n;

	crypto_random(&n, sizeof n);
	return n;
}

/* Workers. */

struct rows {
	struct board_row *rows;
	size_t n, max;
};

static int
keep_row(void *ctx, const struct ident *id, int64_t due)
{
	struct rows *r = ctx;

	r->rows[r->n++] = (struct board_row){*id, due};
	return r->n == r->max ? 1 : 0;
}

static void
fill(struct scheduler *s, const struct board_job *job)
{
	struct rows r = {.max = job->max_rows};
	struct fault f;
	int64_t now;
	int rc;

	r.rows = mem_zeroed(r.max, sizeof *r.rows);
	rc = queue_each_due(
	    s->queue, job->domain, job->owner, job->from, keep_row, &r, &f);
	if (rc < 0)
		log_error(
		    NULL, "cannot read the queue", "reason", f.text, NULL);
	pthread_mutex_lock(&s->mutex);
	now = scheduler_now();
	if (rc < 0)
		board_fill_failed(s->board, job, now + REREAD_MS, now);
	else
		board_fill(s->board, job, r.rows, r.n, now);
	scheduler_kick(s);
	pthread_mutex_unlock(&s->mutex);
	mem_free(r.rows);
}

static void
run_worker(struct loop_task *task, enum loop_why why)
{
	struct worker *w = (struct worker *)(void *)task;
	struct scheduler *s = w->scheduler;
	struct board_job job;

	(void)why;
	pthread_mutex_lock(&s->mutex);
	s->posted--;
	while (board_take(s->board, scheduler_now(), &job)) {
		scheduler_kick(s);
		pthread_mutex_unlock(&s->mutex);
		if (job.work == BOARD_FILL)
			fill(s, &job);
		else
			attempt_run(s, &job);
		pthread_mutex_lock(&s->mutex);
	}
	w->next_free = s->free_workers;
	s->free_workers = w;
	scheduler_kick(s);
	pthread_mutex_unlock(&s->mutex);
}

static struct worker *
get_worker(struct scheduler *s)
{
	struct worker *w = s->free_workers;

	if (w != NULL) {
		s->free_workers = w->next_free;
		return w;
	}
	if (s->n_workers == s->max_workers)
		return NULL;
	w = mem_new(struct worker);
	w->task.fd = -1;
	w->task.run = run_worker;
	w->scheduler = s;
	w->next = s->workers;
	s->workers = w;
	s->n_workers++;
	return w;
}

/* Time. */

static int64_t
next_time(const struct scheduler *s)
{
	int64_t at = board_next(s->board);

	if (!s->is_sweeping && s->sweep_at < at)
		at = s->sweep_at;
	if (s->later_at != 0 && s->later_at < at)
		at = s->later_at;
	return at;
}

/* All parking of the timer is under the mutex, and forgets it first: so it may
 * be done while its handler is on the way. */
static void
set_timer(struct scheduler *s, int64_t now)
{
	int64_t at = next_time(s), wait;

	if (s->stopped || (s->timer_at > now && s->timer_at <= at))
		return;
	wait = at <= now ? 1 : at - now;
	if (wait > TIMER_MAX_MS)
		wait = TIMER_MAX_MS;
	s->timer_at = now + wait;
	loop_forget(s->loop, &s->timer);
	loop_park_always(s->loop, &s->timer, clock_ms() + wait);
}

void
scheduler_kick(struct scheduler *s)
{
	struct worker *w;

	if (!s->started)
		return;
	set_timer(s, scheduler_now());
	if (s->posted > 0 || !board_has_work(s->board))
		return;
	w = get_worker(s);
	if (w == NULL)
		return;
	s->posted++;
	loop_post(s->loop, &w->task);
}

/* Begins with the oldest: they were put in front. */
static void
record_again(struct scheduler *s, int64_t now)
{
	struct record *r, *next;

	if (s->later_at == 0 || s->later_at > now)
		return;
	r = s->later;
	s->later = NULL;
	s->later_at = 0;
	pthread_mutex_unlock(&s->mutex);
	for (; r != NULL; r = next) {
		next = r->next;
		record_submit(&r);
	}
	pthread_mutex_lock(&s->mutex);
}

static void
sweep(struct scheduler *s, int64_t now)
{
	int64_t pause = s->conf.retry_min_ms;

	if (s->is_sweeping || s->sweep_at > now)
		return;
	s->is_sweeping = true;
	board_tidy(s->board, now);
	pthread_mutex_unlock(&s->mutex);
	if (s->ops.tidy != NULL)
		s->ops.tidy(s->ops.ctx);
	sweep_run(s);
	pthread_mutex_lock(&s->mutex);
	s->is_sweeping = false;
	if (pause < SWEEP_MIN_MS)
		pause = SWEEP_MIN_MS;
	s->sweep_at =
	    scheduler_now() + (pause < SWEEP_MAX_MS ? pause : SWEEP_MAX_MS);
}

static void
run_timer(struct loop_task *task, enum loop_why why)
{
	struct scheduler *s = STRUCT_OF(task, struct scheduler, timer);
	int64_t now = scheduler_now();

	(void)why;
	pthread_mutex_lock(&s->mutex);
	s->timer_at = 0;
	if (!s->stopped) {
		record_again(s, now);
		board_wake(s->board, now);
		scheduler_kick(s);
		sweep(s, now);
		scheduler_kick(s);
	}
	pthread_mutex_unlock(&s->mutex);
}

/* Life. */

static void
on_change(void *ctx, struct str domain, uint64_t owner, int64_t rows,
    int64_t earliest)
{
	struct scheduler *s = ctx;

	pthread_mutex_lock(&s->mutex);
	/* Before the start, all lanes are still to be read. */
	if (s->started) {
		board_change(
		    s->board, domain, owner, rows, earliest, scheduler_now());
		scheduler_kick(s);
	}
	pthread_mutex_unlock(&s->mutex);
}

static void
set_defaults(struct scheduler_conf *c)
{
	if (c->max_deliveries == 0)
		c->max_deliveries = MAX_DELIVERIES;
	if (c->hop_start == 0)
		c->hop_start = HOP_START;
	if (c->hop_max == 0)
		c->hop_max = HOP_MAX;
	if (c->max_rcpts == 0)
		c->max_rcpts = MAX_RCPTS;
	if (c->retry_min_ms == 0)
		c->retry_min_ms = RETRY_MIN_MS;
	if (c->retry_max_ms == 0)
		c->retry_max_ms = RETRY_MAX_MS;
}

struct scheduler *
scheduler_new(const struct scheduler_conf *conf,
    const struct scheduler_ops *ops, struct queue *queue,
    struct notifier *notifier, struct loop *loop)
{
	struct scheduler *s = mem_new(struct scheduler);
	struct board_conf board = {.max_lookups = MAX_LOOKUPS};

	s->conf = *conf;
	set_defaults(&s->conf);
	s->ops = *ops;
	s->queue = queue;
	s->notifier = notifier;
	s->loop = loop;
	s->targets = target_cache_new();
	s->retry = (struct retry){s->conf.retry_min_ms, s->conf.retry_max_ms};
	board.max_deliveries = s->conf.max_deliveries;
	board.limits = s->conf.limits;
	board.n_limits = s->conf.n_limits;
	board.window =
	    (struct window_conf){s->conf.hop_start, s->conf.hop_max, s->retry};
	board.seed = scheduler_random();
	s->board = board_new(&board);
	s->max_workers = s->conf.max_deliveries + MAX_LOOKUPS + 1;
	s->timer.fd = -1;
	s->timer.run = run_timer;
	pthread_mutex_init(&s->mutex, NULL);
	pthread_cond_init(&s->settled, NULL);
	queue_watch(queue, on_change, s);
	return s;
}

static int
add_lane(void *ctx, const struct queue_lane *lane)
{
	struct scheduler *s = ctx;

	board_change(s->board, lane->domain, lane->owner,
	    (int64_t)lane->waiting, lane->due, scheduler_now());
	return 0;
}

static int
add_pause(void *ctx, struct str name, struct str value)
{
	struct scheduler *s = ctx;

	(void)value;
	board_pause(
	    s->board, str_from(name, strlen(PAUSE)), true, scheduler_now());
	return 0;
}

int
scheduler_start(struct scheduler *s, struct fault *f)
{
	int rc = -1;

	/* Held, so that no change comes between the lanes and the watch. */
	pthread_mutex_lock(&s->mutex);
	if (queue_each_setting(s->queue, str(PAUSE), add_pause, s, f) < 0)
		goto out;
	if (queue_each_lane(s->queue, add_lane, s, f) < 0)
		goto out;
	s->started = true;
	s->sweep_at = scheduler_now();
	scheduler_kick(s);
	rc = 0;
out:
	pthread_mutex_unlock(&s->mutex);
	return rc;
}

void
scheduler_stop(struct scheduler *s)
{
	pthread_mutex_lock(&s->mutex);
	s->stopped = true;
	board_stop(s->board);
	loop_forget(s->loop, &s->timer);
	pthread_mutex_unlock(&s->mutex);
}

static void
wait_until_settled(struct scheduler *s)
{
	struct record *r;

	pthread_mutex_lock(&s->mutex);
	while (s->pending > 0)
		pthread_cond_wait(&s->settled, &s->mutex);
	s->started = false;
	while ((r = s->later) != NULL) {
		struct log_ctx log = {.message = r->before.id.text};

		s->later = r->next;
		log_error(&log, "what became of a message is lost", NULL);
		record_free(&r);
	}
	pthread_mutex_unlock(&s->mutex);
}

void
scheduler_free(struct scheduler **scheduler)
{
	struct scheduler *s = *scheduler;

	if (s == NULL)
		return;
	scheduler_stop(s);
	wait_until_settled(s);
	queue_watch(s->queue, NULL, NULL);
	for (struct worker *w = s->workers, *next; w != NULL; w = next) {
		next = w->next;
		loop_forget(s->loop, &w->task);
		mem_free(w);
	}
	board_free(&s->board);
	target_cache_free(&s->targets);
	pthread_cond_destroy(&s->settled);
	pthread_mutex_destroy(&s->mutex);
	mem_free(s);
	*scheduler = NULL;
}

/* The operator. */

unsigned
scheduler_active(struct scheduler *s)
{
	unsigned n;

	pthread_mutex_lock(&s->mutex);
	n = board_active(s->board);
	pthread_mutex_unlock(&s->mutex);
	return n;
}

int
scheduler_pause(
    struct scheduler *s, struct str hop, bool pause, struct fault *f)
{
	struct queue_change *change = queue_change_new(s->queue);
	struct buf name;
	int rc;

	buf_init(&name, NAME_MAX_LEN);
	buf_puts(&name, PAUSE);
	buf_put_str(&name, hop);
	queue_change_set(change, buf_str(&name), pause ? str("1") : str(""));
	rc = queue_commit(s->queue, &change, f);
	buf_clear(&name);
	if (rc < 0)
		return -1;
	pthread_mutex_lock(&s->mutex);
	board_pause(s->board, hop, pause, scheduler_now());
	scheduler_kick(s);
	pthread_mutex_unlock(&s->mutex);
	return 0;
}

void
scheduler_each_hop(struct scheduler *s,
    void (*each)(void *ctx, const struct scheduler_hop *hop), void *ctx)
{
	pthread_mutex_lock(&s->mutex);
	board_each_hop(s->board, scheduler_now(), each, ctx);
	pthread_mutex_unlock(&s->mutex);
}
