/* SPDX-License-Identifier: ISC */
/*
 * Access tokens that are JSON Web Tokens (RFC 7519, RFC 9068): signed by
 * whoever issues them, and checked here without asking anybody.
 */
#ifndef AUTH_JWT_H
#define AUTH_JWT_H

#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/buf.h"
#include "base/fault.h"
#include "base/str.h"

struct crypto_key;

enum { JWT_MAX = 16 << 10 }; /* bytes of a token */

struct jwt_rules {
	struct crypto_key *const *keys; /* one of them has signed it */
	size_t n_keys;
	const char *issuer;   /* its "iss"; NULL: any */
	const char *audience; /* its "aud", or one of them; NULL: any */
	const char *claim;    /* names the user */
};

/*
 * The user of a token that is good at `now` (seconds since 1970): 0. Else -1,
 * permanent, with a fault for our log: no token, a signature that is none of
 * the keys' or of no algorithm that fits one, from another issuer or for
 * another audience, without an end, past it, before its begin (a minute is
 * allowed for clocks that differ), an address that its issuer says is not
 * verified, no user. user is replaced.
 */
int jwt_check(const struct jwt_rules *rules, struct str token, int64_t now,
    struct buf *user, struct fault *f) MUST_USE;

struct json_t;
/* The same of claims that somebody else vouches for: the answer of an issuer,
 * which need not say until when they hold (RFC 7662 2.2). user is added to. */
int jwt_check_claims(const struct jwt_rules *rules, const struct json_t *claims,
    int64_t now, struct buf *user, struct fault *f) MUST_USE;

#endif
