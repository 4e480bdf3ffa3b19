/* SPDX-License-Identifier: ISC */
/* Whether a snapshot still has what was put into it. */
#ifndef ADMIN_BACKUP_CHECK_H
#define ADMIN_BACKUP_CHECK_H

#include "admin/cmd.h"
#include "admin/snapshot.h"
#include "base/attr.h"
#include "base/fault.h"

/*
 * Reads each file of a snapshot (NULL: the newest) and compares it with its
 * manifest, finds what no manifest names, and opens copies of the databases, in
 * TMPDIR, to look at each page. Prints what is wrong, and a summary; then the
 * command leaves with EX_DATAERR.
 */
int backup_check(struct cmd_line *line, const struct snapshots *dirs,
    const char *name, struct fault *f) MUST_USE;

#endif
