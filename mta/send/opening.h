/* SPDX-License-Identifier: ISC */
/*
 * From a connection to a session that takes messages: TLS as the policy says,
 * AUTH as the route says. Where opportunistic TLS fails, the same address gets a
 * second connection, in the clear.
 */
#ifndef MTA_SEND_OPENING_H
#define MTA_SEND_OPENING_H

#include "base/attr.h"
#include "base/fault.h"
#include "mta/send/connect.h"
#include "mta/send/route.h"
#include "mta/send/tls_broken.h"
#include "mta/send/tls_policy.h"
#include "mta/send/wire.h"

struct opening {
	struct wire_conf wire;
	struct tls_client *tls;
	struct tls_broken *broken;
	const struct connect *connect; /* how it was connected */
	const struct route *route;
	const struct tls_policy *policy;
	const char *host;    /* for the log */
	const char *address; /* "192.0.2.1:25" */
	/* Gets the reply by which the server has refused the session, as
	 * reply_put_joined() makes it; empty: it has not said why. */
	struct buf *words;
};

/* What became of TLS, at the first connection. */
struct opening_tls {
	bool was_tried;
	bool not_offered; /* or refused */
	bool failed;      /* the handshake */
	enum tls_flaw flaw;
};

/* Takes the descriptor, which leads to the address. NULL and a fault where no
 * session comes about; 4.7.10 and 4.7.5 where that is for want of TLS, or of a
 * proof. */
struct wire *opening_run(const struct opening *opening, int fd,
    const struct net_address *address, struct opening_tls *tls,
    struct fault *f) MUST_USE;

#endif
