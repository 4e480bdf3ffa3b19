/* SPDX-License-Identifier: ISC */
/* Whose a journal is, and who may read it. */
#ifndef BASE_JOURNAL_DIR_H
#define BASE_JOURNAL_DIR_H

#include <sys/types.h>

#include "base/attr.h"
#include "base/fault.h"

/*
 * Makes dir, if it is missing, and gives it to the user. Members of the group
 * may read it, and each file in it has that group; (gid_t)-1: nobody else may.
 * As root, dir is not followed where it is a link; who is not root gives what
 * he can.
 */
int journal_dir_make(
    const char *dir, uid_t user, gid_t group, struct fault *f) MUST_USE;

#endif
