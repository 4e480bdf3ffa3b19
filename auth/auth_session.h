/* SPDX-License-Identifier: ISC */
/*
 * A client that has passwords checked: smtpd, Postfix, Exim, or whoever speaks
 * the client's side of the Dovecot authentication protocol, version 1.
 */
#ifndef AUTH_AUTH_SESSION_H
#define AUTH_AUTH_SESSION_H

#include "base/server.h"

/* service is a struct authd. */
extern const struct session_ops auth_session_ops;

#endif
