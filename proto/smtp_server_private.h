/* SPDX-License-Identifier: ISC */
/*
 * What the files of the server engine share: smtp_server.c (the session),
 * smtp_server_verbs.c (the table of verbs), smtp_server_auth.c (AUTH) and
 * smtp_server_body.c (DATA and BDAT).
 */
#ifndef PROTO_SMTP_SERVER_PRIVATE_H
#define PROTO_SMTP_SERVER_PRIVATE_H

#include "proto/dot.h"
#include "proto/header.h"
#include "proto/smtp_params.h"
#include "proto/smtp_server.h"

enum smtp_phase {
	PHASE_GREETED, /* no EHLO yet, or none since TLS began */
	PHASE_READY,
	PHASE_MAIL, /* no recipient was accepted yet */
	PHASE_RCPT,
	PHASE_BODY,
	PHASE_PENDING, /* the body is whole, its outcomes are awaited */
	PHASE_PROVING, /* the answer of AUTH's step is awaited */
	PHASE_TLS,     /* the handshake is awaited */
	PHASE_CLOSED,
};

/* What the next input is. */
enum smtp_input {
	INPUT_COMMAND,
	INPUT_AUTH,
	INPUT_DATA,
	INPUT_CHUNK,
};

struct smtp_server {
	const struct smtp_server_conf *conf;
	const struct smtp_policy *policy;
	void *ctx;
	struct smtp_state st;
	struct arena arena;
	enum smtp_phase phase;
	enum smtp_input input;
	const char *verb; /* of the command that is worked on, or NULL */
	bool skipping;    /* to the end of a line that is too long */
	size_t searched;  /* bytes of a line that has no end yet */
	bool forgiven;    /* this refusal is no error of the client's */
	bool is_over;     /* the transaction, when the reply was said */
	bool rcpt_refused;
	unsigned errors, commands;
	char *helo, *user;
	struct smtp_xforward_texts *xforward; /* in the arena */
	struct envelope_rcpt *rcpts;
	size_t rcpts_room;

	/* Of a body. */
	struct dot dot;
	struct header_scan scan;
	uint64_t size;
	uint64_t chunk;                /* bytes of this BDAT that are to come */
	bool is_last;                  /* chunk */
	struct smtp_outcome *outcomes; /* in the arena; of PHASE_PENDING */
	struct buf words;
	/* The first refusal. Sent when the body, or a chunk, has ended: until
	 * then all is read and dropped. Code 0: none. */
	struct smtp_reply late;
};

enum {
	VERB_PRE_TLS = 1 << 0,  /* allowed where TLS is needed but not there */
	VERB_PRE_AUTH = 1 << 1, /* the same for authentication */
	VERB_TAKES_ARGS = 1 << 2,
	VERB_ENDS_BATCH = 1 << 3, /* input behind it ends the session */
	VERB_HAS_CHUNK = 1 << 4,  /* bytes follow it, even when it is refused */
};

struct smtp_verb {
	const char *name;
	unsigned dialects; /* 1 << enum smtp_dialect */
	unsigned phases;   /* 1 << enum smtp_phase */
	unsigned flags;
	void (*run)(
	    struct smtp_server *s, struct str args, struct smtp_reply *r);
};

/* Appends the reply, tells the policy of a refusal, counts errors, hangs up. */
void smtp_server_say(
    struct smtp_server *s, struct smtp_reply *r, struct buf *out);
/* For a refusal that is in out already. */
void smtp_server_count_error(
    struct smtp_server *s, struct smtp_reply *r, struct buf *out);
/* The only place where the phase changes. */
void smtp_server_enter(struct smtp_server *s, enum smtp_phase phase);
void smtp_server_end_transaction(struct smtp_server *s);

/* NULL: the dialect has none of this name. */
const struct smtp_verb *smtp_server_find_verb(
    const struct smtp_server *s, struct str name);

/* Mechanisms to offer now, or NULL. */
const char *smtp_server_auth_mechanisms(const struct smtp_server *s);
/* The verb AUTH. */
void smtp_server_auth_begin(
    struct smtp_server *s, struct str args, struct smtp_reply *r);
/* A line of the dialogue. */
void smtp_server_auth_line(
    struct smtp_server *s, struct str line, struct smtp_reply *r);
/* In PHASE_PROVING, when the answer is there. */
void smtp_server_auth_finish(struct smtp_server *s, struct smtp_reply *r);
void smtp_server_auth_abort(struct smtp_server *s);

void smtp_server_body_init(struct smtp_server *s);
/* The verbs DATA and BDAT. */
void smtp_server_body_data(
    struct smtp_server *s, struct str args, struct smtp_reply *r);
void smtp_server_body_chunk(
    struct smtp_server *s, struct str args, struct smtp_reply *r);
/*
 * BDAT's arguments: what follows is a chunk, whether BDAT is allowed or not.
 * False with the reply where they are bad: then nobody can know where the
 * chunk ends.
 */
bool smtp_server_body_expect(
    struct smtp_server *s, struct str args, struct smtp_reply *r);
/* BDAT was refused: r is said behind its chunk. */
void smtp_server_body_refuse(struct smtp_server *s, struct smtp_reply *r);
/* Takes a piece of the body off in; false where there is none. */
bool smtp_server_body_feed(struct smtp_server *s, struct buf *in,
    struct buf *out, struct smtp_reply *r);
/* Answers by the outcomes, and ends the transaction. */
void smtp_server_body_answer(
    struct smtp_server *s, struct buf *out, struct smtp_reply *r);

#endif
