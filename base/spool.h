/* SPDX-License-Identifier: ISC */
/*
 * A message body on its way through: in memory up to a limit, past it in an
 * anonymous file that vanishes with the process.
 */
#ifndef BASE_SPOOL_H
#define BASE_SPOOL_H

#include <stdint.h>

#include "base/attr.h"
#include "base/buf.h"
#include "base/fault.h"
#include "base/str.h"

struct spool;

/* dir holds the file if one is needed; borrowed as long as the spool lives. */
struct spool *spool_new(const char *dir, size_t in_memory) MUST_USE;
void spool_free(struct spool **spool);

/* After a fault the spool is only good for spool_free(). */
int spool_put(struct spool *spool, struct str bytes, struct fault *f) MUST_USE;
uint64_t spool_size(const struct spool *spool);

/*
 * Calls each piece in order until all was given or a call returns -1, which is
 * then returned. May be called again: it starts from the front each time.
 */
int spool_each(struct spool *spool,
    int (*piece)(void *ctx, struct str bytes, struct fault *f), void *ctx,
    struct fault *f) MUST_USE;

#endif
