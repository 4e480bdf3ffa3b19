/* SPDX-License-Identifier: ISC */
/* Chains in slots whose count is a power of two, about one node a slot. */
#include "config.h"

#include "base/map.h"

#include "base/mem.h"

enum { SLOTS_MIN = 64 };

static struct map_node **
slot_of(const struct map *m, uint64_t hash)
{
	/* The lower bits of a hash may be poor, as an owner's are not. */
	return &m->slots[(hash ^ hash >> 32) & (m->n_slots - 1)];
}

static void
push(struct map *m, struct map_node *node)
{
	struct map_node **slot = slot_of(m, node->hash);

	node->next = *slot;
	*slot = node;
}

static void
grow(struct map *m)
{
	struct map_node **old = m->slots;
	size_t n_old = m->n_slots;

	m->n_slots = n_old == 0 ? SLOTS_MIN : n_old * 2;
	m->slots = mem_zeroed(m->n_slots, sizeof *m->slots);
	for (size_t i = 0; i < n_old; i++)
		for (struct map_node *n = old[i], *next; n != NULL; n = next) {
			next = n->next;
			push(m, n);
		}
	mem_free(old);
}

void
map_clear(struct map *m)
{
	mem_free(m->slots);
	*m = (struct map){0};
}

struct map_node *
map_find(const struct map *m, uint64_t hash,
    bool (*is)(const struct map_node *node, const void *key), const void *key)
{
	if (m->n == 0)
		return NULL;
	for (struct map_node *n = *slot_of(m, hash); n != NULL; n = n->next)
		if (n->hash == hash && is(n, key))
			return n;
	return NULL;
}

void
map_add(struct map *m, struct map_node *node, uint64_t hash)
{
	if (m->n == m->n_slots)
		grow(m);
	node->hash = hash;
	push(m, node);
	m->n++;
}

void
map_remove(struct map *m, struct map_node *node)
{
	struct map_node **at = slot_of(m, node->hash);

	while (*at != node)
		at = &(*at)->next;
	*at = node->next;
	m->n--;
}

void
map_each(
    struct map *m, void (*each)(void *ctx, struct map_node *node), void *ctx)
{
	for (size_t i = 0; i < m->n_slots; i++)
		for (struct map_node *n = m->slots[i], *next; n != NULL;
		     n = next) {
			next = n->next;
			each(ctx, n);
		}
}
