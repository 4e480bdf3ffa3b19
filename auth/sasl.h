/* SPDX-License-Identifier: ISC */
/*
 * The server's side of SASL, by Cyrus libsasl2 with our own directory and
 * passwords behind it: PLAIN, LOGIN, CRAM-MD5, GSSAPI, and SCRAM with and without
 * channel binding (-PLUS); and by our own OAUTHBEARER, XOAUTH2 and EXTERNAL. The only files that include
 * the library are sasl.c and sasl_keys.c. It reads no configuration file and no
 * user database of its own, and writes to no log but ours.
 */
#ifndef AUTH_SASL_H
#define AUTH_SASL_H

#include <stdbool.h>
#include <stddef.h>

#include "base/attr.h"
#include "base/buf.h"
#include "base/fault.h"
#include "base/str.h"

struct directory;
struct mechanism;
struct sasl_exchange;
struct token_rules;

/*
 * Until sasl_close(): offers the n mechanisms of that name. tokens, which is
 * borrowed until sasl_close(), says which tokens are good; it may be NULL where
 * no mechanism takes any. Permanent 5.3.5 where the library cannot do what is
 * asked: a module is not installed.
 */
int sasl_open(const char *const *names, size_t n, struct token_rules *tokens,
    struct fault *f) MUST_USE;
void sasl_close(void);
/* Before sasl_open(): for GSSAPI, as which host we take tickets, and the domain
 * that completes their names. Borrowed until sasl_close(). */
void sasl_set_kerberos(const char *host, const char *domain);

/* Whether it is offered. */
bool sasl_offers(const struct mechanism *mechanism);

enum sasl_result {
	EXCHANGE_CONTINUE, /* the challenge is for the client */
	EXCHANGE_OK,       /* so is it here, where there is one */
	EXCHANGE_FAILED,   /* permanent */
	EXCHANGE_TEMP,
};

/* Borrows the directory. One thread at a time. */
struct sasl_exchange *sasl_exchange_new(struct directory *directory) MUST_USE;
/* What the user wants to log in to, as the asking server has named it. Before
 * the first step. */
void sasl_exchange_set_service(
    struct sasl_exchange *exchange, const char *service);
/* Whether the asking server can tell what the client's TLS connection is bound
 * by, and has been offered the mechanisms that want that. Before the first
 * step; it cannot unless this is said. */
void sasl_exchange_set_channel(struct sasl_exchange *exchange, bool can_bind);
/* Whom a certificate of the client's names, which the asking server has
 * verified. Before the first step. */
void sasl_exchange_set_certificate(
    struct sasl_exchange *exchange, const char *name);
void sasl_exchange_free(struct sasl_exchange **exchange);

/*
 * The first step names the mechanism, the others NULL. challenge is replaced.
 * The fault says why, for our log only: the client must not learn whether it
 * was the name or the password.
 */
enum sasl_result sasl_exchange_step(struct sasl_exchange *exchange,
    const char *mechanism, struct str response, bool has_response,
    struct buf *challenge, struct fault *f);

/* After EXCHANGE_CONTINUE: the kind of channel binding that is needed before
 * the next step; NULL: none. Lives as long as the exchange. */
const char *sasl_exchange_wants_binding(const struct sasl_exchange *exchange);
/* False where it is empty or too long. */
bool sasl_exchange_set_binding(
    struct sasl_exchange *exchange, struct str data) MUST_USE;

/* Whether the proof was one that cannot be guessed: an app password. */
bool sasl_exchange_is_strong(const struct sasl_exchange *exchange);

/* The login in key form, as far as it is known: proven only after
 * EXCHANGE_OK. "" before. Lives as long as the exchange. */
const char *sasl_exchange_user(const struct sasl_exchange *exchange);

#endif
