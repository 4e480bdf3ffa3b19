/* SPDX-License-Identifier: ISC */
#include "config.h"

#include "store/quota_domain.h"

#include <stdio.h>

#include "base/clock.h"
#include "base/mem.h"
#include "store/index.h"
#include "store/quota.h"
#include "store/quota_room.h"

struct quota_domain *
quota_domain_new(struct index *index, const char *name)
{
	struct quota_domain *d = mem_new(struct quota_domain);

	d->index = index;
	snprintf(d->name, sizeof d->name, "%s", name);
	pthread_mutex_init(&d->mutex, NULL);
	return d;
}

void
quota_domain_free(struct quota_domain **domain)
{
	struct quota_domain *d = *domain;

	pthread_mutex_destroy(&d->mutex);
	mem_free(d);
	*domain = NULL;
}

/* The sum. */

static int
add_folder(void *ctx, const struct mailbox_name *mailbox,
    const struct mailbox_folder *folder, const struct index_stat *stat)
{
	struct quota_amount *sum = ctx;

	(void)mailbox;
	if (!maildirsize_counts(str(folder->dir), (struct str){0}))
		return 0;
	sum->bytes += stat->bytes;
	sum->messages += stat->messages;
	return 0;
}

struct summing {
	const char *name;
	struct quota_amount sum;
};

static int
sum_domain(struct index *index, void *ctx, struct fault *f)
{
	struct summing *s = ctx;
	char prefix[MAILBOX_NAME_SIZE + 1];
	struct index_range range;

	snprintf(prefix, sizeof prefix, "%s/", s->name);
	range = (struct index_range){.path = str(prefix)};
	return index_each_folder(index, range, add_folder, &s->sum, f);
}

/* With the mutex, which is given up meanwhile, but not at the first time:
 * without a sum nobody can decide. What is told to the index while it sums up
 * may be counted twice until the next time. */
static void
refresh(struct quota_domain *d, struct fault *trouble)
{
	struct summing s = {.name = d->name};
	struct quota_amount before = d->since;
	bool is_first = d->summed_at == 0;
	struct fault f;
	int rc;

	d->is_summing = true;
	if (!is_first)
		pthread_mutex_unlock(&d->mutex);
	rc = index_run(d->index, sum_domain, &s, &f);
	if (!is_first)
		pthread_mutex_lock(&d->mutex);
	d->is_summing = false;
	d->summed_at = clock_ms();
	if (rc < 0) {
		*trouble = f;
		return;
	}
	d->summed = s.sum;
	d->since.bytes -= before.bytes;
	d->since.messages -= before.messages;
}

static int
answer(struct quota_domain *d, const struct quota_question *q, struct fault *f)
{
	uint64_t bytes = d->summed.bytes + d->since.bytes + d->underway.bytes;
	uint64_t messages =
	    d->summed.messages + d->since.messages + d->underway.messages;
	char what[MAILBOX_NAME_SIZE + 16];

	snprintf(what, sizeof what, "the domain %.200s", d->name);
	if (q->limits.bytes > 0 && q->size > q->limits.bytes)
		return quota_room_too_large(what, f);
	if (quota_room_is_over(&q->limits, bytes, messages, q->size))
		return quota_room_full(q->permanent, what, f);
	if (q->reserve) {
		d->underway.bytes += q->size;
		d->underway.messages++;
	}
	return 0;
}

int
quota_domain_ask(struct quota_domain *d, const struct quota_question *question,
    struct fault *trouble, struct fault *f)
{
	int rc;

	pthread_mutex_lock(&d->mutex);
	if (!d->is_summing &&
	    (d->summed_at == 0 || clock_ms() - d->summed_at > QUOTA_DOMAIN_MS))
		refresh(d, trouble);
	rc = answer(d, question, f);
	pthread_mutex_unlock(&d->mutex);
	return rc;
}

void
quota_domain_claim(struct quota_domain *d, uint64_t size)
{
	pthread_mutex_lock(&d->mutex);
	d->underway.bytes += size;
	d->underway.messages++;
	pthread_mutex_unlock(&d->mutex);
}

void
quota_domain_leave(struct quota_domain *d, uint64_t size, bool indexed)
{
	pthread_mutex_lock(&d->mutex);
	d->underway.bytes -= size;
	d->underway.messages--;
	if (indexed) {
		d->since.bytes += size;
		d->since.messages++;
	}
	pthread_mutex_unlock(&d->mutex);
}
