/* SPDX-License-Identifier: ISC */
/*
 * A copy of one mailbox while others deliver to it, flag, move and delete.
 *
 * A message's file never changes and keeps its base name, so one that the last
 * copy has is a hard link to that one's. All other files (subscriptions, the
 * UIDs that IMAP servers have given) are copied where their size or time has
 * changed; what is only a cache is left out.
 */
#ifndef ADMIN_BACKUP_MAILBOX_H
#define ADMIN_BACKUP_MAILBOX_H

#include <stdbool.h>
#include <stdint.h>

#include "admin/links.h"
#include "admin/progress.h"
#include "admin/tree.h"
#include "base/attr.h"
#include "base/fault.h"

/* Sums over all mailboxes of a copy. */
struct backup_counts {
	uint64_t mailboxes, messages;
	uint64_t files, bytes;         /* of all files */
	uint64_t copied, copied_bytes; /* of those that were not there yet */
	uint64_t left_out;             /* links, sockets… */
	uint64_t restless;             /* mailboxes that never kept still */
};

struct backup_box {
	struct tree *tree;
	struct links *links; /* of all mailboxes */
	const char *name;    /* "example.org/ann" */
	int from;            /* the mailbox */
	int snapshot; /* the copy that is made: mail/NAME and manifests */
	int last;     /* the last one that was made, or -1 */
	bool link;    /* new messages too are hard links: to the mailbox's */
	struct progress *progress;
};

/*
 * Makes mail/NAME and manifests/NAME in the snapshot. What an interrupted call
 * has left there is used, after its bytes have been read again.
 *
 * All that was in the mailbox when the call began, and was not deleted since, is
 * in the copy, once.
 */
int backup_mailbox(const struct backup_box *box, struct backup_counts *counts,
    struct fault *f) MUST_USE;

#endif
