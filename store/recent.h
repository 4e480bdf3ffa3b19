/* SPDX-License-Identifier: ISC */
/*
 * Which deliveries were made of late, by id, mailbox and folder: what is
 * needed to know a repeat before the index has learnt of the first.
 *
 * Two deliveries of one id at the same moment: the second waits until the
 * first has succeeded (then it is a repeat) or failed (then it goes on).
 */
#ifndef STORE_RECENT_H
#define STORE_RECENT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/str.h"

struct recent;
struct recent_claim;

/* Remembers so many deliveries at most. since: recent_is_complete() is false
 * for ids up to this time. */
struct recent *recent_new(size_t max, int64_t since) MUST_USE;
void recent_free(struct recent **recent);

/*
 * Claims the key for a delivery; blocks while another holds the claim. NULL
 * where it is a repeat. A thread that takes several claims takes
 * them in the order of their keys. made is when the id was made (microseconds
 * since 1970; 0: unknown).
 */
struct recent_claim *recent_claim(
    struct recent *recent, struct str key, int64_t made) MUST_USE;
/* Ends the claim: stored or not. NULL is ignored. */
void recent_settle(
    struct recent *recent, struct recent_claim **claim, bool stored);

/*
 * Whether a delivery of an id made then, claimed for the first time, can not
 * have been made before: all deliveries of ids that are so new are remembered
 * here. This compares times of ids with each other, never with our clock.
 */
bool recent_is_complete(struct recent *recent, int64_t made);

#endif
