/* SPDX-License-Identifier: ISC */
/*
 * Connections to one server, for protocols in which each question is followed by
 * its answer. Those that rest between two questions are kept for the next, up to
 * 64.
 */
#ifndef PROTO_CLIENT_POOL_H
#define PROTO_CLIENT_POOL_H

#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/buf.h"
#include "base/fault.h"
#include "base/io.h"
#include "base/net.h"

/* Whoever has it is the only one to touch it. */
struct client_pool_connection {
	struct io *io;
	struct buf in; /* what was read and not consumed yet */
	struct buf
	    out; /* the caller's, for a question; a kept one's is empty */
};

struct client_pool;

/* May be used by many threads at once. in_max and out_max, in bytes, bound the
 * buffers of a connection. */
struct client_pool *client_pool_new(
    const struct net_address *address, size_t in_max, size_t out_max) MUST_USE;
/* Closes what rests in it. NULL is fine. */
void client_pool_free(struct client_pool **pool);

/* One that was kept, is open still and has said nothing unasked, which would be
 * taken for the next answer; or NULL. Does not block. */
struct client_pool_connection *client_pool_take(
    struct client_pool *pool) MUST_USE;
/* A new one; blocks until deadline (clock_ms(); 0: none). NULL with the fault
 * of net_connect(). */
struct client_pool_connection *client_pool_connect(
    struct client_pool *pool, int64_t deadline, struct fault *f) MUST_USE;

/* Waits for more of the answer, to the deadline of c->io: 0 with more in c->in;
 * -1 with a fault, also where the server has closed the connection. */
int client_pool_read(
    struct client_pool_connection *c, struct fault *f) MUST_USE;

/* Takes it, for the next question; where much else rests it is closed. Both
 * buffers must be empty: an answer was whole, and all that came. */
void client_pool_put(
    struct client_pool *pool, struct client_pool_connection **c);
/* Closes it. NULL is fine. */
void client_pool_drop(struct client_pool_connection **c);

#endif
