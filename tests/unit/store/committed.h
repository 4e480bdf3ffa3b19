/* SPDX-License-Identifier: ISC */
/* Committing a delivery, and waiting until it is known what becomes of it. */
#ifndef TESTS_UNIT_STORE_COMMITTED_H
#define TESTS_UNIT_STORE_COMMITTED_H

#include <semaphore.h>

#include "store/delivery.h"
#include "tests/unit/store/named.h"

static inline void
committed_tell(void *ctx)
{
	sem_post(ctx);
}

static inline void
committed(struct delivery *d, struct delivery_outcome *outcomes)
{
	sem_t told;

	sem_init(&told, 0, 0);
	if (!delivery_commit(d, committed_tell, &told))
		sem_wait(&told);
	sem_destroy(&told);
	delivery_finish(d, outcomes);
}

/* A whole message for one recipient, as it comes from the network. */
static inline enum delivery_result
delivered(struct store *store, const char *to, const char *text)
{
	struct delivery *d = delivery_new(store, str(""), false);
	struct delivery_outcome outcome = {.fault.text = ""};
	struct mailbox_name name = mailbox_named(to);
	struct fault f = {.text = ""};
	size_t slot;

	ck_assert_int_eq(delivery_add(d, &name, str(""), &slot, &f), 0);
	ck_assert_int_eq(delivery_write(d, str(text), &f), 0);
	committed(d, &outcome);
	delivery_free(&d);
	return outcome.result;
}

#endif
