/* SPDX-License-Identifier: ISC */
/*
 * The operator's door to a daemon: JSON-RPC 2.0, an object a line, on a unix
 * socket. Its mode is 0660: the kernel lets in root, the socket's owner (the
 * daemon's user) and the socket's group, and nobody else.
 */
#ifndef BASE_CONTROL_H
#define BASE_CONTROL_H

#include <sys/types.h>
#include <sysexits.h>

#include "base/attr.h"
#include "base/fault.h"
#include "base/json.h"

struct server;

/*
 * params is never NULL (an empty object where none came) and is borrowed.
 * Returns the result (new), or NULL with the fault, which the caller of the
 * method sees as error {code, message, data: {dsn, kind}}. code is -32000 for
 * a permanent and -32001 for a temporary fault.
 */
typedef json_t *control_call(void *ctx, const json_t *params, struct fault *f);

struct control_method {
	const char *name; /* "user.add" */
	control_call *call;
};

struct control;

/*
 * Serves the methods (ended by a NULL name; borrowed) at the unix socket. ctx
 * goes to each call. "version" and "methods" are always there. A request
 * without an id is a notification: it is done, and not answered.
 */
struct control *control_new(struct server *server, const char *path,
    const struct control_method *methods, void *ctx, struct fault *f) MUST_USE;
void control_free(struct control **control);

/* Whose call this thread is at work on: the user at the socket's other end;
 * (uid_t)-1 where it is at work on none. */
uid_t control_caller(void);

/*
 * The other end: one call. Returns the result (new). 4.4.1 where nothing
 * listens at path (the daemon is down), 4.7.0 where we may not connect, 5.3.4
 * where the request is longer than a daemon takes (1 MiB).
 */
json_t *control_request(const char *path, const char *method,
    const json_t *params, struct fault *f) MUST_USE;
/* The same with an end to the waiting: 4.4.2 after so many milliseconds. */
json_t *control_request_within(const char *path, const char *method,
    const json_t *params, int64_t ms, struct fault *f) MUST_USE;

#endif
