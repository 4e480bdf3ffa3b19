/* SPDX-License-Identifier: ISC */
/* What a hand-over's session and its rules share. */
#ifndef MTA_QUEUE_RECEIVE_PRIVATE_H
#define MTA_QUEUE_RECEIVE_PRIVATE_H

#include "base/log.h"
#include "mta/queue/receive.h"
#include "proto/ident.h"
#include "proto/smtp_stream.h"

struct entry;
struct spool;

struct receive_session {
	struct receiver *receiver;
	struct smtp_stream stream;
	char id[IDENT_SESSION_SIZE];
	struct log_ctx log;
	int64_t since; /* clock_ms() */
	uint64_t messages;

	/* Of the transaction. */
	struct ident message;
	struct buf head; /* our trace field */
	struct spool *body;

	/* While the message is being made durable: what the engine waits for,
	 * and the entry, in the transaction's arena. */
	struct smtp_outcome *outcomes;
	struct buf *words;
	struct entry *entry;
	bool tell;      /* the user, that it is held */
	unsigned again; /* how often the change was built anew */
	/* The committer's answer. Under the receiver's mutex: */
	bool pending;
	int rc;
	struct fault fault;
};

/* ctx is a struct receive_session. */
extern const struct smtp_policy receive_policy;

/* Fills the outcomes, when the session is resumed. False where it must wait
 * once more. */
bool receive_policy_finish(struct receive_session *s) MUST_USE;
/* Returns when the committer does not know the session any more. */
void receive_policy_wait(struct receive_session *s);

#endif
