/* SPDX-License-Identifier: ISC */
/*
 * Mailboxes under legal hold, as the kernel tells what happens in them
 * (inotify): what an IMAP server or a script puts there is linked at once. What
 * the kernel could not tell, or not in time, is found by going through the
 * mailbox: some seconds later, and every ten minutes.
 *
 * All calls are one thread's.
 */
#ifndef STORE_HOLD_WATCH_H
#define STORE_HOLD_WATCH_H

#include <stdint.h>

#include "base/attr.h"
#include "store/client.h"

struct hold_watch;

/* client and root, the path of its root, are borrowed. */
struct hold_watch *hold_watch_new(
    struct client *client, const char *root) MUST_USE;
void hold_watch_free(struct hold_watch **watch);

/* A mailbox may have come under hold, or out of it, or be gone. */
void hold_watch_look(
    struct hold_watch *watch, const struct mailbox_name *mailbox);

/* To be polled for input; -1: the kernel has none. */
int hold_watch_fd(const struct hold_watch *watch);
/* Links what came, without waiting, and goes through the mailboxes for which it
 * is time. To be called when there is input, and else at the time (clock_ms())
 * that it returns; INT64_MAX: none. */
int64_t hold_watch_work(struct hold_watch *watch);

#endif
