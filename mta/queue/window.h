/* SPDX-License-Identifier: ISC */
/*
 * How many deliveries a next hop gets at once, and whether it gets any: what
 * its answers and silences have taught.
 *
 * It grows by one for as many good answers as it is wide, and shrinks by one
 * with each failure to reach the hop. Failures in a row that weigh as much as
 * one round (1/width each), or a single one where the hop has not answered
 * lately, make it dead for a time that doubles. After that it gets one at once,
 * the probe, until that has been answered.
 *
 * Times are ms, of any clock; `now` never 0.
 */
#ifndef MTA_QUEUE_WINDOW_H
#define MTA_QUEUE_WINDOW_H

#include <stdbool.h>
#include <stdint.h>

#include "mta/queue/retry.h"

struct window_conf {
	unsigned start, max;
	struct retry dead;
};

/* A value. */
struct window {
	const struct window_conf *conf;
	double width;
	double failed;      /* rounds, since the last good answer */
	int64_t good_at;    /* the last good answer; 0: none */
	int64_t dead_until; /* 0: alive */
	unsigned deaths;    /* in a row; 0: nothing to prove */
};

void window_init(struct window *w, const struct window_conf *conf);

/* How many may be under way; 0 while it is dead. */
unsigned window_limit(const struct window *w, int64_t now);
bool window_is_dead(const struct window *w, int64_t now);

/* An answer, whichever: it is there. active: how many are under way. */
void window_good(struct window *w, unsigned active, int64_t now);
/* No host took a connection, or none the session. */
void window_unreached(struct window *w, int64_t now, uint32_t random);
/* A connection died, or nonsense came. */
void window_broken(struct window *w, int64_t now, uint32_t random);
/* Let it be tried at once. */
void window_revive(struct window *w);

#endif
