/* SPDX-License-Identifier: ISC */
/*
 * saslauthd's protocol, the server's side: how Cyrus SASL, and so Cyrus IMAP,
 * Postfix, OpenLDAP and many others, have a password checked. One request a
 * connection: strings with a length of two bytes (the high one first) before
 * each, for user, password, service and realm; newer clients add the address
 * of theirs. The answer is one such string that begins with OK or NO.
 */
#ifndef PROTO_SASLAUTHD_H
#define PROTO_SASLAUTHD_H

#include <stddef.h>

#include "base/attr.h"
#include "base/buf.h"
#include "base/str.h"

enum {
	SASLAUTHD_FIELD_MAX = 1024, /* saslauthd itself takes 256 */
	SASLAUTHD_REQUEST_MAX = 5 * (2 + SASLAUTHD_FIELD_MAX),
};

struct saslauthd_request {
	struct str user, password, service, realm;
	struct str client; /* an address; empty: not told */
};

enum saslauthd_result {
	SASLAUTHD_OK,
	SASLAUTHD_MORE, /* not all there yet */
	SASLAUTHD_BAD,  /* a string is too long */
};

/*
 * Looks at the front of in, into which all views point. A client of five strings
 * sends them in one piece, and one of four sends nothing more: so the fifth is
 * waited for only where it has begun.
 */
enum saslauthd_result saslauthd_take(
    struct str in, struct saslauthd_request *request, size_t *used) MUST_USE;

/* The whole answer. */
void saslauthd_put_answer(struct buf *out, bool ok);

#endif
