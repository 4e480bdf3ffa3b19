/* SPDX-License-Identifier: ISC */
/*
 * Postfix' policy delegation protocol, both sides: a request is lines
 * "name=value" and an empty line, the answer "action=TEXT" and an empty line;
 * then the next may follow.
 */
#ifndef PROTO_POLICY_H
#define PROTO_POLICY_H

#include <stdbool.h>
#include <stddef.h>

#include "base/attr.h"
#include "base/buf.h"
#include "base/fault.h"
#include "base/str.h"

enum {
	POLICY_REQUEST_MAX = 16384, /* bytes, of either side's */
};

enum policy_result {
	POLICY_OK,
	POLICY_MORE, /* not all there yet */
	POLICY_BAD,  /* a line without "=", or too long */
};

/* Looks at the front of in: *lines is a view of all that stands before the
 * empty line, *used its length with that. */
enum policy_result policy_take(
    struct str in, struct str *lines, size_t *used) MUST_USE;
/* The value of the first attribute of this name: a view; false where there is
 * none. */
bool policy_get(struct str lines, const char *name, struct str *value) MUST_USE;

/* Appends a line. What would be a line end in the value becomes "?". */
void policy_put(struct buf *out, const char *name, struct str value);
void policy_put_end(struct buf *out);

/* Appends a whole answer: no opinion, or with a fault a reply of SMTP. */
void policy_put_answer(struct buf *out, const struct fault *fault);

/*
 * What an action means: 0 where it lets the mail pass (OK, DUNNO, and what only
 * Postfix can do), -1 with the fault where it refuses: a reply of SMTP, REJECT,
 * DEFER, DEFER_IF_PERMIT, DEFER_IF_REJECT. Without an enhanced code of its own
 * the fault has 4.7.1 or 5.7.1, or for 452 and 552 4.2.2 and 5.2.2.
 */
int policy_parse_action(struct str action, struct fault *f) MUST_USE;

#endif
