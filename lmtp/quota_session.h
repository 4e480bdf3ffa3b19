/* SPDX-License-Identifier: ISC */
/*
 * Whether a mailbox has room, for those who ask before they take mail for it:
 * Postfix' policy delegation protocol, as Dovecot's quota-status serves it. Of
 * a request the recipient counts, the final mailbox's address, and the size.
 * What is no mailbox of ours, and one with room, gets "DUNNO".
 */
#ifndef LMTP_QUOTA_SESSION_H
#define LMTP_QUOTA_SESSION_H

#include "base/server.h"

/* service is a struct lmtpd. */
extern const struct session_ops quota_session_ops;

#endif
