/* SPDX-License-Identifier: ISC */
/*
 * LMTP connections that are kept and taken again, newest first, so that under
 * little load the others grow old and are closed.
 */
#include "config.h"

#include "mta/send/lmtp_pool.h"

#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>

#include "base/clock.h"
#include "base/loop.h"
#include "base/mem.h"
#include "mta/send/lmtp_connection.h"
#include "proto/smtp_peer.h"

enum {
	/* One batch of RCPTs is written without reading the answers, which
	 * must therefore fit into the socket's buffers. */
	GROUP_MAX = 100,
	TRUSTED_MS = 1000, /* idle no longer than this: surely alive */
	OLD_MS = 60000,
	PAUSE_MS = 50,
	PAUSE_MAX_MS = 1000,
};

struct lmtp_pool {
	struct lmtp_pool_conf conf;
	atomic_uint group;             /* recipients at once */
	atomic_uint awaited;           /* by lmtp_pool_begin() */
	pthread_mutex_t mutex;         /* guards what follows */
	struct lmtp_connection **idle; /* oldest first */
	unsigned n;
};

struct attempt {
	struct lmtp_message message; /* one group of the recipients */
	int64_t deadline;
	bool resolvable; /* the doubt is one that IDENT resolves */
	struct smtp_outcome *outcomes;
	struct fault fault; /* of the last try that failed */
};

struct lmtp_pool *
lmtp_pool_new(const struct lmtp_pool_conf *conf)
{
	struct lmtp_pool *pool = mem_new(struct lmtp_pool);

	pool->conf = *conf;
	if (pool->conf.max_idle == 0)
		pool->conf.max_idle = 1;
	pool->idle = mem_zeroed(pool->conf.max_idle, sizeof *pool->idle);
	atomic_init(&pool->group, GROUP_MAX);
	pthread_mutex_init(&pool->mutex, NULL);
	return pool;
}

void
lmtp_pool_quit(struct lmtp_pool *pool)
{
	if (pool == NULL)
		return;
	while (pool->n > 0)
		lmtp_connection_quit(&pool->idle[--pool->n]);
}

void
lmtp_pool_free(struct lmtp_pool **pool_at)
{
	struct lmtp_pool *pool = *pool_at;

	if (pool == NULL)
		return;
	lmtp_pool_quit(pool);
	mem_free(pool->idle);
	pthread_mutex_destroy(&pool->mutex);
	mem_free(pool);
	*pool_at = NULL;
}

unsigned
lmtp_pool_idle(struct lmtp_pool *pool)
{
	unsigned n;

	pthread_mutex_lock(&pool->mutex);
	n = pool->n;
	pthread_mutex_unlock(&pool->mutex);
	return n;
}

static struct lmtp_connection *
take_idle(struct lmtp_pool *pool, int64_t now)
{
	for (;;) {
		struct lmtp_connection *c = NULL;

		pthread_mutex_lock(&pool->mutex);
		if (pool->n > 0)
			c = pool->idle[--pool->n];
		pthread_mutex_unlock(&pool->mutex);
		if (c == NULL)
			return NULL;
		/* Looking costs a system call. It is spared where a mistake
		 * costs no more than sending again. */
		if ((lmtp_connection_knows_ident(c) &&
			now - c->idle_since < TRUSTED_MS) ||
		    !lmtp_connection_is_dead(c)) {
			c->used = true;
			return c;
		}
		lmtp_connection_free(&c);
	}
}

static void
put_idle(struct lmtp_pool *pool, struct lmtp_connection *c, int64_t now)
{
	struct lmtp_connection *surplus = NULL;

	c->idle_since = now;
	pthread_mutex_lock(&pool->mutex);
	if (pool->n > 0 && (pool->n == pool->conf.max_idle ||
			       now - pool->idle[0]->idle_since > OLD_MS)) {
		surplus = pool->idle[0];
		memmove(&pool->idle[0], &pool->idle[1],
		    (pool->n - 1) * sizeof pool->idle[0]);
		pool->n--;
	}
	pool->idle[pool->n++] = c;
	pthread_mutex_unlock(&pool->mutex);
	if (surplus != NULL)
		lmtp_connection_quit(&surplus);
}

/* After one kept connection was found dead the others are not worth a try. */
static void
drop_idle(struct lmtp_pool *pool)
{
	for (;;) {
		struct lmtp_connection *c = NULL;

		pthread_mutex_lock(&pool->mutex);
		if (pool->n > 0)
			c = pool->idle[--pool->n];
		pthread_mutex_unlock(&pool->mutex);
		if (c == NULL)
			return;
		lmtp_connection_free(&c);
	}
}

/* RFC 9422: a server may take fewer recipients at once than we would send. */
static void
note_limits(struct lmtp_pool *pool, const struct smtp_peer *peer)
{
	unsigned max = peer->rcpt_max;

	atomic_store(
	    &pool->group, max == 0 || max > GROUP_MAX ? GROUP_MAX : max);
}

static void
give_back(struct lmtp_pool *pool, struct lmtp_connection *c)
{
	unsigned max = lmtp_connection_peer(c)->mail_max;

	if (max > 0 && ++c->messages >= max) {
		lmtp_connection_quit(&c);
		return;
	}
	lmtp_connection_trim(c);
	put_idle(pool, c, clock_ms());
}

/* Sends the message over a connection, kept or new; *at is NULL where there is
 * none. */
static enum lmtp_result
begin_try(
    struct lmtp_pool *pool, struct attempt *a, struct lmtp_connection **at)
{
	struct lmtp_connection *c = take_idle(pool, clock_ms());

	if (c == NULL) {
		c = lmtp_connection_open(&pool->conf, a->deadline, &a->fault);
		if (c != NULL)
			note_limits(pool, lmtp_connection_peer(c));
	}
	*at = c;
	if (c == NULL)
		return LMTP_FAILED;
	return lmtp_connection_send(c, &a->message, a->deadline, &a->fault);
}

/*
 * Takes the connection. *again says whether another try makes sense: after a
 * kept connection that turned out dead, and in doubt that can be resolved.
 */
static void
end_try(struct lmtp_pool *pool, struct attempt *a, enum lmtp_result result,
    struct lmtp_connection *c, bool *again)
{
	*again = false;
	if (c == NULL)
		return;
	if (result == LMTP_ANSWERED) {
		memcpy(a->outcomes, lmtp_connection_outcomes(c),
		    a->message.n_rcpts * sizeof *a->outcomes);
		give_back(pool, c);
		return;
	}
	*again =
	    result == LMTP_DOUBTFUL ? lmtp_connection_knows_ident(c) : c->used;
	lmtp_connection_free(&c);
	drop_idle(pool);
}

static enum lmtp_result
try_once(struct lmtp_pool *pool, struct attempt *a, bool *again)
{
	struct lmtp_connection *c;
	enum lmtp_result result = begin_try(pool, a, &c);

	if (result == LMTP_AWAITED)
		result = lmtp_connection_await(c, &a->fault);
	end_try(pool, a, result, c, again);
	return result;
}

static void
pause_ms(int64_t ms)
{
	loop_blocking_begin();
	poll(NULL, 0, (int)ms);
	loop_blocking_end();
}

static bool
is_all_ok(const struct smtp_outcome *outcomes, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (!outcomes[i].ok)
			return false;
	return true;
}

/* After a first try has ended with that result, tries again as long as that
 * makes sense. True where doubt remains. */
static bool
conclude(struct lmtp_pool *pool, struct attempt *a, enum lmtp_result result,
    bool again)
{
	int64_t wait = 0;
	bool doubt = false;

	for (;;) {
		if (result == LMTP_ANSWERED)
			return doubt &&
			       !is_all_ok(a->outcomes, a->message.n_rcpts);
		doubt = doubt || result == LMTP_DOUBTFUL;
		/* In doubt, a server that is down is worth waiting for. */
		if (!again && !(doubt && a->resolvable))
			break;
		a->resolvable = a->resolvable || result == LMTP_DOUBTFUL;
		if (clock_ms() + wait >= a->deadline)
			break;
		if (wait > 0)
			pause_ms(wait);
		wait = wait == 0 ? PAUSE_MS : 2 * wait;
		if (wait > PAUSE_MAX_MS)
			wait = PAUSE_MAX_MS;
		result = try_once(pool, a, &again);
	}
	a->fault.kind = FAULT_TEMP;
	for (size_t i = 0; i < a->message.n_rcpts; i++)
		a->outcomes[i] = (struct smtp_outcome){.fault = a->fault};
	return doubt;
}

bool
lmtp_pool_send(struct lmtp_pool *pool, const struct lmtp_message *message,
    int64_t deadline, struct smtp_outcome *outcomes)
{
	bool doubt = false;

	for (size_t done = 0; done < message->n_rcpts;) {
		size_t max = atomic_load(&pool->group);
		struct attempt a = {.message = *message, .deadline = deadline};
		enum lmtp_result result;
		bool again;

		a.message.rcpts += done;
		a.message.n_rcpts -= done;
		if (a.message.n_rcpts > max)
			a.message.n_rcpts = max;
		a.outcomes = outcomes + done;
		result = try_once(pool, &a, &again);
		doubt = conclude(pool, &a, result, again) || doubt;
		done += a.message.n_rcpts;
	}
	return doubt;
}

/* Waiting for the answer without a thread. */

struct lmtp_wait {
	struct lmtp_pool *pool;
	struct attempt attempt;
	struct lmtp_connection *connection;
	enum lmtp_result result;
	void (*done)(void *ctx);
	void *ctx;
};

static void
on_answer(struct loop_task *task, enum loop_why why)
{
	struct lmtp_connection *c = (struct lmtp_connection *)task;
	struct lmtp_wait *w = c->waiter;
	struct fault *f = &w->attempt.fault;

	w->result = why == LOOP_DEADLINE ? lmtp_connection_give_up(c, f)
					 : lmtp_connection_answer(c, f);
	if (w->result == LMTP_AWAITED)
		loop_park_always(task->loop, task, w->attempt.deadline);
	else
		w->done(w->ctx);
}

static struct lmtp_wait *
wait_new(struct lmtp_pool *pool, const struct attempt *a,
    struct lmtp_connection *c, enum lmtp_result result)
{
	struct lmtp_wait *w = mem_new(struct lmtp_wait);

	w->pool = pool;
	w->attempt = *a;
	w->connection = c;
	w->result = result;
	atomic_fetch_add(&pool->awaited, 1);
	return w;
}

struct lmtp_wait *
lmtp_pool_begin(struct lmtp_pool *pool, const struct lmtp_message *message,
    int64_t deadline, void (*done)(void *ctx), void *ctx)
{
	struct attempt a = {.message = *message, .deadline = deadline};
	struct lmtp_connection *c;
	enum lmtp_result result;
	struct lmtp_wait *w;

	if (message->n_rcpts > atomic_load(&pool->group) ||
	    atomic_load(&pool->awaited) >= pool->conf.max_idle)
		return NULL;
	result = begin_try(pool, &a, &c);
	w = wait_new(pool, &a, c, result);
	if (result != LMTP_AWAITED)
		return w;
	w->done = done;
	w->ctx = ctx;
	c->waiter = w;
	c->task.run = on_answer;
	loop_park_always(pool->conf.loop, &c->task, deadline);
	return w;
}

bool
lmtp_wait_is_over(const struct lmtp_wait *wait)
{
	return wait->done == NULL;
}

static void
wait_free(struct lmtp_wait **wait)
{
	atomic_fetch_sub(&(*wait)->pool->awaited, 1);
	mem_free(*wait);
	*wait = NULL;
}

bool
lmtp_wait_finish(struct lmtp_wait **wait, struct smtp_outcome *outcomes)
{
	struct lmtp_wait *w = *wait;
	bool again, doubt;

	w->attempt.outcomes = outcomes;
	end_try(w->pool, &w->attempt, w->result, w->connection, &again);
	doubt = conclude(w->pool, &w->attempt, w->result, again);
	wait_free(wait);
	return doubt;
}

void
lmtp_wait_drop(struct lmtp_wait **wait)
{
	if (*wait == NULL)
		return;
	lmtp_connection_free(&(*wait)->connection);
	wait_free(wait);
}
