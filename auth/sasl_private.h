/* SPDX-License-Identifier: ISC */
/* An exchange, for libsasl2's mechanisms (sasl.c) and our own (sasl_own.c). */
#ifndef AUTH_SASL_PRIVATE_H
#define AUTH_SASL_PRIVATE_H

#include "auth/mechanism.h"
#include "auth/name.h"
#include "auth/sasl.h"
#include "auth/service.h"

/* Of the name of a kind of channel binding. */
enum { SASL_BINDING_SIZE = 40, SASL_CHANNEL_MAX = 256 };

struct sasl_callback;
struct sasl_conn;

struct sasl_exchange {
	struct sasl_conn *conn; /* the library's; NULL: none */
	struct directory *directory;
	struct sasl_callback *callbacks; /* CALLBACKS of them */
	const struct mechanism *mechanism;
	char user[NAME_SIZE];
	struct fault why;
	bool has_why;
	/* Of SCRAM and CRAM-MD5: why no password would be right; why the right one is not
	 * good. */
	const char *trouble, *bar;
	bool has_keys;
	char service[SERVICE_SIZE];
	bool is_strong;
	char certificate[NAME_SIZE]; /* "": none */
	/* Of SCRAM: whether there may be a channel to bind to, whether the
	 * client has said how, in what words, and what our end knows of it. */
	bool can_bind, has_begun;
	char binding[SASL_BINDING_SIZE]; /* "": none */
	struct buf channel;
	struct sasl_channel_binding *library_channel;
	/* Of tokens: the client has been told that it was no good, and why. */
	bool is_refused;
};

/*
 * RFC 5802 6, of the client's response, where it is the first one of SCRAM: it
 * binds to a channel where the mechanism is for that, and only there; and one
 * that would, but believes that we cannot, has been told so by somebody in
 * between. False: x->why says why not.
 */
bool sasl_binding_may_begin(
    struct sasl_exchange *x, struct str response) MUST_USE;

/* Once in a process, after the library is open; its own code. */
int sasl_keys_register(void);

/* sasl_open()'s rules for tokens. */
void sasl_own_open(struct token_rules *tokens);
/* Whether the exchange begins with one of our own mechanisms. */
bool sasl_own_begin(struct sasl_exchange *x, const char *mechanism);
/* Whether x->user, who has proven the name by something else than a password,
 * is there and may log in. */
enum sasl_result sasl_own_admit(struct sasl_exchange *x, struct fault *f);
/* As sasl_exchange_step(). */
enum sasl_result sasl_own_step(struct sasl_exchange *x, bool first,
    struct str response, bool has_response, struct buf *challenge,
    struct fault *f);

#endif
