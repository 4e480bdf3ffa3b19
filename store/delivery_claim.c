/* SPDX-License-Identifier: ISC */
/* What a delivery must have before it may store anything: its id, and room. */
#include "config.h"

#include "store/delivery_private.h"

#include <stdlib.h>

#include "base/mem.h"
#include "proto/ident.h"
#include "store/box.h"
#include "store/index.h"
#include "store/quota.h"
#include "store/recent.h"
#include "store/store_private.h"

static int
compare_keys(const void *a, const void *b)
{
	const struct delivery_slot *x = *(struct delivery_slot *const *)a;
	const struct delivery_slot *y = *(struct delivery_slot *const *)b;

	return strcmp(x->box->mailbox.path, y->box->mailbox.path) != 0
		   ? strcmp(x->box->mailbox.path, y->box->mailbox.path)
		   : strcmp(x->box->folder.dir, y->box->folder.dir);
}

static void
claim_slot(struct delivery *d, struct delivery_slot *s)
{
	int64_t made =
	    ident_is_ours(str(d->ident)) ? ident_time_us(str(d->ident)) : 0;
	struct recent *recent = d->store->recent;

	s->claim = recent_claim(recent, buf_str(&s->key), made);
	s->is_repeat =
	    s->claim == NULL ||
	    (!recent_is_complete(recent, made) &&
		index_was_delivered(d->store->index, buf_str(&s->key)));
}

/* In one order for all deliveries, since a claim may have to wait. */
void
delivery_claim_all(struct delivery *d)
{
	struct delivery_slot **order;
	size_t n = 0;

	if (d->ident[0] == '\0')
		return;
	if (d->n_slots == 1) {
		claim_slot(d, &d->slots[0]);
		return;
	}
	order = mem_zeroed(d->n_slots, sizeof(struct delivery_slot *));
	for (size_t i = 0; i < d->n_slots; i++) {
		if (delivery_is_live(d, i))
			order[n++] = &d->slots[i];
	}
	qsort(order, n, sizeof *order, compare_keys);
	for (size_t i = 0; i < n; i++)
		claim_slot(d, order[i]);
	mem_free(order);
}

void
delivery_reserve_all(struct delivery *d)
{
	struct fault f;

	for (size_t i = 0; i < d->n_slots; i++) {
		struct delivery_slot *s = &d->slots[i];

		if (s->account == NULL || !delivery_is_live(d, i))
			continue;
		if (s->is_exempt)
			quota_claim(s->account, d->message.size);
		s->is_reserved = s->is_exempt || quota_reserve(s->account,
						     d->message.size, &f) == 0;
		if (!s->is_reserved)
			delivery_fail_slot(s, &f);
	}
}

void
delivery_release_all(struct delivery *d)
{
	for (size_t i = 0; i < d->n_slots; i++) {
		struct delivery_slot *s = &d->slots[i];

		if (s->is_reserved)
			quota_release(s->account, d->message.size);
		s->is_reserved = false;
	}
}

void
delivery_settle_claims(struct delivery *d)
{
	for (size_t i = 0; i < d->n_slots; i++)
		recent_settle(d->store->recent, &d->slots[i].claim,
		    d->slots[i].is_placed || d->slots[i].is_repeat);
}
