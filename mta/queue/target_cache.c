/* SPDX-License-Identifier: ISC */
/* A slot for each hash: who comes later takes it. */
#include "config.h"

#include "mta/queue/target_cache.h"

#include <pthread.h>
#include <string.h>

#include "base/mem.h"

enum { SLOTS = 1024 };

struct target_cache {
	pthread_mutex_t mutex;
	struct slot {
		char domain[DNS_NAME_SIZE];
		struct target *target;
	} slots[SLOTS];
};

struct target_cache *
target_cache_new(void)
{
	struct target_cache *c = mem_new(struct target_cache);

	pthread_mutex_init(&c->mutex, NULL);
	return c;
}

void
target_cache_free(struct target_cache **cache)
{
	struct target_cache *c = *cache;

	if (c == NULL)
		return;
	for (size_t i = 0; i < SLOTS; i++)
		mem_free(c->slots[i].target);
	pthread_mutex_destroy(&c->mutex);
	mem_free(c);
	*cache = NULL;
}

static bool
is_same_text(const char *a, const char *b)
{
	return a == NULL || b == NULL ? a == b : strcmp(a, b) == 0;
}

bool
target_cache_is_same(const struct route *a, const struct route *b)
{
	return a->kind == b->kind && strcmp(a->host, b->host) == 0 &&
	       a->port == b->port && a->implicit_tls == b->implicit_tls &&
	       a->tls == b->tls && is_same_text(a->user, b->user) &&
	       is_same_text(a->password, b->password) &&
	       (a->kind != ROUTE_LMTP || net_is_same(&a->lmtp, &b->lmtp));
}

static struct slot *
slot_of(struct target_cache *c, const struct route *route, struct str domain)
{
	uint64_t hash = str_hash(domain) * 31 + str_hash(str(route->host));

	return &c->slots[(hash + (unsigned)route->kind) % SLOTS];
}

bool
target_cache_get(struct target_cache *cache, const struct route *route,
    struct str domain, int64_t now, struct target *target)
{
	const struct slot *s = slot_of(cache, route, domain);
	bool found;

	pthread_mutex_lock(&cache->mutex);
	found = s->target != NULL && str_is(str(s->domain), domain) &&
		now < s->target->until &&
		target_cache_is_same(&s->target->route, route);
	if (found) {
		*target = *s->target;
		/* The rule may be another one. */
		target->route = *route;
	}
	pthread_mutex_unlock(&cache->mutex);
	return found;
}

void
target_cache_put(struct target_cache *cache, const struct route *route,
    struct str domain, const struct target *target)
{
	struct slot *s = slot_of(cache, route, domain);

	pthread_mutex_lock(&cache->mutex);
	if (str_copy(domain, s->domain, sizeof s->domain)) {
		if (s->target == NULL)
			s->target = mem_new(struct target);
		*s->target = *target;
		s->target->route = *route;
	} else {
		mem_free(s->target);
		s->target = NULL;
	}
	pthread_mutex_unlock(&cache->mutex);
}
