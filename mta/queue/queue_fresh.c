/* SPDX-License-Identifier: ISC */
/*
 * Messages that came lately, as the tables have them: the newest of them, as
 * many as fit. Most leave soon, and their first attempt reads them here: it
 * neither waits for what the committer has locked nor makes it wait.
 *
 * A message is expected from before its rows are written, kept when it is
 * durable, and dropped before anything about it changes, if only in the same
 * transaction: then it is not kept. Only the committer does these three.
 */
#include "config.h"

#include <pthread.h>
#include <string.h>

#include "base/map.h"
#include "base/mem.h"
#include "base/ring.h"
#include "mta/queue/queue_private.h"

struct message {
	struct map_node node;
	struct ring in_order; /* in none while it is expected */
	struct ident id;
	struct buf entry, body;
};

struct queue_fresh {
	pthread_mutex_t mutex; /* guards what follows */
	struct map map;
	struct ring order; /* oldest first */
	size_t bytes, max;
};

struct queue_fresh *
queue_fresh_new(size_t max)
{
	struct queue_fresh *fresh = mem_new(struct queue_fresh);

	pthread_mutex_init(&fresh->mutex, NULL);
	ring_init(&fresh->order);
	fresh->max = max;
	return fresh;
}

static size_t
size_of(const struct message *m)
{
	return sizeof *m + m->entry.room + m->body.room;
}

/* With the mutex held, like all that follow without a prefix. */
static void
drop(struct queue_fresh *fresh, struct message *m)
{
	if (ring_is_in(&m->in_order))
		fresh->bytes -= size_of(m);
	ring_remove(&m->in_order);
	map_remove(&fresh->map, &m->node);
	buf_clear(&m->entry);
	buf_clear(&m->body);
	mem_free(m);
}

static bool
is_message(const struct map_node *node, const void *key)
{
	const struct message *m = STRUCT_OF(node, struct message, node);
	const struct ident *id = key;

	return memcmp(m->id.text, id->text, IDENT_LEN) == 0;
}

static struct message *
find(const struct queue_fresh *fresh, const struct ident *id)
{
	struct map_node *node =
	    map_find(&fresh->map, str_hash(queue_key(id)), is_message, id);

	return node != NULL ? STRUCT_OF(node, struct message, node) : NULL;
}

static struct message *
find_kept(const struct queue_fresh *fresh, const struct ident *id)
{
	struct message *m = find(fresh, id);

	return m != NULL && ring_is_in(&m->in_order) ? m : NULL;
}

static void
drop_one(void *ctx, struct map_node *node)
{
	drop(ctx, STRUCT_OF(node, struct message, node));
}

void
queue_fresh_free(struct queue_fresh **at)
{
	struct queue_fresh *fresh = *at;

	if (fresh == NULL)
		return;
	map_each(&fresh->map, drop_one, fresh);
	map_clear(&fresh->map);
	pthread_mutex_destroy(&fresh->mutex);
	mem_free(fresh);
	*at = NULL;
}

void
queue_fresh_expect(struct queue_fresh *fresh, const struct ident *id)
{
	struct message *m;

	pthread_mutex_lock(&fresh->mutex);
	if (find(fresh, id) == NULL) {
		m = mem_new(struct message);
		m->id = *id;
		map_add(&fresh->map, &m->node, str_hash(queue_key(id)));
	}
	pthread_mutex_unlock(&fresh->mutex);
}

void
queue_fresh_keep(struct queue_fresh *fresh, struct op *op)
{
	struct message *m;

	pthread_mutex_lock(&fresh->mutex);
	m = find(fresh, &op->id);
	if (m != NULL && !ring_is_in(&m->in_order)) {
		m->entry = op->entry;
		m->body = op->body;
		op->entry = op->body = (struct buf){0};
		ring_insert(&fresh->order, &m->in_order);
		fresh->bytes += size_of(m);
	}
	while (fresh->bytes > fresh->max)
		drop(fresh,
		    STRUCT_OF(fresh->order.next, struct message, in_order));
	pthread_mutex_unlock(&fresh->mutex);
}

void
queue_fresh_drop(struct queue_fresh *fresh, const struct ident *id)
{
	struct message *m;

	pthread_mutex_lock(&fresh->mutex);
	m = find(fresh, id);
	if (m != NULL)
		drop(fresh, m);
	pthread_mutex_unlock(&fresh->mutex);
}

bool
queue_fresh_is_expected(struct queue_fresh *fresh, const struct ident *id)
{
	const struct message *m;
	bool is_expected;

	pthread_mutex_lock(&fresh->mutex);
	m = find(fresh, id);
	is_expected = m != NULL && !ring_is_in(&m->in_order);
	pthread_mutex_unlock(&fresh->mutex);
	return is_expected;
}

bool
queue_fresh_get(struct queue_fresh *fresh, const struct ident *id,
    struct arena *arena, struct entry *e)
{
	const struct message *m;
	struct fault ignored;
	bool found;

	pthread_mutex_lock(&fresh->mutex);
	m = find_kept(fresh, id);
	found = m != NULL &&
		entry_decode(buf_str(&m->entry), arena, e, &ignored) == 0;
	pthread_mutex_unlock(&fresh->mutex);
	return found;
}

bool
queue_fresh_get_body(
    struct queue_fresh *fresh, const struct ident *id, struct buf *body)
{
	const struct message *m;

	pthread_mutex_lock(&fresh->mutex);
	m = find_kept(fresh, id);
	if (m != NULL)
		buf_put_str(body, buf_str(&m->body));
	pthread_mutex_unlock(&fresh->mutex);
	return m != NULL;
}
