/* SPDX-License-Identifier: ISC */
/*
 * What an operator has done to the mail of others, who it was, and when: a
 * line of JSON for each, in <root>/.posthouse/audit.
 *
 * It stands beside the mailboxes and not in the index, which is only a cache,
 * nor in the directory, which may be another machine's or not ours at all. It
 * is only ever appended to. Past AUDIT_FILE_MAX bytes it becomes audit.1, and
 * what that was goes.
 */
#ifndef STORE_AUDIT_H
#define STORE_AUDIT_H

#include <stdint.h>

#include "base/attr.h"
#include "base/fault.h"
#include "base/str.h"
#include "base/user.h"
#include "store/mailbox.h"

enum {
	AUDIT_FILE_MAX = 16 << 20,
	AUDIT_WORD_SIZE = 40,
	AUDIT_DETAIL_SIZE = 400,
};

struct audit_entry {
	int64_t time; /* seconds since 1970 */
	char who[USER_NAME_SIZE];
	char what[AUDIT_WORD_SIZE];   /* "mailbox.delete" */
	char name[MAILBOX_NAME_SIZE]; /* of the mailbox; "": many */
	char detail[AUDIT_DETAIL_SIZE];
};

/* Durable when it returns 0. root is the mailboxes'. Safe from any thread of
 * the one process that owns the store. */
int audit_add(
    int root, const struct audit_entry *entry, struct fault *f) MUST_USE;

/*
 * The oldest first, from the place `after` on (0: from the first). Stops where
 * each() returns other than 0, and returns that. place grows from one entry to
 * the next and stays good for some time. Lines that are none are left out.
 */
int audit_each(int root, uint64_t after,
    int (*each)(void *ctx, uint64_t place, const struct audit_entry *entry),
    void *ctx, struct fault *f);

#endif
