/* SPDX-License-Identifier: ISC */
/*
 * A list under a mutex of its own, that is held for a few instructions: who
 * posts many tasks must not wait for a worker that parks one.
 */
#include "config.h"

#include "base/loop_posted.h"

#include <stddef.h>

#include "base/loop.h"

void
loop_posted_init(struct loop_posted *p)
{
	pthread_mutex_init(&p->mutex, NULL);
	p->first = p->last = NULL;
	atomic_init(&p->n, 0);
}

void
loop_posted_clear(struct loop_posted *p)
{
	pthread_mutex_destroy(&p->mutex);
	p->first = p->last = NULL;
}

void
loop_posted_add(struct loop_posted *p, struct loop_task *t)
{
	t->posted = true;
	t->next = NULL;
	t->prev = p->last;
	if (t->prev != NULL)
		t->prev->next = t;
	else
		p->first = t;
	p->last = t;
	atomic_fetch_add(&p->n, 1);
}

static void
unlink_task(struct loop_posted *p, struct loop_task *t)
{
	t->posted = false;
	if (t->prev != NULL)
		t->prev->next = t->next;
	else
		p->first = t->next;
	if (t->next != NULL)
		t->next->prev = t->prev;
	else
		p->last = t->prev;
	atomic_fetch_sub(&p->n, 1);
}

struct loop_task *
loop_posted_take(struct loop_posted *p)
{
	struct loop_task *t;

	if (!loop_posted_has_some(p))
		return NULL;
	pthread_mutex_lock(&p->mutex);
	t = p->first;
	if (t != NULL)
		unlink_task(p, t);
	pthread_mutex_unlock(&p->mutex);
	return t;
}

void
loop_posted_remove(struct loop_posted *p, struct loop_task *t)
{
	pthread_mutex_lock(&p->mutex);
	if (t->posted)
		unlink_task(p, t);
	pthread_mutex_unlock(&p->mutex);
}

bool
loop_posted_has_some(struct loop_posted *p)
{
	return atomic_load(&p->n) > 0;
}
