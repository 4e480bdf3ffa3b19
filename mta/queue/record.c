/* SPDX-License-Identifier: ISC */
/*
 * Outcomes on their way to the queue: one change for the recipients' states and
 * the notices that are due. Where it cannot be made durable it is tried again,
 * and meanwhile the message is not sent again.
 */
#include "config.h"

#include <string.h>

#include "base/log.h"
#include "base/mem.h"
#include "mta/queue/scheduler_private.h"

enum { AGAIN_MS = 1000, HOUR_MS = 3600000 };

struct record *
record_new(struct scheduler *s)
{
	struct record *r = mem_new(struct record);

	r->scheduler = s;
	arena_init(&r->arena);
	return r;
}

void
record_begin(struct record *r)
{
	size_t n = r->before.n_rcpts;

	r->after = arena_take(&r->arena, (n + 1) * sizeof *r->after);
	if (n > 0)
		memcpy(r->after, r->before.rcpts, n * sizeof *r->after);
	r->touched = arena_take(&r->arena, n + 1);
	r->late = arena_take(&r->arena, n + 1);
	r->told_there = arena_take(&r->arena, n + 1);
}

void
record_add_leg(struct record *r, struct leg *leg)
{
	r->legs = mem_resize(r->legs, r->n_legs + 1, sizeof *r->legs);
	r->legs[r->n_legs++] = leg;
}

void
record_free(struct record **record)
{
	struct record *r = *record;

	if (r == NULL)
		return;
	arena_clear(&r->arena);
	mem_free(r->legs);
	mem_free(r);
	*record = NULL;
}

/* Outcomes. */

void
record_delivered(struct record *r, size_t i, int64_t now)
{
	struct entry_rcpt *to = &r->after[i];

	r->touched[i] = true;
	to->state = ENTRY_DELIVERED;
	to->attempts++;
	to->last = now;
}

void
record_failed(struct record *r, size_t i, const struct fault *f, int64_t now)
{
	struct entry_rcpt *to = &r->after[i];

	r->touched[i] = true;
	to->state = ENTRY_FAILED;
	to->attempts++;
	to->last = now;
	to->fault = *f;
}

void
record_expired(struct record *r, size_t i)
{
	struct entry_rcpt *to = &r->after[i];
	long hours = (long)((r->before.expires - r->before.arrived) / HOUR_MS);
	struct fault last = to->fault;
	const char *why =
	    last.text[0] != '\0' ? last.text : "its next hop is not reached";

	r->touched[i] = true;
	to->state = ENTRY_FAILED;
	/* A persistent transient failure (RFC 3463 2): it was given up. */
	if (hours > 0)
		(void)fault_perm(&to->fault, ENTRY_EXPIRED,
		    "not delivered within %ld hours: %.160s", hours, why);
	else
		(void)fault_perm(&to->fault, ENTRY_EXPIRED,
		    "not delivered in time: %.160s", why);
}

void
record_late(struct record *r, size_t i)
{
	r->touched[i] = true;
	r->late[i] = true;
	r->after[i].was_warned = true;
}

void
record_deferred(struct record *r, size_t i, const struct fault *f, int64_t now)
{
	const struct scheduler *s = r->scheduler;
	struct entry_rcpt *to = &r->after[i];

	r->touched[i] = true;
	to->attempts++;
	to->last = now;
	to->fault = *f;
	if (now >= r->before.expires) {
		record_expired(r, i);
		return;
	}
	to->due =
	    now + retry_pause(&s->retry, to->attempts, scheduler_random());
	/* The last attempt is made when the time is over. */
	if (to->due > r->before.expires)
		to->due = r->before.expires;
	if (s->conf.warn_ms > 0 && !to->was_warned &&
	    now - r->before.arrived >= s->conf.warn_ms)
		record_late(r, i);
}

void
record_postponed(struct record *r, size_t i, int64_t due)
{
	r->touched[i] = true;
	r->after[i].due = due;
}

/* Into the queue. */

static struct entry_rcpt *
find(struct entry *e, const struct entry_rcpt *to, size_t i)
{
	const struct address *a = &to->to.forward_path;

	if (i < e->n_rcpts && address_is_same(&e->rcpts[i].to.forward_path, a))
		return &e->rcpts[i];
	for (size_t k = 0; k < e->n_rcpts; k++)
		if (address_is_same(&e->rcpts[k].to.forward_path, a))
			return &e->rcpts[k];
	return NULL;
}

static bool
edit(void *ctx, struct entry *e, struct arena *arena)
{
	const struct record *r = ctx;
	bool changed = false;

	for (size_t i = 0; i < r->before.n_rcpts; i++) {
		const struct entry_rcpt *new = &r->after[i];
		struct entry_rcpt *to;

		if (!r->touched[i])
			continue;
		to = find(e, new, i);
		if (to == NULL || to->state != ENTRY_WAITING)
			continue;
		to->state = new->state;
		/* Sent another way meanwhile: that is for now. Who watches
		 * the queue is told of another time only. */
		if (!to->goes_via || r->before.rcpts[i].goes_via ||
		    new->state != ENTRY_WAITING)
			to->due = new->due;
		else if (to->due == r->before.rcpts[i].due)
			to->due++;
		to->attempts = new->attempts;
		to->last = new->last;
		to->fault = new->fault;
		to->host = arena_str(arena, new->host);
		to->address = arena_str(arena, new->address);
		to->reply = arena_str(arena, new->reply);
		to->was_warned = new->was_warned;
		to->relayed = new->relayed;
		if (r->before.rcpts[i].goes_via && !new->goes_via)
			to->goes_via = false;
		changed = true;
	}
	return changed;
}

static bool
is_for(const struct record *r, size_t i, enum notice notice)
{
	const struct entry_rcpt *to = &r->after[i];

	switch (notice) {
	case NOTICE_FAILED:
		return to->state == ENTRY_FAILED;
	case NOTICE_DELAYED:
		return to->state == ENTRY_WAITING && r->late[i];
	case NOTICE_DELIVERED:
		return to->state == ENTRY_DELIVERED && !to->relayed &&
		       !r->told_there[i];
	case NOTICE_RELAYED:
		return to->state == ENTRY_DELIVERED && to->relayed;
	case NOTICE_HELD:
		break;
	}
	return false;
}

static int
tell(struct record *r, struct queue_change *change, struct fault *f)
{
	struct entry e = r->before;
	size_t *rcpts = mem_zeroed(e.n_rcpts + 1, sizeof *rcpts);
	int rc = 0;

	e.rcpts = r->after;
	for (int notice = NOTICE_FAILED; notice <= NOTICE_RELAYED && rc == 0;
	     notice++) {
		size_t n = 0;

		for (size_t i = 0; i < e.n_rcpts; i++)
			if (r->touched[i] && is_for(r, i, (enum notice)notice))
				rcpts[n++] = i;
		if (n > 0)
			rc = notifier_tell(r->scheduler->notifier, change,
			    (enum notice)notice, &e, rcpts, n, f);
	}
	mem_free(rcpts);
	return rc;
}

/* Under the mutex. */
static void
try_later(struct record *r)
{
	struct scheduler *s = r->scheduler;

	r->next = s->later;
	s->later = r;
	if (s->later_at == 0)
		s->later_at = scheduler_now() + AGAIN_MS;
}

void
record_later(struct record **r)
{
	struct scheduler *s = (*r)->scheduler;

	pthread_mutex_lock(&s->mutex);
	try_later(*r);
	scheduler_kick(s);
	pthread_mutex_unlock(&s->mutex);
	*r = NULL;
}

static void
done(void *ctx, int rc, const struct fault *f)
{
	struct record *r = ctx;
	struct scheduler *s = r->scheduler;
	struct log_ctx log = {.message = r->before.id.text};

	if (rc < 0)
		log_error(&log, "cannot record what became of a message",
		    "reason", f->text, NULL);
	pthread_mutex_lock(&s->mutex);
	if (rc < 0)
		try_later(r);
	else
		for (size_t i = 0; i < r->n_legs; i++)
			board_release(
			    s->board, &r->legs[i], r->again, scheduler_now());
	scheduler_kick(s);
	if (--s->pending == 0)
		pthread_cond_broadcast(&s->settled);
	pthread_mutex_unlock(&s->mutex);
	if (rc == 0)
		record_free(&r);
}

/* Nobody can be told now: whoever would have to be told of a failure or a delay
 * is told after a later attempt. What was delivered is recorded. */
static void
put_off(struct record *r)
{
	const struct scheduler *s = r->scheduler;
	int64_t now = scheduler_now();

	for (size_t i = 0; i < r->before.n_rcpts; i++) {
		struct entry_rcpt *to = &r->after[i];

		if (r->late[i])
			to->was_warned = r->late[i] = false;
		if (!r->touched[i] || to->state != ENTRY_FAILED)
			continue;
		to->state = ENTRY_WAITING;
		to->due = now + retry_pause(&s->retry, to->attempts,
				    scheduler_random());
	}
}

/* NULL with a fault where a notice cannot be made. */
static struct queue_change *
build(struct record *r, struct fault *f)
{
	struct queue_change *change = queue_change_new(r->scheduler->queue);

	queue_change_edit(change, &r->before.id, edit, r);
	if (tell(r, change, f) < 0)
		queue_change_free(&change);
	return change;
}

void
record_submit(struct record **record)
{
	struct record *r = *record;
	struct scheduler *s = r->scheduler;
	struct log_ctx log = {.message = r->before.id.text};
	struct queue_change *change;
	struct fault f;

	*record = NULL;
	pthread_mutex_lock(&s->mutex);
	s->pending++;
	pthread_mutex_unlock(&s->mutex);
	change = build(r, &f);
	if (change == NULL) {
		log_warn(
		    &log, "nobody can be told now", "reason", f.text, NULL);
		put_off(r);
		change = build(r, &f);
	}
	if (change == NULL)
		done(r, -1, &f);
	else
		queue_submit(s->queue, &change, done, r);
}
