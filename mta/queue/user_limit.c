/* SPDX-License-Identifier: ISC */
#include "config.h"

#include "mta/queue/user_limit.h"

#include <pthread.h>

#include "base/map.h"
#include "base/mem.h"
#include "base/ring.h"

struct user {
	struct map_node node;
	struct ring turn; /* by the last message */
	struct pace pace;
	int64_t told; /* until when; 0: not yet */
	char *name;
	size_t name_len;
};

struct user_limits {
	struct pace_limit limit;
	size_t max;
	pthread_mutex_t mutex; /* guards what follows */
	struct map users;
	struct ring turns; /* longest ago first */
};

struct user_limits *
user_limits_new(const struct pace_limit *limit, size_t max_users)
{
	struct user_limits *l = mem_new(struct user_limits);

	l->limit = (struct pace_limit){
	    .rate = limit->rate, .period_ms = limit->period_ms};
	l->max = max_users;
	pthread_mutex_init(&l->mutex, NULL);
	ring_init(&l->turns);
	return l;
}

static void
forget_oldest(struct user_limits *l)
{
	struct user *u = STRUCT_OF(l->turns.next, struct user, turn);

	map_remove(&l->users, &u->node);
	ring_remove(&u->turn);
	mem_free(u->name);
	mem_free(u);
}

void
user_limits_free(struct user_limits **limits)
{
	struct user_limits *l = *limits;

	if (l == NULL)
		return;
	while (!ring_is_empty(&l->turns))
		forget_oldest(l);
	map_clear(&l->users);
	pthread_mutex_destroy(&l->mutex);
	mem_free(l);
	*limits = NULL;
}

static bool
is_named(const struct map_node *node, const void *key)
{
	const struct user *u = STRUCT_OF(node, const struct user, node);

	return str_is(str_n(u->name, u->name_len), *(const struct str *)key);
}

/* Under the mutex. */
static struct user *
find(struct user_limits *l, struct str name)
{
	uint64_t hash = str_hash(name);
	struct map_node *node = map_find(&l->users, hash, is_named, &name);
	struct user *u;

	if (node != NULL)
		return STRUCT_OF(node, struct user, node);
	if (l->users.n >= l->max)
		forget_oldest(l);
	u = mem_new(struct user);
	u->name = mem_dup_n(name.at, name.len);
	u->name_len = name.len;
	pace_init(&u->pace, &l->limit);
	map_add(&l->users, &u->node, hash);
	ring_insert(&l->turns, &u->turn);
	return u;
}

static enum user_verdict
judge(struct user_limits *l, struct user *u, size_t n_rcpts, int64_t now)
{
	if (pace_when(&u->pace) <= now) {
		for (size_t i = 0; i < n_rcpts; i++) {
			pace_start(&u->pace, now);
			pace_end(&u->pace);
		}
		return USER_MAY_SEND;
	}
	if (u->told > now)
		return USER_IS_HELD;
	u->told = now + l->limit.period_ms;
	return USER_IS_HELD_NEW;
}

enum user_verdict
user_limits_take(
    struct user_limits *l, struct str user, size_t n_rcpts, int64_t now)
{
	enum user_verdict verdict;
	struct user *u;

	if (l == NULL || l->limit.rate == 0)
		return USER_MAY_SEND;
	pthread_mutex_lock(&l->mutex);
	u = find(l, user);
	ring_rotate(&l->turns, &u->turn);
	verdict = judge(l, u, n_rcpts, now);
	pthread_mutex_unlock(&l->mutex);
	return verdict;
}
