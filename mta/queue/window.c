/* SPDX-License-Identifier: ISC */
#include "config.h"

#include "mta/queue/window.h"

/* A hop that answered within this time is not dead for a single failure. */
enum { LATELY_MS = 60000 };

void
window_init(struct window *w, const struct window_conf *conf)
{
	*w = (struct window){.conf = conf, .width = conf->start};
}

bool
window_is_dead(const struct window *w, int64_t now)
{
	return now < w->dead_until;
}

unsigned
window_limit(const struct window *w, int64_t now)
{
	if (window_is_dead(w, now))
		return 0;
	return w->deaths > 0 ? 1 : (unsigned)w->width;
}

void
window_good(struct window *w, unsigned active, int64_t now)
{
	/* What is not used is not shown to be good. */
	if (w->deaths == 0 && active + 1 >= (unsigned)w->width)
		w->width += 1 / w->width;
	if (w->width > w->conf->max)
		w->width = w->conf->max;
	w->deaths = 0;
	w->failed = 0;
	w->dead_until = 0;
	w->good_at = now;
}

static void
die_for_now(struct window *w, int64_t now, uint32_t random)
{
	w->deaths++;
	w->dead_until = now + retry_pause(&w->conf->dead, w->deaths, random);
	w->width = w->conf->start;
	w->failed = 0;
}

void
window_broken(struct window *w, int64_t now, uint32_t random)
{
	/* Others that were under way when it died say nothing new. */
	if (window_is_dead(w, now))
		return;
	w->failed += 1 / w->width;
	w->width = w->width > 2 ? w->width - 1 : 1;
	/* Thirds do not add up to one. */
	if (w->deaths > 0 || w->failed > 0.999)
		die_for_now(w, now, random);
}

void
window_unreached(struct window *w, int64_t now, uint32_t random)
{
	bool lately = w->good_at != 0 && now - w->good_at < LATELY_MS;

	if (!lately && !window_is_dead(w, now))
		die_for_now(w, now, random);
	else
		window_broken(w, now, random);
}

void
window_revive(struct window *w)
{
	w->dead_until = 0;
}
