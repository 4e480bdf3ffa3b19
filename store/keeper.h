/* SPDX-License-Identifier: ISC */
/*
 * What the store does by itself, without anybody's asking, in one thread that
 * yields to all others: once a day a round through all mailboxes
 * (store/expire.h; and what counts for a quota is set right), and for those under legal hold a watch at all times
 * (store/hold_watch.h).
 *
 * A round that was broken off, or for which nobody was there at its hour, is
 * made up for: <root>/.posthouse/round says how far the last one came.
 */
#ifndef STORE_KEEPER_H
#define STORE_KEEPER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/fault.h"
#include "base/str.h"
#include "store/mailbox.h"

struct keeper;
struct quotas;

struct keeper_conf {
	const char *const *expire; /* rules: store/expire_rules.h */
	size_t n_expire;
	int64_t keep; /* seconds that what was removed can come back */
	int at;       /* when the round begins: minute of the local day */
	struct quotas *quotas; /* borrowed; NULL: nobody counts for them */
};

/* "03:30" to the minute of the day. */
bool keeper_parse_at(struct str text, int *at) MUST_USE;
/* When the first round after a time begins (both seconds since 1970). */
int64_t keeper_next(int64_t after, int at);

/* Copies what it needs. root is the mailboxes', which must be there. */
struct keeper *keeper_new(const struct keeper_conf *conf, const char *root,
    const char *hostname, struct fault *f) MUST_USE;
/* Waits for what it is at, which is short. Null-safe. */
void keeper_free(struct keeper **keeper);

/* A mailbox has come under hold, or out of it. From any thread. */
void keeper_look(struct keeper *keeper, const struct mailbox_name *mailbox);

#endif
