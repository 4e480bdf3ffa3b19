/* SPDX-License-Identifier: ISC */
/*
 * Whether a password that came in the clear, the user's own or one of the app
 * passwords, lets its user in.
 */
#ifndef AUTH_ACCESS_H
#define AUTH_ACCESS_H

#include <stdbool.h>

#include "base/attr.h"
#include "base/fault.h"
#include "base/str.h"

struct directory;
struct directory_user;

struct access {
	struct str name, password;
	const char *service; /* a key of service.h; "" where nobody has said */
};

/*
 * 1 where the password is one of the user's and good for this; 0 where not, and
 * -1 (temporary) where that cannot be found out now. The fault says why, for
 * our log only: the client must not learn whether it was the name or the
 * password. All who are refused cost the same work, that of a hash.
 *
 * *is_app: it was an app password, which nobody can have guessed. A user who
 * has no keys for SCRAM yet gets them now.
 */
int access_check(struct directory *d, const struct access *access, bool *is_app,
    struct fault *f) MUST_USE;

/* Why a user who has proven the main password, or an app password, is refused
 * all the same; NULL: is not. */
const char *access_bar(
    const struct directory_user *user, const char *service, bool is_app);

#endif
