/* SPDX-License-Identifier: ISC */
/*
 * Memory that lives as long as one mail transaction: taken in small pieces,
 * given back all at once. No piece is ever freed by itself.
 */
#ifndef BASE_ARENA_H
#define BASE_ARENA_H

#include <stddef.h>

#include "base/attr.h"
#include "base/str.h"

struct arena_block;

struct arena {
	struct arena_block *blocks; /* newest first */
};

/* Embedded. An arena of zeroes is empty and ready. */
void arena_init(struct arena *a);
/* Frees all that was taken from it; the arena may be used again. */
void arena_clear(struct arena *a);

/* Zeroed, aligned for any object; dies when out of memory. */
void *arena_take(struct arena *a, size_t size) MUST_USE;
#define arena_new(a, type) ((type *)arena_take((a), sizeof(type)))

/* A copy with a NUL behind it. */
struct str arena_str(struct arena *a, struct str s) MUST_USE;
char *arena_text(struct arena *a, struct str s) MUST_USE;
char *arena_putf(struct arena *a, const char *fmt, ...) FORMAT(2, 3) MUST_USE;

#endif
