/* SPDX-License-Identifier: ISC */
/* What the files of the legal hold share. */
#ifndef STORE_HOLD_PRIVATE_H
#define STORE_HOLD_PRIVATE_H

#include <dirent.h>
#include <fcntl.h>

#include "store/hold.h"
#include "store/maildir.h"

enum {
	HOLD_OPEN_DIR = O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW,
	HOLD_PATH_SIZE = MAILDIR_PATH_SIZE + MAILDIR_NAME_SIZE + 64,
};

#define HOLD_HELD "posthouse/held"

/* -1, with errno's text. */
int hold_fail(const struct mailbox_name *mailbox, struct fault *f);
/* The mailbox, open; -1. */
int hold_open_box(
    int root, const struct mailbox_name *mailbox, struct fault *f) MUST_USE;
/* Opens a directory that is made, durably, where it is missing; -1. */
int hold_make_dir(int at, const char *name) MUST_USE;
/* Calls each entry of a directory, unless there is none: until each() returns
 * other than 0, which is then returned; or -1. */
int hold_each_entry(int at, const char *path,
    int (*each)(void *ctx, int dir, const struct dirent *e), void *ctx);

/* hold_link.c: the cur/ of what is held of a folder, made where it is missing;
 * -1. */
int hold_open_held(int box, const struct mailbox_folder *folder) MUST_USE;
/* hold_link() into that, not durable. */
int hold_link_into(int at, const char *path, int held, const char *file);

#endif
