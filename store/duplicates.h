/* SPDX-License-Identifier: ISC */
/*
 * Messages that a mailbox has more than once: of the same Message-ID, and the
 * same bytes below the header section, since each copy that was delivered has
 * trace fields of its own. Those without a Message-ID must be the same
 * throughout.
 */
#ifndef STORE_DUPLICATES_H
#define STORE_DUPLICATES_H

#include <stdbool.h>

#include "base/attr.h"
#include "base/fault.h"
#include "store/client.h"

enum { DUPLICATES_FLAGS_SIZE = 8 };

/* One of a group. Lives as long as the duplicates. */
struct duplicate {
	const struct mailbox_folder *folder;
	const char *file; /* as it was called when it was read */
	bool is_new;
};

/* The same message, the oldest first: that one is to be kept. */
struct duplicate_group {
	struct str message_id; /* "": none */
	const struct duplicate *const *messages;
	size_t n; /* 2 at least */
	/* What the kept one is to have: each flag that one of them has, but
	 * "deleted" and "draft" only where all have it. */
	char flags[DUPLICATES_FLAGS_SIZE];
};

struct duplicates;

/* across: also between folders; else only within each. */
struct duplicates *duplicates_new(bool across) MUST_USE;
void duplicates_free(struct duplicates **duplicates);

/* Reads all messages of a folder: their heads. each() after each; other than 0
 * ends it, and is returned. */
int duplicates_add(struct duplicates *duplicates,
    const struct client_folder *folder, int (*each)(void *ctx, struct fault *f),
    void *ctx, struct fault *f) MUST_USE;

/* The groups, in the order in which they were met; reads the messages that may
 * be the same. Ends where each() returns other than 0, and returns that. */
int duplicates_each(struct duplicates *duplicates, struct client *client,
    const struct mailbox_name *mailbox,
    int (*each)(
	void *ctx, const struct duplicate_group *group, struct fault *f),
    void *ctx, struct fault *f) MUST_USE;

#endif
