/* SPDX-License-Identifier: ISC */
/* The names that a message gets in mailboxes, and loses again. */
#include "config.h"

#include "store/delivery_private.h"

#include <errno.h>
#include <unistd.h>

#include "base/loop.h"
#include "store/box.h"
#include "store/hold.h"
#include "store/index.h"
#include "store/quota.h"
#include "store/store_private.h"

bool
delivery_syncs_each(const struct delivery *d, const struct box *box)
{
	return d->store->conf.commit == STORE_COMMIT_EACH ||
	       box->dev != d->store->dev;
}

static void
drop_hold(struct delivery *d, const struct delivery_slot *s)
{
	if (s->is_held)
		hold_unlink(d->store->root, &s->box->mailbox, &s->box->folder,
		    d->message.name);
}

/* One more name for what is at `path`, where the mailbox' hold has it. */
static int
hold(struct delivery *d, const struct box *box, int at, const char *path,
    struct fault *f)
{
	int rc, why;

	loop_blocking_begin();
	rc = hold_link(d->store->root, &box->mailbox, &box->folder, at, path,
	    d->message.name, f);
	why = errno;
	loop_blocking_end();
	errno = why;
	return rc;
}

/* The message is in new/, in a file of its own that could not be linked
 * before; maybe somebody has moved it already. */
static int
hold_late(struct delivery *d, const struct box *box, struct fault *f)
{
	int rc = hold(d, box, box->new_dir, d->message.name, f);
	uint64_t n;

	if (rc == 0) {
		loop_blocking_begin();
		rc = hold_catch(d->store->root, &box->mailbox, &n, f);
		loop_blocking_end();
	}
	if (rc < 0)
		unlinkat(box->new_dir, d->message.name, 0);
	return rc < 0 ? -1 : 0;
}

/* What is held is held before anybody can see and remove it. */
static int
place(struct delivery *d, struct delivery_slot *s, struct fault *f)
{
	const struct incoming *m = &d->message;
	bool each = delivery_syncs_each(d, s->box);
	int rc;

	s->is_held = atomic_load(&s->box->is_held);
	if (!s->is_held)
		return incoming_place(&d->message, s->box, each, f);
	rc = hold(d, s->box, m->home->dir, m->tmp, f);
	if (rc < 0 && errno != EXDEV && errno != EMLINK)
		return -1;
	if (incoming_place(&d->message, s->box, each, f) < 0) {
		drop_hold(d, s);
		return -1;
	}
	return rc < 0 ? hold_late(d, s->box, f) : 0;
}

static void
place_slot(struct delivery *d, size_t i)
{
	struct delivery_slot *s = &d->slots[i];
	struct fault f;

	if (s->box->state != NULL)
		index_announce(s->box->state);
	quota_begin_place(s->is_reserved ? s->account : NULL);
	s->is_placed = place(d, s, &f) == 0;
	quota_end_place(s->is_reserved ? s->account : NULL, d->store->root,
	    s->box, d->message.size, s->is_placed);
	s->is_underway = s->is_reserved && s->is_placed;
	s->is_reserved = false;
	if (s->is_placed)
		return;
	/* Whatever is wrong with it, the next delivery looks anew. */
	boxes_forget(d->store->boxes, s->box);
	if (s->box->state != NULL)
		index_withdraw(s->box->state);
	delivery_fail_slot(s, &f);
}

/* Into each new/; the home box last, since that takes the name in tmp/. */
void
delivery_place_all(struct delivery *d)
{
	size_t home = d->n_slots;

	for (size_t i = 0; i < d->n_slots; i++) {
		if (!delivery_is_live(d, i))
			continue;
		if (d->slots[i].box == d->message.home)
			home = i;
		else
			place_slot(d, i);
	}
	if (home < d->n_slots)
		place_slot(d, home);
}

void
delivery_take_back(struct delivery *d, size_t i, const struct fault *f)
{
	struct delivery_slot *s = &d->slots[i];

	unlinkat(s->box->new_dir, d->message.name, 0);
	drop_hold(d, s);
	quota_take_back(s->is_underway ? s->account : NULL, d->store->root,
	    s->box, d->message.size);
	s->is_underway = false;
	s->is_placed = false;
	if (s->box->state != NULL)
		index_withdraw(s->box->state);
	delivery_fail_slot(s, f);
}

void
delivery_sync_each(struct delivery *d)
{
	for (size_t i = 0; i < d->n_slots; i++) {
		const struct delivery_slot *s = &d->slots[i];
		struct fault f;

		if (!s->is_placed || !delivery_syncs_each(d, s->box) ||
		    fsync(s->box->new_dir) == 0)
			continue;
		fault_errno(&f, "cannot sync mailbox %s", s->box->mailbox.text);
		delivery_take_back(d, i, &f);
	}
}
