/* SPDX-License-Identifier: ISC */
/* Things that hold their own node, by time, the earliest first. */
#ifndef BASE_HEAP_H
#define BASE_HEAP_H

#include <stddef.h>
#include <stdint.h>

struct heap_node {
	int64_t at;
	size_t index; /* 0: in no heap */
};

/* Embedded. Of zeroes it is empty and ready. */
struct heap {
	struct heap_node **items; /* from 1 */
	size_t n, room;
};

/* Frees the table, not what was in it. */
void heap_clear(struct heap *h);
/* Adds the node, or moves it to another time. */
void heap_put(struct heap *h, struct heap_node *node, int64_t at);
/* A no-op where the node is in no heap. */
void heap_remove(struct heap *h, struct heap_node *node);
/* NULL where the heap is empty. */
struct heap_node *heap_first(const struct heap *h);

#endif
