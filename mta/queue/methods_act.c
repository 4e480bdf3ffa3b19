/* SPDX-License-Identifier: ISC */
/*
 * The operator's methods that change messages. Those that are meant are found
 * first, and each is compared once more inside the transaction that changes
 * it: what has left or has changed meanwhile is left alone.
 */
#include "config.h"

#include "base/clock.h"
#include "base/log.h"
#include "mta/queue/methods_private.h"

enum {
	FOUND_MAX = 500, /* messages in one call */
	AT_ONCE = 50,    /* in one transaction */
};

struct action;

/* One message of an action. */
struct pick {
	const struct action *action;
	struct ident id;
	/* Of the last time that the edit was run. */
	bool changed;
	size_t rcpts;
};

struct action {
	struct queue *queue;
	struct selection selection;
	struct walk walk;
	bool dry_run;
	/* What becomes of the entry, and of each recipient that is meant; one
	 * of them may be NULL. False where nothing does. */
	bool (*entry)(struct entry *e);
	bool (*rcpt)(
	    const struct action *a, struct entry_rcpt *r, struct arena *arena);
	int64_t now; /* ms since 1970 */
	struct address to;
	struct pick picks[FOUND_MAX];
	size_t n;
	int64_t messages, rcpts;
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
	if (a->entry != NULL && a->entry(e))
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

static int
change(struct action *a, size_t from, size_t to, struct fault *f)
{
	struct queue_change *c = queue_change_new(a->queue);

	for (size_t i = from; i < to; i++)
		queue_change_edit(c, &a->picks[i].id, apply, &a->picks[i]);
	return queue_commit(a->queue, &c, f);
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
	if (a->queue == NULL ||
	    selection_read(params, true, &a->selection, f) < 0 ||
	    walk_begin(&a->walk, params, &a->selection, f) < 0 || run(a, f) < 0)
		return NULL;
	note(a, what);
	result = json_new_object();
	json_put_int(result, "messages", a->messages);
	json_put_int(result, "recipients", a->rcpts);
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
hold(struct entry *e)
{
	bool was_held = e->is_held;

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
release(struct entry *e)
{
	bool was_held = e->is_held;

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
	return true;
}

json_t *
queue_method_delete(void *ctx, const json_t *params, struct fault *f)
{
	struct action a = {.rcpt = delete_rcpt};

	return act(&a, "delete", ctx, params, f);
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
	r->host = r->address = (struct str){0};
	return true;
}

json_t *
queue_method_redirect(void *ctx, const json_t *params, struct fault *f)
{
	struct action a = {.rcpt = redirect_rcpt};
	const char *to = json_get_text(params, "to");

	if (to == NULL) {
		fault_perm(f, "5.5.4", "to: to which address?");
		return NULL;
	}
	if (address_parse(str(to), &a.to, f) < 0)
		return NULL;
	return act(&a, "redirect", ctx, params, f);
}
