/* SPDX-License-Identifier: ISC */
/*
 * The client's side of SMTP and LMTP: ONE engine for both. Bytes in, bytes
 * out, no socket inside. It says what it wants next; the driver (the sender,
 * which has the socket) does it.
 *
 *   greet ─ EHLO/LHLO ─┬─ STARTTLS ─ EHLO ─┬─ AUTH ─┬─ ready ◀─────────┐
 *                      └───────────────────┴────────┘     │ transaction │
 *                                                         └─────────────┘
 */
#ifndef PROTO_SMTP_CLIENT_H
#define PROTO_SMTP_CLIENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/buf.h"
#include "base/fault.h"
#include "base/str.h"
#include "proto/envelope.h"
#include "proto/smtp_peer.h"
#include "proto/smtp_server.h"

struct smtp_client_conf {
	enum smtp_dialect dialect;
	const char *hostname; /* for EHLO or LHLO */
};

/* One message to hand over. All is borrowed until the transaction is over. */
struct smtp_client_message {
	const struct envelope_mail *mail;
	const struct envelope_rcpt *rcpts;
	size_t n_rcpts;
	/* NULL: none. A server that takes it gets AUTH= too. */
	const struct envelope_xforward *xforward;
	uint64_t size;        /* of the body as given to smtp_client_body(),
				 * exactly; 0: unknown */
	bool is_tls_verified; /* the peer has proved its name (REQUIRETLS) */
};

enum client_next {
	CLIENT_SEND,     /* write out, then read and feed */
	CLIENT_READ,     /* read and feed */
	CLIENT_STARTTLS, /* handshake, then smtp_client_tls_done() */
	CLIENT_READY,    /* between transactions */
	CLIENT_BODY,     /* write out, then the message with
			 * smtp_client_body() and smtp_client_body_end() */
	CLIENT_DONE,     /* the transaction's outcomes are known; ready again */
	CLIENT_CLOSED,   /* the connection is of no more use; fault is filled */
};

struct smtp_client;

struct smtp_client *smtp_client_new(
    const struct smtp_client_conf *conf) MUST_USE;
void smtp_client_free(struct smtp_client **client);

/*
 * Gives the engine what was read (in; takes what it can) and gets what is to
 * be written (appended to out) and done next. Called first with an empty in.
 */
enum client_next smtp_client_feed(struct smtp_client *client, struct buf *in,
    struct buf *out, struct fault *f);

/*
 * At CLIENT_READY: encrypt (where offered), or authenticate. Answers come by
 * smtp_client_feed() and end at CLIENT_READY again, or CLIENT_CLOSED. Where
 * STARTTLS is refused, CLIENT_READY comes, with the fault, and no
 * CLIENT_STARTTLS before it. A refused AUTH is CLIENT_CLOSED.
 */
void smtp_client_starttls(struct smtp_client *client, struct buf *out);
void smtp_client_tls_done(struct smtp_client *client, struct buf *out);
/* By SASL PLAIN or LOGIN, as the peer offers; false, and nothing begun, where it
 * offers neither. Both show the password: only over TLS. Borrows nothing. */
bool smtp_client_auth(struct smtp_client *client, struct str user,
    struct str password, struct buf *out) MUST_USE;

/* At CLIENT_READY: ETRN (RFC 1985), where it is offered. The answer ends at
 * CLIENT_READY again, with smtp_client_last_words(), and the fault where it is
 * refused. node is one word, without CR and LF. */
void smtp_client_etrn(
    struct smtp_client *client, struct str node, struct buf *out);

const struct smtp_peer *smtp_client_peer(const struct smtp_client *client);

/* Milliseconds to wait for what comes next, or, at CLIENT_BODY, to write a
 * block (RFC 5321 4.5.3.2). The wait is for a whole reply: it begins anew only
 * when smtp_client_heard(), the number of replies so far, has changed. */
int64_t smtp_client_timeout(const struct smtp_client *client);
uint64_t smtp_client_heard(const struct smtp_client *client);
/* Whether no further transaction is possible: the server has ended the session
 * with an answer, or has said more than it was asked. */
bool smtp_client_is_dead(const struct smtp_client *client);

/*
 * At CLIENT_READY: begins a transaction. XFORWARD, MAIL, RCPTs and DATA go out in
 * one batch where the peer has PIPELINING. BDAT is used for BINARYMIME, and
 * wherever the peer has CHUNKING and PIPELINING and the size is known: then
 * "BDAT size LAST" stands in the same batch and CLIENT_BODY is returned at
 * once, so that the whole transaction is one write and one answer. What
 * the peer lacks and the message needs gives every recipient a permanent fault
 * at once, and CLIENT_DONE: SMTPUTF8 5.6.7, BINARYMIME 5.6.1, a greater SIZE
 * 5.3.4, and, but in LMTP, 8BITMIME 5.6.1 and REQUIRETLS 5.7.30 (also where the
 * peer has it and TLS is not verified). CLIENT_CLOSED where the server has ended
 * the session with its last answer.
 *
 * A recipient that is one too many is a temporary fault 4.5.3, also where the
 * server says 552 (RFC 5321 4.5.3.1.10): it belongs into a next transaction.
 */
enum client_next smtp_client_send(struct smtp_client *client,
    const struct smtp_client_message *message, struct buf *out);

/* At CLIENT_BODY: appends to out what goes over the wire; write it whenever it
 * suits. bytes have CRLF line ends unless BINARYMIME. Where the whole cannot be
 * given, the connection must be closed. */
void smtp_client_body(
    struct smtp_client *client, struct str bytes, struct buf *out);
void smtp_client_body_end(struct smtp_client *client, struct buf *out);

/* At CLIENT_BODY: whether the server has nothing to say before the message's
 * end. Where it speaks all the same, or hangs up, nobody is to be told that it
 * has the message: smtp_client_body_cut(). */
bool smtp_client_body_is_silent(const struct smtp_client *client);

/* At CLIENT_BODY, where no more is to be written, and after
 * smtp_client_body_end(), where not all could be: a server that wants no more of
 * a message may say why and hang up. Read and feed: what it says is its answer,
 * and ends the session. Nobody has got the message, whatever comes. */
void smtp_client_body_cut(struct smtp_client *client);

/* At CLIENT_DONE (and after CLIENT_CLOSED: then recipients without an answer
 * have the connection's fault, temporary): one for each recipient. */
const struct smtp_outcome *smtp_client_outcomes(
    const struct smtp_client *client);
/* Whether recipient i has an answer: what the server has said to it or to the
 * whole transaction, or what the server lacks. The end of the session is
 * none. */
bool smtp_client_is_answered(const struct smtp_client *client, size_t i);
/* By which reply the outcome of recipient i came about, in the form of
 * reply_put_joined(); empty where it was by none. Lives until the next
 * transaction begins. */
struct str smtp_client_said(const struct smtp_client *client, size_t i);
/* The same of the reply by which the server has ended the session, or refused
 * STARTTLS; empty: it has not said why. */
struct str smtp_client_last_words(const struct smtp_client *client);
/* Whether the body had been sent to its end, and recipients had no answer, when
 * the connection failed: the peer may have taken the message for them. */
bool smtp_client_is_in_doubt(const struct smtp_client *client);

/* QUIT, without waiting for its answer; or RSET before the next transaction
 * is done by the engine itself where it is needed. */
void smtp_client_quit(struct smtp_client *client, struct buf *out);

#endif
