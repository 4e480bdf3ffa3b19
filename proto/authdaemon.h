/* SPDX-License-Identifier: ISC */
/*
 * The protocol of Courier's authdaemond, the server's side: how courier-imap,
 * courier-pop and maildrop have passwords checked, and find where a user's
 * mail is. One request a connection, of lines that end in LF:
 *
 *   NAME=value           any number of them; TCPREMOTEIP is the client
 *   PRE . service user   who is it?
 *   AUTH n               and n bytes: service LF "login" LF user LF password LF
 *   ENUMERATE            who are all?
 *
 * The answer is a line for each attribute, or each user, and "." behind them; or
 * "FAIL".
 */
#ifndef PROTO_AUTHDAEMON_H
#define PROTO_AUTHDAEMON_H

#include <stdbool.h>
#include <stddef.h>

#include "base/attr.h"
#include "base/buf.h"
#include "base/str.h"

enum {
	AUTHDAEMON_DATA_MAX = 4096,    /* n */
	AUTHDAEMON_REQUEST_MAX = 8192, /* with all that stands before */
};

enum authdaemon_verb {
	AUTHDAEMON_PRE,
	AUTHDAEMON_AUTH,
	AUTHDAEMON_ENUMERATE,
	AUTHDAEMON_OTHER, /* to be answered with FAIL: PASSWD, another type */
};

struct authdaemon_request {
	enum authdaemon_verb verb;
	struct str service, user, password;
	struct str client; /* an address; empty: not told */
};

enum authdaemon_result {
	AUTHDAEMON_OK,
	AUTHDAEMON_MORE, /* not all there yet */
	AUTHDAEMON_BAD,  /* nonsense, or too long */
};

/* Looks at the front of in, into which all views point. */
enum authdaemon_result authdaemon_take(
    struct str in, struct authdaemon_request *request, size_t *used) MUST_USE;

/* One attribute, "HOME" and the like. A value has no line ends. */
void authdaemon_put(struct buf *out, const char *name, struct str value);
/* One user of ENUMERATE; no value has a tab or a line end. */
void authdaemon_put_user(struct buf *out, struct str name, unsigned long uid,
    unsigned long gid, const char *home);
void authdaemon_put_end(struct buf *out);
void authdaemon_put_fail(struct buf *out);

#endif
