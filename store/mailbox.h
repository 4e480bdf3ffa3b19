/* SPDX-License-Identifier: ISC */
/*
 * Names of mailboxes and folders, and the only way from a name to a path.
 *
 * A mailbox is "user@domain" in the directory's key form; it lives in
 * <root>/<domain>/<user>/, a Maildir++. A name that could leave its folder, or
 * hide in it, is refused here whatever the directory says: "/", NUL, controls,
 * a leading "." or "-", "..", empty parts, parts over 200 bytes.
 */
#ifndef STORE_MAILBOX_H
#define STORE_MAILBOX_H

#include <stdbool.h>

#include "base/attr.h"
#include "base/fault.h"
#include "base/str.h"

enum { MAILBOX_NAME_SIZE = 512, MAILBOX_FOLDER_SIZE = 256 };

/* Values. text is "user@domain". */
struct mailbox_name {
	char text[MAILBOX_NAME_SIZE];
	char path[MAILBOX_NAME_SIZE]; /* "domain/user" */
};
/* text is "" for the inbox, else as people write it: "Lists/posthouse".
 * dir is "" or ".Lists.posthouse" (modified UTF-7, Maildir++). */
struct mailbox_folder {
	char text[MAILBOX_FOLDER_SIZE];
	char dir[MAILBOX_FOLDER_SIZE];
};

/* Permanent 5.1.3 / 5.2.0 faults. */
int mailbox_name_parse(
    struct str text, struct mailbox_name *name, struct fault *f) MUST_USE;
/* Separators "/" and "." both make levels. */
int mailbox_folder_parse(
    struct str text, struct mailbox_folder *folder, struct fault *f) MUST_USE;
/* As people are shown it: text, or "INBOX". */
const char *mailbox_folder_shown(const struct mailbox_folder *folder);
/* From a directory entry ".A.B". */
int mailbox_folder_from_dir(
    struct str dir, struct mailbox_folder *folder, struct fault *f) MUST_USE;

#endif
