/* SPDX-License-Identifier: ISC */
/*
 * A connection to a server of the Dovecot authentication protocol: lines, their
 * fields, and the handshake. For auth_client.c.
 *
 * We say version 1.3, by which a server knows that it may list the mechanisms
 * that bind to TLS. Secrets pass only through buffers that are wiped.
 */
#ifndef PROTO_AUTH_CONNECTION_H
#define PROTO_AUTH_CONNECTION_H

#include <stdbool.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/buf.h"
#include "base/fault.h"
#include "base/loop.h"
#include "base/net.h"
#include "base/str.h"

enum {
	AUTH_NAMES_SIZE = 500,  /* of a list of mechanisms */
	AUTH_BINDING_SIZE = 40, /* of the name of a kind of channel binding */
};

struct auth_connection {
	/* While an answer is waited for without a thread. The first member: the
	 * task is its connection. */
	struct loop_task task;
	struct auth_exchange *waiter;
	struct io *io;
	struct buf in, out, field;
	char names[AUTH_NAMES_SIZE]; /* of mechanisms, split by blanks */
	const char *mechanisms;      /* the caller's */
	uint32_t id;                 /* of the last request */
	/* What the server wants to hear with our next line; "": nothing. */
	char binding[AUTH_BINDING_SIZE];
	bool broken; /* not to be used again */
};

/* Connects and shakes hands; temporary faults. */
struct auth_connection *auth_connection_open(const struct net_address *address,
    int64_t deadline, struct fault *f) MUST_USE;
void auth_connection_close(struct auth_connection **connection);

/* Whether it is open and silent. */
bool auth_connection_is_idle(struct auth_connection *c);

/* Waits for one line; the view lives until the next read. */
int auth_connection_read(
    struct auth_connection *c, struct str *line, struct fault *f) MUST_USE;
/* The next field of the line, as text; false where there is none. */
bool auth_connection_field(
    struct auth_connection *c, struct str *rest, struct str *field) MUST_USE;

#endif
