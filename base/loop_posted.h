/* SPDX-License-Identifier: ISC */
/* The tasks that were posted to a loop, in order. Private to loop.c. */
#ifndef BASE_LOOP_POSTED_H
#define BASE_LOOP_POSTED_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>

struct loop_task;

struct loop_posted {
	pthread_mutex_t mutex; /* guards the list */
	struct loop_task *first, *last;
	atomic_uint n;
};

void loop_posted_init(struct loop_posted *p);
/* Forgets what is left. */
void loop_posted_clear(struct loop_posted *p);

/* With the mutex; the others take it. */
void loop_posted_add(struct loop_posted *p, struct loop_task *task);
/* The oldest, which is not in the list any more, or NULL. */
struct loop_task *loop_posted_take(struct loop_posted *p);
/* Nothing happens where it is not in the list. */
void loop_posted_remove(struct loop_posted *p, struct loop_task *task);
bool loop_posted_has_some(struct loop_posted *p);

#endif
