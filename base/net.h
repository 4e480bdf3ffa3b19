/* SPDX-License-Identifier: ISC */
/*
 * Addresses of sockets as an operator writes them:
 *
 *   127.0.0.1:25   [::1]:25   *:25 (all, both families)   unix:/run/x.sock
 *
 * A host name is allowed only for connecting, and only "localhost".
 */
#ifndef BASE_NET_H
#define BASE_NET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/types.h>

#include "base/attr.h"
#include "base/fault.h"
#include "base/str.h"

struct net_address {
	struct sockaddr_storage sa;
	socklen_t len;
};

/* The far end of a connection. */
struct net_peer {
	bool is_unix;
	char address[64]; /* "192.0.2.1", "2001:db8::1", or "unix" */
	uint16_t port;    /* 0 for a unix socket */
	uid_t uid;        /* of a unix socket's peer, else (uid_t)-1 */
	gid_t gid;
	struct sockaddr_storage sa;
};

int net_parse(
    struct str text, struct net_address *address, struct fault *f) MUST_USE;
/* As net_parse() would take it; size 140 holds any. */
void net_format(const struct net_address *address, char *text, size_t size);
/* The port, or 0 for a unix socket. */
uint16_t net_port(const struct net_address *address);
bool net_is_unix(const struct net_address *address);
bool net_is_same(const struct net_address *a, const struct net_address *b);
/* A unix socket, or 127.0.0.0/8 or ::1. */
bool net_is_loopback(const struct net_address *address);
/* Whether connections to both reach the same host, whatever the port: IPv4 in
 * IPv6 is IPv4, all of 127.0.0.0/8 is one, and so is 0.0.0.0, as "::" is ::1.
 * False for unix sockets. */
bool net_is_same_host(const struct net_address *a, const struct net_address *b);

/* The mode of a unix socket, three to five octal digits and at most 0777;
 * false where text is none. */
bool net_parse_mode(const char *text, mode_t *mode) MUST_USE;

/*
 * Returns a listening, non-blocking, close-on-exec socket. For a unix socket a
 * dead one is removed first and the new one gets the mode. "*:25" listens on
 * both families by one socket. Port 0 takes a free port.
 */
int net_listen(
    const struct net_address *address, mode_t mode, struct fault *f) MUST_USE;
/* What the kernel bound: the port that was free. */
int net_local(int fd, struct net_address *address, struct fault *f) MUST_USE;

/* Returns a connected non-blocking socket; blocks until then or the deadline
 * (clock_ms()). */
int net_connect(const struct net_address *address, int64_t deadline,
    struct fault *f) MUST_USE;

/* Takes a connection; -1 with errno as accept4() leaves it. */
int net_accept(int listener, struct net_peer *peer) MUST_USE;

/* A network "192.0.2.0/24", "2001:db8::/32" or a single address. */
struct net_network {
	struct sockaddr_storage base;
	unsigned bits;
};
int net_parse_network(
    struct str text, struct net_network *network, struct fault *f) MUST_USE;
bool net_network_has(
    const struct net_network *network, const struct sockaddr_storage *sa);

#endif
