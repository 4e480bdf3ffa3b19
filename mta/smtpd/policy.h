/* SPDX-License-Identifier: ISC */
/* What a client may do: the callbacks of the engine. ctx is the session. */
#ifndef MTA_SMTPD_POLICY_H
#define MTA_SMTPD_POLICY_H

#include "proto/smtp_server.h"

extern const struct smtp_policy smtpd_policy;

#endif
