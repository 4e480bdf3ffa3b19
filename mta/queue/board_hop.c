/* SPDX-License-Identifier: ISC */
/* Hops, their providers, and the owners that take turns at them. */
#include "config.h"

#include "mta/queue/board_private.h"

#include <string.h>

#include "base/mem.h"

/* An owner gets so many times what it leaves free. */
enum { SHARE = 3 };

/* Providers. */

static bool
is_provider(const struct map_node *node, const void *key)
{
	return strcmp(STRUCT_OF(node, struct provider, node)->name, key) == 0;
}

static struct pace_limit
limit_of(const struct board *b, const char *name)
{
	struct pace_limit limit = {0};

	for (size_t i = 0; i < b->conf.n_limits; i++) {
		const struct board_limit *l = &b->conf.limits[i];

		if (strcmp(l->provider, name) == 0)
			return l->pace;
		if (strcmp(l->provider, "*") == 0 &&
		    !str_starts(str(name), STR_LIT("lmtp:")))
			limit = l->pace;
	}
	return limit;
}

static struct provider *
get_provider(struct board *b, const char *name)
{
	uint64_t hash = str_hash(str(name));
	struct map_node *node =
	    map_find(&b->providers, hash, is_provider, name);
	size_t len = strlen(name);
	struct pace_limit limit;
	struct provider *p;

	if (node != NULL)
		return STRUCT_OF(node, struct provider, node);
	p = mem_zeroed(1, sizeof *p + len + 1);
	memcpy(p->name, name, len);
	ring_init(&p->blocked);
	limit = limit_of(b, name);
	pace_init(&p->pace, &limit);
	map_add(&b->providers, &p->node, hash);
	return p;
}

/* Hops. */

static bool
is_hop(const struct map_node *node, const void *key)
{
	return strcmp(STRUCT_OF(node, struct hop, node)->key, key) == 0;
}

struct hop *
board_hop_new(struct board *b, const char *key, struct provider *provider)
{
	size_t len = strlen(key);
	struct hop *h = mem_zeroed(1, sizeof *h + len + 1);

	memcpy(h->key, key, len);
	h->provider = provider;
	if (provider != NULL)
		provider->n_hops++;
	h->is_paused = board_is_paused(b, str(key));
	h->used_at = b->now;
	ring_init(&h->turns);
	window_init(&h->window, &b->conf.window);
	map_add(&b->hops, &h->node, str_hash(str(key)));
	return h;
}

struct hop *
board_hop(struct board *b, const char *key, const char *provider)
{
	struct map_node *node =
	    map_find(&b->hops, str_hash(str(key)), is_hop, key);

	if (node != NULL)
		return STRUCT_OF(node, struct hop, node);
	return board_hop_new(b, key, get_provider(b, provider));
}

void
board_hop_free(struct board *b, struct hop *h)
{
	struct provider *p = h->provider;

	ring_remove(&h->in_ring);
	heap_remove(&b->waiting, &h->when);
	map_remove(&b->hops, &h->node);
	if (p != NULL && --p->n_hops == 0) {
		map_remove(&b->providers, &p->node);
		mem_free(p);
	}
	mem_free(h);
}

bool
board_hop_has_work(const struct hop *h)
{
	return !h->is_paused && (h->legs > 0 || h->fillable > 0);
}

bool
board_hop_may_begin(const struct board *b, const struct hop *h)
{
	return !h->is_paused && b->active < b->conf.max_deliveries &&
	       h->active < window_limit(&h->window, b->now) &&
	       pace_has_room(&h->provider->pace) &&
	       pace_when(&h->provider->pace) <= b->now;
}

static enum hop_place
place_of(const struct board *b, const struct hop *h, int64_t *when)
{
	const struct pace *pace = &h->provider->pace;

	*when = 0;
	if (!board_hop_has_work(h))
		return HOP_NOWHERE;
	if (window_is_dead(&h->window, b->now)) {
		*when = h->window.dead_until;
		return HOP_NOWHERE;
	}
	if (h->active >= window_limit(&h->window, b->now))
		return HOP_NOWHERE;
	if (!pace_has_room(pace))
		return HOP_BLOCKED;
	if (pace_when(pace) <= b->now)
		return HOP_READY;
	*when = pace_when(pace);
	return HOP_NOWHERE;
}

void
board_hop_settle(struct board *b, struct hop *h)
{
	enum hop_place place;
	int64_t when;

	if (h == b->lookups)
		return;
	place = place_of(b, h, &when);
	if (when != 0)
		heap_put(&b->waiting, &h->when, when);
	else
		heap_remove(&b->waiting, &h->when);
	if (place == h->place)
		return;
	ring_remove(&h->in_ring);
	h->place = place;
	/* Who comes anew is asked first: among many that may not begin now,
	 * for their owner's sake, a letter would wait long. */
	if (place == HOP_READY)
		ring_insert(b->ready.next, &h->in_ring);
	else if (place == HOP_BLOCKED)
		ring_insert(&h->provider->blocked, &h->in_ring);
}

/* Owners. */

static bool
is_any(const struct map_node *node, const void *key)
{
	(void)node;
	(void)key;
	return true;
}

static struct owner *
get_owner(struct board *b, uint64_t hash)
{
	struct map_node *node = map_find(&b->owners, hash, is_any, NULL);
	struct owner *o;

	if (node != NULL)
		return STRUCT_OF(node, struct owner, node);
	o = mem_new(struct owner);
	map_add(&b->owners, &o->node, hash);
	return o;
}

struct turn_key {
	const struct hop *hop;
	uint64_t owner;
};

static bool
is_turn(const struct map_node *node, const void *key)
{
	const struct turn *t = STRUCT_OF(node, struct turn, node);
	const struct turn_key *k = key;

	return t->hop == k->hop && t->owner->node.hash == k->owner;
}

struct turn *
board_turn(struct board *b, struct hop *h, uint64_t owner)
{
	struct turn_key key = {h, owner};
	uint64_t hash = h->node.hash * UINT64_C(0x9e3779b97f4a7c15) ^ owner;
	struct map_node *node = map_find(&b->turns, hash, is_turn, &key);
	struct turn *t;

	if (node != NULL)
		return STRUCT_OF(node, struct turn, node);
	t = mem_new(struct turn);
	t->hop = h;
	t->owner = get_owner(b, owner);
	t->owner->turns++;
	ring_init(&t->stands);
	map_add(&b->turns, &t->node, hash);
	/* A newcomer is next. */
	ring_insert(h->turns.next, &t->in_hop);
	return t;
}

void
board_turn_settle(struct board *b, struct turn *t)
{
	struct owner *o = t->owner;

	if (t->active > 0 || !ring_is_empty(&t->stands))
		return;
	ring_remove(&t->in_hop);
	map_remove(&b->turns, &t->node);
	mem_free(t);
	if (--o->turns > 0)
		return;
	map_remove(&b->owners, &o->node);
	mem_free(o);
}

bool
board_turn_may_begin(const struct board *b, const struct turn *t)
{
	if (t->hop == b->lookups)
		return t->active <
		       SHARE * (b->conf.max_lookups - t->hop->active);
	return t->owner->active < SHARE * (b->conf.max_deliveries - b->active);
}

void
board_begin(struct board *b, struct turn *t)
{
	struct hop *h = t->hop;

	t->active++;
	h->active++;
	h->used_at = b->now;
	if (h == b->lookups)
		return;
	b->active++;
	t->owner->active++;
	pace_start(&h->provider->pace, b->now);
	board_hop_settle(b, h);
}

void
board_end(struct board *b, struct turn *t)
{
	struct hop *h = t->hop;

	t->active--;
	h->active--;
	if (h != b->lookups) {
		struct ring *blocked = &h->provider->blocked;

		b->active--;
		t->owner->active--;
		pace_end(&h->provider->pace);
		if (!ring_is_empty(blocked))
			board_hop_settle(
			    b, STRUCT_OF(blocked->next, struct hop, in_ring));
		board_hop_settle(b, h);
	}
	board_turn_settle(b, t);
}
