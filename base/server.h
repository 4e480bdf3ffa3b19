/* SPDX-License-Identifier: ISC */
/*
 * Listeners and their sessions on a loop: accepting, limits in all and per
 * client address, parking between inputs, deadlines, and draining. What a
 * session says is the business of struct session_ops, one table a protocol.
 */
#ifndef BASE_SERVER_H
#define BASE_SERVER_H

#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/fault.h"
#include "base/net.h"

struct io;
struct loop;
struct server;
struct session;

enum session_next {
	SESSION_PARK, /* wait for more input */
	SESSION_WAIT, /* for session_resume(); meanwhile nothing is read */
	SESSION_CLOSE,
};

/*
 * service is what server_listen() was given. All calls run on a worker, at
 * most one at a time for a session, and may block.
 */
struct session_ops {
	/* A new connection. Returns the state that the other calls get, which
	 * may not be NULL. Sends the greeting, if any. Borrows s and its io,
	 * which live until close() has returned. */
	void *(*open)(void *service, struct session *s);
	/* The io has input, or its end. Read, work, write; then park. */
	enum session_next (*on_input)(void *state);
	/* session_resume() was called. What was read but not worked on yet is
	 * to be worked on now. NULL where no session ever waits. */
	enum session_next (*on_resume)(void *state);
	/* The time of session_set_timer() has come. NULL where nobody sets
	 * one. */
	enum session_next (*on_timer)(void *state);
	/* The deadline has passed: say so if the protocol has words for it;
	 * the session is closed afterwards. May be NULL. */
	void (*on_deadline)(void *state);
	/* The daemon is stopping and the session is idle: say goodbye. May be
	 * NULL. */
	void (*on_drain)(void *state);
	/* Last call. Frees the state. Where the loop has ended, the session
	 * may be waiting: when this returns, nobody may resume it any more. */
	void (*close)(void *state);
	/* A connection over a limit gets this line, then is closed. NULL for
	 * none. Never blocks. */
	const char *over_limit;
};

struct server_limits {
	unsigned sessions;   /* in all; 0: no limit */
	unsigned per_client; /* per address (IPv6: per /64); not for
				 * loopback or unix peers; 0: no limit */
};

struct server *server_new(
    struct loop *loop, const struct server_limits *l) MUST_USE;
/* Only when loop_run() has returned: closes what is left. */
void server_free(struct server **server);

/* Takes the listening descriptor; ops and service live as long as the server. */
void server_listen(struct server *server, int fd, const struct session_ops *ops,
    void *service);
/* Stops accepting and lets each session go when it is idle (one that waits
 * goes on first); loop_stop() is
 * called when the last is gone or the deadline (clock_ms()) has passed. */
void server_drain(struct server *server, int64_t deadline);

unsigned server_sessions(const struct server *server);

/* For session_ops. */
struct io *session_io(struct session *s);
const struct net_peer *session_peer(const struct session *s);
/* The local end of the connection. */
const struct net_address *session_local(const struct session *s);
/* How long (ms) the session may stay parked from each SESSION_PARK on. */
void session_set_idle(struct session *s, int64_t ms);
/* Has on_timer() called once, as soon as the session is parked and it is this
 * time (clock_ms()); 0: not any more. */
void session_set_timer(struct session *s, int64_t at);
/*
 * Lets a session go on that has returned SESSION_WAIT, or is about to: exactly
 * once each time. From any thread, which may not touch the session afterwards.
 * Costs little where many are resumed in a row.
 */
void session_resume(struct session *s);
/* Whether server_drain() was called: end as soon as the protocol allows. */
bool session_is_draining(const struct session *s);

#endif
