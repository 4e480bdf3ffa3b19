/* SPDX-License-Identifier: ISC */
/* Whether there is room below a limit, and how it is said that there is none.
 * Private to quota*.c. */
#ifndef STORE_QUOTA_ROOM_H
#define STORE_QUOTA_ROOM_H

#include <stdbool.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/fault.h"
#include "store/maildirsize.h"

/* Whether one message more, of that size, is too much. */
bool quota_room_is_over(const struct maildirsize_limits *limits, uint64_t bytes,
    uint64_t messages, uint64_t size);
/* Both return -1. what is "the mailbox", or the like. */
int quota_room_full(bool permanent, const char *what, struct fault *f) MUST_USE;
int quota_room_too_large(const char *what, struct fault *f) MUST_USE;

#endif
