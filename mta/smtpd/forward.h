/* SPDX-License-Identifier: ISC */
/*
 * Aliases that lead out of the house (WAY_FORWARD). Each is a transaction of
 * its own with the queue, since each has its own trace field, and gets a sender
 * at whom the next host does not take offence (the directory's map "forward").
 */
#ifndef MTA_SMTPD_FORWARD_H
#define MTA_SMTPD_FORWARD_H

#include <stdbool.h>

#include "base/attr.h"
#include "base/fault.h"
#include "base/str.h"
#include "proto/envelope.h"
#include "proto/smtp_server.h"

struct smtpd_session;

/* Fills the outcomes of the mailboxes that are forwarded: 5.4.6 where the alias
 * has had the message before. True where doubt remains whether some mailbox
 * has it. */
bool forward_message(struct smtpd_session *s, const struct smtp_state *st,
    struct str head, struct smtp_outcome *mailboxes);

/* The sender that the next host gets to see, in place of mail's; -1 with a
 * temporary fault where the directory does not say. */
int forward_set_sender(struct smtpd_session *s, struct envelope_mail *mail,
    struct fault *f) MUST_USE;

#endif
