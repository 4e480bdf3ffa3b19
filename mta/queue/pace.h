/* SPDX-License-Identifier: ISC */
/*
 * How fast a provider gets mail: what the operator allows, made slower by
 * itself while its replies ask for that, and faster again when they no longer
 * do.
 *
 * Each request to slow down doubles a gap between deliveries (from one second)
 * and halves how many are under way; good answers over some time take that back
 * step by step. Times are ms, of any clock.
 */
#ifndef MTA_QUEUE_PACE_H
#define MTA_QUEUE_PACE_H

#include <stdbool.h>
#include <stdint.h>

/* What the operator allows. */
struct pace_limit {
	unsigned max;      /* under way; 0: no limit */
	int64_t gap_ms;    /* from the start of one to that of the next */
	uint32_t rate;     /* so many in any period; 0: no limit */
	int64_t period_ms; /* not 0 where there is a rate */
};

/* A period is counted in so many parts, and one more, so that what is counted
 * is never less than a period. */
enum { PACE_SLOTS = 20 };

/* A value. */
struct pace {
	struct pace_limit limit;
	unsigned active;
	int64_t next_at;    /* the earliest start */
	unsigned level;     /* steps of slowness; 0: none */
	unsigned slow_max;  /* at level > 0 */
	unsigned good;      /* answers since the last change */
	int64_t changed_at; /* of the level */
	/* What began in the last parts of the period. */
	uint32_t started[PACE_SLOTS + 1];
	int64_t slot;    /* the number of the last part since 1970 */
	int64_t rate_at; /* from when on the rate allows more */
};

enum { PACE_LEVEL_MAX = 9 }; /* 256 s */

void pace_init(struct pace *p, const struct pace_limit *limit);

/* Whether one more may be under way; then pace_when() says from when on. */
bool pace_has_room(const struct pace *p);
int64_t pace_when(const struct pace *p);
/* The gap that is kept now. */
int64_t pace_gap(const struct pace *p);
void pace_start(struct pace *p, int64_t now);
void pace_end(struct pace *p);

/* While it is under way: it asked for less, or it did not. Several requests
 * within the gap count as one. */
void pace_slow(struct pace *p, int64_t now);
void pace_good(struct pace *p, int64_t now);

#endif
