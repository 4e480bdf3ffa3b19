/* SPDX-License-Identifier: ISC */
/* What the service manager and a daemon say to each other: sockets handed
 * over (LISTEN_FDS) and news (NOTIFY_SOCKET, as in sd_notify(3)). */
#ifndef BASE_NOTIFY_H
#define BASE_NOTIFY_H

#include "base/attr.h"
#include "base/net.h"

/* Sends "READY=1" or the like, where anybody listens. */
void notify_send(const char *state);

/* The socket that was handed over for this address, or -1. Each is given once. */
int notify_take_socket(const struct net_address *address) MUST_USE;

#endif
