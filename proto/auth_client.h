/* SPDX-License-Identifier: ISC */
/*
 * The client of the Dovecot authentication protocol: asks authd, or Dovecot
 * itself (2.3 and 2.4), whether a SASL exchange succeeds. Passwords pass
 * through; hashes never come here.
 */
#ifndef PROTO_AUTH_CLIENT_H
#define PROTO_AUTH_CLIENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/buf.h"
#include "base/fault.h"
#include "base/net.h"
#include "base/str.h"
#include "proto/smtp_server.h"

struct auth_client;
struct loop;

/* May be used by many threads. Connects when first needed, and again. */
struct auth_client *auth_client_new(const struct net_address *address,
    const char *service, int64_t timeout_ms) MUST_USE;
/* Closes what is kept: the loop that waited for it may be freed then. */
void auth_client_quit(struct auth_client *client);
void auth_client_free(struct auth_client **client);

/* The mechanisms that the server lists, split by blanks, without anonymous
 * ones. Those that end in "-PLUS" bind to TLS (RFC 5801 4): only for clients
 * behind TLS whose facts have a `binding`. Lives until the client is freed. NULL and a fault where there is no server. */
const char *auth_client_mechanisms(struct auth_client *client, struct fault *f);

/* Puts what identifies the client's TLS connection in this way ("tls-exporter",
 * RFC 5929, RFC 9266) into data; false where there is nothing. */
typedef bool auth_binding_call(void *ctx, const char *type, struct buf *data);

struct auth_facts {
	const char *remote; /* client's address or NULL */
	uint16_t remote_port;
	const char *local; /* our address or NULL */
	uint16_t local_port;
	const char *session;        /* our session id */
	bool secured;               /* TLS, or the loopback exception */
	bool tls;                   /* it is TLS */
	auth_binding_call *binding; /* NULL: none; within a step only */
	void *binding_ctx;
	/* Where answers are waited for without a thread: done() is called on a
	 * worker when there is one, or none in time; it must be short. NULL:
	 * steps block. */
	struct loop *loop;
	void (*done)(void *ctx);
	void *done_ctx;
	/* Whom a certificate of the client's, which was verified, names; NULL:
	 * there was none. */
	const char *certificate;
};

/* One exchange: it has a connection of its own until it ends. */
struct auth_exchange;

/* Begins; then steps until something else than AUTH_CONTINUE, or AUTH_WAIT,
 * comes. */
struct auth_exchange *auth_exchange_new(
    struct auth_client *client, const struct auth_facts *facts) MUST_USE;
/* Not while the worker that calls done() may be running. */
void auth_exchange_free(struct auth_exchange **exchange);
enum auth_result auth_exchange_step(struct auth_exchange *exchange,
    const char *mechanism, struct str response, bool has_response,
    struct buf *challenge, struct buf *user, struct fault *f);
/* After a step's AUTH_WAIT and done(): what that step returns. Blocks only where
 * a kept connection had died and another is needed. */
enum auth_result auth_exchange_finish(struct auth_exchange *exchange,
    struct buf *challenge, struct buf *user, struct fault *f);

#endif
