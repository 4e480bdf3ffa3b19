/* SPDX-License-Identifier: ISC */
/*
 * Whom a notification reaches. The sender of a message may be an alias of ours,
 * the owners of a group, or one that was rewritten for forwarding: the store
 * knows none of these, so they are resolved where the notification is made.
 */
#ifndef MTA_QUEUE_READER_H
#define MTA_QUEUE_READER_H

#include <stddef.h>

#include "base/arena.h"
#include "base/attr.h"
#include "base/fault.h"
#include "proto/address.h"

struct socketmap_client;

/*
 * Whom the directory names for the address, else the address itself. Blocks for
 * look-ups. *readers lives in the arena; *n is at least 1. -1 where the
 * directory does not answer, a temporary fault: then the address itself.
 */
int reader_find(struct socketmap_client *directory,
    const struct address *address, struct arena *arena,
    struct address **readers, size_t *n, struct fault *f) MUST_USE;

#endif
