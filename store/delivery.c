/* SPDX-License-Identifier: ISC */
/*
 * A message on its way into mailboxes.
 *
 * The order of the steps of a commit is the whole point of this file:
 *
 *   claim the id - take room of the quota - announce to the index - tmp/ -
 *   links, rename into new/ - durable - settle the claim - tell the index -
 *   answer
 *
 * The claim is settled by the thread that knows of the sync: workers may be
 * blocked by it, all of them.
 */
#include "config.h"

#include "store/delivery_private.h"

#include <unistd.h>

#include "base/loop.h"
#include "base/mem.h"
#include "proto/ident.h"
#include "store/box.h"
#include "store/index.h"
#include "store/quota.h"
#include "store/store_private.h"

enum {
	KEY_MAX = MAILDIR_IDENT_MAX + MAILDIR_PATH_SIZE,
};

/* Postfix' long queue ids: time in base 52, "z", inode number in base 51, which
 * has no "z"; the time may have some. */
static bool
is_long_queue_id(struct str id)
{
	size_t z = str_find_last(id, 'z');

	if (z < 10 || z + 1 >= id.len || id.len > 32)
		return false;
	for (size_t i = 0; i < id.len; i++) {
		char c = id.at[i];

		if (!(c >= '0' && c <= '9') && !(c >= 'a' && c <= 'z') &&
		    !(c >= 'A' && c <= 'Z'))
			return false;
	}
	return true;
}

struct delivery *
delivery_new(struct store *store, struct str ident, bool binary)
{
	struct delivery *d = mem_new(struct delivery);

	d->store = store;
	if ((!ident_is_ours(ident) && !is_long_queue_id(ident)) ||
	    !str_copy(ident, d->ident, sizeof d->ident))
		d->ident[0] = '\0';
	incoming_init(&d->message, store, d->ident, binary);
	return d;
}

static struct delivery_slot *
add_slot(struct delivery *d)
{
	if (d->n_slots == d->room) {
		d->room = d->room > 0 ? d->room * 2 : 4;
		d->slots = mem_resize(d->slots, d->room, sizeof *d->slots);
	}
	memset(&d->slots[d->n_slots], 0, sizeof *d->slots);
	return &d->slots[d->n_slots++];
}

int
delivery_add(struct delivery *d, const struct mailbox_name *mailbox,
    struct str detail, size_t *slot, struct fault *f)
{
	struct mailbox_folder folder = {.text = ""};
	struct delivery_slot *s;
	struct box *box;

	if (!incoming_is_empty(&d->message))
		die_bug("a recipient behind the message");
	if (detail.len == 0 ||
	    !maildir_find_folder(d->store->root, mailbox, detail, &folder))
		memset(&folder, 0, sizeof folder);
	box = boxes_get(d->store->boxes, mailbox, &folder, f);
	if (box == NULL)
		return -1;
	*slot = d->n_slots;
	s = add_slot(d);
	s->box = box;
	buf_init(&s->key, KEY_MAX);
	if (d->ident[0] != '\0')
		index_delivery_key(
		    &s->key, str(d->ident), mailbox, &box->folder);
	while (d->slots[s->same_as].box != box)
		s->same_as++;
	return 0;
}

void
delivery_limit(struct delivery *d, size_t slot, struct quota_account *account)
{
	quota_close(&d->slots[slot].account);
	d->slots[slot].account = account;
}

void
delivery_exempt(struct delivery *d, size_t slot, struct quota_account *account)
{
	delivery_limit(d, slot, account);
	d->slots[slot].is_exempt = true;
}

struct quota_account *
delivery_account(const struct delivery *d, size_t slot)
{
	return d->slots[slot].account;
}

/* The message's bytes. */

/* A mailbox that was moved or removed since it was opened is opened anew, for
 * all slots that have it. */
static int
reopen(struct delivery *d, size_t first, struct fault *f)
{
	struct box *old = d->slots[first].box, *box;

	boxes_forget(d->store->boxes, old);
	box = boxes_get(d->store->boxes, &old->mailbox, &old->folder, f);
	if (box == NULL)
		return -1;
	for (size_t i = first; i < d->n_slots; i++) {
		if (d->slots[i].same_as != first)
			continue;
		boxes_put(d->store->boxes, &d->slots[i].box);
		d->slots[i].box =
		    i == first ? box : boxes_hold(d->store->boxes, box);
	}
	return 0;
}

static int
open_in(struct delivery *d, size_t slot, struct fault *f)
{
	int rc = incoming_open(&d->message, d->slots[slot].box, f);

	if (rc <= 0)
		return rc;
	if (reopen(d, slot, f) < 0)
		return -1;
	rc = incoming_open(&d->message, d->slots[slot].box, f);
	return rc <= 0 ? rc
		       : fault_temp(f, "4.2.0", "mailbox %s has no tmp",
			     d->slots[slot].box->mailbox.text);
}

static int
spill(struct delivery *d, struct fault *f)
{
	if (d->message.fd < 0 && d->n_slots == 0)
		return fault_temp(f, "4.3.0", "no mailbox is known");
	if (d->message.fd < 0 && open_in(d, 0, f) < 0)
		return -1;
	return incoming_spill(&d->message, f);
}

int
delivery_write(struct delivery *d, struct str bytes, struct fault *f)
{
	while (bytes.len > 0) {
		struct str piece = str_head(bytes, INCOMING_PIECE_MAX);

		incoming_put(&d->message, piece);
		if (incoming_is_full(&d->message) && spill(d, f) < 0)
			return -1;
		bytes = str_from(bytes, piece.len);
	}
	return 0;
}

/* Committing. */

bool
delivery_is_live(const struct delivery *d, size_t i)
{
	const struct delivery_slot *s = &d->slots[i];

	return s->same_as == i && !s->is_failed && !s->is_repeat;
}

void
delivery_fail_slot(struct delivery_slot *s, const struct fault *f)
{
	s->is_failed = true;
	s->fault = *f;
}

static size_t
count_live(const struct delivery *d)
{
	size_t n = 0;

	for (size_t i = 0; i < d->n_slots; i++)
		n += delivery_is_live(d, i);
	return n;
}

static void
fail_all(struct delivery *d, const struct fault *f)
{
	for (size_t i = 0; i < d->n_slots; i++) {
		if (delivery_is_live(d, i))
			delivery_fail_slot(&d->slots[i], f);
	}
}

static int
write_file_in(struct delivery *d, size_t slot, struct fault *f)
{
	if (open_in(d, slot, f) == 0 && incoming_write(&d->message, f) == 0)
		return 0;
	incoming_drop(&d->message);
	return -1;
}

/* Puts the whole message into a file in tmp/ of a live slot's box: the first
 * that takes it, so that no mailbox suffers from another's trouble. */
static int
write_file(struct delivery *d, struct fault *f)
{
	if (d->message.fd >= 0)
		return incoming_write(&d->message, f);
	for (size_t i = 0; i < d->n_slots; i++) {
		if (!delivery_is_live(d, i))
			continue;
		if (write_file_in(d, i, f) == 0)
			return 0;
		delivery_fail_slot(&d->slots[i], f);
	}
	return -1;
}

static void
take_group_back(struct delivery *d, const struct fault *f)
{
	for (size_t i = 0; i < d->n_slots; i++) {
		if (d->slots[i].is_placed &&
		    !delivery_syncs_each(d, d->slots[i].box))
			delivery_take_back(d, i, f);
	}
}

static void
on_synced(struct committer_wait *wait, const struct fault *failed)
{
	struct delivery *d = (struct delivery *)wait;

	if (failed != NULL)
		take_group_back(d, failed);
	delivery_settle_claims(d);
	d->done(d->ctx);
}

/* False where on_synced() will be, or was, called: then the delivery is not
 * ours any more. */
static bool
sync_group(struct delivery *d)
{
	const struct delivery_slot *only = NULL;
	struct fault f;
	size_t n = 0;
	bool is_one;
	int rc;

	for (size_t i = 0; i < d->n_slots; i++) {
		if (d->slots[i].is_placed &&
		    !delivery_syncs_each(d, d->slots[i].box)) {
			only = &d->slots[i];
			n++;
		}
	}
	if (n == 0)
		return true;
	is_one = n == 1 && only->box == d->message.home;
	d->wait.done = on_synced;
	d->waits = true;
	rc = committer_begin(d->store->committer, &d->wait,
	    is_one ? d->message.fd : -1, is_one ? only->box->new_dir : -1, &f);
	if (rc == 0)
		return false;
	d->waits = false;
	if (rc < 0)
		take_group_back(d, &f);
	return true;
}

static bool
any_syncs_each(const struct delivery *d)
{
	for (size_t i = 0; i < d->n_slots; i++) {
		if (delivery_is_live(d, i) &&
		    delivery_syncs_each(d, d->slots[i].box))
			return true;
	}
	return false;
}

static int
store_it(struct delivery *d, struct fault *f)
{
	bool each = any_syncs_each(d);

	if (write_file(d, f) < 0)
		return -1;
	if (each) {
		loop_blocking_begin();
		if (fsync(d->message.fd) < 0) {
			loop_blocking_end();
			return fault_errno(f, "cannot sync the message");
		}
	}
	delivery_place_all(d);
	if (each) {
		delivery_sync_each(d);
		loop_blocking_end();
	}
	return 0;
}

static bool
is_placed_anywhere(const struct delivery *d)
{
	for (size_t i = 0; i < d->n_slots; i++) {
		if (d->slots[i].is_placed)
			return true;
	}
	return false;
}

static void
tell_index(struct delivery *d)
{
	struct index_news news;

	if (!is_placed_anywhere(d))
		return;
	incoming_tell(&d->message, &news);
	for (size_t i = 0; i < d->n_slots; i++) {
		struct delivery_slot *s = &d->slots[i];

		if (s->is_placed && s->box->state != NULL)
			index_learn(s->box->state, &news);
		if (s->is_underway)
			quota_indexed(s->account, d->message.size);
		s->is_underway = false;
	}
}

static void
answer(struct delivery *d, struct delivery_outcome *outcomes)
{
	for (size_t i = 0; i < d->n_slots; i++) {
		const struct delivery_slot *s = &d->slots[d->slots[i].same_as];

		outcomes[i].folder = s->box->folder;
		outcomes[i].fault = s->fault;
		outcomes[i].result = s->is_placed   ? DELIVERY_STORED
				     : s->is_repeat ? DELIVERY_REPEATED
						    : DELIVERY_FAILED;
	}
}

bool
delivery_commit(struct delivery *d, void (*done)(void *ctx), void *ctx)
{
	struct fault f = {0};

	d->done = done;
	d->ctx = ctx;
	incoming_end(&d->message);
	delivery_claim_all(d);
	delivery_reserve_all(d);
	if (count_live(d) > 0 && store_it(d, &f) < 0)
		fail_all(d, &f);
	delivery_release_all(d);
	if (!sync_group(d))
		return false;
	delivery_settle_claims(d);
	return true;
}

void
delivery_finish(struct delivery *d, struct delivery_outcome *outcomes)
{
	d->waits = false;
	tell_index(d);
	answer(d, outcomes);
}

/* Nobody has been answered, so a message that may get lost can go at once. */
static void
stop_waiting(struct delivery *d)
{
	struct fault f;

	d->waits = false;
	if (!committer_leave(d->store->committer, &d->wait)) {
		fault_temp(&f, "4.3.0", "the delivery was broken off");
		take_group_back(d, &f);
	}
	tell_index(d);
}

void
delivery_free(struct delivery **delivery)
{
	struct delivery *d = *delivery;

	if (d == NULL)
		return;
	if (d->waits)
		stop_waiting(d);
	incoming_clear(&d->message);
	delivery_settle_claims(d);
	for (size_t i = 0; i < d->n_slots; i++) {
		boxes_put(d->store->boxes, &d->slots[i].box);
		quota_close(&d->slots[i].account);
		buf_clear(&d->slots[i].key);
	}
	mem_free(d->slots);
	mem_free(d);
	*delivery = NULL;
}
