/* SPDX-License-Identifier: ISC */
/*
 * The checkpassword interface (https://cr.yp.to/checkpwd/interface.html): a
 * program reads a name and a password on descriptor 3 and, where they are
 * right, becomes another program that works for this user.
 */
#ifndef AUTH_CHECKPASSWORD_H
#define AUTH_CHECKPASSWORD_H

#include <stdbool.h>

#include "auth/home.h"
#include "base/attr.h"
#include "base/fault.h"
#include "base/str.h"

enum {
	CHECKPASSWORD_FD = 3,
	CHECKPASSWORD_MAX = 2048, /* of all that comes on it */
	/* Exit statuses. */
	CHECKPASSWORD_REFUSED = 1,
	CHECKPASSWORD_MISUSE = 2,
	CHECKPASSWORD_UNKNOWN = 3, /* Dovecot: there is no such user */
	CHECKPASSWORD_TEMPORARY = 111,
};

/* "name NUL password NUL timestamp NUL"; views. False where it is none. */
bool checkpassword_parse(
    struct str in, struct str *user, struct str *password) MUST_USE;

/*
 * What the next program finds in its environment: USER, HOME, SHELL, and for
 * Dovecot userdb_uid, userdb_gid, userdb_quota_rule where the rule is not
 * empty, their names in EXTRA, and AUTHORIZED=2 where only a look-up was asked
 * for (AUTHORIZED=1).
 */
void checkpassword_set_environment(
    const char *user, const struct home *home, const char *quota_rule);
/* Whether the caller wants to know about the user, and has no password. */
bool checkpassword_is_lookup(void);

/*
 * As root: becomes the owner of the mailbox. Goes to the home, or to / where
 * nothing was delivered there yet, or where a caller that is neither root nor
 * the owner may not go.
 */
int checkpassword_become(const struct home *home, struct fault *f) MUST_USE;

#endif
