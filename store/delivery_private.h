/* SPDX-License-Identifier: ISC */
/* What the files of a delivery share. */
#ifndef STORE_DELIVERY_PRIVATE_H
#define STORE_DELIVERY_PRIVATE_H

#include "base/buf.h"
#include "store/committer.h"
#include "store/delivery.h"
#include "store/incoming.h"
#include "store/maildir.h"

struct box;
struct quota_account;
struct recent_claim;

struct delivery_slot {
	struct box *box; /* a hold */
	size_t same_as;  /* the first slot with this box: itself */
	bool is_placed;  /* its file is in new/ */
	bool is_held;    /* and has another name in the mailbox' hold */
	bool is_repeat;
	bool is_failed;
	struct buf key; /* of the delivery; empty without an id */
	struct recent_claim *claim;
	struct quota_account *account; /* a hold; NULL: no limits */
	bool is_exempt;                /* from its limits */
	bool is_reserved;              /* in the account, and not placed yet */
	bool is_underway; /* placed, and the account waits for the index */
	struct fault fault;
};

struct delivery {
	struct committer_wait wait; /* first: a wait is its delivery */
	bool waits;                 /* committer_begin() was 0 */
	void (*done)(void *ctx);
	void *ctx;
	struct store *store;
	char ident[MAILDIR_IDENT_MAX + 1];
	struct incoming message;
	struct delivery_slot *slots;
	size_t n_slots, room;
};

/* Is to be stored: not a second one of the same box, a failure or a repeat. */
bool delivery_is_live(const struct delivery *d, size_t slot);
void delivery_fail_slot(struct delivery_slot *s, const struct fault *f);

/* delivery_claim.c: the id of each live slot, which may have to wait, and be a
 * repeat then; and room in its quota. */
void delivery_claim_all(struct delivery *d);
/* What has become of the message is known. */
void delivery_settle_claims(struct delivery *d);
void delivery_reserve_all(struct delivery *d);
/* What did not come to be placed. */
void delivery_release_all(struct delivery *d);

/* delivery_place.c: the file, which is written, into each new/. */
void delivery_place_all(struct delivery *d);
/* Out of a new/ again, where it is not durable. */
void delivery_take_back(struct delivery *d, size_t slot, const struct fault *f);
/* Whether what is in a box is made durable at once, and not by the committer. */
bool delivery_syncs_each(const struct delivery *d, const struct box *box);
void delivery_sync_each(struct delivery *d);

#endif
