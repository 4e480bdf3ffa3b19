/* SPDX-License-Identifier: ISC */
/*
 * The parts of a backup that are no mailboxes: the configuration's files, the
 * directory and the queue. Each writes into the snapshot and adds what it has
 * written to the manifest.
 */
#ifndef ADMIN_BACKUP_SYSTEM_H
#define ADMIN_BACKUP_SYSTEM_H

#include "admin/manifest.h"
#include "admin/snapshot.h"
#include "admin/tree.h"
#include "base/attr.h"
#include "base/conf.h"
#include "base/fault.h"

struct backup_system {
	const char *conf_file;
	const struct conf *conf; /* by place_read_conf() */
	struct tree *tree;
	int snapshot;
	struct manifest *manifest;
};

/* What the configuration is made of, and what it names: certificates, keys,
 * passwords. What it names and is not there is left out. */
int backup_config(const struct backup_system *b, struct fault *f) MUST_USE;
/* The owner makes the copy (directory.backup), running or not; a directory in
 * PostgreSQL is exported. *kind is what came of it: nothing, where the machine has
 * none. */
int backup_directory(const struct backup_system *b,
    enum snapshot_directory *kind, struct fault *f) MUST_USE;
int backup_queue(const struct backup_system *b, struct fault *f) MUST_USE;

#endif
