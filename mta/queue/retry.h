/* SPDX-License-Identifier: ISC */
/* How long to wait after a failure. */
#ifndef MTA_QUEUE_RETRY_H
#define MTA_QUEUE_RETRY_H

#include <stdint.h>

struct retry {
	int64_t min_ms, max_ms;
};

/*
 * After the nth failure (from 1) in a row: min, doubled with each up to max,
 * and then a random part of it, between three and five quarters, so that what
 * failed together does not come together again. random is of the full range.
 */
int64_t retry_pause(const struct retry *r, unsigned n, uint32_t random);

#endif
