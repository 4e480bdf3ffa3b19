/* SPDX-License-Identifier: ISC */
/*
 * A client that looks names up: smtpd, lmtpd, or somebody else's MTA.
 *
 * Maps: domain, recipient, sender, mailbox, alias; posthouse-authd(8) says
 * what each answers.
 */
#ifndef AUTH_SOCKETMAP_SESSION_H
#define AUTH_SOCKETMAP_SESSION_H

#include "base/server.h"

/* service is a struct authd. */
extern const struct session_ops socketmap_session_ops;

#endif
