/* SPDX-License-Identifier: ISC */
/*
 * One LMTP connection of a pool: opening it, and one message over it. All calls
 * but lmtp_connection_answer() block, as long as the deadline allows.
 */
#ifndef MTA_SEND_LMTP_CONNECTION_H
#define MTA_SEND_LMTP_CONNECTION_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/loop.h"
#include "mta/send/lmtp_pool.h"

struct io;
struct smtp_client;
struct smtp_peer;

struct lmtp_connection {
	/* For waiting on a loop; descriptor and handler are the user's. First:
	 * the task is its connection. */
	struct loop_task task;
	void *waiter; /* whose message is under way, where it is waited for */

	bool used;         /* was idle before this message */
	unsigned messages; /* that it has carried */
	int64_t idle_since;

	/* Private. */
	struct io *io;
	struct smtp_client *client;
	struct buf in, out;
};

/* How one try went. */
enum lmtp_result {
	LMTP_AWAITED,  /* all is sent: the answer will come */
	LMTP_ANSWERED, /* there is the server's own outcome for each recipient */
	LMTP_FAILED,   /* the server has not got the message */
	LMTP_DOUBTFUL, /* it may have got it */
};

/* NULL with a fault where the server is not there, or answers no greeting. */
struct lmtp_connection *lmtp_connection_open(const struct lmtp_pool_conf *conf,
    int64_t deadline, struct fault *f) MUST_USE;
void lmtp_connection_free(struct lmtp_connection **connection);
/* A polite end, as far as it does not take time. */
void lmtp_connection_quit(struct lmtp_connection **connection);

const struct smtp_peer *lmtp_connection_peer(const struct lmtp_connection *c);
/* Whether the server knows a message that it is sent again. */
bool lmtp_connection_knows_ident(const struct lmtp_connection *c);
/* Whether the server has closed an idle connection, or has something to say
 * that nobody asked for, which comes to the same. */
bool lmtp_connection_is_dead(struct lmtp_connection *c);

/* Sends a whole message; the answer is still to be read, unless the result is
 * there before (LMTP_ANSWERED: nobody was to get it). */
enum lmtp_result lmtp_connection_send(struct lmtp_connection *c,
    const struct lmtp_message *message, int64_t deadline, struct fault *f);
/* Reads of the answer what is there: LMTP_AWAITED where that is not all. */
enum lmtp_result lmtp_connection_answer(
    struct lmtp_connection *c, struct fault *f);
/* The same, waiting for all of it. */
enum lmtp_result lmtp_connection_await(
    struct lmtp_connection *c, struct fault *f);
/* No answer came in time. */
enum lmtp_result lmtp_connection_give_up(
    struct lmtp_connection *c, struct fault *f);

/* At LMTP_ANSWERED: one outcome for each recipient. */
const struct smtp_outcome *lmtp_connection_outcomes(
    const struct lmtp_connection *c);
/* Gives the memory back that a large message needed. */
void lmtp_connection_trim(struct lmtp_connection *c);

#endif
