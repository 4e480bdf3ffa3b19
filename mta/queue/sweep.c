/* SPDX-License-Identifier: ISC */
/*
 * Messages that get no attempt, as their next hop is dead, grow old too: those
 * whose time is over fail, and about those that are late a notice goes out.
 *
 * Ids sort by arrival: what is old comes first, and where the first is young
 * enough the rest is. All are looked at only now and then, for messages that
 * were told to live shorter than older ones.
 */
#include "config.h"

#include <string.h>

#include "base/log.h"
#include "mta/queue/scheduler_private.h"

enum {
	FOUND_MAX = 200, /* at a time */
	WHOLE_EACH = 60, /* sweeps */
};

struct sweep {
	struct scheduler *scheduler;
	int64_t now;
	int64_t grace;
	bool whole;
	struct ident found[FOUND_MAX];
	size_t n;
	struct ident last; /* that was looked at */
};

static bool
waits(const struct entry *e)
{
	for (size_t i = 0; i < e->n_rcpts; i++)
		if (e->rcpts[i].state == ENTRY_WAITING)
			return true;
	return false;
}

static bool
waits_unwarned(const struct entry *e)
{
	for (size_t i = 0; i < e->n_rcpts; i++)
		if (e->rcpts[i].state == ENTRY_WAITING &&
		    !e->rcpts[i].was_warned)
			return true;
	return false;
}

/* The last attempt, when its time is over, should come first. */
static bool
is_expired(const struct sweep *w, const struct entry *e)
{
	return w->now >= e->expires + w->grace;
}

static bool
is_late(const struct sweep *w, const struct entry *e)
{
	int64_t warn_ms = w->scheduler->conf.warn_ms;

	return warn_ms > 0 && w->now - e->arrived >= warn_ms;
}

static int
find_expired(void *ctx, const struct entry *e)
{
	struct sweep *w = ctx;

	if (!is_expired(w, e))
		return w->whole ? 0 : 1;
	if (!e->is_held && waits(e))
		w->found[w->n++] = e->id;
	w->last = e->id;
	return w->n == FOUND_MAX ? 1 : 0;
}

static int
find_late(void *ctx, const struct entry *e)
{
	struct sweep *w = ctx;

	if (!is_late(w, e))
		return 1;
	if (!e->is_held && !is_expired(w, e) && waits_unwarned(e))
		w->found[w->n++] = e->id;
	w->last = e->id;
	return w->n == FOUND_MAX ? 1 : 0;
}

/* Whether the recipient's domain is ours to change: it is under way where it
 * is not. */
static bool
claim(struct record *r, struct str domain, uint64_t owner)
{
	struct scheduler *s = r->scheduler;
	struct leg *leg;

	pthread_mutex_lock(&s->mutex);
	leg = board_claim(
	    s->board, domain, owner, &r->before.id, scheduler_now());
	pthread_mutex_unlock(&s->mutex);
	if (leg != NULL)
		record_add_leg(r, leg);
	return leg != NULL;
}

struct claimed {
	struct str domain;
	bool ours;
};

static bool
is_ours(struct record *r, struct str domain, struct claimed *all, size_t *n)
{
	for (size_t i = 0; i < *n; i++)
		if (str_is(all[i].domain, domain))
			return all[i].ours;
	all[*n].domain = domain;
	all[*n].ours = claim(r, domain, queue_owner_hash(r->before.owner));
	return all[(*n)++].ours;
}

static void
log_rcpt(const struct entry *e, const struct entry_rcpt *to, const char *event)
{
	struct log_ctx log = {.message = e->id.text};
	char address[ADDRESS_TEXT_SIZE];

	address_format(&to->to.forward_path, address);
	log_info(&log, event, "to", address, "dsn", to->fault.dsn, "reason",
	    to->fault.text, "attempt", LOG_NUM(to->attempts), "delay",
	    LOG_NUM(scheduler_now() - e->arrived), NULL);
}

static void
settle_one(struct sweep *w, const struct ident *id)
{
	struct scheduler *s = w->scheduler;
	struct record *r = record_new(s);
	struct entry *e = &r->before;
	struct claimed *claimed;
	size_t n_claimed = 0;
	struct fault f;

	if (queue_get(s->queue, id, &r->arena, e, &f) <= 0)
		goto out;
	record_begin(r);
	/* What is due now anyway is looked at again when this is durable. */
	r->again = true;
	claimed = arena_take(&r->arena, (e->n_rcpts + 1) * sizeof *claimed);
	for (size_t i = 0; i < e->n_rcpts; i++) {
		struct entry_rcpt *to = &e->rcpts[i];

		if (to->state != ENTRY_WAITING ||
		    !is_ours(r, queue_domain(&to->to.forward_path, &r->arena),
			claimed, &n_claimed))
			continue;
		if (is_expired(w, e)) {
			record_expired(r, i);
			log_rcpt(e, &r->after[i], "failed");
		} else if (is_late(w, e) && !to->was_warned) {
			record_late(r, i);
		}
	}
	if (r->n_legs > 0)
		record_submit(&r);
out:
	record_free(&r);
}

static void
settle_found(struct sweep *w)
{
	for (size_t i = 0; i < w->n; i++)
		settle_one(w, &w->found[i]);
}

static void
look(struct sweep *w, const struct ident *from,
    int (*find)(void *ctx, const struct entry *e))
{
	struct fault f;

	w->n = 0;
	if (queue_each(w->scheduler->queue, from, find, w, &f) < 0)
		log_error(NULL, "cannot look through the queue", "reason",
		    f.text, NULL);
	settle_found(w);
}

static bool
is_stopped(struct scheduler *s)
{
	bool stopped;

	pthread_mutex_lock(&s->mutex);
	stopped = s->stopped;
	pthread_mutex_unlock(&s->mutex);
	return stopped;
}

void
sweep_run(struct scheduler *s)
{
	struct sweep w = {
	    .scheduler = s,
	    .now = scheduler_now(),
	    .grace = s->conf.retry_min_ms,
	    .whole = s->sweeps++ % WHOLE_EACH == 0,
	};
	struct ident none = {.text = ""};

	do {
		const struct ident from = w.last;

		look(&w, from.text[0] != '\0' ? &from : NULL, find_expired);
	} while (w.n == FOUND_MAX && !is_stopped(s));
	if (w.whole)
		s->warned = none;
	do {
		w.last = s->warned;
		look(&w, w.last.text[0] != '\0' ? &s->warned : NULL, find_late);
		s->warned = w.last;
	} while (w.n == FOUND_MAX && !is_stopped(s));
}
