/* SPDX-License-Identifier: ISC */
/*
 * The notification that a message was delivered to a list (RFC 3461 5.2.7.1),
 * or expanded for an alias of several (5.2.7.3), for who asked for it by
 * NOTIFY=SUCCESS. It goes by the queue.
 */
#ifndef MTA_SMTPD_SUCCESS_NOTICE_H
#define MTA_SMTPD_SUCCESS_NOTICE_H

#include <stdbool.h>

#include "base/attr.h"
#include "base/fault.h"
#include "proto/envelope.h"
#include "proto/report.h"
#include "proto/smtp_server.h"

struct smtpd_session;

/* rcpt is as it was asked for; action is REPORT_DELIVERED or REPORT_EXPANDED;
 * ident is the notice's own. -1 where the queue has not taken it. */
int success_notice_send(struct smtpd_session *s, const struct smtp_state *st,
    const struct envelope_rcpt *rcpt, enum report_action action,
    const char *ident, struct fault *f) MUST_USE;

#endif
