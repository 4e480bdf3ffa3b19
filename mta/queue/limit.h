/* SPDX-License-Identifier: ISC */
/* The operator's limits for providers: the sections `provider` of queued. */
#ifndef MTA_QUEUE_LIMIT_H
#define MTA_QUEUE_LIMIT_H

#include <stddef.h>

#include "base/attr.h"
#include "base/fault.h"
#include "base/str.h"
#include "mta/queue/board.h"

struct conf_sections;

/* As long as a target's key can be. */
enum { LIMIT_PROVIDER_SIZE = 256 };

/*
 * A section's title as the board has it (struct target's provider): "*"; the
 * organisation's domain, "Google.com"; or the key of a next hop that has none,
 * "smtp:[192.0.2.1]", as it is.
 */
int limit_parse_provider(struct str text, char provider[LIMIT_PROVIDER_SIZE],
    struct fault *f) MUST_USE;
/* "20/min": a number from 1 to 1000000, and s, min, h or d. */
int limit_parse_rate(
    struct str text, struct pace_limit *limit, struct fault *f) MUST_USE;

/* Of sections whose titles and rates are right; n of them. Returns new; with
 * limits_free(). */
struct board_limit *limits_new(const struct conf_sections *providers) MUST_USE;
void limits_free(struct board_limit **limits, size_t n);

#endif
