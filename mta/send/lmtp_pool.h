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

struct spool;
struct lmtp_pool;

struct lmtp_pool_conf {
	struct net_address address;
	const char *hostname; /* for LHLO; lives as long as the pool */
	unsigned max_idle;    /* connections kept open, at least 1 */
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
/* No call may be under way. */
void lmtp_pool_free(struct lmtp_pool **pool);

/*
 * Fills one outcome for each recipient; blocks, not past the deadline
 * (clock_ms()). Where no answer came the outcome is a temporary fault; true is
 * returned where the server may nevertheless have taken the message.
 */
bool lmtp_pool_send(struct lmtp_pool *pool, const struct lmtp_message *message,
    int64_t deadline, struct smtp_outcome *outcomes);

/* Connections that wait for a message, for `status`. */
unsigned lmtp_pool_idle(struct lmtp_pool *pool);

#endif
