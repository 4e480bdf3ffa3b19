/* SPDX-License-Identifier: ISC */
/*
 * One connection to a server of SMTP or LMTP, with its session: the engine
 * (proto/smtp_client.h) and the socket it lacks. Each reply is waited for as
 * long as RFC 5321 4.5.3.2 says. Calls block; one thread at a time.
 */
#ifndef MTA_SEND_WIRE_H
#define MTA_SEND_WIRE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/fault.h"
#include "base/tls.h"
#include "mta/send/sender.h"
#include "proto/smtp_client.h"

struct wire;

struct wire_conf {
	enum smtp_dialect dialect;
	const char *hostname; /* for EHLO; lives as long as the wire */
	int64_t reply_ms;     /* no time-out is longer; 0: no limit */
};

/* Takes the descriptor, which must be non-blocking. */
struct wire *wire_new(int fd, const struct wire_conf *conf) MUST_USE;
/* Says QUIT where the session is in order, without waiting for an answer. */
void wire_free(struct wire **wire);

/* The opening, in this order; after a fault the wire is only good for
 * wire_free(). At once TLS (RFC 8314), or greeting and EHLO, ... */
int wire_tls_first(struct wire *wire, struct tls_client *client,
    const struct tls_demand *demand, struct fault *f) MUST_USE;
int wire_greet(struct wire *wire, struct fault *f) MUST_USE;
/* ... STARTTLS and EHLO again; 1 where the server refuses it (with a fault),
 * and the session goes on in the clear, ... */
int wire_starttls(struct wire *wire, struct tls_client *client,
    const struct tls_demand *demand, struct fault *f) MUST_USE;
/* ... and AUTH. What is refused is temporary: mail waits for the operator. */
int wire_auth(struct wire *wire, const char *user, const char *password,
    struct fault *f) MUST_USE;

/* ETRN (RFC 1985). *started: how many messages are being tried now, 0 where
 * none waits, -1 where the server does not say. 5.5.1 where it does not offer
 * it. */
int wire_etrn(struct wire *wire, struct str node, int64_t *started,
    struct fault *f) MUST_USE;

/* The reply by which the server has ended the session or refused STARTTLS, as
 * smtp_client_last_words() has it. */
struct str wire_last_words(const struct wire *wire);
const struct smtp_peer *wire_peer(const struct wire *wire);
/* NULL while it is plain. */
const struct tls_info *wire_tls(const struct wire *wire);
/* As io_tls_flaw(). */
enum tls_flaw wire_tls_flaw(const struct wire *wire);

enum wire_result {
	WIRE_ANSWERED, /* outcomes are the server's */
	WIRE_ENDED,    /* it ended before the body was begun */
	WIRE_BROKEN,   /* it ended in the middle of the body */
	WIRE_DOUBTFUL, /* it ended after the final dot */
	WIRE_UNREAD,   /* the message could not be read */
};

/* One transaction. The message's size is exact, or an estimate. Outcomes are
 * filled but for host and address; their replies live as long as the wire, or
 * until its next transaction. But for WIRE_ANSWERED and WIRE_UNREAD, the fault
 * is that of those without an answer, and the wire is only good for
 * wire_free(). */
enum wire_result wire_send(struct wire *wire,
    const struct send_message *message, bool is_exact,
    struct send_outcome *outcomes, struct fault *f);
/* How many transactions it has carried. */
unsigned wire_messages(const struct wire *wire);

/* Whether the session can take another transaction, as far as is known. */
bool wire_is_open(const struct wire *wire);
/* Looks whether the server has ended a session that waits, or has said something that
 * nobody asked for, which comes to the same. */
bool wire_is_dead(struct wire *wire);

#endif
