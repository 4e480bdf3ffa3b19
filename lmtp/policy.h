/* SPDX-License-Identifier: ISC */
/* What lmtpd takes, and what becomes of it. */
#ifndef LMTP_POLICY_H
#define LMTP_POLICY_H

#include "base/net.h"
#include "proto/smtp_server.h"

struct lmtp_session;
struct lmtpd;

/* ctx is a struct lmtp_session. */
extern const struct smtp_policy lmtp_policy;

/* The session was resumed: fills the outcomes that its engine waits for. */
void lmtp_policy_finish(struct lmtp_session *s);

/* Whether the peer may say by XFORWARD for whom it speaks. */
bool lmtp_policy_trusts(const struct lmtpd *lmtpd, const struct net_peer *peer);

#endif
