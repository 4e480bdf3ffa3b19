/* SPDX-License-Identifier: ISC */
#include "config.h"

#include "proto/client_pool.h"

#include <pthread.h>

#include "base/mem.h"

enum {
	IDLE_MAX = 64, /* connections */
	READ_SIZE = 4096,
};

struct client_pool {
	struct net_address address;
	size_t in_max, out_max;
	pthread_mutex_t mutex; /* guards what follows */
	struct client_pool_connection *idle[IDLE_MAX];
	size_t n;
};

struct client_pool *
client_pool_new(
    const struct net_address *address, size_t in_max, size_t out_max)
{
	struct client_pool *pool = mem_new(struct client_pool);

	pool->address = *address;
	pool->in_max = in_max;
	pool->out_max = out_max;
	pthread_mutex_init(&pool->mutex, NULL);
	return pool;
}

void
client_pool_free(struct client_pool **pool_at)
{
	struct client_pool *pool = *pool_at;

	if (pool == NULL)
		return;
	while (pool->n > 0)
		client_pool_drop(&pool->idle[--pool->n]);
	pthread_mutex_destroy(&pool->mutex);
	mem_free(pool);
	*pool_at = NULL;
}

static bool
is_silent(struct client_pool_connection *c)
{
	struct fault ignored;
	bool again = false;

	return io_read_now(c->io, &c->in, READ_SIZE, &again, &ignored) == 0 &&
	       again;
}

struct client_pool_connection *
client_pool_take(struct client_pool *pool)
{
	for (;;) {
		struct client_pool_connection *c = NULL;

		pthread_mutex_lock(&pool->mutex);
		if (pool->n > 0)
			c = pool->idle[--pool->n];
		pthread_mutex_unlock(&pool->mutex);
		if (c == NULL || is_silent(c))
			return c;
		client_pool_drop(&c);
	}
}

struct client_pool_connection *
client_pool_connect(struct client_pool *pool, int64_t deadline, struct fault *f)
{
	struct client_pool_connection *c;
	int fd = net_connect(&pool->address, deadline, f);

	if (fd < 0)
		return NULL;
	c = mem_new(struct client_pool_connection);
	c->io = io_new(fd);
	buf_init(&c->in, pool->in_max);
	buf_init(&c->out, pool->out_max);
	return c;
}

int
client_pool_read(struct client_pool_connection *c, struct fault *f)
{
	int got = io_read(c->io, &c->in, READ_SIZE, f);

	if (got == 0)
		return fault_temp(f, "4.4.2", "the connection was closed");
	return got < 0 ? -1 : 0;
}

void
client_pool_put(struct client_pool *pool, struct client_pool_connection **c)
{
	/* One that carried much gives its memory back. */
	if ((*c)->in.room > 2 * (size_t)READ_SIZE)
		buf_clear(&(*c)->in);
	pthread_mutex_lock(&pool->mutex);
	if (pool->n < IDLE_MAX) {
		pool->idle[pool->n++] = *c;
		*c = NULL;
	}
	pthread_mutex_unlock(&pool->mutex);
	client_pool_drop(c);
}

void
client_pool_drop(struct client_pool_connection **connection)
{
	struct client_pool_connection *c = *connection;

	if (c == NULL)
		return;
	io_free(&c->io);
	buf_clear(&c->in);
	buf_clear(&c->out);
	mem_free(c);
	*connection = NULL;
}
