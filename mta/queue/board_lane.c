/* SPDX-License-Identifier: ISC */
/* Lanes, where they stand, and what they have drawn. */
#include "config.h"

#include "mta/queue/board_private.h"

#include <string.h>

#include "base/mem.h"

/* So few legs left are a reason to draw more. */
enum { LEGS_LOW = 16 };

/* Legs. */

struct leg *
board_leg_find(const struct lane *l, const struct ident *id)
{
	for (struct leg *leg = l->legs; leg != NULL; leg = leg->next)
		if (memcmp(leg->id.text, id->text, IDENT_LEN) == 0)
			return leg;
	return NULL;
}

struct leg *
board_leg_new(struct lane *l, const struct ident *id, int64_t due)
{
	struct leg *leg = mem_new(struct leg);

	leg->lane = l;
	leg->id = *id;
	leg->due = due;
	leg->missed = BOARD_NEVER;
	leg->next = l->legs;
	l->legs = leg;
	l->n_legs++;
	return leg;
}

void
board_leg_free(struct leg *leg)
{
	struct leg **at = &leg->lane->legs;

	while (*at != leg)
		at = &(*at)->next;
	*at = leg->next;
	leg->lane->n_legs--;
	mem_free(leg);
}

void
board_leg_stand(struct board *b, struct leg *leg, struct stand *s, bool first)
{
	struct ring *list = leg->is_fresh ? &s->fresh : &s->old;

	ring_insert(first ? list->next : list, &leg->in_stand);
	leg->stand = s;
	if (leg->is_fresh)
		s->n_fresh++;
	else
		s->n_old++;
	s->turn->hop->legs++;
	board_stand_settle(b, s);
}

void
board_leg_leave(struct board *b, struct leg *leg)
{
	struct stand *s = leg->stand;

	ring_remove(&leg->in_stand);
	leg->stand = NULL;
	if (leg->is_fresh)
		s->n_fresh--;
	else
		s->n_old--;
	s->turn->hop->legs--;
	board_stand_settle(b, s);
}

/* Stands. */

bool
board_stand_wants_fresh(const struct board *b, const struct stand *s)
{
	const struct lane *l = s->lane;

	/* Where nothing is older, they come with the rest. */
	return l->fresh <= b->now && s->n_fresh <= LEGS_LOW &&
	       (s->draw == DRAW_FRESH || l->due < l->fresh);
}

static bool
wants_rows(const struct board *b, const struct stand *s)
{
	const struct lane *l = s->lane;

	if (l->is_filling || s->draw == DRAW_NOTHING)
		return false;
	if (board_stand_wants_fresh(b, s))
		return true;
	return s->draw == DRAW_ALL && l->due <= b->now && s->n_old <= LEGS_LOW;
}

void
board_stand_settle(struct board *b, struct stand *s)
{
	struct hop *h = s->turn->hop;
	bool fillable = wants_rows(b, s);

	if (fillable != s->fillable)
		h->fillable += fillable ? 1 : -1U;
	s->fillable = fillable;
	board_hop_settle(b, h);
}

static struct stand *
new_stand(struct board *b, struct lane *l, struct hop *h, enum draw draw)
{
	struct stand *s = mem_new(struct stand);

	s->lane = l;
	s->draw = draw;
	ring_init(&s->old);
	ring_init(&s->fresh);
	s->turn = board_turn(b, h, l->owner);
	ring_insert(&s->turn->stands, &s->in_turn);
	if (draw == DRAW_ALL)
		l->main = s;
	else
		ring_insert(&l->others, &s->in_lane);
	return s;
}

static unsigned
legs_of(const struct stand *s)
{
	return s->n_old + s->n_fresh;
}

static void
free_stand(struct board *b, struct stand *s)
{
	struct hop *h = s->turn->hop;

	if (s->fillable)
		h->fillable--;
	ring_remove(&s->in_turn);
	ring_remove(&s->in_lane);
	if (s->lane->main == s)
		s->lane->main = NULL;
	board_turn_settle(b, s->turn);
	board_hop_settle(b, h);
	mem_free(s);
}

static void
move_stand(struct board *b, struct stand *s, struct hop *to)
{
	struct turn *from = s->turn;

	from->hop->legs -= legs_of(s);
	if (s->fillable)
		from->hop->fillable--;
	s->fillable = false;
	ring_remove(&s->in_turn);
	s->turn = board_turn(b, to, s->lane->owner);
	ring_insert(&s->turn->stands, &s->in_turn);
	to->legs += legs_of(s);
	board_hop_settle(b, from->hop);
	board_turn_settle(b, from);
}

static struct stand *
find_other(const struct lane *l, const struct hop *h)
{
	for (struct ring *at = l->others.next; at != &l->others;
	     at = at->next) {
		struct stand *s = STRUCT_OF(at, struct stand, in_lane);

		if (s->turn->hop == h)
			return s;
	}
	return NULL;
}

struct stand *
board_stand(struct board *b, struct lane *l, struct hop *h)
{
	struct stand *s;

	if (l->main != NULL && l->main->turn->hop == h)
		return l->main;
	s = find_other(l, h);
	return s != NULL ? s : new_stand(b, l, h, DRAW_NOTHING);
}

/* Lanes. */

struct lane_key {
	struct str domain;
	uint64_t owner;
};

static bool
is_lane(const struct map_node *node, const void *key)
{
	const struct lane *l = STRUCT_OF(node, struct lane, node);
	const struct lane_key *k = key;

	return l->owner == k->owner &&
	       str_is(str_n(l->domain, l->domain_len), k->domain);
}

static struct lane *
find_lane(const struct board *b, struct str domain, uint64_t owner)
{
	struct lane_key key = {domain, owner};
	struct map_node *node =
	    map_find(&b->lanes, str_hash(domain) ^ owner, is_lane, &key);

	return node != NULL ? STRUCT_OF(node, struct lane, node) : NULL;
}

struct lane *
board_lane(struct board *b, struct str domain, uint64_t owner)
{
	struct lane *l = find_lane(b, domain, owner);

	if (l != NULL)
		return l;
	l = mem_zeroed(1, sizeof *l + domain.len + 1);
	if (domain.len > 0)
		memcpy(l->domain, domain.at, domain.len);
	l->domain_len = (uint16_t)domain.len;
	l->owner = owner;
	l->due = l->fresh = BOARD_NEVER;
	ring_init(&l->others);
	map_add(&b->lanes, &l->node, str_hash(domain) ^ owner);
	return l;
}

static void
drop_stand(struct board *b, struct stand *s)
{
	struct lane *l = s->lane;
	struct leg *next;

	for (struct leg *leg = l->legs; leg != NULL; leg = next) {
		next = leg->next;
		if (leg->stand != s)
			continue;
		if (leg->due < l->due)
			l->due = leg->due;
		board_leg_leave(b, leg);
		board_leg_free(leg);
	}
	free_stand(b, s);
}

static void
drop_stands(struct board *b, struct lane *l)
{
	while (!ring_is_empty(&l->others))
		drop_stand(b, STRUCT_OF(l->others.next, struct stand, in_lane));
	if (l->main != NULL)
		drop_stand(b, l->main);
}

void
board_lane_free(struct board *b, struct lane *l)
{
	drop_stands(b, l);
	while (l->legs != NULL)
		board_leg_free(l->legs);
	if (l->hop != NULL)
		l->hop->lanes--;
	heap_remove(&b->due, &l->when);
	map_remove(&b->lanes, &l->node);
	mem_free(l);
}

void
board_lane_set_hop(struct board *b, struct lane *l, struct hop *h)
{
	struct hop *old = l->hop;
	struct str unresolved = STR_LIT(BOARD_UNRESOLVED);

	if (old == h)
		return;
	if (old != NULL) {
		old->lanes--;
		old->rows -= l->rows;
		old->used_at = b->now;
		if (!str_starts(str(old->key), unresolved) &&
		    !str_starts(str(h->key), unresolved))
			l->is_mixed = true;
	}
	l->hop = h;
	h->lanes++;
	h->rows += l->rows;
}

/* Where a lane that draws all its rows stands. */
static struct hop *
hop_for(const struct board *b, const struct lane *l)
{
	if (l->hop == NULL)
		return b->lookups;
	if (l->is_mixed && window_is_dead(&l->hop->window, b->now))
		return b->lookups;
	return l->hop;
}

static void
settle_main(struct board *b, struct lane *l)
{
	struct hop *h = hop_for(b, l);
	bool has_legs = l->main != NULL && legs_of(l->main) > 0;

	if (l->due > b->now && !has_legs) {
		if (l->main != NULL)
			free_stand(b, l->main);
		if (l->due < BOARD_NEVER)
			heap_put(&b->due, &l->when, l->due);
		else
			heap_remove(&b->due, &l->when);
		return;
	}
	heap_remove(&b->due, &l->when);
	if (l->main == NULL)
		l->main = new_stand(b, l, h, DRAW_ALL);
	else if (l->main->turn->hop != h)
		move_stand(b, l->main, h);
	board_stand_settle(b, l->main);
}

/* What comes while the hop is dead is looked at: it may go elsewhere. */
static void
settle_others(struct board *b, struct lane *l)
{
	struct stand *look = find_other(l, b->lookups);
	bool looks = l->fresh <= b->now && l->main != NULL &&
		     l->main->turn->hop != b->lookups &&
		     window_is_dead(&l->hop->window, b->now);
	struct ring *next;

	if (looks && look == NULL)
		look = new_stand(b, l, b->lookups, DRAW_FRESH);
	if (look != NULL) {
		look->draw = looks ? DRAW_FRESH : DRAW_NOTHING;
		board_stand_settle(b, look);
	}
	for (struct ring *at = l->others.next; at != &l->others; at = next) {
		struct stand *s = STRUCT_OF(at, struct stand, in_lane);

		next = at->next;
		if (legs_of(s) == 0 && s->draw == DRAW_NOTHING)
			free_stand(b, s);
	}
}

void
board_lane_settle(struct board *b, struct lane *l)
{
	if (l->is_paused) {
		drop_stands(b, l);
		heap_remove(&b->due, &l->when);
	} else {
		settle_main(b, l);
		settle_others(b, l);
	}
	if (l->rows == 0 && l->n_legs == 0 && !l->is_filling)
		board_lane_free(b, l);
}

void
board_change(struct board *b, struct str domain, uint64_t owner, int64_t rows,
    int64_t earliest, int64_t now)
{
	struct lane *l = find_lane(b, domain, owner);
	int64_t before;

	b->now = now;
	if (l == NULL) {
		/* Less of what is not there: it was told before the start. */
		if (rows <= 0)
			return;
		l = board_lane(b, domain, owner);
		l->is_paused = board_is_paused(b, domain);
	}
	before = l->rows;
	l->rows = (uint32_t)(before + rows > 0 ? before + rows : 0);
	if (l->hop != NULL)
		l->hop->rows += (uint64_t)((int64_t)l->rows - before);
	if (earliest != 0 && earliest < l->due)
		l->due = earliest;
	if (earliest != 0 && earliest <= now && earliest < l->fresh)
		l->fresh = earliest;
	board_lane_settle(b, l);
}

bool
board_is_under_way(const struct board *b, struct str domain, uint64_t owner,
    const struct ident *id)
{
	const struct lane *l = find_lane(b, domain, owner);
	const struct leg *leg = l != NULL ? board_leg_find(l, id) : NULL;

	return leg != NULL && leg->stand == NULL;
}

struct leg *
board_claim(struct board *b, struct str domain, uint64_t owner,
    const struct ident *id, int64_t now)
{
	struct lane *l = find_lane(b, domain, owner);
	struct leg *leg;

	b->now = now;
	if (l == NULL)
		return NULL;
	leg = board_leg_find(l, id);
	if (leg == NULL)
		return board_leg_new(l, id, now);
	if (leg->stand == NULL)
		return NULL;
	board_leg_leave(b, leg);
	board_lane_settle(b, l);
	return leg;
}
