/* SPDX-License-Identifier: ISC */
/* Replies of SMTP and LMTP (RFC 5321 4.2, RFC 2034, RFC 3463). */
#ifndef PROTO_REPLY_H
#define PROTO_REPLY_H

#include <stdbool.h>
#include <stddef.h>

#include "base/attr.h"
#include "base/buf.h"
#include "base/fault.h"
#include "base/str.h"

enum {
	REPLY_TEXT_MAX = 2000,
	REPLY_LINES_MAX = 100,
	REPLY_WIRE_MAX = 4096, /* of one that is read, with codes and line
				 * ends: buffers for input must hold as much */
	REPLY_LINE_MAX = 512,  /* of one that is kept as a line */
};

struct smtp_reply {
	int code;        /* 200 to 599 */
	char dsn[10];    /* "2.1.5"; "" where there is none */
	bool hang_up;    /* close after this reply */
	struct buf text; /* lines split by LF, at least one. For a reply
				 * that was read: without codes */
};

void reply_init(struct smtp_reply *r);
void reply_clear(struct smtp_reply *r);

/* Replaces what is in r. dsn may be NULL. Bytes outside of printable ASCII
 * (and UTF-8 where well-formed) become "?"; an LF begins a new line. What
 * passes REPLY_TEXT_MAX is cut off. */
void reply_set(struct smtp_reply *r, int code, const char *dsn, const char *fmt,
    ...) FORMAT(4, 5);
/*
 * code is what the command answers for a fault of its kind when nothing more
 * exact fits: temporary 451, permanent 550. The mapping by dsn: x.3.1 452,
 * x.3.4 552, x.2.2 452/552, 4.7.0 454 …: one table in reply.c.
 */
void reply_set_fault(struct smtp_reply *r, const struct fault *f);

/* Appends "250-…CRLF250 …CRLF"; the enhanced code on each line where `dsn`.
 * Lines longer than 510 bytes are cut. */
void reply_put(struct buf *out, const struct smtp_reply *r);

enum reply_result {
	REPLY_OK,
	REPLY_MORE,
	REPLY_BAD, /* not a reply, or too long: give the connection up */
};
/* Takes one whole reply off the front of in; nothing before it is whole.
 * Accepts bare LF line ends and differing dsn on the lines (the first counts).
 * Odd bytes become "?", and text past REPLY_TEXT_MAX is cut off. */
enum reply_result reply_take(struct buf *in, struct smtp_reply *r);

bool reply_is_ok(const struct smtp_reply *r); /* 2xx */
/* Appends it as one line without a line end, "550 5.1.1 no such user": its
 * lines are joined by blanks. What passes REPLY_LINE_MAX is cut off. */
void reply_put_joined(struct buf *out, const struct smtp_reply *r);
/* A 4xx or 5xx reply (or, wrongly, any other) as a fault. */
void reply_to_fault(const struct smtp_reply *r, struct fault *f);

#endif
