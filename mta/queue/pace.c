/* SPDX-License-Identifier: ISC */
#include "config.h"

#include "mta/queue/pace.h"

#include <string.h>

enum {
	GAP_MS = 1000,
	/* To go one step faster again. */
	GOOD_ANSWERS = 10,
	GOOD_MS = 60000,
};

void
pace_init(struct pace *p, const struct pace_limit *limit)
{
	*p = (struct pace){.limit = *limit};
}

int64_t
pace_gap(const struct pace *p)
{
	int64_t slow = p->level > 0 ? (int64_t)GAP_MS << (p->level - 1) : 0;

	return slow > p->limit.gap_ms ? slow : p->limit.gap_ms;
}

bool
pace_has_room(const struct pace *p)
{
	if (p->limit.max > 0 && p->active >= p->limit.max)
		return false;
	return p->level == 0 || p->active < p->slow_max;
}

int64_t
pace_when(const struct pace *p)
{
	return p->next_at > p->rate_at ? p->next_at : p->rate_at;
}

/* Forgets what is older than a period, all where the clock was set back. */
static void
turn(struct pace *p, int64_t slot)
{
	if (slot < p->slot || slot - p->slot > PACE_SLOTS)
		memset(p->started, 0, sizeof p->started);
	else
		while (p->slot < slot)
			p->started[++p->slot % (PACE_SLOTS + 1)] = 0;
	p->slot = slot;
}

/* When that has grown so old that the rate allows more. */
static void
count_start(struct pace *p, int64_t now)
{
	int64_t part = (p->limit.period_ms + PACE_SLOTS - 1) / PACE_SLOTS;
	int64_t oldest;
	uint64_t sum = 0;

	turn(p, now / part);
	p->started[p->slot % (PACE_SLOTS + 1)]++;
	for (size_t i = 0; i <= PACE_SLOTS; i++)
		sum += p->started[i];
	for (oldest = p->slot - PACE_SLOTS; sum >= p->limit.rate; oldest++) {
		uint64_t n =
		    oldest < 0 ? 0 : p->started[oldest % (PACE_SLOTS + 1)];

		sum -= n;
		if (sum < p->limit.rate)
			p->rate_at = (oldest + PACE_SLOTS + 1) * part;
	}
}

void
pace_start(struct pace *p, int64_t now)
{
	p->active++;
	p->next_at = now + pace_gap(p);
	if (p->limit.rate > 0)
		count_start(p, now);
}

void
pace_end(struct pace *p)
{
	p->active--;
}

static void
set_level(struct pace *p, unsigned level, int64_t now)
{
	p->level = level;
	p->changed_at = now;
	p->good = 0;
}

void
pace_slow(struct pace *p, int64_t now)
{
	unsigned now_max = p->active;

	p->good = 0;
	if (p->level > 0 && now - p->changed_at < pace_gap(p))
		return;
	if (p->level > 0 && p->slow_max < now_max)
		now_max = p->slow_max;
	p->slow_max = now_max > 1 ? now_max / 2 : 1;
	set_level(p, p->level < PACE_LEVEL_MAX ? p->level + 1 : p->level, now);
	p->next_at = now + pace_gap(p);
}

void
pace_good(struct pace *p, int64_t now)
{
	if (p->level == 0 || ++p->good < GOOD_ANSWERS ||
	    now - p->changed_at < GOOD_MS)
		return;
	p->slow_max *= 2;
	set_level(p, p->level - 1, now);
}
