/* SPDX-License-Identifier: ISC */
/* The users of this machine, by name. */
#ifndef BASE_USER_H
#define BASE_USER_H

#include <sys/types.h>

#include "base/attr.h"
#include "base/conf.h"
#include "base/fault.h"

enum { USER_NAME_SIZE = 40 };

/* One word: the user's name, or "uid-1000" where there is none that is one.
 * For records that are to be read when the user may be gone. */
void user_format(uid_t uid, char name[USER_NAME_SIZE]);

/* Fills one uid for each of the names. Permanent 5.3.5, which names the one that
 * nobody has. Not safe for threads: for the start. */
int user_find_all(
    const struct conf_list *names, uid_t *uids, struct fault *f) MUST_USE;

#endif
