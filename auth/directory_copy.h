/* SPDX-License-Identifier: ISC */
/*
 * A directory as text, one record a line, each a JSON object, to be kept or to
 * be put into a directory of another kind:
 *
 *   {"domain": "example.org"}
 *   {"user": "ann@example.org", "hash": "$y$…", "disabled": false,
 *    "created": 1700000000, "changed": 1700000000}
 *   {"credential": "ann@example.org", "kind": "scram", "value": "…"}
 *   {"alias": "team@example.org", "targets": ["ann@example.org"]}
 *   {"group": "all@example.org", "record": "posters=members\n…"}
 *   {"member": "ann@example.org", "group": "all@example.org"}
 *   {"setting": "srs", "value": "1f2e…"}
 *
 * Domains come first, users before their credentials, groups before their
 * members. The text has hashes of
 * passwords and secrets.
 */
#ifndef AUTH_DIRECTORY_COPY_H
#define AUTH_DIRECTORY_COPY_H

#include <stdbool.h>
#include <stddef.h>

#include "auth/directory.h"
#include "base/attr.h"
#include "base/fault.h"
#include "base/str.h"

/* Calls each line, without a line end. 0, -1 with a fault, or what line has
 * returned. */
int directory_export(struct directory *d,
    int (*line)(void *ctx, struct str text), void *ctx,
    struct fault *f) MUST_USE;

/* One line, to be written by the next directory_import_flush(). A record that
 * is there already is replaced. Permanent 5.6.0 where it is none of ours. */
int directory_import(
    struct directory *d, struct str line, struct fault *f) MUST_USE;
int directory_import_flush(struct directory *d, struct fault *f) MUST_USE;

/* Whether a line is a user's: its own, or one of its credentials. */
bool directory_line_is_of(struct str line, struct str name) MUST_USE;
/*
 * Brings back a user that is not there, from those lines, durably. Permanent
 * faults: 5.1.0 where something has the name, 5.1.2 where the domain is not ours,
 * 5.6.0 where a line is not the user's.
 */
int directory_restore_user(struct directory *d, struct str name,
    const struct str *lines, size_t n, struct fault *f) MUST_USE;

#endif
