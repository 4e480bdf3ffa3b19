/* SPDX-License-Identifier: ISC */
/*
 * The server's side of SMTP (RFC 5321 and extensions) and LMTP (RFC 2033): ONE
 * engine for both. Bytes in, bytes out, no socket inside; what is allowed is
 * decided by callbacks (struct smtp_policy), which may block.
 *
 * The table of verbs in smtp_server_verbs.c is the whole rule of order: a callback
 * is never made out of turn.
 */
#ifndef PROTO_SMTP_SERVER_H
#define PROTO_SMTP_SERVER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/attr.h"
#include "base/buf.h"
#include "base/fault.h"
#include "base/str.h"
#include "proto/envelope.h"
#include "proto/reply.h"

enum smtp_dialect {
	DIALECT_SMTP,
	DIALECT_LMTP,
};

struct smtp_server_conf {
	enum smtp_dialect dialect;
	const char *hostname;     /* in the greeting and EHLO's reply */
	uint64_t max_size;        /* bytes of a message; 0: no limit */
	unsigned max_rcpts;       /* per message: 452 4.5.3 beyond it */
	unsigned max_errors;      /* 4xx/5xx replies since the last message
					 * that was taken, before 421 4.7.0 and
					 * the end; too many recipients do not
					 * count; 0: no limit */
	unsigned max_commands;    /* before 421 4.7.0; 0: no limit */
	uint64_t max_header_size; /* 552 5.3.4 beyond it; 0: no limit */
	unsigned max_hops;        /* Received fields: 554 5.4.6 beyond it;
					 * 0: no limit */
	bool starttls;            /* offered while the stream is plain */
	bool tls_required;        /* 530 5.7.0 to MAIL before TLS */
	bool auth_required;       /* 530 5.7.0 to MAIL before AUTH */
	bool auth_plain_ok;       /* the named loopback exception: AUTH
					 * without TLS */
	bool xforward;            /* this peer is a trusted part */
	bool etrn;                /* offered; needs policy->etrn */
	bool requiretls;          /* REQUIRETLS may be offered: over TLS,
					 * and to a trusted part */
	bool verp;                /* XVERP is offered */
};

/* What the engine knows; callbacks read it, lives as long as the session. */
struct smtp_state {
	struct str helo; /* as the client gave it, up to 255
					 * bytes; odd ones are "?" */
	bool esmtp;      /* EHLO or LHLO was used */
	bool tls;
	struct str user;                   /* authenticated as; empty: not */
	struct envelope_xforward xforward; /* of this transaction */
	const struct envelope_mail *mail;  /* NULL outside a transaction */
	const struct envelope_rcpt *rcpts; /* accepted ones, in order */
	size_t n_rcpts;
	struct arena *arena; /* emptied when the transaction ends */
};

/*
 * One exchange of SASL. The engine handles base64 and the dialogue.
 * AUTH_CONTINUE: challenge was filled (raw). AUTH_OK: user was filled.
 */
enum auth_result {
	AUTH_OK,
	AUTH_CONTINUE,
	AUTH_FAILED, /* 535 5.7.8 */
	AUTH_TEMP,   /* 454 4.7.0 */
	AUTH_WAIT,   /* not known yet: SMTP_NEXT_WAIT */
};

struct smtp_outcome {
	bool ok;
	struct fault fault;
};

/*
 * Each returns 0, or -1 with the fault, which the engine turns into a reply.
 * ctx is what smtp_server_new() was given. A NULL member allows (or, for
 * auth, makes the feature absent).
 */
struct smtp_policy {
	/* HELO, EHLO, LHLO. */
	int (*hello)(void *ctx, const struct smtp_state *st, struct fault *f);

	/* SASL mechanisms to offer now, split by blanks; NULL: none. */
	const char *(*auth_mechanisms)(void *ctx, const struct smtp_state *st);
	/* mechanism is upper case for the first step and NULL for later ones.
	 * response is decoded; has_response is false where the client sent no
	 * initial response. */
	enum auth_result (*auth_step)(void *ctx, const struct smtp_state *st,
	    const char *mechanism, struct str response, bool has_response,
	    struct buf *challenge, struct buf *user);
	/* After AUTH_WAIT, called by smtp_server_finish(): what that step has
	 * come to. */
	enum auth_result (*auth_finish)(
	    void *ctx, struct buf *challenge, struct buf *user);
	/* The client gave up ("*") or broke the dialogue; or the session ends
	 * while AUTH_WAIT holds. */
	void (*auth_abort)(void *ctx);

	/* st->mail is NULL still. */
	int (*mail)(void *ctx, const struct smtp_state *st,
	    const struct envelope_mail *mail, struct fault *f);
	/* The recipient is not yet among st->rcpts. */
	int (*rcpt)(void *ctx, const struct smtp_state *st,
	    const struct envelope_rcpt *rcpt, struct fault *f);

	/*
	 * ETRN (RFC 1985). node is one word: "example.org", "@example.org" for
	 * all below it too, or "#name". *started: how many messages are being
	 * tried now, 0 where none waits, -1 where that is not known. A permanent
	 * fault is 459 (with 5.5.4: 501), a temporary one 458.
	 */
	int (*etrn)(void *ctx, const struct smtp_state *st, struct str node,
	    int64_t *started, struct fault *f);

	/* Before 354, or the first BDAT. */
	int (*body_open)(
	    void *ctx, const struct smtp_state *st, struct fault *f);
	/* Pieces of the message, lines ending in CRLF (BINARYMIME: any bytes).
	 * After a fault the rest of the body is read and dropped. */
	int (*body_write)(void *ctx, const struct smtp_state *st,
	    struct str bytes, struct fault *f);
	/*
	 * The message is whole. Fills one outcome for each accepted recipient:
	 * outcomes[i].ok, or its fault; words (a buf, may stay empty) for the
	 * 250 reply. LMTP answers each. SMTP answers once: 250 only where all
	 * are ok, else the first temporary fault, else the first fault.
	 * A return of -1 with f is the same fault for all. A return of 1 says
	 * that the outcomes are not known yet: outcomes and words stay where
	 * they are until smtp_server_finish() answers by them, or reset().
	 */
	int (*body_close)(void *ctx, const struct smtp_state *st,
	    struct smtp_outcome *outcomes, struct buf *words, struct fault *f);

	/* The transaction is over, whichever way: RSET, EHLO, end of data,
	 * a refused body, the end of the session. Only after mail() was 0. */
	void (*reset)(void *ctx);
	/* Every reply that is no 2xx/3xx, for the log, but what body_close()
	 * has decided; a body's once, in LMTP too. verb may be NULL. */
	void (*refused)(void *ctx, const struct smtp_state *st,
	    const char *verb, const struct smtp_reply *r);
};

struct smtp_server;

/* Borrows conf, policy and ctx, which live as long as the engine. */
struct smtp_server *smtp_server_new(const struct smtp_server_conf *conf,
    const struct smtp_policy *policy, void *ctx, bool tls_already) MUST_USE;
void smtp_server_free(struct smtp_server **server);

/* 220, or the fault (554/421: the session ends), into out. */
void smtp_server_greet(
    struct smtp_server *server, const struct fault *refusal, struct buf *out);

/* What the session is to do after smtp_server_feed(). */
enum smtp_next {
	SMTP_NEXT_INPUT,    /* flush out, then feed more */
	SMTP_NEXT_STARTTLS, /* flush out, do the handshake, then
				 * smtp_server_tls_done() */
	SMTP_NEXT_WAIT,     /* when body_close()'s outcomes are filled, or what
				 * auth_step() waits for is there,
				 * smtp_server_finish() and feed
				 * again, what is left in `in` or nothing; out
				 * may wait as long */
	SMTP_NEXT_CLOSE,    /* flush out, then close */
};

/*
 * Works through in (taking what it can) until it is used up or the answer
 * must be sent first. Replies are appended to out in order (PIPELINING).
 * At SMTP_NEXT_STARTTLS nothing is left in in: input behind STARTTLS is an
 * error that ends the session.
 */
enum smtp_next smtp_server_feed(
    struct smtp_server *server, struct buf *in, struct buf *out);
/*
 * At SMTP_NEXT_WAIT, where body_close() has returned 1: answers by what its
 * outcomes and words have now, and ends the transaction; where auth_step() has
 * returned AUTH_WAIT, by auth_finish(). While the engine waits
 * nothing else is taken or answered; smtp_server_timeout() and _shutdown() say
 * their 421 instead of the answer, and reset() is called, as by
 * smtp_server_free(): the outcomes are gone then.
 */
void smtp_server_finish(struct smtp_server *server, struct buf *out);
/* Forgets all that was said before (RFC 3207 4.2). */
void smtp_server_tls_done(struct smtp_server *server);

/* Deadline or shutdown: 421 4.4.2 or 4.3.2 into out; the session ends. */
void smtp_server_timeout(struct smtp_server *server, struct buf *out);
void smtp_server_shutdown(struct smtp_server *server, struct buf *out);

/* For choosing a deadline: which input is awaited. */
enum smtp_awaits {
	AWAITS_COMMAND,
	AWAITS_AUTH,
	AWAITS_BODY,
};
enum smtp_awaits smtp_server_awaits(const struct smtp_server *server);
const struct smtp_state *smtp_server_state(const struct smtp_server *server);

#endif
