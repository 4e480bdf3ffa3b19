/* SPDX-License-Identifier: ISC */
/* What the operator asks of the board, and what it forgets. */
#include "config.h"

#include "mta/queue/board_private.h"

#include <string.h>

#include "base/mem.h"
#include "mta/queue/scheduler.h"

/* How long a hop that gets no mail is remembered. */
enum { KEEP_MS = 3600000 };

/* Pausing. */

struct paused {
	struct map_node node;
	char name[];
};

static bool
is_paused(const struct map_node *node, const void *key)
{
	return str_is(str(STRUCT_OF(node, struct paused, node)->name),
	    *(const struct str *)key);
}

static struct map_node *
find_paused(const struct board *b, struct str name)
{
	return map_find(&b->paused, str_hash(name), is_paused, &name);
}

bool
board_is_paused(const struct board *b, struct str name)
{
	return find_paused(b, name) != NULL;
}

static void
free_paused(void *ctx, struct map_node *node)
{
	map_remove(ctx, node);
	mem_free(STRUCT_OF(node, struct paused, node));
}

void
board_pause_clear(struct board *b)
{
	map_each(&b->paused, free_paused, &b->paused);
	map_clear(&b->paused);
}

static void
remember(struct board *b, struct str name, bool pause)
{
	struct map_node *node = find_paused(b, name);
	struct paused *p;

	if (!pause && node != NULL)
		free_paused(&b->paused, node);
	if (!pause || node != NULL)
		return;
	p = mem_zeroed(1, sizeof *p + name.len + 1);
	if (name.len > 0)
		memcpy(p->name, name.at, name.len);
	map_add(&b->paused, &p->node, str_hash(name));
}

struct pausing {
	struct board *board;
	struct str name;
	bool pause;
};

static void
pause_lane(void *ctx, struct map_node *node)
{
	const struct pausing *p = ctx;
	struct lane *l = STRUCT_OF(node, struct lane, node);

	if (!str_is(str_n(l->domain, l->domain_len), p->name))
		return;
	l->is_paused = p->pause;
	board_lane_settle(p->board, l);
}

static void
pause_hop(void *ctx, struct map_node *node)
{
	const struct pausing *p = ctx;
	struct hop *h = STRUCT_OF(node, struct hop, node);

	if (!str_is(str(h->key), p->name))
		return;
	h->is_paused = p->pause;
	board_hop_settle(p->board, h);
}

void
board_pause(struct board *b, struct str name, bool pause, int64_t now)
{
	struct pausing p = {b, name, pause};

	/* The key of look-ups is empty. */
	if (name.len == 0)
		return;
	b->now = now;
	remember(b, name, pause);
	map_each(&b->lanes, pause_lane, &p);
	map_each(&b->hops, pause_hop, &p);
}

/* Reviving. */

static void
revive_hop(void *ctx, struct map_node *node)
{
	struct hop *h = STRUCT_OF(node, struct hop, node);

	window_revive(&h->window);
	board_hop_settle(ctx, h);
}

/* Whether a lane's domain is meant by one as the operator writes it. */
static bool
is_meant(struct str meant, const struct lane *l)
{
	struct str domain = str_n(l->domain, l->domain_len);

	if (str_starts(meant, STR_LIT(".")))
		return str_ends(domain, meant);
	return str_is(domain, meant);
}

struct reviving {
	struct board *board;
	struct str domain;
};

static void
revive_lane(void *ctx, struct map_node *node)
{
	const struct reviving *r = ctx;
	const struct lane *l = STRUCT_OF(node, struct lane, node);

	if (l->hop != NULL && is_meant(r->domain, l))
		revive_hop(r->board, &l->hop->node);
}

void
board_revive(struct board *b, struct str domain, int64_t now)
{
	struct reviving r = {b, domain};

	b->now = now;
	if (domain.len == 0)
		map_each(&b->hops, revive_hop, b);
	else
		map_each(&b->lanes, revive_lane, &r);
}

/* Showing. */

struct showing_hops {
	const struct board *board;
	void (*each)(void *ctx, const struct scheduler_hop *hop);
	void *ctx;
};

static void
show_hop(void *ctx, struct map_node *node)
{
	const struct showing_hops *s = ctx;
	const struct hop *h = STRUCT_OF(node, struct hop, node);
	struct scheduler_hop show = {
	    .key = h->key,
	    .waiting = h->rows,
	    .active = h->active,
	    .is_paused = h->is_paused,
	    .last = h->has_fault ? &h->fault : NULL,
	};

	if (h == s->board->lookups)
		return;
	show.provider = h->provider->name;
	show.limit = h->provider->pace.limit;
	show.gap_ms = pace_gap(&h->provider->pace);
	show.concurrency = window_limit(&h->window, s->board->now);
	if (window_is_dead(&h->window, s->board->now))
		show.dead_until = h->window.dead_until;
	s->each(s->ctx, &show);
}

void
board_each_hop(struct board *b, int64_t now,
    void (*each)(void *ctx, const struct scheduler_hop *hop), void *ctx)
{
	struct showing_hops s = {b, each, ctx};

	b->now = now;
	map_each(&b->hops, show_hop, &s);
}

struct showing_lanes {
	struct str domain;
	void (*each)(
	    void *ctx, struct str domain, uint64_t owner, uint64_t rows);
	void *ctx;
};

static void
show_lane(void *ctx, struct map_node *node)
{
	const struct showing_lanes *s = ctx;
	const struct lane *l = STRUCT_OF(node, struct lane, node);

	if (s->domain.len == 0 || is_meant(s->domain, l))
		s->each(
		    s->ctx, str_n(l->domain, l->domain_len), l->owner, l->rows);
}

void
board_each_lane(struct board *b, struct str domain,
    void (*each)(void *ctx, struct str domain, uint64_t owner, uint64_t rows),
    void *ctx)
{
	struct showing_lanes s = {domain, each, ctx};

	map_each(&b->lanes, show_lane, &s);
}

/* Forgetting. */

static void
tidy_hop(void *ctx, struct map_node *node)
{
	struct board *b = ctx;
	struct hop *h = STRUCT_OF(node, struct hop, node);

	if (h != b->lookups && h->lanes == 0 && h->active == 0 &&
	    ring_is_empty(&h->turns) && b->now - h->used_at > KEEP_MS &&
	    !window_is_dead(&h->window, b->now))
		board_hop_free(b, h);
}

void
board_tidy(struct board *b, int64_t now)
{
	b->now = now;
	map_each(&b->hops, tidy_hop, b);
}
