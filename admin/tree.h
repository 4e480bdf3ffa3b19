/* SPDX-License-Identifier: ISC */
/*
 * Files and folders below an open directory, for copies of whole trees. What is
 * a symbolic link itself is never followed.
 */
#ifndef ADMIN_TREE_H
#define ADMIN_TREE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>

#include "base/attr.h"
#include "base/crypto.h"
#include "base/fault.h"

enum { TREE_PATH_SIZE = 4096, TREE_DEPTH_MAX = 32 };

/* What a file holds. */
struct tree_file {
	uint64_t size;
	int64_t mtime; /* ns since 1970 */
	uint8_t digest[CRYPTO_SHA256_LEN];
};

int64_t tree_time(const struct stat *st);

/* What copying needs again for each file. */
struct tree;

struct tree *tree_new(void) MUST_USE;
void tree_free(struct tree **tree);

/*
 * 1 where the file was read to its end and *file says what is in it; 0 where
 * there is none (any more), or it is none.
 */
int tree_read(struct tree *tree, int at, const char *path,
    struct tree_file *file, struct fault *f) MUST_USE;
/*
 * The same, written to a new file beside: to_path, which must not exist, with
 * mode 0600 and the time of the other, and as root its owner. On a fault nothing
 * is left there.
 */
int tree_copy(struct tree *tree, int at, const char *path, int to_at,
    const char *to_path, struct tree_file *file, struct fault *f) MUST_USE;

/* An open directory; -1 with the fault. */
int tree_open(int at, const char *path, struct fault *f) MUST_USE;
/* Makes the directory and those above it, below at, with mode 0700. */
int tree_make(int at, const char *path, struct fault *f) MUST_USE;
/* Makes one directory, as root with the owner of the directory `like`. */
int tree_make_as(int at, const char *path, int like, struct fault *f) MUST_USE;
/* As root: all below path, and itself, belongs to that user and group. */
int tree_give(
    int at, const char *path, uid_t uid, gid_t gid, struct fault *f) MUST_USE;
/* Makes those above a file. */
int tree_make_parents(int at, const char *path, struct fault *f) MUST_USE;
/* With all that is in it. Nothing there is no fault. */
int tree_remove(int at, const char *path, struct fault *f) MUST_USE;

/* Joins the two; an empty dir is none. False where that is too long. */
bool tree_join(
    char path[TREE_PATH_SIZE], const char *dir, const char *name) MUST_USE;

/*
 * Calls each entry of a directory but "." and "..", in no order, until each()
 * returns something else than 0, which is then returned. All names are read
 * before the first call, so each() may change the directory.
 */
int tree_each(int dir,
    int (*each)(void *ctx, int dir, const char *name, struct fault *f),
    void *ctx, struct fault *f) MUST_USE;
/* Calls each file (no folder, whatever else it is) below a directory, with its
 * path. A directory that is not there has none. */
int tree_each_file(int at, const char *path,
    int (*each)(void *ctx, int at, const char *path, struct fault *f),
    void *ctx, struct fault *f) MUST_USE;

#endif
