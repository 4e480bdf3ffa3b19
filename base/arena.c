/* SPDX-License-Identifier: ISC */
/*
 * Memory given back all at once: a list of blocks, each filled from its start.
 * What is larger than a block gets one of its own.
 */
#include "config.h"

#include "base/arena.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>

#include "base/mem.h"

enum { BLOCK_SIZE = 1024 };

struct arena_block {
	struct arena_block *next;
	size_t size;
	size_t used;
	max_align_t bytes[];
};

void
arena_init(struct arena *a)
{
	a->blocks = NULL;
}

void
arena_clear(struct arena *a)
{
	struct arena_block *next;

	for (struct arena_block *b = a->blocks; b != NULL; b = next) {
		next = b->next;
		mem_free(b);
	}
	a->blocks = NULL;
}

void *
arena_take(struct arena *a, size_t size)
{
	const size_t align = _Alignof(max_align_t);
	struct arena_block *b = a->blocks;
	size_t want;
	char *p;

	if (size > SIZE_MAX / 2)
		die_bug("arena_take(%zu)", size);
	want = (size + align - 1) / align * align;
	if (b == NULL || b->size - b->used < want) {
		size_t room = want > BLOCK_SIZE ? want : BLOCK_SIZE;

		b = mem_zeroed(1, sizeof *b + room);
		b->size = room;
		b->next = a->blocks;
		a->blocks = b;
	}
	p = (char *)b->bytes + b->used;
	b->used += want;
	return p;
}

struct str
arena_str(struct arena *a, struct str s)
{
	return str_n(arena_text(a, s), s.len);
}

char *
arena_text(struct arena *a, struct str s)
{
	char *copy = arena_take(a, s.len + 1);

	if (s.len > 0)
		memcpy(copy, s.at, s.len);
	return copy;
}

char *
arena_putf(struct arena *a, const char *fmt, ...)
{
	va_list ap;
	char *text;
	int len;

	va_start(ap, fmt);
	len = vsnprintf(NULL, 0, fmt, ap);
	va_end(ap);
	if (len < 0)
		die_bug("bad format: %s", fmt);
	text = arena_take(a, (size_t)len + 1);
	va_start(ap, fmt);
	vsnprintf(text, (size_t)len + 1, fmt, ap);
	va_end(ap);
	return text;
}
