/* SPDX-License-Identifier: ISC */
/* A copy of the whole system while it runs, as a new snapshot. */
#ifndef ADMIN_BACKUP_H
#define ADMIN_BACKUP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "admin/backup_mailbox.h"
#include "admin/cmd.h"
#include "admin/snapshot.h"
#include "base/attr.h"
#include "base/fault.h"

struct backup_how {
	const char *dir;
	uint64_t keep; /* so many snapshots; 0: all */
	bool all;      /* copy also what the last snapshot has */
	bool link;     /* messages are hard links to those in the mailboxes */
};

struct backup_made {
	struct snapshot snapshot;
	struct backup_counts counts;
	size_t removed; /* snapshots */
};

/*
 * Everything that was acknowledged before the call is in the snapshot. What an
 * interrupted call has copied of the mailboxes is used; until the end the
 * snapshot has no name.
 */
int backup_make(const struct cmd_line *line, const struct backup_how *how,
    struct backup_made *made, struct fault *f) MUST_USE;

#endif
