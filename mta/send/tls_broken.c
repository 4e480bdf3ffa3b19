/* SPDX-License-Identifier: ISC */
/* A table of fixed size: two addresses at the same place displace each other,
 * which costs one of them a handshake. */
#include "config.h"

#include "mta/send/tls_broken.h"

#include <pthread.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/str.h"

enum { PLACES = 1024 };

struct tls_broken {
	pthread_mutex_t mutex;
	struct {
		uint64_t hash;
		int64_t until;
	} places[PLACES];
};

struct tls_broken *
tls_broken_new(void)
{
	struct tls_broken *b = mem_new(struct tls_broken);

	pthread_mutex_init(&b->mutex, NULL);
	return b;
}

void
tls_broken_free(struct tls_broken **broken)
{
	if (*broken == NULL)
		return;
	pthread_mutex_destroy(&(*broken)->mutex);
	mem_free(*broken);
	*broken = NULL;
}

void
tls_broken_note(struct tls_broken *b, const char *address)
{
	uint64_t hash = str_hash(str(address));
	size_t i = hash % PLACES;

	pthread_mutex_lock(&b->mutex);
	b->places[i].hash = hash;
	b->places[i].until = clock_ms() + TLS_BROKEN_MS;
	pthread_mutex_unlock(&b->mutex);
}

bool
tls_broken_is_known(struct tls_broken *b, const char *address)
{
	uint64_t hash = str_hash(str(address));
	size_t i = hash % PLACES;
	bool known;

	pthread_mutex_lock(&b->mutex);
	known = b->places[i].hash == hash && clock_ms() < b->places[i].until;
	pthread_mutex_unlock(&b->mutex);
	return known;
}
