/* SPDX-License-Identifier: ISC */
/* A hash table of things that hold their own node; grows, owns nothing. */
#ifndef BASE_MAP_H
#define BASE_MAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct map_node {
	struct map_node *next;
	uint64_t hash;
};

/* Embedded. Of zeroes it is empty and ready. */
struct map {
	struct map_node **slots;
	size_t n, n_slots;
};

/* Frees the table, not what was in it. */
void map_clear(struct map *m);

/* The first with this hash of which is() says so; NULL: none. */
struct map_node *map_find(const struct map *m, uint64_t hash,
    bool (*is)(const struct map_node *node, const void *key), const void *key);
/* Borrows the node, which is in no map. */
void map_add(struct map *m, struct map_node *node, uint64_t hash);
void map_remove(struct map *m, struct map_node *node);

/* Calls each node, in no order; each() may remove the one that it has, and
 * must not add any. */
void map_each(
    struct map *m, void (*each)(void *ctx, struct map_node *node), void *ctx);

#endif
