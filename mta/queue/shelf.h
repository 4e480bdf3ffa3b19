/* SPDX-License-Identifier: ISC */
/*
 * What others keep in the queue's table of settings, each under a prefix of its
 * own: small values that outlive a restart.
 */
#ifndef MTA_QUEUE_SHELF_H
#define MTA_QUEUE_SHELF_H

#include "base/attr.h"
#include "base/fault.h"
#include "base/str.h"

struct queue;

/* A value; borrows both. */
struct shelf {
	struct queue *queue;
	const char *prefix; /* "sts/" */
};

/* Durable soon, and nobody waits for it; an empty value removes it. */
void shelf_put(const struct shelf *shelf, struct str name, struct str value);
/* All of them, until give() returns something else than 0, which is then
 * returned. give() must not put. */
int shelf_each(const struct shelf *shelf,
    int (*give)(void *to, struct str name, struct str value), void *to,
    struct fault *f) MUST_USE;

#endif
