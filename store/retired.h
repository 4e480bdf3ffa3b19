/* SPDX-License-Identifier: ISC */
/*
 * Whole mailboxes that were taken away, and can come back for some time:
 *
 *   <root>/.posthouse/retired/<seconds>/<domain>/<user>/
 *
 * One rename, with all that is in the mailbox.
 */
#ifndef STORE_RETIRED_H
#define STORE_RETIRED_H

#include <stdbool.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/fault.h"
#include "store/attic.h"
#include "store/mailbox.h"

/* At a time in seconds since 1970. 5.1.1 where there is no mailbox, 5.7.0
 * where it is under legal hold. */
int retired_put(int root, const struct mailbox_name *mailbox, int64_t now,
    struct fault *f) MUST_USE;

/* Each, in no order; stops where each() does not return 0, and returns that. */
int retired_each(int root,
    int (*each)(void *ctx, int64_t when, const struct mailbox_name *mailbox,
	struct fault *f),
    void *ctx, struct fault *f);

/* Back where it was. 5.1.1 where there is none of that time, 5.2.0 where there
 * is a mailbox of the name now. */
int retired_bring_back(int root, int64_t when,
    const struct mailbox_name *mailbox, struct fault *f) MUST_USE;

/* What was put there before a time goes for good; *sum gets how many messages
 * it were. dry: would. */
int retired_purge(int root, int64_t before, bool dry, struct attic_sum *sum,
    struct fault *f) MUST_USE;

#endif
