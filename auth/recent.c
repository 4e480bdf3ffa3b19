/* SPDX-License-Identifier: ISC */
#include "config.h"

#include "auth/recent.h"

#include <arpa/inet.h>
#include <pthread.h>
#include <string.h>

#include "auth/name.h"
#include "base/map.h"
#include "base/mem.h"
#include "base/ring.h"

/* IPv6; IPv4 in its mapped form. */
struct address_key {
	uint8_t bytes[16];
};

struct recent_login {
	struct map_node node; /* by the address */
	struct ring turn;
	struct address_key address;
	char user[NAME_SIZE];
	int64_t when;
};

struct recent_logins {
	size_t max;
	int64_t age_ms;
	pthread_mutex_t mutex; /* guards what follows */
	struct map logins;
	struct ring turns; /* longest ago first */
};

struct recent_logins *
recent_logins_new(size_t max, int64_t age_ms)
{
	struct recent_logins *r = mem_new(struct recent_logins);

	r->max = max;
	r->age_ms = age_ms;
	pthread_mutex_init(&r->mutex, NULL);
	ring_init(&r->turns);
	return r;
}

static void
forget(struct recent_logins *r, struct recent_login *l)
{
	map_remove(&r->logins, &l->node);
	ring_remove(&l->turn);
	mem_free(l);
}

static struct recent_login *
oldest(struct recent_logins *r)
{
	return STRUCT_OF(r->turns.next, struct recent_login, turn);
}

void
recent_logins_free(struct recent_logins **recent)
{
	struct recent_logins *r = *recent;

	if (r == NULL)
		return;
	while (!ring_is_empty(&r->turns))
		forget(r, oldest(r));
	map_clear(&r->logins);
	pthread_mutex_destroy(&r->mutex);
	mem_free(r);
	*recent = NULL;
}

/* False for what is no address, and for this machine. */
static bool
key_of(struct str text, struct address_key *key)
{
	static const uint8_t mapped[12] = {[10] = 0xff, [11] = 0xff};
	char address[INET6_ADDRSTRLEN];
	struct in6_addr six;
	struct in_addr four;

	if (!str_copy(text, address, sizeof address))
		return false;
	if (inet_pton(AF_INET, address, &four) == 1) {
		memcpy(key->bytes, mapped, sizeof mapped);
		memcpy(key->bytes + sizeof mapped, &four, sizeof four);
	} else if (inet_pton(AF_INET6, address, &six) == 1) {
		memcpy(key->bytes, &six, sizeof key->bytes);
	} else {
		return false;
	}
	memcpy(&six, key->bytes, sizeof six);
	return !IN6_IS_ADDR_LOOPBACK(&six) &&
	       !(IN6_IS_ADDR_V4MAPPED(&six) && key->bytes[12] == 127);
}

static uint64_t
hash_of(const struct address_key *key)
{
	return str_hash(str_n((const char *)key->bytes, sizeof key->bytes));
}

static bool
is_from(const struct map_node *node, const void *key)
{
	const struct recent_login *l =
	    STRUCT_OF(node, const struct recent_login, node);

	return memcmp(&l->address, key, sizeof l->address) == 0;
}

/* Under the mutex. */
static struct recent_login *
find(struct recent_logins *r, const struct address_key *key)
{
	struct map_node *node =
	    map_find(&r->logins, hash_of(key), is_from, key);

	return node == NULL ? NULL : STRUCT_OF(node, struct recent_login, node);
}

static struct recent_login *
add(struct recent_logins *r, const struct address_key *key)
{
	struct recent_login *l;

	if (r->logins.n >= r->max)
		forget(r, oldest(r));
	l = mem_new(struct recent_login);
	l->address = *key;
	map_add(&r->logins, &l->node, hash_of(key));
	ring_insert(&r->turns, &l->turn);
	return l;
}

void
recent_logins_put(
    struct recent_logins *r, struct str address, struct str user, int64_t now)
{
	struct address_key key;
	struct recent_login *l;

	if (r->max == 0 || r->age_ms == 0 || !key_of(address, &key))
		return;
	pthread_mutex_lock(&r->mutex);
	l = find(r, &key);
	if (l == NULL)
		l = add(r, &key);
	l->when = now;
	if (!str_copy(user, l->user, sizeof l->user))
		l->user[0] = '\0';
	ring_rotate(&r->turns, &l->turn);
	pthread_mutex_unlock(&r->mutex);
}

int
recent_logins_get(
    struct recent_logins *r, struct str address, int64_t now, struct buf *user)
{
	const struct recent_login *l;
	struct address_key key;
	int found = 0;

	buf_reset(user);
	if (!key_of(address, &key))
		return 0;
	pthread_mutex_lock(&r->mutex);
	l = find(r, &key);
	if (l != NULL && now - l->when < r->age_ms) {
		buf_puts(user, l->user);
		found = 1;
	}
	pthread_mutex_unlock(&r->mutex);
	return found;
}
