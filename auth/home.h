/* SPDX-License-Identifier: ISC */
/*
 * Where a user's mail is, for those who ask authd and read the mailboxes
 * themselves: the folder "root/domain/user" that posthouse-lmtpd delivers
 * into, and the user of the system whom it belongs to.
 */
#ifndef AUTH_HOME_H
#define AUTH_HOME_H

#include <stdbool.h>
#include <sys/types.h>

#include "base/attr.h"
#include "base/fault.h"
#include "base/str.h"

struct homes {
	const char *root; /* NULL: not told, and nobody has a home */
	uid_t uid;
	gid_t gid;
};

struct home {
	char path[1024];
	uid_t uid;
	gid_t gid;
};

/* Borrows root. Permanent 5.3.5 where there is no such user. */
int homes_init(struct homes *homes, const char *root, const char *user,
    struct fault *f) MUST_USE;
/* name is one that the directory has. False where it has no home. */
bool home_find(
    const struct homes *homes, struct str name, struct home *home) MUST_USE;

#endif
