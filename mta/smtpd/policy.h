/* SPDX-License-Identifier: ISC */
/* What a client may do: the callbacks of the engine. ctx is the session. */
#ifndef MTA_SMTPD_POLICY_H
#define MTA_SMTPD_POLICY_H

#include <stdbool.h>

#include "base/attr.h"
#include "proto/smtp_server.h"

struct smtpd_session;

extern const struct smtp_policy smtpd_policy;

/* The session was resumed: true where the outcomes that its engine waits for are
 * filled, false where it must wait once more. */
bool smtpd_policy_finish(struct smtpd_session *s) MUST_USE;

#endif
