/* SPDX-License-Identifier: ISC */
/* Which files of a tree that is copied are one file with several names, so that
 * the copy has it once too: a message for many recipients, or under hold. */
#ifndef ADMIN_LINKS_H
#define ADMIN_LINKS_H

#include <sys/stat.h>

#include "admin/tree.h"
#include "base/attr.h"

struct links;

struct links *links_new(void) MUST_USE;
void links_free(struct links **links);

/* The path under which the copy has the file of this stat (of the original), and
 * what is in it; NULL: not yet, or not that we know. */
const char *links_find(const struct links *links, const struct stat *st,
    struct tree_file *file) MUST_USE;
/* The copy has it at this path. Does nothing for a file with one name. */
void links_put(struct links *links, const struct stat *st, const char *path,
    const struct tree_file *file);

#endif
