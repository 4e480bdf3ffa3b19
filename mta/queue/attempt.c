/* SPDX-License-Identifier: ISC */
/*
 * One message, one domain, one hop: finds out where its recipients go, hands
 * them over or moves the leg to where it belongs, and says what became of them.
 */
#include "config.h"

#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "mta/queue/scheduler_private.h"
#include "mta/send/sender.h"

/* Recipients of one domain rarely go more ways than this; those of others wait
 * for another attempt. */
enum { WAYS_MAX = 8 };

/* Where some of the recipients go. */
struct way {
	struct target *target;
	bool is_resolved;
	struct fault fault; /* of what is not */
};

struct attempt {
	struct scheduler *scheduler;
	struct board_job *job;
	struct record *record;
	struct entry *e;
	struct log_ctx log;
	int64_t now; /* when it began */
	struct way ways[WAYS_MAX];
	size_t n_ways;
	size_t *way_of;    /* of each recipient; WAYS_MAX: none */
	bool some_settled; /* without being sent */
	bool some_left;
	/* Of the last transaction. */
	struct send_report report;
};

/* Telling. */

/* Of a text in the arena. */
static const char *
text_of(struct str s)
{
	return s.len > 0 ? s.at : NULL;
}

static void
log_outcome(struct attempt *a, const char *event, size_t i, const char *hop)
{
	const struct entry_rcpt *to = &a->record->after[i];
	const struct send_report *r = &a->report;
	bool ok = to->state == ENTRY_DELIVERED;
	char address[ADDRESS_TEXT_SIZE];

	address_format(&to->to.forward_path, address);
	log_info(&a->log, event, "to", address, "hop", hop, "host",
	    text_of(to->host), "address", text_of(to->address), "tls",
	    r->tls_version[0] != '\0' ? r->tls_version : NULL, "dsn",
	    ok ? NULL : to->fault.dsn, "reason", ok ? NULL : to->fault.text,
	    "reply", text_of(to->reply), "attempt", LOG_NUM(to->attempts),
	    "delay", LOG_NUM(scheduler_now() - a->e->arrived), NULL);
}

static void
settle(struct attempt *a, size_t i, const struct send_outcome *outcome,
    const char *hop)
{
	int64_t now = scheduler_now();
	struct entry_rcpt *to = &a->record->after[i];
	struct fault f;

	to->host = outcome->host;
	to->address = outcome->address;
	to->reply = outcome->reply;
	if (outcome->ok) {
		record_delivered(a->record, i, now);
		log_outcome(a, to->relayed ? "relayed" : "delivered", i, hop);
		return;
	}
	f = outcome->fault;
	/* The operator's next hop may refuse what is none of the sender's fault,
	 * that we are not known there: then the routes have their say. */
	if (f.kind == FAULT_PERM && to->goes_via) {
		to->goes_via = false;
		f.kind = FAULT_TEMP;
		f.dsn[0] = '4';
	}
	if (f.kind == FAULT_PERM)
		record_failed(a->record, i, &f, now);
	else
		record_deferred(a->record, i, &f, now);
	log_outcome(
	    a, to->state == ENTRY_FAILED ? "failed" : "deferred", i, hop);
}

static void
settle_by_rule(struct attempt *a, size_t i, const struct fault *f)
{
	struct send_outcome outcome = {.ok = f == NULL};

	if (f != NULL)
		outcome.fault = *f;
	settle(a, i, &outcome, f == NULL ? "discard" : "error");
	a->some_settled = true;
}

/* Finding ways. */

static struct way *
add_way(struct attempt *a)
{
	struct way *w;

	if (a->n_ways == WAYS_MAX)
		return NULL;
	w = &a->ways[a->n_ways];
	if (w->target == NULL)
		w->target = arena_new(&a->record->arena, struct target);
	*w = (struct way){.target = w->target};
	return w;
}

static size_t
keep_way(struct attempt *a, const struct way *w)
{
	for (size_t i = 0; i < a->n_ways; i++)
		if (strcmp(a->ways[i].target->key, w->target->key) == 0)
			return i;
	return a->n_ways++;
}

static size_t
add_unresolved(struct attempt *a, struct way *w, const struct fault *f)
{
	struct buf key;

	buf_init(&key, TARGET_KEY_SIZE - 1);
	buf_puts(&key, BOARD_UNRESOLVED);
	buf_put_str(&key, a->job->domain);
	memset(w->target, 0, sizeof *w->target);
	(void)!str_copy(buf_str(&key), w->target->key, sizeof w->target->key);
	(void)!str_copy(
	    a->job->domain, w->target->provider, sizeof w->target->provider);
	buf_clear(&key);
	w->fault = *f;
	return keep_way(a, w);
}

static size_t
resolve(struct attempt *a, size_t i, const struct route *route)
{
	struct scheduler *s = a->scheduler;
	struct str domain = str(a->e->rcpts[i].to.forward_path.domain);
	struct way *w;
	struct fault f;

	for (size_t k = 0; k < a->n_ways; k++)
		if (a->ways[k].is_resolved &&
		    target_cache_is_same(&a->ways[k].target->route, route))
			return k;
	w = add_way(a);
	if (w == NULL)
		return WAYS_MAX;
	if (!target_cache_get(
		s->targets, route, domain, clock_ms(), w->target)) {
		if (s->ops.resolve(s->ops.ctx, route, domain, w->target, &f) <
		    0) {
			if (f.kind == FAULT_TEMP)
				return add_unresolved(a, w, &f);
			settle_by_rule(a, i, &f);
			return WAYS_MAX;
		}
		target_cache_put(s->targets, route, domain, w->target);
	}
	w->is_resolved = true;
	return keep_way(a, w);
}

static int
find_route(struct attempt *a, size_t i, struct route *route, struct fault *f)
{
	const struct scheduler_ops *ops = &a->scheduler->ops;
	const struct entry_rcpt *to = &a->e->rcpts[i];

	if (to->goes_via && a->e->via.len > 0)
		return ops->via(ops->ctx, a->e->via, route, f);
	return ops->find(
	    ops->ctx, &a->e->mail.reverse_path, &to->to.forward_path, route, f);
}

/* WAYS_MAX where it has none, or none now. */
static size_t
find_way(struct attempt *a, size_t i)
{
	struct route route;
	struct fault f;
	struct way *w;

	if (find_route(a, i, &route, &f) < 0) {
		w = add_way(a);
		return w != NULL ? add_unresolved(a, w, &f) : WAYS_MAX;
	}
	if (route.kind == ROUTE_DISCARD || route.kind == ROUTE_ERROR) {
		settle_by_rule(
		    a, i, route.kind == ROUTE_ERROR ? &route.fault : NULL);
		return WAYS_MAX;
	}
	return resolve(a, i, &route);
}

/* How many recipients of the domain are due. */
static size_t
find_ways(struct attempt *a)
{
	size_t n_due = 0;
	struct arena arena;

	arena_init(&arena);
	a->way_of = arena_take(
	    &a->record->arena, (a->e->n_rcpts + 1) * sizeof *a->way_of);
	for (size_t i = 0; i < a->e->n_rcpts; i++) {
		const struct entry_rcpt *to = &a->e->rcpts[i];

		a->way_of[i] = WAYS_MAX;
		if (to->state != ENTRY_WAITING || to->due > a->now ||
		    !str_is(queue_domain(&to->to.forward_path, &arena),
			a->job->domain))
			continue;
		n_due++;
		a->way_of[i] = find_way(a, i);
		if (a->way_of[i] == WAYS_MAX && !a->record->touched[i])
			a->some_left = true;
	}
	arena_clear(&arena);
	return n_due;
}

/* Sending. */

struct body {
	struct queue *queue;
	const struct entry *e;
};

static int
each_piece(void *ctx, int (*piece)(void *to, struct str bytes, struct fault *f),
    void *to, struct fault *f)
{
	const struct body *b = ctx;

	return queue_each_piece(b->queue, b->e, piece, to, f);
}

/* The sender that the recipients of one transaction see. */
static struct envelope_mail
mail_of(const struct attempt *a, size_t rcpt)
{
	const struct envelope_mail *mail = &a->e->mail;
	struct envelope_mail seen = *mail;

	seen.verp = false;
	if (mail->verp)
		(void)address_make_verp(&mail->reverse_path,
		    &a->e->rcpts[rcpt].to.forward_path, &seen.reverse_path);
	return seen;
}

/* One transaction. */
static void
hand_over(struct attempt *a, const struct way *w, const size_t *rcpts, size_t n)
{
	struct scheduler *s = a->scheduler;
	struct arena *arena = &a->record->arena;
	struct envelope_rcpt *to = arena_take(arena, n * sizeof *to);
	struct send_outcome *outcomes = arena_take(arena, n * sizeof *outcomes);
	struct envelope_xforward client = a->e->client;
	struct envelope_mail mail = mail_of(a, rcpts[0]);
	struct body body = {s->queue, a->e};
	struct send_message m = {
	    .mail = &mail,
	    .rcpts = to,
	    .n_rcpts = n,
	    .xforward = &client,
	    .size = a->e->size,
	    .each = each_piece,
	    .ctx = &body,
	    .arena = arena,
	    .tls_optional = a->e->tls_optional,
	};

	/* By it the store knows a delivery that is repeated. */
	client.ident = str(a->e->id.text);
	for (size_t i = 0; i < n; i++)
		to[i] = a->e->rcpts[rcpts[i]].to;
	memset(&a->report, 0, sizeof a->report);
	s->ops.send(s->ops.ctx, w->target, &m, outcomes, &a->report);
	for (size_t i = 0; i < n; i++) {
		/* RFC 3461 5.2.2: who can tell of it does, and we do not. */
		bool goes_on =
		    outcomes[i].ok && w->target->route.kind != ROUTE_LMTP;

		a->record->after[rcpts[i]].relayed =
		    goes_on && !a->report.has_dsn;
		a->record->told_there[rcpts[i]] = goes_on && a->report.has_dsn;
		settle(a, rcpts[i], &outcomes[i], w->target->key);
	}
	if (a->report.reach == SEND_DOUBTFUL)
		log_warn(&a->log, "may be delivered twice", "hop",
		    w->target->key, "host", a->report.host, "reason",
		    a->report.fault.text, NULL);
}

/* All that goes this way; false where it has stopped on the way. */
static void
send_all(struct attempt *a, size_t way)
{
	size_t max = a->e->mail.verp ? 1 : a->scheduler->conf.max_rcpts;
	size_t *rcpts = arena_take(&a->record->arena, max * sizeof *rcpts);
	bool goes_on = true;
	size_t n = 0;

	for (size_t i = 0; i < a->e->n_rcpts; i++) {
		if (a->way_of[i] == WAYS_MAX)
			continue;
		if (a->way_of[i] != way || !goes_on) {
			a->some_left = true;
			continue;
		}
		rcpts[n++] = i;
		if (n < max)
			continue;
		hand_over(a, &a->ways[way], rcpts, n);
		n = 0;
		goes_on =
		    a->report.reach == SEND_ANSWERED && !a->report.slow_down;
	}
	if (n > 0)
		hand_over(a, &a->ways[way], rcpts, n);
}

static void
fail_all(struct attempt *a, size_t way)
{
	const struct way *w = &a->ways[way];
	struct send_outcome outcome = {.fault = w->fault};

	memset(&a->report, 0, sizeof a->report);
	for (size_t i = 0; i < a->e->n_rcpts; i++) {
		if (a->way_of[i] == way)
			settle(a, i, &outcome, w->target->key);
		else if (a->way_of[i] != WAYS_MAX)
			a->some_left = true;
	}
	a->report.reach = SEND_UNREACHED;
	a->report.fault = w->fault;
}

/* Ending. */

static void
report(struct attempt *a, enum board_verdict verdict)
{
	struct scheduler *s = a->scheduler;
	const struct send_report *r = &a->report;
	bool failed = verdict == BOARD_UNREACHED || verdict == BOARD_BROKEN;
	char hop[TARGET_KEY_SIZE];
	bool died;

	/* The hop may be gone when the place is given back. */
	(void)!str_copy(str(a->job->key), hop, sizeof hop);
	pthread_mutex_lock(&s->mutex);
	died = board_report(s->board, a->job, verdict, r->slow_down,
	    failed ? &r->fault : NULL, scheduler_now());
	scheduler_kick(s);
	pthread_mutex_unlock(&s->mutex);
	if (died)
		log_warn(NULL, "next hop is dead", "hop", hop, "reason",
		    r->fault.text, NULL);
}

static enum board_verdict
verdict_of(const struct send_report *r)
{
	switch (r->reach) {
	case SEND_ANSWERED:
		return BOARD_ANSWERED;
	case SEND_UNREACHED:
		return BOARD_UNREACHED;
	case SEND_BROKEN:
	case SEND_DOUBTFUL:
		break;
	}
	return BOARD_BROKEN;
}

static void
give_up(struct attempt *a, bool again)
{
	struct scheduler *s = a->scheduler;

	report(a, BOARD_NO_VERDICT);
	pthread_mutex_lock(&s->mutex);
	board_release(s->board, &a->job->leg, again, scheduler_now());
	scheduler_kick(s);
	pthread_mutex_unlock(&s->mutex);
}

static void
submit(struct attempt *a)
{
	record_add_leg(a->record, a->job->leg);
	a->record->again = a->some_left;
	record_submit(&a->record);
}

/* All hops are dead, and others of the lane go elsewhere: the row must not
 * stand in their way. */
static void
postpone(struct attempt *a, int64_t until)
{
	uint32_t jitter = scheduler_random() % 1000;

	for (size_t i = 0; i < a->e->n_rcpts; i++)
		if (a->way_of[i] != WAYS_MAX)
			record_postponed(a->record, i, until + jitter);
	report(a, BOARD_NO_VERDICT);
	submit(a);
}

/* The job's own, or one that can begin now. False where the job is over. */
static bool
choose_way(struct attempt *a, size_t *way)
{
	struct scheduler *s = a->scheduler;
	enum board_move move = BOARD_DEAD;
	int64_t until = 0, earliest = 0;

	for (*way = 0; *way < a->n_ways; ++*way)
		if (strcmp(a->ways[*way].target->key, a->job->key) == 0)
			return true;
	for (*way = 0; *way < a->n_ways && move == BOARD_DEAD; ++*way) {
		const struct target *t = a->ways[*way].target;

		pthread_mutex_lock(&s->mutex);
		move = board_move(s->board, a->job, t->key, t->provider,
		    scheduler_now(), &until);
		scheduler_kick(s);
		pthread_mutex_unlock(&s->mutex);
		if (until != 0 && (earliest == 0 || until < earliest))
			earliest = until;
	}
	--*way;
	if (move == BOARD_DEAD && earliest != 0)
		postpone(a, earliest);
	else if (move == BOARD_DEAD)
		give_up(a, true);
	return move == BOARD_HERE;
}

static void
go(struct attempt *a)
{
	size_t way;

	if (find_ways(a) == 0) {
		give_up(a, false);
		return;
	}
	if (a->some_settled || a->n_ways == 0) {
		/* The others come in another attempt, when this is durable. */
		a->some_left |= a->n_ways > 0;
		report(a, BOARD_NO_VERDICT);
		submit(a);
		return;
	}
	if (!choose_way(a, &way))
		return;
	if (a->ways[way].is_resolved)
		send_all(a, way);
	else
		fail_all(a, way);
	report(a, verdict_of(&a->report));
	submit(a);
}

void
attempt_run(struct scheduler *s, struct board_job *job)
{
	struct attempt a = {
	    .scheduler = s,
	    .job = job,
	    .record = record_new(s),
	    .now = scheduler_now(),
	};
	struct fault f;
	int rc;

	a.e = &a.record->before;
	rc = queue_get(s->queue, &job->id, &a.record->arena, a.e, &f);
	a.log.message = rc > 0 ? a.e->id.text : job->id.text;
	if (rc < 0) {
		log_error(
		    &a.log, "cannot read a message", "reason", f.text, NULL);
		a.e->id = job->id;
	}
	record_begin(a.record);
	if (rc < 0) {
		/* Again, but not at once. */
		report(&a, BOARD_NO_VERDICT);
		a.some_left = true;
		record_add_leg(a.record, job->leg);
		a.record->again = true;
		record_later(&a.record);
	} else if (rc == 0 || a.e->is_held) {
		give_up(&a, false);
	} else {
		go(&a);
	}
	record_free(&a.record);
}
