/* SPDX-License-Identifier: ISC */
#include "config.h"

#include "auth/directory_cache.h"

#include <pthread.h>

#include "base/clock.h"
#include "base/map.h"
#include "base/mem.h"
#include "base/ring.h"

struct answer {
	struct map_node node; /* by the question */
	struct ring turn;     /* by its last use */
	int64_t asked;        /* clock_ms() */
	char *question, *value;
	size_t question_len, value_len;
	bool found;
};

struct directory_cache {
	size_t max;
	pthread_mutex_t mutex; /* guards what follows */
	struct map answers;
	struct ring turns; /* used longest ago first */
	uint64_t epoch;
};

struct directory_cache *
directory_cache_new(size_t max)
{
	struct directory_cache *c = mem_new(struct directory_cache);

	c->max = max;
	pthread_mutex_init(&c->mutex, NULL);
	ring_init(&c->turns);
	return c;
}

static void
forget(struct directory_cache *c, struct answer *a)
{
	map_remove(&c->answers, &a->node);
	ring_remove(&a->turn);
	/* Hashes of passwords are among them. */
	if (a->value != NULL)
		mem_wipe(a->value, a->value_len);
	mem_free(a->question);
	mem_free(a->value);
	mem_free(a);
}

static void
forget_all(struct directory_cache *c)
{
	while (!ring_is_empty(&c->turns))
		forget(c, STRUCT_OF(c->turns.next, struct answer, turn));
}

void
directory_cache_free(struct directory_cache **cache)
{
	struct directory_cache *c = *cache;

	if (c == NULL)
		return;
	forget_all(c);
	map_clear(&c->answers);
	pthread_mutex_destroy(&c->mutex);
	mem_free(c);
	*cache = NULL;
}

static bool
is_answer_to(const struct map_node *node, const void *key)
{
	const struct answer *a = STRUCT_OF(node, const struct answer, node);

	return str_is(
	    str_n(a->question, a->question_len), *(const struct str *)key);
}

/* Under the mutex. */
static struct answer *
find(struct directory_cache *c, struct str question)
{
	struct map_node *node =
	    map_find(&c->answers, str_hash(question), is_answer_to, &question);

	return node == NULL ? NULL : STRUCT_OF(node, struct answer, node);
}

static void
use(struct directory_cache *c, struct answer *a)
{
	ring_remove(&a->turn);
	ring_insert(&c->turns, &a->turn);
}

int
directory_cache_get(struct directory_cache *c, struct str question,
    int64_t age_ms, struct buf *value)
{
	struct answer *a;
	int rc = -1;

	pthread_mutex_lock(&c->mutex);
	a = find(c, question);
	if (a != NULL && clock_ms() - a->asked < age_ms) {
		use(c, a);
		buf_reset(value);
		if (a->found)
			buf_put(value, a->value, a->value_len);
		rc = a->found;
	}
	pthread_mutex_unlock(&c->mutex);
	return rc;
}

uint64_t
directory_cache_epoch(struct directory_cache *c)
{
	uint64_t epoch;

	pthread_mutex_lock(&c->mutex);
	epoch = c->epoch;
	pthread_mutex_unlock(&c->mutex);
	return epoch;
}

void
directory_cache_put(struct directory_cache *c, struct str question, bool found,
    struct str value, uint64_t since)
{
	struct answer *a;

	pthread_mutex_lock(&c->mutex);
	a = find(c, question);
	if (a != NULL)
		forget(c, a);
	if (since == c->epoch && c->max > 0) {
		if (c->answers.n >= c->max)
			forget(
			    c, STRUCT_OF(c->turns.next, struct answer, turn));
		a = mem_new(struct answer);
		a->asked = clock_ms();
		a->found = found;
		a->question = mem_dup_n(question.at, question.len);
		a->question_len = question.len;
		if (found) {
			a->value = mem_dup_n(value.at, value.len);
			a->value_len = value.len;
		}
		map_add(&c->answers, &a->node, str_hash(question));
		ring_insert(&c->turns, &a->turn);
	}
	pthread_mutex_unlock(&c->mutex);
}

void
directory_cache_drop(struct directory_cache *c)
{
	pthread_mutex_lock(&c->mutex);
	c->epoch++;
	forget_all(c);
	pthread_mutex_unlock(&c->mutex);
}
