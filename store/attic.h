/* SPDX-License-Identifier: ISC */
/*
 * The attic of a mailbox: what an operator or a rule has taken out of it, and
 * may want back.
 *
 *   <mailbox>/posthouse/<room>/<seconds>,<word>/<folder>/<file>
 *
 * Names say all that is to be known: when and why it was done, the folder
 * (INBOX, or ".Trash"), and the file's own name with its flags. A message goes
 * there, and comes back, by one rename: whatever happens, it is in exactly one
 * of the two places. No IMAP server takes "posthouse" for a folder, and the
 * index does not look into it either.
 *
 * An attic is one more client of the Maildir. IMAP servers, lmtpd and other
 * attics may work on it at the same time; what one of them was faster with is
 * gone for the others, and no fault.
 */
#ifndef STORE_ATTIC_H
#define STORE_ATTIC_H

#include <stdint.h>

#include "base/attr.h"
#include "base/fault.h"
#include "base/str.h"
#include "store/mailbox.h"
#include "store/maildir.h"

enum attic_room {
	ATTIC_REMOVED,  /* by expire, delete, dedupe: goes after some time */
	ATTIC_RECALLED, /* in quarantine: stays until somebody ends it */
};

enum { ATTIC_WORD_SIZE = 32 };

/* What was done at one time for one reason. */
struct attic_batch {
	int64_t time; /* seconds since 1970 */
	/* "expire", "delete"…, or the id of a recall: of [a-z0-9-]. */
	char word[ATTIC_WORD_SIZE];
};

/* A message in the attic. Views live as long as the call. */
struct attic_entry {
	struct attic_batch batch;
	struct mailbox_folder folder; /* where it was */
	struct str file;              /* the name that it had, with flags */
	uint64_t size;                /* bytes */
};

struct attic;

/* Opens an existing mailbox's; 5.1.1 where there is none. root is borrowed;
 * host, by maildir_host(), stands in the names of what is brought back. */
struct attic *attic_open(int root, const struct mailbox_name *mailbox,
    enum attic_room room, const char *host, struct fault *f) MUST_USE;
/* Makes durable what was moved, and frees; does nothing where it is NULL. */
int attic_close(struct attic **attic, struct fault *f);

/* An entry's word is one. */
bool attic_is_word(struct str word) MUST_USE;

/*
 * Moves a message out of the folder. name is its file's name in new/ or cur/,
 * as it was when somebody looked: flags may have changed since. 1 when it was
 * moved, 0 where it has gone, -1 on a fault.
 */
int attic_put(struct attic *attic, const struct attic_batch *batch,
    const struct mailbox_folder *folder, struct str name,
    struct fault *f) MUST_USE;

/* Each message, by batches, folders and names; each() may move it back. Stops where each() does
 * not return 0, and returns that. */
int attic_each(struct attic *attic,
    int (*each)(void *ctx, const struct attic_entry *entry, struct fault *f),
    void *ctx, struct fault *f) MUST_USE;

/*
 * Back into its folder, which is made where it is no more. The file gets a name
 * that was never used, since IMAP servers remember the old one as expunged;
 * flags and times stay. 1, 0 where it has gone, or -1.
 */
int attic_bring_back(struct attic *attic, const struct attic_entry *entry,
    struct fault *f) MUST_USE;

/* Ends a message for good: 1, 0 where it has gone, or -1. */
int attic_end(struct attic *attic, const struct attic_entry *entry,
    struct fault *f) MUST_USE;

struct attic_sum {
	uint64_t messages, bytes;
};

/* Ends for good what was put there before a time (seconds since 1970). *sum
 * gets what it was; dry: would be. */
int attic_purge(struct attic *attic, int64_t before, bool dry,
    struct attic_sum *sum, struct fault *f) MUST_USE;

#endif
