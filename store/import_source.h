/* SPDX-License-Identifier: ISC */
/*
 * Where messages come from that are brought into a mailbox, and what they are
 * called there.
 *
 * A directory may be a Maildir with Maildir++'s folders (Courier, Dovecot and
 * others), Maildirs in one another (Dovecot's "LAYOUT=fs"), a folder of mbox
 * files (Dovecot, UW, mutt, Thunderbird), of single messages ("*.eml"), or a
 * mixture. No symbolic link in it is followed.
 */
#ifndef STORE_IMPORT_SOURCE_H
#define STORE_IMPORT_SOURCE_H

#include <stdbool.h>

#include "base/attr.h"
#include "base/fault.h"
#include "base/str.h"
#include "store/import.h"
#include "store/mbox.h"

struct import_source {
	struct import *import; /* NULL: messages are only counted */
	struct str prefix;     /* the folder that all comes below; "": none */
	enum mbox_format format;
	/* After each message. Other than 0 ends all, and is returned. */
	int (*step)(void *ctx, struct fault *f);
	void *ctx;
};

/* All of an open directory. Ends with -1, or with what step() returned. */
int import_directory(
    const struct import_source *source, int dir, struct fault *f) MUST_USE;
/* A regular file. Messages go into the folders that the file says where it is
 * ours. Cannot count. */
int import_mbox(
    const struct import_source *source, int fd, struct fault *f) MUST_USE;
/* A tar or zip archive of a Maildir, or of single messages. Cannot count. */
int import_archive(
    const struct import_source *source, int fd, struct fault *f) MUST_USE;

/* The name of a file that is one message, of a mail program or as it is sent:
 * "NAME.eml", or "12" and "12." of MH and Cyrus. */
bool import_is_single(struct str name);
/* What of it can be a message's name in a Maildir; "": nothing. */
struct str import_single_name(struct str name);

/*
 * The folder that a source calls so: levels with "/" between, in UTF-8. What a
 * folder's name may not have becomes "_"; the inbox is "" or "INBOX". 5.2.0
 * where it is too long all the same.
 */
int import_map_folder(struct str prefix, struct str name,
    struct mailbox_folder *folder, struct fault *f) MUST_USE;
/* The same for the name of Maildir++'s directory, ".A.B". */
int import_map_dir(struct str prefix, struct str dir,
    struct mailbox_folder *folder, struct fault *f) MUST_USE;

#endif
