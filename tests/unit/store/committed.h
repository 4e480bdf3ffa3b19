/* SPDX-License-Identifier: ISC */
/* Committing a delivery, and waiting until it is known what becomes of it. */
#ifndef TESTS_UNIT_STORE_COMMITTED_H
#define TESTS_UNIT_STORE_COMMITTED_H

#include <semaphore.h>

#include "store/delivery.h"

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

#endif
