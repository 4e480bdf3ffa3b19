/* SPDX-License-Identifier: ISC */
/*
 * What would be said to a client, and by which rules: a session with the real
 * engine and the real policy, played through without a client and without a
 * message. Nothing is delivered, counted or logged as a session.
 *
 * The method smtp.explain takes {to, from?, client?, login?, helo?, listener?,
 * tls?, size?}: addresses without brackets (from missing or empty: the null
 * sender), the client's IP address (default 192.0.2.1, a stranger), a login that
 * is taken as proved, at a local listener a user of this machine; the listener
 * by protocol or by address (default: the first that such a client would use);
 * whether there is TLS, and the declared size. The result:
 *
 *   {client, listener: {address, protocol, where},
 *    steps: [{command?, code, dsn, text, rules: [{rule, where?, text}]}],
 *    accepted: bool,
 *    next: [{to, way, from, text?, rules}]}
 *
 * A step is the connection or a command, its reply, and what has decided it. way
 * is "local" (delivered at once), "queue", or "forward" (to the queue too, in
 * the alias' name); from is the sender as it goes on.
 */
#ifndef MTA_SMTPD_EXPLAIN_SESSION_H
#define MTA_SMTPD_EXPLAIN_SESSION_H

#include "base/control.h"

/* ctx is a struct smtpd. */
extern const struct control_method explain_session_methods[];

#endif
