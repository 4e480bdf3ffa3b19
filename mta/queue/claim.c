/* SPDX-License-Identifier: ISC */
#include "config.h"

#include "mta/queue/claim.h"

#include "base/mem.h"
#include "mta/queue/scheduler_private.h"

struct claim {
	struct scheduler *scheduler;
	struct leg **legs;
	size_t n;
};

/* Under the mutex. */
static bool
is_under_way(struct scheduler *s, const struct ident *id, uint64_t owner,
    const struct str *domains, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (board_is_under_way(s->board, domains[i], owner, id))
			return true;
	return false;
}

/* The same. A lane that is not known has nothing due. */
static void
take(struct claim *c, const struct ident *id, uint64_t owner, struct str domain)
{
	struct leg *leg = board_claim(
	    c->scheduler->board, domain, owner, id, scheduler_now());

	if (leg != NULL)
		c->legs[c->n++] = leg;
}

static bool
is_among(struct str domain, const struct str *domains, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (str_is(domain, domains[i]))
			return true;
	return false;
}

struct claim *
claim_new(struct scheduler *s, const struct ident *id, uint64_t owner,
    const struct str *domains, size_t n)
{
	struct claim *c = NULL;

	pthread_mutex_lock(&s->mutex);
	if (!is_under_way(s, id, owner, domains, n)) {
		c = mem_new(struct claim);
		c->scheduler = s;
		c->legs = mem_zeroed(n + 1, sizeof *c->legs);
		for (size_t i = 0; i < n; i++)
			if (!is_among(domains[i], domains, i))
				take(c, id, owner, domains[i]);
	}
	pthread_mutex_unlock(&s->mutex);
	return c;
}

void
claim_free(struct claim **claim)
{
	struct claim *c = *claim;
	struct scheduler *s;

	if (c == NULL)
		return;
	s = c->scheduler;
	pthread_mutex_lock(&s->mutex);
	for (size_t i = 0; i < c->n; i++)
		board_release(s->board, &c->legs[i], true, scheduler_now());
	scheduler_kick(s);
	pthread_mutex_unlock(&s->mutex);
	mem_free(c->legs);
	mem_free(c);
	*claim = NULL;
}
