/* SPDX-License-Identifier: ISC */
/* Files of a mailbox that is copied: each of them, in whatever pass it is found.
 * Private to backup_mailbox.c, which has the passes. */
#ifndef ADMIN_BACKUP_FILE_H
#define ADMIN_BACKUP_FILE_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "admin/backup_mailbox.h"
#include "admin/manifest.h"
#include "base/attr.h"
#include "base/fault.h"

/* A directory and its time before it was read. */
struct seen_dir {
	char *path;
	int64_t time;
};

struct box_copy {
	const struct backup_box *box;
	struct backup_counts *counts;
	struct manifest now, old; /* by place; by name */
	struct manifest names;    /* messages of now, by name */
	char mail[TREE_PATH_SIZE];
	int to;   /* mail/NAME in the snapshot */
	int last; /* the same in the last one, or -1 */
	FILE *journal;
	unsigned pass;
	int64_t begun; /* ns since 1970; what came later need not be in it */
	bool moved;    /* in this pass something was not where it was listed */
	bool progress; /* this pass has found what was there at the begin, or
			* knows of it */
	struct seen_dir *dirs;
	size_t n_dirs, room;
};

struct box_file {
	int dir; /* where it is */
	const char *name;
	const char *path; /* in the mailbox */
	struct stat st;
};

/* The file is in the copy at this path, as it is now, and was seen in this
 * pass. One that has gone is left to the next pass. */
int backup_file_take(
    struct box_copy *c, const struct box_file *at, struct fault *f) MUST_USE;
/* What was listed there has gone; the next pass is to find it, unless its name
 * says that it came after the begin. */
void backup_file_miss(struct box_copy *c, const char *path);
/* Whether the path is a message's and no other file of the mailbox has its base
 * name: below posthouse/ one may be a second time. */
bool backup_file_is_once(const char *path) MUST_USE;

#endif
