/* SPDX-License-Identifier: ISC */
/* A binary heap that knows where each of its nodes is. */
#include "config.h"

#include "base/heap.h"

#include "base/mem.h"

static void
set(struct heap *h, size_t i, struct heap_node *node)
{
	h->items[i] = node;
	node->index = i;
}

static void
rise(struct heap *h, size_t i, struct heap_node *node)
{
	for (; i > 1 && h->items[i / 2]->at > node->at; i /= 2)
		set(h, i, h->items[i / 2]);
	set(h, i, node);
}

static void
sink(struct heap *h, size_t i, struct heap_node *node)
{
	for (size_t child; (child = 2 * i) <= h->n; i = child) {
		if (child < h->n &&
		    h->items[child + 1]->at < h->items[child]->at)
			child++;
		if (h->items[child]->at >= node->at)
			break;
		set(h, i, h->items[child]);
	}
	set(h, i, node);
}

/* Where its place is i, but for its time. */
static void
settle(struct heap *h, size_t i, struct heap_node *node)
{
	if (i > 1 && h->items[i / 2]->at > node->at)
		rise(h, i, node);
	else
		sink(h, i, node);
}

void
heap_clear(struct heap *h)
{
	mem_free(h->items);
	*h = (struct heap){0};
}

void
heap_put(struct heap *h, struct heap_node *node, int64_t at)
{
	node->at = at;
	if (node->index != 0) {
		settle(h, node->index, node);
		return;
	}
	if (h->n + 2 > h->room) {
		h->room = h->room == 0 ? 64 : h->room * 2;
		h->items = mem_resize(h->items, h->room, sizeof *h->items);
	}
	rise(h, ++h->n, node);
}

void
heap_remove(struct heap *h, struct heap_node *node)
{
	size_t i = node->index;
	struct heap_node *last;

	if (i == 0)
		return;
	node->index = 0;
	last = h->items[h->n--];
	if (last != node)
		settle(h, i, last);
}

struct heap_node *
heap_first(const struct heap *h)
{
	return h->n > 0 ? h->items[1] : NULL;
}
