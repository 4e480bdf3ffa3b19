/* SPDX-License-Identifier: ISC */
/*
 * A hash table of keys, and a queue of them by age. The oldest that is settled
 * makes room for the newest.
 */
#include "config.h"

#include "store/recent.h"

#include <pthread.h>

#include "base/loop.h"
#include "base/mem.h"

enum { BUCKETS = 1 << 14 };

struct recent_claim {
	uint64_t hash;
	int64_t made;
	bool pending;
	struct recent_claim *next_in_bucket;
	struct recent_claim *older, *newer;
	size_t key_len;
	char key[];
};

struct recent {
	pthread_mutex_t mutex;
	pthread_cond_t settled;
	struct recent_claim *buckets[BUCKETS];
	struct recent_claim *oldest, *newest;
	size_t n, max;
	int64_t since;
};

struct recent *
recent_new(size_t max, int64_t since)
{
	struct recent *r = mem_new(struct recent);

	pthread_mutex_init(&r->mutex, NULL);
	pthread_cond_init(&r->settled, NULL);
	r->max = max;
	r->since = since;
	return r;
}

static struct recent_claim **
bucket(struct recent *r, uint64_t hash)
{
	return &r->buckets[(hash ^ hash >> 32) % BUCKETS];
}

static struct recent_claim *
find(struct recent *r, uint64_t hash, struct str key)
{
	struct recent_claim *c = *bucket(r, hash);

	while (c != NULL &&
	       (c->hash != hash || !str_is(str_n(c->key, c->key_len), key)))
		c = c->next_in_bucket;
	return c;
}

static void
forget(struct recent *r, struct recent_claim *c)
{
	struct recent_claim **at = bucket(r, c->hash);

	while (*at != c)
		at = &(*at)->next_in_bucket;
	*at = c->next_in_bucket;
	*(c->older != NULL ? &c->older->newer : &r->oldest) = c->newer;
	*(c->newer != NULL ? &c->newer->older : &r->newest) = c->older;
	r->n--;
	mem_free(c);
}

static void
make_room(struct recent *r)
{
	struct recent_claim *c = r->oldest;

	while (r->n >= r->max && c != NULL) {
		struct recent_claim *newer = c->newer;

		if (!c->pending) {
			if (c->made > r->since)
				r->since = c->made;
			forget(r, c);
		}
		c = newer;
	}
}

static struct recent_claim *
add(struct recent *r, uint64_t hash, struct str key)
{
	struct recent_claim *c = mem_zeroed(1, sizeof *c + key.len);

	memcpy(c->key, key.at, key.len);
	c->key_len = key.len;
	c->hash = hash;
	c->pending = true;
	c->next_in_bucket = *bucket(r, hash);
	*bucket(r, hash) = c;
	c->older = r->newest;
	*(r->newest != NULL ? &r->newest->newer : &r->oldest) = c;
	r->newest = c;
	r->n++;
	return c;
}

static void
wait_for_others(struct recent *r)
{
	loop_blocking_begin();
	pthread_cond_wait(&r->settled, &r->mutex);
	loop_blocking_end();
}

struct recent_claim *
recent_claim(struct recent *r, struct str key, int64_t made)
{
	uint64_t hash = str_hash(key);
	struct recent_claim *c;

	pthread_mutex_lock(&r->mutex);
	while ((c = find(r, hash, key)) != NULL && c->pending)
		wait_for_others(r);
	if (c != NULL) {
		c = NULL;
	} else {
		make_room(r);
		c = add(r, hash, key);
		c->made = made;
	}
	pthread_mutex_unlock(&r->mutex);
	return c;
}

void
recent_settle(struct recent *r, struct recent_claim **claim, bool stored)
{
	if (*claim == NULL)
		return;
	pthread_mutex_lock(&r->mutex);
	(*claim)->pending = false;
	if (!stored)
		forget(r, *claim);
	pthread_cond_broadcast(&r->settled);
	pthread_mutex_unlock(&r->mutex);
	*claim = NULL;
}

bool
recent_is_complete(struct recent *r, int64_t made)
{
	bool complete;

	pthread_mutex_lock(&r->mutex);
	complete = made > r->since;
	pthread_mutex_unlock(&r->mutex);
	return complete;
}

void
recent_free(struct recent **recent)
{
	if (*recent == NULL)
		return;
	while ((*recent)->oldest != NULL)
		forget(*recent, (*recent)->oldest);
	pthread_cond_destroy(&(*recent)->settled);
	pthread_mutex_destroy(&(*recent)->mutex);
	mem_free(*recent);
	*recent = NULL;
}
