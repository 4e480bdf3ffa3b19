/* SPDX-License-Identifier: ISC */
/* A binary heap whose items know their place, so that any can be removed. */
#include "config.h"

#include "base/loop_heap.h"

#include "base/loop.h"
#include "base/mem.h"

static void
place(struct loop_heap *h, struct loop_task *t, size_t at)
{
	h->items[at] = t;
	t->heap_at = at;
}

static void
move_up(struct loop_heap *h, struct loop_task *t, size_t at)
{
	while (at > 1 && h->items[at / 2]->heap_key > t->heap_key) {
		place(h, h->items[at / 2], at);
		at /= 2;
	}
	place(h, t, at);
}

static void
move_down(struct loop_heap *h, struct loop_task *t, size_t at)
{
	for (;;) {
		size_t child = at * 2;

		if (child > h->n)
			break;
		if (child < h->n &&
		    h->items[child + 1]->heap_key < h->items[child]->heap_key)
			child++;
		if (h->items[child]->heap_key >= t->heap_key)
			break;
		place(h, h->items[child], at);
		at = child;
	}
	place(h, t, at);
}

void
loop_heap_add(struct loop_heap *h, struct loop_task *t, int64_t key)
{
	if (h->n + 2 > h->room) {
		h->room = h->room * 2 + 64;
		h->items = mem_resize(h->items, h->room, sizeof *h->items);
	}
	t->heap_key = key;
	move_up(h, t, ++h->n);
}

void
loop_heap_remove(struct loop_heap *h, struct loop_task *t)
{
	size_t at = t->heap_at;
	struct loop_task *last;

	if (at == 0)
		return;
	t->heap_at = 0;
	last = h->items[h->n--];
	if (last == t)
		return;
	move_up(h, last, at);
	move_down(h, last, last->heap_at);
}

struct loop_task *
loop_heap_first(const struct loop_heap *h)
{
	return h->n > 0 ? h->items[1] : NULL;
}

void
loop_heap_clear(struct loop_heap *h)
{
	mem_free(h->items);
	*h = (struct loop_heap){0};
}
