/* SPDX-License-Identifier: ISC */
/* Keeping the scheduler's hands off a message while it is changed. */
#ifndef MTA_QUEUE_CLAIM_H
#define MTA_QUEUE_CLAIM_H

#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/str.h"
#include "proto/ident.h"

struct claim;
struct scheduler;

/*
 * No attempt to send the message to one of these domains begins until
 * claim_free(). NULL where one is under way: what becomes of it is not known
 * yet. owner is queue_owner_hash() of the message's.
 */
struct claim *claim_new(struct scheduler *scheduler, const struct ident *id,
    uint64_t owner, const struct str *domains, size_t n) MUST_USE;
/* After a change is durable. What is due is looked for anew. */
void claim_free(struct claim **claim);

#endif
