/* SPDX-License-Identifier: ISC */
/*
 * What sessions of both protocols have in common: bytes between a socket and
 * two buffers, and how long a client may take.
 */
#ifndef PROTO_PEER_H
#define PROTO_PEER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/buf.h"
#include "base/log.h"
#include "base/server.h"
#include "proto/ident.h"

struct peer {
	struct session *session;
	struct buf in, out; /* secret where the protocol is */
	int64_t idle_ms;    /* between requests; 0: no limit */
	int64_t begun;      /* clock_ms() when an unfinished request began */
	char id[IDENT_SESSION_SIZE];
	struct log_ctx log;
};

/* Embedded. in_max bounds one request, out_max what answers wait. */
void peer_init(struct peer *p, struct session *session, size_t in_max,
    size_t out_max, int64_t idle_ms);
void peer_clear(struct peer *p);

/*
 * For on_input(): reads what there is and calls take(), which takes whole
 * requests off p->in and puts answers into p->out; then writes them. What a
 * client has begun it must end within some seconds.
 */
enum session_next peer_work(
    struct peer *p, enum session_next (*take)(void *ctx), void *ctx) MUST_USE;
/* Writes what waits; -1 where the client is gone. For take(), where answers
 * become many. */
int peer_flush(struct peer *p) MUST_USE;
bool peer_is_full(const struct peer *p);

#endif
