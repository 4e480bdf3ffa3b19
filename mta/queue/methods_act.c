/* SPDX-License-Identifier: ISC */
/*
 * The operator's methods that change messages. Those that are meant are found
 * first, and each is compared once more inside the transaction that changes
 * it: what has left or has changed meanwhile is left alone.
 */
#include "config.h"

#include <poll.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/loop.h"
#include "mta/queue/claim.h"
#include "mta/queue/methods_private.h"
#include "mta/queue/notifier.h"
#include "mta/send/route_parse.h"

enum {
	FOUND_MAX = 500, /* messages in one call */
	AT_ONCE = 50,    /* in one transaction */
	/* In one call, for attempts that are under way: most take less. */
	PATIENCE_MS = 2000,
	LOOK_MS = 20,
};

struct action;

/* One message of an action. */
struct pick {
	const struct action *action;
	struct ident id;
	struct claim *claim; /* while it is changed; NULL: none */
	bool is_busy;        /* an attempt is under way: it is left alone */
	/* Of the last time that the edit was run. */
	bool changed;
	size_t rcpts;
};

struct action {
	struct queue *queue;
	struct selection selection;
	struct walk walk;
	bool dry_run;
	struct notifier *notifier; /* NULL: nobody is told */
	/* Of those whose end is decided here: nobody else may decide it
	 * meanwhile. NULL: there is nobody else. */
	struct scheduler *scheduler;
	int64_t until; /* clock_ms(): how long attempts are waited for */
	/* What becomes of the entry, and of each recipient that is meant; one
	 * of them may be NULL. False where nothing does. */
	bool (*entry)(
	    const struct action *a, struct entry *e, struct arena *arena);
	bool (*rcpt)(
	    const struct action *a, struct entry_rcpt *r, struct arena *arena);
	int64_t now; /* ms since 1970 */
	struct address to;
	struct str via; /* empty: by the routes */
	struct pick picks[FOUND_MAX];
	size_t n;
	int64_t messages, rcpts, busy;
};

static bool
apply(void *ctx, struct entry *e, struct arena *arena)
{
	struct pick *p = ctx;
	const struct action *a = p->action;

	p->changed = false;
	p->rcpts = 0;
	if (!selection_has(&a->selection, e))
		return false;
	if (a->entry != NULL && a->entry(a, e, arena))
		p->changed = true;
	for (size_t i = 0; i < e->n_rcpts; i++) {
		struct entry_rcpt *r = &e->rcpts[i];

		if (!selection_has_rcpt(&a->selection, r))
			continue;
		if (a->rcpt != NULL && !a->rcpt(a, r, arena))
			continue;
		p->rcpts++;
	}
	if (a->rcpt != NULL)
		p->changed = p->rcpts > 0;
	else if (!p->changed)
		p->rcpts = 0;
	return p->changed;
}

static int
find(void *ctx, const struct entry *e)
{
	struct action *a = ctx;

	if (a->n == FOUND_MAX) {
		walk_stop(&a->walk, e);
		return 1;
	}
	if (!walk_step(&a->walk, e))
		return 1;
	if (selection_has(&a->selection, e))
		a->picks[a->n++] = (struct pick){.action = a, .id = e->id};
	return a->selection.id.len > 0 ? 1 : 0;
}

/* Applies the action to a copy, to count. */
static int
try(struct action *a, struct pick *p, struct fault *f)
{
	struct arena arena = {0};
	struct entry e;
	int found = queue_get(a->queue, &p->id, &arena, &e, f);

	if (found > 0)
		(void)apply(p, &e, &arena);
	arena_clear(&arena);
	return found < 0 ? -1 : 0;
}

/* Puts the notice for those that are meant into the change. */
static int
tell(const struct action *a, struct queue_change *c, const struct entry *e,
    struct arena *arena, struct fault *f)
{
	size_t *rcpts = arena_take(arena, (e->n_rcpts + 1) * sizeof *rcpts);
	size_t n = 0;

	if (!selection_has(&a->selection, e))
		return 0;
	for (size_t i = 0; i < e->n_rcpts; i++) {
		if (!selection_has_rcpt(&a->selection, &e->rcpts[i]))
			continue;
		rcpts[n++] = i;
	}
	for (size_t i = 0; i < n; i++)
		(void)a->rcpt(a, &e->rcpts[rcpts[i]], arena);
	for (size_t i = 0; i < n; i++)
		e->rcpts[rcpts[i]].state = ENTRY_WAITING;
	return notifier_tell(a->notifier, c, NOTICE_FAILED, e, rcpts, n, f);
}

static void
wait_a_little(void)
{
	loop_blocking_begin();
	poll(NULL, 0, LOOK_MS);
	loop_blocking_end();
}

/* Keeps those who are meant from being sent to. */
static void
claim(const struct action *a, struct pick *p, const struct entry *e,
    struct arena *arena)
{
	struct str *domains =
	    arena_take(arena, (e->n_rcpts + 1) * sizeof *domains);
	size_t n = 0;

	if (!selection_has(&a->selection, e))
		return;
	for (size_t i = 0; i < e->n_rcpts; i++)
		if (selection_has_rcpt(&a->selection, &e->rcpts[i]))
			domains[n++] =
			    queue_domain(&e->rcpts[i].to.forward_path, arena);
	while ((p->claim = claim_new(a->scheduler, &e->id,
		    queue_owner_hash(e->owner), domains, n)) == NULL &&
	       clock_ms() < a->until)
		wait_a_little();
	p->is_busy = p->claim == NULL;
}

/* All of it that is not the edit. */
static int
prepare(const struct action *a, struct pick *p, struct queue_change *c,
    struct fault *f)
{
	struct arena arena = {0};
	struct entry e;
	int rc = 1;

	if (a->scheduler != NULL) {
		rc = queue_get(a->queue, &p->id, &arena, &e, f);
		if (rc > 0)
			claim(a, p, &e, &arena);
	}
	/* What was recorded before the claim counts. */
	if (rc > 0 && a->notifier != NULL && !p->is_busy) {
		rc = queue_get(a->queue, &p->id, &arena, &e, f);
		if (rc > 0)
			rc = tell(a, c, &e, &arena, f);
	}
	arena_clear(&arena);
	return rc < 0 ? -1 : 0;
}

static int
change(struct action *a, size_t from, size_t to, struct fault *f)
{
	struct queue_change *c = queue_change_new(a->queue);
	int rc = 0;

	for (size_t i = from; rc == 0 && i < to; i++) {
		struct pick *p = &a->picks[i];

		rc = prepare(a, p, c, f);
		if (p->is_busy)
			a->busy++;
		else
			queue_change_edit(c, &p->id, apply, p);
	}
	if (rc == 0)
		rc = queue_commit(a->queue, &c, f);
	queue_change_free(&c);
	for (size_t i = from; i < to; i++)
		claim_free(&a->picks[i].claim);
	return rc;
}

static int
run(struct action *a, struct fault *f)
{
	const struct ident *from =
	    a->walk.from.text[0] != '\0' ? &a->walk.from : NULL;

	if (queue_each(a->queue, from, find, a, f) < 0)
		return -1;
	for (size_t i = 0; i < a->n; i += AT_ONCE) {
		size_t end = i + AT_ONCE < a->n ? i + AT_ONCE : a->n;

		for (size_t j = i; a->dry_run && j < end; j++)
			if (try(a, &a->picks[j], f) < 0)
				return -1;
		if (!a->dry_run && change(a, i, end, f) < 0)
			return -1;
	}
	for (size_t i = 0; i < a->n; i++) {
		a->messages += a->picks[i].changed;
		a->rcpts += (int64_t)a->picks[i].rcpts;
	}
	return 0;
}

/* Who asks for what is in the log, for those who look for the mail. */
static void
note(const struct action *a, const char *what)
{
	for (size_t i = 0; i < a->n && !a->dry_run; i++) {
		const struct log_ctx log = {.message = a->picks[i].id.text};

		if (a->picks[i].changed)
			log_info(&log, "changed by the operator", "what", what,
			    "recipients", LOG_NUM(a->picks[i].rcpts), NULL);
	}
}

static json_t *
act(struct action *a, const char *what, void *ctx, const json_t *params,
    struct fault *f)
{
	json_t *result;

	a->queue = queue_admin_queue(ctx, f);
	a->dry_run = json_get_bool(params, "dry_run", false);
	a->now = clock_unix_us() / 1000;
	a->until = clock_ms() + PATIENCE_MS;
	if (a->queue == NULL ||
	    selection_read(params, true, &a->selection, f) < 0 ||
	    walk_begin(&a->walk, params, &a->selection, f) < 0 || run(a, f) < 0)
		return NULL;
	note(a, what);
	result = json_new_object();
	json_put_int(result, "messages", a->messages);
	json_put_int(result, "recipients", a->rcpts);
	if (a->busy > 0)
		json_put_int(result, "under_way", a->busy);
	walk_put_next(&a->walk, result);
	return result;
}

static bool
retry_rcpt(const struct action *a, struct entry_rcpt *r, struct arena *arena)
{
	(void)arena;
	r->due = a->now;
	return true;
}

json_t *
queue_method_retry(void *ctx, const json_t *params, struct fault *f)
{
	struct action a = {.rcpt = retry_rcpt};

	return act(&a, "retry", ctx, params, f);
}

static bool
hold(const struct action *a, struct entry *e, struct arena *arena)
{
	bool was_held = e->is_held;

	(void)a;
	(void)arena;
	e->is_held = true;
	return !was_held;
}

json_t *
queue_method_hold(void *ctx, const json_t *params, struct fault *f)
{
	struct action a = {.entry = hold};

	return act(&a, "hold", ctx, params, f);
}

static bool
release(const struct action *a, struct entry *e, struct arena *arena)
{
	bool was_held = e->is_held;

	(void)a;
	(void)arena;
	e->is_held = false;
	return was_held;
}

json_t *
queue_method_release(void *ctx, const json_t *params, struct fault *f)
{
	struct action a = {.entry = release};

	return act(&a, "release", ctx, params, f);
}

static bool
delete_rcpt(const struct action *a, struct entry_rcpt *r, struct arena *arena)
{
	(void)arena;
	r->state = ENTRY_FAILED;
	r->last = a->now;
	fault_perm(&r->fault, "5.7.0", "deleted by the operator");
	r->reply = (struct str){0};
	return true;
}

json_t *
queue_method_delete(void *ctx, const json_t *params, struct fault *f)
{
	const struct queue_admin *admin = ctx;
	struct action a = {
	    .rcpt = delete_rcpt,
	    .scheduler = admin->scheduler,
	};

	return act(&a, "delete", ctx, params, f);
}

static bool
bounce_rcpt(const struct action *a, struct entry_rcpt *r, struct arena *arena)
{
	(void)arena;
	r->state = ENTRY_FAILED;
	r->last = a->now;
	fault_perm(&r->fault, "5.0.0", "returned by the operator");
	r->reply = (struct str){0};
	r->host = r->address = (struct str){0};
	return true;
}

json_t *
queue_method_bounce(void *ctx, const json_t *params, struct fault *f)
{
	const struct queue_admin *admin = ctx;
	struct action a = {
	    .rcpt = bounce_rcpt,
	    .notifier = admin->notifier,
	    .scheduler = admin->scheduler,
	};

	if (a.notifier == NULL) {
		fault_temp(f, "4.3.2", "the queue is not open yet");
		return NULL;
	}
	return act(&a, "bounce", ctx, params, f);
}

/* Whoever is told of it later is told of the address that was written to. */
static bool
redirect_rcpt(const struct action *a, struct entry_rcpt *r, struct arena *arena)
{
	char text[ADDRESS_TEXT_SIZE];

	if (address_is_same(&r->to.forward_path, &a->to))
		return false;
	if (r->to.orcpt_type.len == 0) {
		address_format(&r->to.forward_path, text);
		r->to.orcpt_type = STR_LIT("rfc822");
		r->to.orcpt = arena_str(arena, str(text));
	}
	r->to.forward_path = a->to;
	r->due = a->now;
	r->attempts = 0;
	r->fault = (struct fault){0};
	r->reply = (struct str){0};
	r->host = r->address = (struct str){0};
	return true;
}

json_t *
queue_method_redirect(void *ctx, const json_t *params, struct fault *f)
{
	const struct queue_admin *admin = ctx;
	struct action a = {
	    .rcpt = redirect_rcpt,
	    .scheduler = admin->scheduler,
	};
	const char *to = json_get_text(params, "to");

	if (to == NULL) {
		fault_perm(f, "5.5.4", "to: to which address?");
		return NULL;
	}
	if (address_parse(str(to), &a.to, f) < 0)
		return NULL;
	return act(&a, "redirect", ctx, params, f);
}

/* A message has one such next hop: the last that was said. */
static bool
set_via(const struct action *a, struct entry *e, struct arena *arena)
{
	if (a->via.len > 0)
		e->via = arena_str(arena, a->via);
	return true;
}

static bool
drain_rcpt(const struct action *a, struct entry_rcpt *r, struct arena *arena)
{
	(void)arena;
	if (a->via.len == 0 && !r->goes_via)
		return false;
	r->goes_via = a->via.len > 0;
	r->due = a->now;
	return true;
}

json_t *
queue_method_drain(void *ctx, const json_t *params, struct fault *f)
{
	struct action a = {.entry = set_via, .rcpt = drain_rcpt};
	const char *to = json_get_text(params, "to");
	struct route route;
	struct fault why;

	if (to == NULL || to[0] == '\0') {
		fault_perm(f, "5.5.4", "to: to which next hop?");
		return NULL;
	}
	if (strcmp(to, "route") != 0) {
		a.via = str(to);
		if (a.via.len > ENTRY_VIA_MAX - 10 ||
		    route_parse_via(a.via, &route, &why) < 0) {
			fault_perm(f, "5.5.4",
			    "to: \"%.100s\" is no next hop: HOST[:PORT], "
			    "smtp:HOST[:PORT], lmtp:ADDRESS, mx:DOMAIN, or "
			    "route",
			    to);
			return NULL;
		}
	}
	return act(&a, "drain", ctx, params, f);
}
