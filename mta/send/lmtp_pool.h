/* SPDX-License-Identifier: ISC */
/*
 * Hands messages over by LMTP (RFC 2033), to lmtpd or any other LMTP server,
 * at a unix or TCP socket. Connections are kept for the next message.
 *
 * Where a connection dies after the whole message was sent, the server may or
 * may not have taken it. A server that knows XFORWARD IDENT is sent the same
 * message again with the same IDENT, until it answers: it does not store it
 * twice. With other servers that doubt remains.
 */
#ifndef MTA_SEND_LMTP_POOL_H
#define MTA_SEND_LMTP_POOL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/net.h"
#include "base/str.h"
#include "proto/envelope.h"
#include "proto/smtp_server.h"

struct loop;
struct lmtp_pool;
struct lmtp_wait;
struct spool;

struct lmtp_pool_conf {
	struct net_address address;
	const char *hostname; /* for LHLO; lives as long as the pool */
	unsigned max_idle;    /* connections kept open, at least 1 */
	struct loop *loop;    /* where answers are waited for without a thread;
			       * borrowed; may be NULL without
			       * lmtp_pool_begin() */
};

/* All is borrowed for the call. */
struct lmtp_message {
	const struct envelope_mail *mail;
	const struct envelope_rcpt *rcpts;
	size_t n_rcpts;
	const struct envelope_xforward *xforward;
	struct str head;    /* trace fields, before the body */
	struct spool *body; /* CRLF line ends unless BINARYMIME */
};

/* May be used by many threads. Connects when first needed. */
struct lmtp_pool *lmtp_pool_new(const struct lmtp_pool_conf *conf) MUST_USE;
/* Closes the connections that wait for a message: the loop may be freed then,
 * where no message is waited for. pool may be NULL. */
void lmtp_pool_quit(struct lmtp_pool *pool);
/* No call may be under way, no message be waited for. */
void lmtp_pool_free(struct lmtp_pool **pool);

/*
 * Fills one outcome for each recipient; blocks, not past the deadline
 * (clock_ms()). Where no answer came the outcome is a temporary fault; true is
 * returned where the server may nevertheless have taken the message.
 */
bool lmtp_pool_send(struct lmtp_pool *pool, const struct lmtp_message *message,
    int64_t deadline, struct smtp_outcome *outcomes);

/*
 * The same in two steps, between which no thread waits. Sends the message, which
 * is borrowed until lmtp_wait_finish(), and calls done(ctx) on a worker of the
 * loop when there is something to finish; the call must be short. NULL where
 * this message cannot be waited for so, because of its many recipients or of
 * many other messages: nothing has been done then.
 */
struct lmtp_wait *lmtp_pool_begin(struct lmtp_pool *pool,
    const struct lmtp_message *message, int64_t deadline,
    void (*done)(void *ctx), void *ctx) MUST_USE;
/* Right after lmtp_pool_begin(): there is nothing to wait for, and done() will
 * not be called. */
bool lmtp_wait_is_over(const struct lmtp_wait *wait);
/* After done(): fills the outcomes, and returns what lmtp_pool_send() does;
 * blocks where the message must be sent again. Frees the wait. */
bool lmtp_wait_finish(struct lmtp_wait **wait, struct smtp_outcome *outcomes);
/* Instead, where the loop has ended before done(). */
void lmtp_wait_drop(struct lmtp_wait **wait);

/* Connections that wait for a message, for `status`. */
unsigned lmtp_pool_idle(struct lmtp_pool *pool);

#endif
