/* SPDX-License-Identifier: ISC */
/*
 * Hands a whole message over for delivery while the client waits, but no thread
 * of ours. What comes back decides the reply: 250 only where every mailbox, or
 * the queue, has it.
 */
#ifndef MTA_SMTPD_DELIVER_H
#define MTA_SMTPD_DELIVER_H

#include <stdbool.h>

#include "base/attr.h"
#include "proto/smtp_server.h"

struct smtpd_session;

/*
 * Begins; outcomes are one for each of st->rcpts. True where they are filled and
 * logged. False where the session is to wait: it is resumed to go on with
 * deliver_message(), until that is true.
 */
bool deliver_begin(struct smtpd_session *s, const struct smtp_state *st,
    struct smtp_outcome *outcomes) MUST_USE;
bool deliver_message(
    struct smtpd_session *s, const struct smtp_state *st) MUST_USE;
/* The transaction ends before; else does nothing. */
void deliver_drop(struct smtpd_session *s);

#endif
