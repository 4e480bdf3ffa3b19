/* SPDX-License-Identifier: ISC */
/*
 * The handle of a message: a short name by which the operator's commands mean
 * one message of a mailbox ("ID" in their output).
 *
 * It is made of the folder and of the file's base name, so it stays when flags
 * change and when a message goes from new/ to cur/. In another folder a message
 * is another file with another handle. Sixteen characters of base32, 80 bits of
 * SHA-256: no two messages of a mailbox have the same.
 */
#ifndef STORE_HANDLE_H
#define STORE_HANDLE_H

#include <stdbool.h>

#include "base/attr.h"
#include "base/str.h"

enum { HANDLE_LEN = 16, HANDLE_SIZE = HANDLE_LEN + 1 };

/* dir is "" or ".Folder", as in struct mailbox_folder; base is that of struct
 * maildir_name. */
void handle_format(struct str dir, struct str base, char text[HANDLE_SIZE]);

/*
 * Whether text, given by the operator, means the message: its handle, or what
 * else can be copied from a log or a directory: its delivery id, its base name
 * or its file's name.
 */
bool handle_means(struct str text, struct str dir, struct str base) MUST_USE;

#endif
