/* SPDX-License-Identifier: ISC */
/* What comes back out of a snapshot (snapshot.h). */
#ifndef ADMIN_RESTORE_H
#define ADMIN_RESTORE_H

#include <stddef.h>
#include <stdint.h>

#include "admin/links.h"
#include "admin/manifest.h"
#include "admin/progress.h"
#include "admin/snapshot.h"
#include "admin/tree.h"
#include "base/attr.h"
#include "base/fault.h"

/* The snapshot, and what is counted. */
struct restore {
	struct cmd_line *line;
	int snapshot; /* its folder */
	struct snapshot facts;
	struct tree *tree;
	struct links *links; /* by the snapshot's files: paths below a root */
	struct progress progress;
	uint64_t users, mailboxes, files, bytes;
	uint64_t there;   /* messages that the mailbox has already */
	uint64_t damaged; /* files that are not as they were */
	uint64_t kept;    /* the configuration's files that are others here */
};

/* Opens a snapshot (NULL: the newest), and begins to show progress. */
int restore_open(struct restore *r, struct cmd_line *line, const char *dir,
    const char *name, struct fault *f) MUST_USE;
void restore_close(struct restore *r);
/* The summary; leaves with EX_DATAERR where something was damaged. */
void restore_print(struct restore *r);

/*
 * Copies all that is in the folder at/path of the snapshot into to/to_path, which
 * is made: a file that is there with the same size is left alone. m says how
 * files were, with paths below at/path. What is damaged comes back all the
 * same, and is told. Files that are one in the snapshot are one there, too, in
 * all calls with the same `to`.
 */
int restore_tree(struct restore *r, const char *path, int to,
    const char *to_path, const struct manifest *m, struct fault *f) MUST_USE;
/* Tells of a file that is not as it was. */
void restore_tell_damage(struct restore *r, const char *path);

/* Everything, onto a machine that has nothing yet. */
int restore_all(struct restore *r, struct fault *f) MUST_USE;

/* What is wanted of a mailbox. */
struct restore_choice {
	const char *mailbox;
	const char *folder;     /* NULL: all */
	const char *message_id; /* NULL: all */
};

/*
 * Into a mailbox in use, as one more client of its Maildir, what it does not have
 * any more. A mailbox that is not there comes back as it was. From here on this
 * process is the user whom the mailboxes belong to.
 */
int restore_mailbox(struct restore *r, const struct restore_choice *choice,
    struct fault *f) MUST_USE;

/* The records of a user that the directory does not have any more, and what is
 * gone of the mailbox; as restore_mailbox(). One that is there stays as it is. */
int restore_user(struct restore *r, const char *name, struct fault *f) MUST_USE;

#endif
