/* SPDX-License-Identifier: ISC */
/*
 * What files a copy has, and what is in them: a line each,
 *
 *   SHA-256 in hexadecimal, size, time (ns since 1970), path
 *
 * split by blanks; in a path "%", blanks and all that is not printable ASCII is
 * written as %XX. Paths are relative and never lead out of their folder.
 */
#ifndef ADMIN_MANIFEST_H
#define ADMIN_MANIFEST_H

#include <stdbool.h>
#include <stdio.h>

#include "admin/tree.h"
#include "base/arena.h"
#include "base/attr.h"
#include "base/buf.h"
#include "base/fault.h"
#include "base/map.h"
#include "base/str.h"

struct manifest_entry {
	struct map_node node; /* the manifest's */
	const char *path;     /* lives as long as the manifest */
	struct tree_file file;
	size_t index;  /* in entries */
	unsigned seen; /* the user's own */
	bool unproved; /* likewise */
};

/* By what an entry is found. */
enum manifest_key {
	/* The path; but of a message in new/ or cur/ its folder and base name,
	 * which stay when an IMAP server moves it to cur/ or changes its
	 * flags. */
	MANIFEST_BY_PLACE,
	/* The path; but of a message its base name, wherever it is in the
	 * mailbox. */
	MANIFEST_BY_NAME,
};

struct manifest {
	enum manifest_key key;
	struct arena arena;
	struct map map;
	struct manifest_entry **entries; /* in order of their addition; NULL
					  * where one was removed */
	size_t n, room;
};

/* Embedded. */
void manifest_init(struct manifest *m, enum manifest_key key);
void manifest_clear(struct manifest *m);

/* NULL where there is none. */
struct manifest_entry *manifest_find(
    const struct manifest *m, const char *path);
/* Adds it, or replaces what is found by this path. */
struct manifest_entry *manifest_put(
    struct manifest *m, const char *path, const struct tree_file *file);
/* The entry's new path has the same key. */
void manifest_rename(
    struct manifest *m, struct manifest_entry *e, const char *path);
void manifest_remove(struct manifest *m, struct manifest_entry *e);

/* Whether the path is a message's: in new/ or cur/, or below posthouse/. */
bool manifest_is_message(const char *path);
/* Its base name. */
struct str manifest_base(const char *path);

/* A line with its LF. */
void manifest_format(
    struct buf *b, const char *path, const struct tree_file *file);
/* False where the line is none. */
bool manifest_parse(struct str line, char path[TREE_PATH_SIZE],
    struct tree_file *file) MUST_USE;

/*
 * Puts what the file says: 1, or 0 where there is no such file. A line that is
 * none is a permanent fault 5.6.0; but with `torn`, where who wrote it may have
 * been killed, it and what follows is left out.
 */
int manifest_read(struct manifest *m, int at, const char *path, bool torn,
    struct fault *f) MUST_USE;
/* Replaces the file at once, durably; its parents are made. */
int manifest_write(const struct manifest *m, int at, const char *path,
    struct fault *f) MUST_USE;

#endif
