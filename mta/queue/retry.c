/* SPDX-License-Identifier: ISC */
#include "config.h"

#include "mta/queue/retry.h"

int64_t
retry_pause(const struct retry *r, unsigned n, uint32_t random)
{
	int64_t pause = r->min_ms;

	for (; n > 1 && pause < r->max_ms; n--)
		pause *= 2;
	if (pause > r->max_ms)
		pause = r->max_ms;
	return pause - pause / 4 +
	       (int64_t)((double)pause / 2 * random / UINT32_MAX);
}
