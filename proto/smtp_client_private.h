/* SPDX-License-Identifier: ISC */
/* The client engine's state, private to smtp_client*.c. */
#ifndef PROTO_SMTP_CLIENT_PRIVATE_H
#define PROTO_SMTP_CLIENT_PRIVATE_H

#include "base/arena.h"
#include "proto/dot.h"
#include "proto/reply.h"
#include "proto/smtp_client.h"

enum phase {
	PHASE_GREETING,
	PHASE_HELLO, /* EHLO or LHLO was sent */
	PHASE_HELO,
	PHASE_STARTTLS,
	PHASE_HANDSHAKE,
	PHASE_AUTH,
	PHASE_ETRN,
	PHASE_READY,
	PHASE_COMMANDS,
	PHASE_BODY,
	PHASE_FINAL,
	PHASE_CLOSED,
};

/* Of a recipient. */
enum fate {
	FATE_OPEN,
	FATE_ACCEPTED, /* at RCPT */
	FATE_SETTLED,
	FATE_CUT_OFF, /* the server has ended the session before */
};

/* One row of steps and what became of it. */
struct smtp_client_transaction {
	struct smtp_client_message message;
	bool smtputf8;
	bool rset;
	struct buf xforward; /* its lines */
	unsigned n_xforward;
	bool chunks;           /* BDAT, not DATA */
	uint64_t left;         /* of the chunk; bytes yet to be given */
	unsigned n_chunks;     /* that are answered before the last one */
	size_t said, answered; /* steps */
	bool body_ended;
	bool cut;     /* before its end */
	bool refused; /* MAIL or a chunk was, with this fault */
	struct fault fault;
	struct str words; /* the reply that the fault is of */
	struct dot dot;
	struct smtp_outcome *outcomes;
	struct str *lines;    /* the reply that has settled it */
	unsigned char *fates; /* enum fate */
	size_t room;          /* of the three */
	size_t accepted;      /* how many are just that */
};

struct smtp_client {
	struct smtp_client_conf conf;
	enum phase phase;
	bool dead;    /* no further transaction */
	bool unclean; /* the last transaction may stand open */
	struct smtp_peer peer;
	struct smtp_reply reply;
	uint64_t heard;
	struct buf login;   /* LOGIN's lines that are yet to be said */
	struct arena arena; /* of replies that are kept as lines, until the
			     * next transaction */
	struct str words;   /* of them, the one that has ended the session */
	struct smtp_client_transaction t;
};

/* How long the transaction's next reply may take, in milliseconds. */
int64_t smtp_client_transaction_timeout(const struct smtp_client *c);

/* The reply that was taken into c->reply, in PHASE_COMMANDS or PHASE_FINAL. */
enum client_next smtp_client_on_transaction(
    struct smtp_client *c, struct buf *in, struct buf *out, struct fault *f);

/* The last reply as a line, in the arena. */
struct str smtp_client_keep_words(struct smtp_client *c);

/*
 * The connection's end. Where the server itself has ended it, nothing more was
 * taken: what is open is settled. Otherwise that stays in doubt, and only the
 * fault is noted.
 */
enum client_next smtp_client_give_up(
    struct smtp_client *c, bool by_server, const struct fault *f);
/* The same for the server's reply, as *f. */
enum client_next smtp_client_refused(struct smtp_client *c, struct fault *f);

#endif
