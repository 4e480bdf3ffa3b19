/* SPDX-License-Identifier: ISC */
/*
 * The two mechanisms by which a client presents an access token: OAUTHBEARER
 * (RFC 7628) and XOAUTH2 (Google's, which came before it). Only their
 * messages; whether the token is good is for jwt.h.
 */
#ifndef AUTH_BEARER_H
#define AUTH_BEARER_H

#include <stdbool.h>

#include "base/attr.h"
#include "base/buf.h"
#include "base/str.h"

/* token is a view into the response, and so is user, or into name. */
struct bearer {
	struct str
	    user; /* whom the client wants to be; empty: it does not say */
	struct str token;
};

/* False for what is no such message. name is replaced. */
bool bearer_parse_oauth(
    struct str response, struct bearer *b, struct buf *name) MUST_USE;
bool bearer_parse_xoauth2(struct str response, struct bearer *b) MUST_USE;

/* What a client is told whose token is no good, before it gives up with an
 * empty message, or one byte (RFC 7628 3.2.3). */
extern const char bearer_oauth_failure[];
extern const char bearer_xoauth2_failure[];

#endif
