/* SPDX-License-Identifier: ISC */
/* Files, where one system call is not enough. */
#ifndef BASE_FILE_H
#define BASE_FILE_H

#include "base/attr.h"
#include "base/str.h"

/*
 * Writes all of it where the descriptor stands, which must be a blocking one;
 * signals do not end it. -1 with errno: a part of it may have been written.
 */
int file_write(int fd, struct str bytes) MUST_USE;

#endif
