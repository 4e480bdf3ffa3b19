/* SPDX-License-Identifier: ISC */
/*
 * Hands a whole message over for delivery while the client waits. What comes
 * back decides the reply: 250 only where every mailbox has it.
 */
#ifndef MTA_SMTPD_DELIVER_H
#define MTA_SMTPD_DELIVER_H

#include <stdbool.h>

#include "proto/smtp_server.h"

struct smtpd_session;

/* Fills one outcome for each of st->rcpts; logs them. True where all are ok. */
bool deliver_message(struct smtpd_session *s, const struct smtp_state *st,
    struct smtp_outcome *outcomes);

#endif
