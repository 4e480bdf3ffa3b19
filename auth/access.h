/* SPDX-License-Identifier: ISC */
/*
 * Whether a password that came in the clear lets its user in.
 */
#ifndef AUTH_ACCESS_H
#define AUTH_ACCESS_H

#include "base/attr.h"
#include "base/fault.h"
#include "base/str.h"

struct directory;

/*
 * 1 where the password is the user's and the user may log in; 0 where not, and
 * -1 (temporary) where that cannot be found out now. The fault says why, for
 * our log only: the client must not learn whether it was the name or the
 * password. All who are refused cost the same work, that of a hash.
 *
 * A user who has no keys for SCRAM yet gets them now.
 */
int access_check(struct directory *d, struct str name, struct str password,
    struct fault *f) MUST_USE;

#endif
