/* SPDX-License-Identifier: ISC */
/*
 * One list, oldest first: it is short (100 by default), and closing, which may
 * take a system call or two, is done outside of the lock.
 */
#include "config.h"

#include "mta/send/pool.h"

#include <pthread.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "mta/send/wire.h"

struct idle {
	struct pool_wire kept;
	int64_t since;
};

struct pool {
	int64_t idle_ms;
	unsigned max;
	pthread_mutex_t mutex; /* guards what follows */
	unsigned n;
	struct idle *idle; /* oldest first */
};

struct pool *
pool_new(unsigned max, int64_t idle_ms)
{
	struct pool *pool = mem_new(struct pool);

	pool->max = max > 0 ? max : 1;
	pool->idle_ms = idle_ms;
	pool->idle = mem_zeroed(pool->max, sizeof *pool->idle);
	pthread_mutex_init(&pool->mutex, NULL);
	return pool;
}

void
pool_free(struct pool **pool_at)
{
	struct pool *pool = *pool_at;

	if (pool == NULL)
		return;
	while (pool->n > 0)
		wire_free(&pool->idle[--pool->n].kept.wire);
	mem_free(pool->idle);
	pthread_mutex_destroy(&pool->mutex);
	mem_free(pool);
	*pool_at = NULL;
}

/* Takes the one at place i out of the list. The mutex is held. */
static void
take_out(struct pool *pool, unsigned i, struct pool_wire *kept)
{
	*kept = pool->idle[i].kept;
	pool->n--;
	memmove(&pool->idle[i], &pool->idle[i + 1],
	    (pool->n - i) * sizeof pool->idle[0]);
}

/* The newest of the key, whatever its state. */
static bool
take_newest(struct pool *pool, const char *key, struct pool_wire *kept)
{
	bool found = false;

	pthread_mutex_lock(&pool->mutex);
	for (unsigned i = pool->n; i > 0 && !found; i--)
		if (strcmp(pool->idle[i - 1].kept.key, key) == 0) {
			take_out(pool, i - 1, kept);
			found = true;
		}
	pthread_mutex_unlock(&pool->mutex);
	return found;
}

/* The oldest, where it has waited for too long. */
static bool
take_old(struct pool *pool, struct pool_wire *kept)
{
	bool found;

	pthread_mutex_lock(&pool->mutex);
	found =
	    pool->n > 0 && clock_ms() - pool->idle[0].since >= pool->idle_ms;
	if (found)
		take_out(pool, 0, kept);
	pthread_mutex_unlock(&pool->mutex);
	return found;
}

bool
pool_take(struct pool *pool, const char *key, struct pool_wire *kept)
{
	pool_tidy(pool);
	while (take_newest(pool, key, kept)) {
		if (!wire_is_dead(kept->wire))
			return true;
		wire_free(&kept->wire);
	}
	return false;
}

void
pool_put(struct pool *pool, const struct pool_wire *wire)
{
	struct pool_wire surplus = {.wire = NULL};

	pthread_mutex_lock(&pool->mutex);
	if (pool->n == pool->max)
		take_out(pool, 0, &surplus);
	pool->idle[pool->n++] = (struct idle){*wire, clock_ms()};
	pthread_mutex_unlock(&pool->mutex);
	wire_free(&surplus.wire);
}

void
pool_drop(struct pool *pool, const char *key)
{
	struct pool_wire kept;

	while (take_newest(pool, key, &kept))
		wire_free(&kept.wire);
}

void
pool_tidy(struct pool *pool)
{
	struct pool_wire kept;

	while (take_old(pool, &kept))
		wire_free(&kept.wire);
}

unsigned
pool_idle(struct pool *pool)
{
	unsigned n;

	pthread_mutex_lock(&pool->mutex);
	n = pool->n;
	pthread_mutex_unlock(&pool->mutex);
	return n;
}
