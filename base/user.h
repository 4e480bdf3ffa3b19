/* SPDX-License-Identifier: ISC */
/* The users of this machine, by name. */
#ifndef BASE_USER_H
#define BASE_USER_H

#include <sys/types.h>

enum { USER_NAME_SIZE = 40 };

/* One word: the user's name, or "uid-1000" where there is none that is one.
 * For records that are to be read when the user may be gone. */
void user_format(uid_t uid, char name[USER_NAME_SIZE]);

#endif
