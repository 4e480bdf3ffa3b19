/* SPDX-License-Identifier: ISC */
/*
 * The folder that a backup goes to:
 *
 *   DIR/2026-11-29T101500/   a snapshot, whole; named by its mark in UTC
 *   DIR/latest               a link to the newest
 *   DIR/partial/             one that is being made, or was interrupted
 *   DIR/lock
 *
 * In a snapshot:
 *
 *   snapshot.json            when and what it is; struct snapshot
 *   manifest                 of all that is not in mail/ (manifest.h)
 *   config/                  the configuration's files, by their whole paths
 *   directory/, or directory.txt
 *   queue/
 *   mail/DOMAIN/USER/        the mailboxes
 *   manifests/DOMAIN/USER    a manifest of each
 */
#ifndef ADMIN_SNAPSHOT_H
#define ADMIN_SNAPSHOT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "admin/tree.h"
#include "base/attr.h"
#include "base/fault.h"

enum { SNAPSHOT_NAME_SIZE = 18, SNAPSHOT_CONF_SIZE = 1024 };

#define SNAPSHOT_PARTIAL "partial"
#define SNAPSHOT_MANIFEST "manifest"
/* What the store keeps beside the mailboxes: who has done what to them, those
 * that were taken away. As a mailbox in mail/ and manifests/. */
#define SNAPSHOT_STORE ".posthouse"

enum snapshot_directory {
	SNAPSHOT_NO_DIRECTORY, /* there is none, or in tables of others */
	SNAPSHOT_TABLES,       /* directory/: Berkeley DB */
	SNAPSHOT_TEXT,         /* directory.txt: posthouse directory export */
};

/* What snapshot.json says. */
struct snapshot {
	char name[SNAPSHOT_NAME_SIZE];
	/* ms since 1970: all that was acknowledged before is in it. */
	int64_t mark;
	int64_t made; /* when it was whole */
	char conf[SNAPSHOT_CONF_SIZE];
	enum snapshot_directory directory;
	uint64_t mailboxes, messages;
	uint64_t files, bytes, copied_bytes;
	uint8_t digest[CRYPTO_SHA256_LEN]; /* of manifest */
};

/* The folder; embedded. */
struct snapshots {
	int dir, lock;
};

struct snapshot_list {
	char (*names)[SNAPSHOT_NAME_SIZE]; /* the oldest first */
	size_t n;
};

/* Opens it; makes it (0700) where it is to be written to, and waits for nobody:
 * 4.3.2 where another backup does. */
int snapshots_open(
    struct snapshots *s, const char *dir, bool write, struct fault *f) MUST_USE;
void snapshots_close(struct snapshots *s);

/* Those that are whole. */
int snapshots_list(const struct snapshots *s, struct snapshot_list *list,
    struct fault *f) MUST_USE;
void snapshots_list_clear(struct snapshot_list *list);

/* Opens one, by its name, or NULL: the newest. Returns the descriptor; 5.1.0
 * where there is none. *snapshot is filled. */
int snapshots_open_one(const struct snapshots *s, const char *name,
    struct snapshot *snapshot, struct fault *f) MUST_USE;

/* Copies the tables of a database of an open snapshot ("directory", "queue"),
 * without bodies in files, into a new folder in TMPDIR, as opening them changes
 * them. Whoever called removes it. */
int snapshot_copy_tables(struct tree *tree, int snapshot, const char *name,
    char dir[TREE_PATH_SIZE], struct fault *f) MUST_USE;

/* Makes partial/ into a snapshot, durably: writes snapshot.json, with a name by
 * the mark, which is put into snapshot. */
int snapshots_finish(const struct snapshots *s, struct snapshot *snapshot,
    struct fault *f) MUST_USE;
/* Removes all but the newest `keep`, and what an interrupted removal left.
 * *removed is how many. */
int snapshots_thin(const struct snapshots *s, uint64_t keep, size_t *removed,
    struct fault *f) MUST_USE;

#endif
