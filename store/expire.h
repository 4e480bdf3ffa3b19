/* SPDX-License-Identifier: ISC */
/*
 * What the daily round does in a mailbox: messages that have been in their
 * folders for longer than the rules let them go to the attic, and what has
 * been in the attic for long enough goes for good.
 *
 * How long a message has been in its folder is told by its file's ctime: when
 * the file came there, or got its last flags, if that was later. The delivery
 * does not count: what is put into the Trash today is to stay in it for as long
 * as its rule says.
 *
 * A file that is shared with other recipients (hard links) has one ctime for all
 * of them: what one does makes it younger for the others, never older.
 *
 * A mailbox under legal hold loses nothing: its messages are held before they
 * are moved, and what is in its attic stays.
 */
#ifndef STORE_EXPIRE_H
#define STORE_EXPIRE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/fault.h"
#include "store/attic.h"
#include "store/client.h"
#include "store/expire_rules.h"

struct expire {
	struct client *client;
	const struct expire_rules *rules;
	int64_t now;  /* seconds since 1970 */
	int64_t keep; /* seconds in the attic */
	bool dry;     /* only count */
};

struct expire_sum {
	struct attic_sum moved; /* to the attic */
	struct attic_sum ended; /* there */
};

/* Adds to *sum what was done, also where it then fails. */
int expire_mailbox(const struct expire *e, const struct mailbox_name *mailbox,
    struct expire_sum *sum, struct fault *f) MUST_USE;

#endif
