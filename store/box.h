/* SPDX-License-Identifier: ISC */
/*
 * Folders that are open for delivery. Opening one costs several system calls,
 * so what was used last stays open, up to a bound; and since an operator may
 * move or remove a mailbox at any time, what is open is compared with the disk
 * again every two seconds.
 */
#ifndef STORE_BOX_H
#define STORE_BOX_H

#include <stdatomic.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/attr.h"
#include "base/fault.h"
#include "store/mailbox.h"

struct boxes;
struct index;
struct index_folder;

/* Constant while it is held. */
struct box {
	struct mailbox_name mailbox;
	struct mailbox_folder folder;
	int dir;                    /* the Maildir */
	int new_dir;                /* its new/ */
	dev_t dev;                  /* of new/, like ino */
	struct index_folder *state; /* what the index knows; NULL without
					 * an index */

	atomic_bool is_held; /* the mailbox is under legal hold: hold.h */

	/* Private to box.c. */
	ino_t ino;
	int64_t checked; /* clock_ms() */
	unsigned holds;
	bool forgotten; /* no longer in the table */
	struct box *next_in_bucket;
	struct box *older, *newer; /* among those that nobody holds */
};

/* root is borrowed; index may be NULL. idle is how many may stay open that
 * nobody holds. */
struct boxes *boxes_new(int root, struct index *index, size_t idle) MUST_USE;
void boxes_free(struct boxes **boxes);

/* Opens the folder, which must exist, or the inbox, which is made where it
 * does not. Give it back with boxes_put(). */
struct box *boxes_get(struct boxes *boxes, const struct mailbox_name *mailbox,
    const struct mailbox_folder *folder, struct fault *f) MUST_USE;
void boxes_put(struct boxes *boxes, struct box **box);
/* One more hold on a box that is held already. */
struct box *boxes_hold(struct boxes *boxes, struct box *box) MUST_USE;
/*
 * Waits until nobody holds a folder of the mailbox that is in the table, so
 * that all deliveries that had begun have ended; whoever calls sees to it that
 * no more begin. Blocks, for ms at most: then a temporary fault 4.2.0.
 */
int boxes_settle(struct boxes *boxes, const struct mailbox_name *mailbox,
    int64_t ms, struct fault *f) MUST_USE;
/* The directory turned out to be gone: boxes_get() is to open it anew. The
 * hold stays. */
void boxes_forget(struct boxes *boxes, struct box *box);
/* The mailbox has come under legal hold, or out of it: what is open knows it
 * at once. */
void boxes_set_held(
    struct boxes *boxes, const struct mailbox_name *mailbox, bool is_held);

#endif
