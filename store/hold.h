/* SPDX-License-Identifier: ISC */
/*
 * Legal hold: nothing of a mailbox is lost any more, and its user sees nothing
 * of it.
 *
 *   <mailbox>/posthouse/hold     the switch: since when, by whom, why
 *   <mailbox>/posthouse/held/    a Maildir++: a hard link to each message that
 *                                was there or came since, in its first folder
 *
 * The switch stands with the mailbox and not in the directory: it holds when
 * the directory is away or somebody else's, and goes where the mailbox goes. A
 * link costs a name and no space; whoever removes the message by whatever way
 * removes another name. What lmtpd delivers is linked before the answer, what
 * comes by other ways when it is seen (store/keeper.h).
 */
#ifndef STORE_HOLD_H
#define STORE_HOLD_H

#include <stdbool.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/fault.h"
#include "base/user.h"
#include "store/attic.h"
#include "store/mailbox.h"

enum { HOLD_WHY_SIZE = 200 };

struct hold {
	int64_t since; /* seconds since 1970 */
	char who[USER_NAME_SIZE];
	char why[HOLD_WHY_SIZE];
};

/* Cheap. What cannot be looked at counts as held. */
bool hold_is_on(int root, const struct mailbox_name *mailbox);
/* 1; 0: there is no hold; -1. A switch that does not say why is one too. */
int hold_get(int root, const struct mailbox_name *mailbox, struct hold *hold,
    struct fault *f) MUST_USE;

/* Switches it on, durably; hold_catch() is to follow. 5.1.1 where there is no
 * mailbox. One that is on stays as it is. */
int hold_set(int root, const struct mailbox_name *mailbox,
    const struct hold *hold, struct fault *f) MUST_USE;
/* Switches it off. What was held stays for as long as what was removed does:
 * hold_purge(). */
int hold_end(int root, const struct mailbox_name *mailbox, int64_t now,
    struct fault *f) MUST_USE;

/* What is held, as a mailbox of its own: 1, or 0 where there is nothing. */
int hold_as_mailbox(
    int root, const struct mailbox_name *mailbox, struct mailbox_name *held);

/* Links all messages that are not held yet; *n gets how many. Durable. */
int hold_catch(int root, const struct mailbox_name *mailbox, uint64_t *n,
    struct fault *f) MUST_USE;

/*
 * Links one message, at `path` in the open directory `at`; name is that which
 * it has or gets in its folder. 1, also where it is held already; 0 where it
 * has gone; -1, with errno EXDEV where it is on another file system. Durable.
 */
int hold_link(int root, const struct mailbox_name *mailbox,
    const struct mailbox_folder *folder, int at, const char *path,
    const char *name, struct fault *f) MUST_USE;
/* Whether the file at `path` below the root is held by that name. */
bool hold_has(int root, const struct mailbox_name *mailbox,
    const struct mailbox_folder *folder, const char *path, const char *name);
/* The delivery was taken back. */
void hold_unlink(int root, const struct mailbox_name *mailbox,
    const struct mailbox_folder *folder, const char *name);

/* What was held in a hold that ended before a time goes; names are counted, as
 * the messages may be in their folders still. dry: would. */
int hold_purge(int root, const struct mailbox_name *mailbox, int64_t before,
    bool dry, struct attic_sum *sum, struct fault *f) MUST_USE;

#endif
