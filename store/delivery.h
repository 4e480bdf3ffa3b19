/* SPDX-License-Identifier: ISC */
/*
 * One message into one or more mailboxes, durable before the answer.
 *
 * The message is written once, into tmp/ of the first mailbox, and hard-linked
 * into the others. Committing renames it into new/ and leaves the rest to the
 * committer, one thread that makes the files and directories of all deliveries that wait
 * durable in one go.
 */
#ifndef STORE_DELIVERY_H
#define STORE_DELIVERY_H

#include <stdbool.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/fault.h"
#include "base/str.h"
#include "store/mailbox.h"
#include "store/store.h"

struct delivery;

enum delivery_result {
	DELIVERY_FAILED, /* fault is filled: nothing is in the mailbox */
	DELIVERY_STORED,
	DELIVERY_REPEATED, /* the same id was stored there before; nothing
				 * was stored now */
};

struct delivery_outcome {
	enum delivery_result result;
	struct fault fault;
	struct mailbox_folder folder; /* where it went */
};

/*
 * ident is the delivery id (XFORWARD IDENT): a message that comes again for
 * the same mailbox and folder with the same id within ten days is a repeat (its
 * size proves nothing: the trace fields of another attempt may differ). Only ids that their makers never use twice count: those of
 * proto/ident.h, and Postfix' long queue ids. All others (Postfix' short queue
 * ids come again, and to take another message for a repeat would lose it)
 * count as empty: never a repeat. binary: bytes may hold any line ends and are
 * stored as they are; else CRLF is stored as LF.
 */
struct delivery *delivery_new(
    struct store *store, struct str ident, bool binary) MUST_USE;
/* Removes what was not committed, or is not durable yet. May block; done() is
 * not called any more when this has returned. */
void delivery_free(struct delivery **delivery);

/*
 * One more mailbox. detail is the sub-address: where a folder of that name
 * exists the message goes there, else (or where it is empty or no good folder
 * name) to the inbox. The mailbox is made where it does not exist yet. A fault
 * concerns this recipient only. Not after the first delivery_write().
 * *slot gets the index of its outcome.
 */
int delivery_add(struct delivery *delivery, const struct mailbox_name *mailbox,
    struct str detail, size_t *slot, struct fault *f) MUST_USE;

/* That slot's mailbox has limits: a message without room in it fails there, with
 * a fault of quota_reserve(). Takes the hold; NULL is ignored. */
void delivery_limit(
    struct delivery *delivery, size_t slot, struct quota_account *account);

/* The same, but the message has its room there in any case. */
void delivery_exempt(
    struct delivery *delivery, size_t slot, struct quota_account *account);
/* What delivery_limit() was given; NULL: nothing. Lives as long as the
 * delivery. */
struct quota_account *delivery_account(
    const struct delivery *delivery, size_t slot);

/* Trace fields first, then the message, CRLF line ends. After a fault the
 * delivery is only good for delivery_free(). */
int delivery_write(
    struct delivery *delivery, struct str bytes, struct fault *f) MUST_USE;

/*
 * Puts the message into the mailboxes. True where it is known already what has
 * become of it. Else others are to be made durable together with it, and done()
 * is called once, maybe before this returns, by another thread: others wait for
 * that one, so it must be short. Either way delivery_finish() is next.
 */
bool delivery_commit(
    struct delivery *delivery, void (*done)(void *ctx), void *ctx) MUST_USE;
/* outcomes has one for each delivery_add() that was 0. */
void delivery_finish(
    struct delivery *delivery, struct delivery_outcome *outcomes);

#endif
