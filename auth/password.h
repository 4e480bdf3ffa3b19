/* SPDX-License-Identifier: ISC */
/*
 * Password hashes, by crypt(3) of libxcrypt: yescrypt for new ones, and for
 * verifying whatever the library knows. The only file that includes it is
 * password.c.
 *
 * A hash costs much memory and time by design, so only so many are computed
 * at once and only so many callers may wait for that.
 */
#ifndef AUTH_PASSWORD_H
#define AUTH_PASSWORD_H

#include <stdbool.h>

#include "base/attr.h"
#include "base/fault.h"
#include "base/str.h"

enum {
	PASSWORD_MIN = 8, /* bytes */
	PASSWORD_MAX = 1024,
	PASSWORD_HASH_SIZE = 256,
};

/*
 * How many hashes may be computed at once (0: one a processor) and how many
 * callers may wait besides (0: 64). Call before any other.
 */
void password_set_limits(unsigned at_once, unsigned waiting);

/* Permanent 5.7.0: too short, too long, control characters. */
int password_check(struct str password, struct fault *f) MUST_USE;
/* A new hash of a password that password_check() takes. */
int password_hash(struct str password, char hash[PASSWORD_HASH_SIZE],
    struct fault *f) MUST_USE;
/* Whether hash is one that password_verify() could ever find right. */
bool password_is_hash(const char *hash);

/*
 * 1 where the password is right, 0 where not, -1 (temporary 4.3.2) where too
 * many are waiting. A hash that is NULL, empty or nonsense is never right, and
 * to find that out takes the same work.
 */
int password_verify(
    struct str password, const char *hash, struct fault *f) MUST_USE;

#endif
