/* SPDX-License-Identifier: ISC */
/*
 * Remembers messages that were answered 451 although a mailbox has them, or
 * may have: some of their mailboxes failed, or no answer came in time.
 *
 * The client will send such a message again, as a new transaction. Under its
 * first id it is known to the store, so it goes on under that one, and the
 * mailboxes that have it do not get it twice. A message is known again by its
 * sender and the hash of its bytes. The memory is bounded, forgets after some
 * hours, and is lost with the process: then a copy is delivered twice, as
 * between any two mail systems (RFC 1047).
 */
#ifndef MTA_SMTPD_REPEAT_H
#define MTA_SMTPD_REPEAT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/fault.h"
#include "proto/address.h"
#include "proto/ident.h"

struct repeats;
struct spool;

/* Room for max messages; the oldest goes first. */
struct repeats *repeats_new(size_t max, int64_t keep_ms) MUST_USE;
void repeats_free(struct repeats **repeats);

/* Costs nothing while the memory is empty. True, and *ident is the first id,
 * where this message is known; it is forgotten then. */
bool repeats_take(struct repeats *repeats, const struct address *sender,
    struct spool *body, struct ident *ident);
void repeats_put(struct repeats *repeats, const struct address *sender,
    struct spool *body, const struct ident *ident);

#endif
