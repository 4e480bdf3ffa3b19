/* SPDX-License-Identifier: ISC */
/* Files, where one system call is not enough. */
#ifndef BASE_FILE_H
#define BASE_FILE_H

#include <stdbool.h>

#include "base/attr.h"
#include "base/str.h"

/*
 * Writes all of it where the descriptor stands, which must be a blocking one;
 * signals do not end it. -1 with errno: a part of it may have been written.
 */
int file_write(int fd, struct str bytes) MUST_USE;

/*
 * Renames where nothing has the new name: else -1 with EEXIST. Some file systems
 * cannot do both at once: there a name that comes in between is lost, so this is
 * a net under names that should never come twice anyway.
 */
int file_rename(
    int from, const char *path, int to, const char *new_path) MUST_USE;

/* Whether a directory has that name, and no symbolic link to one. */
bool file_is_dir(int at, const char *name) MUST_USE;

#endif
