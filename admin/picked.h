/* SPDX-License-Identifier: ISC */
/* Messages that were found and are to be taken out of their folders: first all
 * are gathered, so that the operator can be told what it would be. */
#ifndef ADMIN_PICKED_H
#define ADMIN_PICKED_H

#include <stddef.h>
#include <stdint.h>

#include "admin/call.h"
#include "admin/progress.h"
#include "base/arena.h"
#include "base/attr.h"
#include "base/fault.h"
#include "base/json.h"
#include "store/attic.h"
#include "store/client.h"

/* Texts are the arena's. */
struct pick {
	const char *mailbox, *folder;
	const char *file;     /* "1700….M1P2Q3.mx,S=5:2,S" */
	const char *delivery; /* id; "" where there is none */
	uint64_t size;
};

/* Embedded; of zeroes it is empty. */
struct picked {
	struct arena arena;
	struct pick *picks; /* mailbox by mailbox */
	size_t n, room;
	uint64_t mailboxes, bytes;
};

/* What select_params() means. Changes params. */
int picked_gather(struct picked *p, struct call *call, json_t *params,
    struct fault *f) MUST_USE;
void picked_clear(struct picked *p);

struct picked_way {
	struct client *client;
	enum attic_room room;
	struct attic_batch batch;
	struct progress *progress;
	const char *again; /* to be said where it is interrupted */
};

/*
 * Moves them to their mailboxes' attics. *sum gets what was moved: those that
 * have gone meanwhile are none. Of a mailbox under legal hold all is held
 * before.
 */
int picked_put_away(const struct picked *p, const struct picked_way *way,
    struct attic_sum *sum, struct fault *f) MUST_USE;

#endif
