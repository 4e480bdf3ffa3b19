/* SPDX-License-Identifier: ISC */
/*
 * Wires that wait for another message to the same next hop. The newest is taken
 * first, so that under little load the others grow old and are closed.
 */
#ifndef MTA_SEND_POOL_H
#define MTA_SEND_POOL_H

#include <stdbool.h>
#include <stdint.h>

#include "base/attr.h"
#include "mta/send/dns.h"
#include "mta/send/target.h"

struct pool;
struct wire;

enum { POOL_KEY_SIZE = TARGET_KEY_SIZE + DNS_NAME_SIZE + 16 };

/* A wire and what is to be known of it. */
struct pool_wire {
	struct wire *wire;
	char key[POOL_KEY_SIZE];
	char host[DNS_NAME_SIZE];
	char address[64];
};

/* May be used by many threads. At most max wait, each for idle_ms. */
struct pool *pool_new(unsigned max, int64_t idle_ms) MUST_USE;
/* Closes all. No call may be under way. */
void pool_free(struct pool **pool);

/* The newest that waits under the key and is alive; false where there is none.
 * The caller then owns the wire. */
bool pool_take(struct pool *pool, const char *key, struct pool_wire *kept);
/* Takes the wire over, and copies the rest. */
void pool_put(struct pool *pool, const struct pool_wire *wire);
/* Closes what waits under the key: one that was taken had died. */
void pool_drop(struct pool *pool, const char *key);
/* Closes what has waited for too long. */
void pool_tidy(struct pool *pool);
unsigned pool_idle(struct pool *pool);

#endif
