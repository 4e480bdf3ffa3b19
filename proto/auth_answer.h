/* SPDX-License-Identifier: ISC */
/*
 * An answer of a server of the Dovecot authentication protocol: OK, FAIL or
 * CONT, for the connection's last request. For auth_client.c.
 */
#ifndef PROTO_AUTH_ANSWER_H
#define PROTO_AUTH_ANSWER_H

#include "proto/auth_connection.h"
#include "proto/smtp_server.h"

/* The buffers are the caller's; which of them is filled, the result says. */
struct auth_answer {
	enum auth_result result;
	struct buf *challenge, *user;
};

/*
 * Reads up to the answer, and what the server wants to hear of the channel into
 * c->binding. -1 and a temporary fault where the connection failed before there
 * was one; one that makes no sense is AUTH_TEMP, and c is broken. The fault of
 * AUTH_FAILED has the server's reason, for the log.
 */
int auth_answer_read(struct auth_connection *c, struct auth_answer *answer,
    struct fault *f) MUST_USE;

#endif
