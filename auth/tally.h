/* SPDX-License-Identifier: ISC */
/*
 * Failures, counted under keys of any length: as many entries as were asked for
 * at the start, and then the one that was touched longest ago makes room. No
 * locks and no clock: whoever has the table has both.
 */
#ifndef AUTH_TALLY_H
#define AUTH_TALLY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/str.h"

enum { TALLY_KEY = 16, TALLY_PROOFS = 4 };

struct tally_entry {
	unsigned failures;
	int64_t last;         /* when something was counted; 0: never */
	int64_t locked_until; /* 0: not locked */
	/* What failed last, as numbers that tell nobody what it was. */
	uint64_t proofs[TALLY_PROOFS];
	unsigned n_proofs; /* so many were put in, the oldest is replaced */

	/* Private to the table. */
	uint8_t key[TALLY_KEY];
	uint32_t next, older, newer;
};

struct tally;

struct tally *tally_new(uint32_t max) MUST_USE;
void tally_free(struct tally **tally);

/* Keys are digests, so that nobody chooses where they fall. NULL where there
 * is none. */
struct tally_entry *tally_find(
    struct tally *tally, const uint8_t key[TALLY_KEY]);
/* The same; a new one (of zeros) where there is none. It is the last to make
 * room from now on, and lives until it does. */
struct tally_entry *tally_touch(
    struct tally *tally, const uint8_t key[TALLY_KEY]);

#endif
