/* SPDX-License-Identifier: ISC */
/*
 * A ring of things that take turns: a node in each of them, and one more node
 * as the ring's head. A node of zeroes is in no ring.
 */
#ifndef BASE_RING_H
#define BASE_RING_H

#include <stdbool.h>
#include <stddef.h>

struct ring {
	struct ring *prev, *next;
};

static inline void
ring_init(struct ring *head)
{
	head->prev = head->next = head;
}

static inline bool
ring_is_empty(const struct ring *head)
{
	return head->next == head;
}

static inline bool
ring_is_in(const struct ring *node)
{
	return node->next != NULL;
}

/* Before where: in front of a head is the end. */
static inline void
ring_insert(struct ring *where, struct ring *node)
{
	node->prev = where->prev;
	node->next = where;
	where->prev->next = node;
	where->prev = node;
}

/* A no-op where it is in no ring. */
static inline void
ring_remove(struct ring *node)
{
	if (!ring_is_in(node))
		return;
	node->prev->next = node->next;
	node->next->prev = node->prev;
	node->prev = node->next = NULL;
}

/* To the end: it has had its turn. */
static inline void
ring_rotate(struct ring *head, struct ring *node)
{
	ring_remove(node);
	ring_insert(head, node);
}

#endif
