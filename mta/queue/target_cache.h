/* SPDX-License-Identifier: ISC */
/* Targets that were resolved, until their time is over. Bounded. */
#ifndef MTA_QUEUE_TARGET_CACHE_H
#define MTA_QUEUE_TARGET_CACHE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/str.h"
#include "mta/send/target.h"

struct target_cache;

struct target_cache *target_cache_new(void) MUST_USE;
void target_cache_free(struct target_cache **cache);

/* May be used by many threads. now: clock_ms(). False where it is not known,
 * or no longer. */
bool target_cache_get(struct target_cache *cache, const struct route *route,
    struct str domain, int64_t now, struct target *target) MUST_USE;
void target_cache_put(struct target_cache *cache, const struct route *route,
    struct str domain, const struct target *target);

/* Whether two routes are the same but for the rule that made them. */
bool target_cache_is_same(const struct route *a, const struct route *b);

#endif
