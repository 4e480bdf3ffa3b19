/* SPDX-License-Identifier: ISC */
/* Tasks by their deadline, the least first. Private to loop.c; not locked. */
#ifndef BASE_LOOP_HEAP_H
#define BASE_LOOP_HEAP_H

#include <stddef.h>
#include <stdint.h>

struct loop_task;

/* Embedded. Of zeroes it is empty and ready. */
struct loop_heap {
	struct loop_task **items; /* from 1 */
	size_t n, room;
};

/* Borrows the task, which is in no heap, under the key. */
void loop_heap_add(struct loop_heap *h, struct loop_task *t, int64_t key);
/* A no-op where the task is in no heap. */
void loop_heap_remove(struct loop_heap *h, struct loop_task *t);
/* NULL where the heap is empty. */
struct loop_task *loop_heap_first(const struct loop_heap *h);
void loop_heap_clear(struct loop_heap *h);

#endif
