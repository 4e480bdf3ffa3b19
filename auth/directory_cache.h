/* SPDX-License-Identifier: ISC */
/*
 * What a directory's server has answered of late, so that a question that comes
 * again costs nothing, and mail flows on while the server is away. Bounded:
 * what was used longest ago goes first. Private to drivers.
 */
#ifndef AUTH_DIRECTORY_CACHE_H
#define AUTH_DIRECTORY_CACHE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/buf.h"
#include "base/str.h"

struct directory_cache;

/* max answers. May be used by many threads. */
struct directory_cache *directory_cache_new(size_t max) MUST_USE;
void directory_cache_free(struct directory_cache **cache);

/*
 * The answer to a question that was put in less than age_ms ago: 1 with value
 * (replaced), 0 where the answer was that there is nothing, -1 where there is
 * no such answer.
 */
int directory_cache_get(struct directory_cache *cache, struct str question,
    int64_t age_ms, struct buf *value) MUST_USE;

/*
 * An answer: value, or nothing (found is false). since is what
 * directory_cache_epoch() was before the server was asked: an answer from
 * before directory_cache_drop() is not kept.
 */
uint64_t directory_cache_epoch(struct directory_cache *cache);
void directory_cache_put(struct directory_cache *cache, struct str question,
    bool found, struct str value, uint64_t since);

/* Something was changed: forgets all. */
void directory_cache_drop(struct directory_cache *cache);

#endif
