/* SPDX-License-Identifier: ISC */
/*
 * ETRN (RFC 1985): a host that was away asks for the mail that waits for it.
 * Mail goes to where DNS says, never to the client, so nobody can fetch
 * another's; who may ask, and for which domains, only bounds the work. The
 * request goes on to the queue by the same verb, through the door by which mail
 * is handed over.
 */
#ifndef MTA_SMTPD_ETRN_H
#define MTA_SMTPD_ETRN_H

#include <stdint.h>

#include "base/attr.h"
#include "base/fault.h"
#include "proto/smtp_server.h"

struct smtpd_session;

/* The callback of the engine; ctx is the session. Faults: 5.7.1 may not ask, or
 * not for this domain; 4.3.0 the queue does not answer. */
int etrn_start(void *ctx, const struct smtp_state *st, struct str node,
    int64_t *started, struct fault *f) MUST_USE;

#endif
