/* SPDX-License-Identifier: ISC */
/* What a hand-over's session and its rules share. */
#ifndef MTA_QUEUE_RECEIVE_PRIVATE_H
#define MTA_QUEUE_RECEIVE_PRIVATE_H

#include "base/buf.h"
#include "base/log.h"
#include "mta/queue/receive.h"
#include "proto/ident.h"

struct spool;

struct receive_session {
	struct receiver *receiver;
	struct session *session;
	struct smtp_server *engine;
	struct buf in, out;
	char id[IDENT_SESSION_SIZE];
	struct log_ctx log;
	int64_t since; /* clock_ms() */
	uint64_t messages;
	bool refused; /* it may not hand over: said, and closed */

	/* Of the transaction. */
	struct ident message;
	struct buf head; /* our trace field */
	struct spool *body;
};

/* ctx is a struct receive_session. */
extern const struct smtp_policy receive_policy;

#endif
