/* SPDX-License-Identifier: ISC */
/*
 * The committer: one thread that takes all changes that wait, makes them
 * durable by one transaction, and answers. There is no timer: while one
 * transaction is written, the next lot gathers.
 *
 * Where a lot fails, each of its changes is tried alone, so that none fails for
 * another's sake.
 */
#include "config.h"

#include <limits.h>
#include <linux/futex.h>
#include <signal.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/loop.h"
#include "base/mem.h"
#include "base/thread.h"
#include "mta/queue/queue_private.h"

enum {
	RECORDS_MAX = 500,   /* in one transaction */
	BYTES_MAX = 4 << 20, /* likewise */
	RETRIES = 20,        /* of what met a reader */
	FORGET_MAX = 200,    /* tombstones in one transaction */
	TOMBSTONES_MAX = 1000000,
};

/* Tombstones that are too old are found ahead of the transaction, which would
 * stand in the way of the scan. */
struct forgotten {
	struct ident ids[FORGET_MAX];
	size_t n;
	struct queue *queue;
	int64_t now; /* us since 1970 */
};

static int
gather_old(void *ctx, struct str key, struct str value)
{
	struct forgotten *old = ctx;
	struct queue *q = old->queue;
	int64_t until;

	(void)value;
	if (old->n == FORGET_MAX || !ident_is_ours(key))
		return 1;
	until = ident_time_us(key) + q->conf.done_ms * 1000;
	if (until > old->now && q->tombstones <= TOMBSTONES_MAX + old->n) {
		q->forget_at = until;
		return 1;
	}
	memcpy(old->ids[old->n++].text, key.at, IDENT_LEN);
	return 0;
}

static void
find_forgotten(struct queue *q, struct forgotten *old)
{
	struct fault f;

	old->n = 0;
	old->queue = q;
	old->now = clock_unix_us();
	if (old->now < q->forget_at && q->tombstones <= TOMBSTONES_MAX)
		return;
	/* Until one is found that is not too old. */
	q->forget_at = old->now + q->conf.done_ms * 1000;
	if (db_scan(q->done, str(""), str(""), gather_old, old, &f) < 0)
		log_warn(NULL, "cannot read the queue", "reason", f.text, NULL);
	if (old->n == FORGET_MAX)
		q->forget_at = 0;
}

static int
forget(struct batch *b, const struct forgotten *old, struct fault *f)
{
	for (size_t i = 0; i < old->n; i++) {
		int was =
		    db_del(b->queue->done, b->txn, queue_key(&old->ids[i]), f);

		if (was < 0)
			return -1;
		b->tombstones -= was;
	}
	return 0;
}

static void
reset_batch(struct batch *b)
{
	arena_clear(&b->arena);
	b->deltas = NULL;
	b->last_delta = &b->deltas;
	b->files = NULL;
	b->messages = b->size = b->used = b->tombstones = 0;
}

/* The first n changes of a list. */
static int
run_once(struct batch *b, struct queue_change *first, size_t n,
    const struct forgotten *old, struct fault *f)
{
	int rc = -1;

	reset_batch(b);
	b->txn = db_begin(b->queue->env, f);
	if (b->txn == NULL)
		return -1;
	for (struct queue_change *c = first; n > 0; c = c->next, n--) {
		if (queue_batch_apply(b, c, f) < 0)
			goto out;
	}
	if (forget(b, old, f) < 0 || queue_batch_end(b, f) < 0)
		goto out;
	rc = db_commit(&b->txn, f);
out:
	db_abort(&b->txn);
	return rc;
}

static int
run_all(struct batch *b, struct queue_change *first, size_t n,
    const struct forgotten *old, struct fault *f)
{
	int rc;

	for (int tries = 0;; tries++) {
		rc = run_once(b, first, n, old, f);
		if (rc == 0 || f->kind == FAULT_PERM || tries == RETRIES ||
		    strcmp(f->dsn, "4.3.1") == 0)
			return rc;
	}
}

/* Answers. */

static void
keep_counters(struct batch *b)
{
	struct queue *q = b->queue;

	atomic_fetch_add(&q->messages, (uint64_t)b->messages);
	atomic_fetch_add(&q->bytes, (uint64_t)b->size);
	atomic_fetch_add(&q->used, (uint64_t)b->used);
	q->tombstones += (uint64_t)b->tombstones;
}

/* Those that a change has made and does not need go. */
static void
settle_files(struct queue_change *c, int rc)
{
	for (struct op *op = c->first; op != NULL; op = op->next) {
		if (op->made_file && (rc < 0 || !op->used_file))
			queue_body_remove(c->queue, &op->id);
		op->made_file = false;
	}
}

static void
remove_files(const struct batch *b)
{
	for (struct lost_file *file = b->files; file != NULL; file = file->next)
		queue_body_remove(b->queue, &file->id);
}

static void
settle_fresh(struct queue_fresh *fresh, struct queue_change *c, int rc)
{
	for (struct op *op = c->first; op != NULL; op = op->next) {
		if (op->is_new && rc == 0)
			queue_fresh_keep(fresh, op);
		else if (op->is_new)
			queue_fresh_drop(fresh, &op->id);
	}
}

static void
answer(struct queue_change *c, int rc, const struct fault *f)
{
	settle_files(c, rc);
	if (c->done != NULL)
		c->done(c->ctx, rc, f);
	else if (rc < 0)
		log_error(NULL, "a change of the queue failed", "reason",
		    f->text, NULL);
	queue_change_free(&c);
}

static void
tell_lanes(struct batch *b)
{
	const struct queue *q = b->queue;

	if (q->changed == NULL)
		return;
	for (struct lane_delta *d = b->deltas; d != NULL; d = d->next)
		q->changed(
		    q->changed_ctx, d->domain, d->owner, d->rows, d->earliest);
}

/* Files go ahead of the answers: who has read one may hand the same message
 * over again, which is refused while its file is there. */
static void
finish(struct batch *b, struct queue_change *first, size_t n, int rc,
    struct fault *f)
{
	struct queue_change *c = first, *next;

	for (size_t i = 0; i < n; i++, c = c->next)
		settle_fresh(b->queue->fresh, c, rc);
	if (rc == 0) {
		keep_counters(b);
		tell_lanes(b);
		remove_files(b);
	}
	for (c = first; n > 0; c = next, n--) {
		next = c->next;
		answer(c, rc, f);
	}
}

static void
commit(struct batch *b, struct queue_change *first, size_t n)
{
	struct forgotten old;
	struct queue_change *next;
	struct fault f = {0};
	int rc;

	find_forgotten(b->queue, &old);
	rc = run_all(b, first, n, &old, &f);
	if (rc == 0 || n == 1) {
		finish(b, first, n, rc, &f);
		return;
	}
	old.n = 0;
	for (struct queue_change *c = first; n > 0; c = next, n--) {
		next = c->next;
		rc = run_all(b, c, 1, &old, &f);
		finish(b, c, 1, rc, &f);
	}
}

/* Takes what one transaction can hold. */
static struct queue_change *
take(struct queue *q, size_t *n)
{
	struct queue_change *first = q->first, *c = first;
	size_t records = 0, bytes = 0;

	*n = 0;
	while (c != NULL && (*n == 0 || (records + c->records <= RECORDS_MAX &&
					    bytes + c->bytes <= BYTES_MAX))) {
		records += c->records;
		bytes += c->bytes;
		c = c->next;
		++*n;
	}
	q->first = c;
	if (c == NULL)
		q->last = &q->first;
	return first;
}

static void *
run(void *ctx)
{
	struct queue *q = ctx;
	struct batch b = {.queue = q};
	size_t n;

	buf_init(&b.key, DUE_KEY_MAX);
	buf_init(&b.value, ENTRY_BYTES_MAX);
	buf_init(&b.bytes, ENTRY_BYTES_MAX);
	pthread_mutex_lock(&q->mutex);
	for (;;) {
		struct queue_change *first;

		while (q->first == NULL && !q->stopping)
			pthread_cond_wait(&q->work, &q->mutex);
		if (q->first == NULL)
			break;
		first = take(q, &n);
		pthread_mutex_unlock(&q->mutex);
		commit(&b, first, n);
		pthread_mutex_lock(&q->mutex);
	}
	pthread_mutex_unlock(&q->mutex);
	arena_clear(&b.arena);
	buf_clear(&b.key);
	buf_clear(&b.value);
	buf_clear(&b.bytes);
	return NULL;
}

int
queue_committer_start(struct queue *q, struct fault *f)
{
	q->has_thread = thread_start(&q->thread, run, q, f) == 0;
	return q->has_thread ? 0 : -1;
}

void
queue_committer_stop(struct queue *q)
{
	if (!q->has_thread)
		return;
	pthread_mutex_lock(&q->mutex);
	q->stopping = true;
	pthread_cond_signal(&q->work);
	pthread_mutex_unlock(&q->mutex);
	pthread_join(q->thread, NULL);
	q->has_thread = false;
}

void
queue_submit(struct queue *queue, struct queue_change **change,
    void (*done)(void *ctx, int rc, const struct fault *f), void *ctx)
{
	struct queue_change *c = *change;

	*change = NULL;
	c->done = done;
	c->ctx = ctx;
	c->next = NULL;
	pthread_mutex_lock(&queue->mutex);
	if (queue->first == NULL)
		pthread_cond_signal(&queue->work);
	*queue->last = c;
	queue->last = &c->next;
	pthread_mutex_unlock(&queue->mutex);
}

struct waiter {
	atomic_uint done;
	int rc;
	struct fault fault;
};

static void
wake(void *ctx, int rc, const struct fault *f)
{
	struct waiter *w = ctx;

	w->rc = rc;
	if (rc < 0)
		w->fault = *f;
	/* From here on the waiter may be gone: the kernel does not mind a
	 * futex that is none any more. */
	atomic_store(&w->done, 1);
	syscall(SYS_futex, &w->done, FUTEX_WAKE_PRIVATE, 1);
}

int
queue_commit(struct queue *queue, struct queue_change **change, struct fault *f)
{
	struct waiter w = {.rc = -1};

	loop_blocking_begin();
	queue_submit(queue, change, wake, &w);
	while (atomic_load(&w.done) == 0)
		syscall(SYS_futex, &w.done, FUTEX_WAIT_PRIVATE, 0, NULL);
	loop_blocking_end();
	if (w.rc < 0)
		*f = w.fault;
	return w.rc;
}
