/* SPDX-License-Identifier: ISC */
/*
 * Others' programs that ask one thing a connection, each by the protocol of the
 * service that authd stands in for: saslauthd, and Courier's authdaemond.
 *
 * What cannot be answered now (the directory cannot be read, too many log-ins)
 * is not answered at all: the connection is closed, which both kinds of client
 * take for a failure of the service and not of the password.
 */
#ifndef AUTH_DOOR_SESSION_H
#define AUTH_DOOR_SESSION_H

#include "base/server.h"

/* service is a struct authd. */
extern const struct session_ops saslauthd_session_ops;
extern const struct session_ops authdaemon_session_ops;

#endif
