/* SPDX-License-Identifier: ISC */
/*
 * A message on its way into mailboxes.
 *
 * Small messages wait in memory and become a file only when they are
 * committed: one open, one write, one rename. Larger ones go to tmp/ as they
 * come. The order of the steps of a commit is the whole point of this file:
 *
 *   claim the id - announce to the index - tmp/ - links, rename into new/ -
 *   durable - settle the claim - tell the index - answer
 *
 * The claim is settled by the thread that knows of the sync: workers may be
 * blocked by it, all of them.
 */
#include "config.h"

#include "store/delivery.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/loop.h"
#include "base/mem.h"
#include "proto/ident.h"
#include "store/box.h"
#include "store/committer.h"
#include "store/index.h"
#include "store/recent.h"
#include "store/store_private.h"

enum {
	IN_MEMORY = 128 << 10,
	KEY_MAX = MAILDIR_IDENT_MAX + MAILDIR_PATH_SIZE,
	PATH_SIZE = MAILDIR_NAME_SIZE + 8,
};

struct slot {
	struct box *box; /* a hold */
	size_t same_as;  /* the first slot with this box: itself */
	bool is_placed;  /* its file is in new/ */
	bool is_repeat;
	bool is_failed;
	struct buf key; /* of the delivery; empty without an id */
	struct recent_claim *claim;
	struct fault fault;
};

struct delivery {
	struct committer_wait wait; /* first: a wait is its delivery */
	bool waits;                 /* committer_begin() was 0 */
	void (*done)(void *ctx);
	void *ctx;
	struct store *store;
	char ident[MAILDIR_IDENT_MAX + 1];
	bool binary;
	bool has_cr;         /* the last byte that came was a CR, held back */
	char last;           /* the last byte that was stored */
	uint64_t size;       /* stored so far */
	uint64_t extra;      /* CRs that are missing on disk */
	struct buf bytes;    /* what is not in the file yet */
	struct buf head;     /* once bytes have left for the file: the first
				 * of them */
	int fd;              /* -1: no file yet */
	char tmp[PATH_SIZE]; /* "tmp/<name>" in the home box */
	char name[MAILDIR_NAME_SIZE];
	struct box *home; /* whose tmp/ has the file; borrowed of a slot */
	struct slot *slots;
	size_t n_slots, room;
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
	d->binary = binary;
	d->fd = -1;
	buf_init(&d->bytes, 2 * IN_MEMORY);
	if ((!ident_is_ours(ident) && !is_long_queue_id(ident)) ||
	    !str_copy(ident, d->ident, sizeof d->ident))
		d->ident[0] = '\0';
	return d;
}

static struct slot *
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
	struct slot *s;
	struct box *box;

	if (d->size > 0 || d->has_cr)
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

/* The message's bytes. */

static int
write_all(int fd, struct str bytes, struct fault *f)
{
	while (bytes.len > 0) {
		ssize_t n = write(fd, bytes.at, bytes.len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return fault_errno(f, "cannot write the message");
		bytes = str_from(bytes, (size_t)n);
	}
	return 0;
}

/* Ends with the name that the file gets, as far as sizes are known. */
static void
make_name(struct delivery *d)
{
	struct store *store = d->store;
	const struct maildir_facts facts = {
	    .time_us = clock_unix_us(),
	    .pid = store->pid,
	    .seq = atomic_fetch_add(&store->seq, 1),
	    .ident = str(d->ident),
	    .host = store->host,
	    .size = d->size,
	    .wire_size = d->size + d->extra,
	};

	maildir_name_format(&facts, d->name);
}

/* Makes the file in tmp/ of a box. Where its directory has gone: 1. */
static int
open_file(struct delivery *d, struct box *box, struct fault *f)
{
	make_name(d);
	snprintf(d->tmp, sizeof d->tmp, "tmp/%s", d->name);
	d->fd = openat(box->dir, d->tmp,
	    O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
	d->home = box;
	if (d->fd >= 0)
		return 0;
	if (errno == ENOENT)
		return 1;
	return fault_errno(f, "cannot make a file for %s", box->mailbox.text);
}

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
	int rc = open_file(d, d->slots[slot].box, f);

	if (rc <= 0)
		return rc;
	if (reopen(d, slot, f) < 0)
		return -1;
	rc = open_file(d, d->slots[slot].box, f);
	return rc <= 0 ? rc
		       : fault_temp(f, "4.2.0", "mailbox %s has no tmp",
			     d->slots[slot].box->mailbox.text);
}

static int
spill(struct delivery *d, struct fault *f)
{
	if (d->fd < 0) {
		if (d->n_slots == 0)
			return fault_temp(f, "4.3.0", "no mailbox is known");
		buf_init(&d->head, RECORD_HEAD_MAX);
		buf_put_str(
		    &d->head, str_head(buf_str(&d->bytes), RECORD_HEAD_MAX));
		if (open_in(d, 0, f) < 0)
			return -1;
	}
	if (write_all(d->fd, buf_str(&d->bytes), f) < 0)
		return -1;
	buf_reset(&d->bytes);
	return 0;
}

static void
store_bytes(struct delivery *d, struct str bytes)
{
	if (bytes.len == 0)
		return;
	buf_put_str(&d->bytes, bytes);
	d->size += bytes.len;
	d->last = bytes.at[bytes.len - 1];
}

/* CRLF becomes LF; a CR that ends the piece waits for the next. */
static void
store_text(struct delivery *d, struct str bytes)
{
	while (bytes.len > 0) {
		size_t cr = str_find(bytes, '\r');

		if (d->has_cr && bytes.at[0] != '\n')
			store_bytes(d, STR_LIT("\r"));
		else if (d->has_cr)
			d->extra++;
		d->has_cr = cr < bytes.len;
		store_bytes(d, str_head(bytes, cr));
		bytes = str_from(bytes, cr + 1);
	}
}

static void
store_binary(struct delivery *d, struct str bytes)
{
	struct str rest = bytes;
	char last = d->last;

	while (rest.len > 0) {
		size_t lf = str_find(rest, '\n');

		if (lf == rest.len)
			break;
		if ((lf > 0 ? rest.at[lf - 1] : last) != '\r')
			d->extra++;
		last = '\n';
		rest = str_from(rest, lf + 1);
	}
	store_bytes(d, bytes);
}

int
delivery_write(struct delivery *d, struct str bytes, struct fault *f)
{
	while (bytes.len > 0) {
		struct str piece = str_head(bytes, IN_MEMORY);

		if (d->binary)
			store_binary(d, piece);
		else
			store_text(d, piece);
		if (buf_len(&d->bytes) >= IN_MEMORY && spill(d, f) < 0)
			return -1;
		bytes = str_from(bytes, piece.len);
	}
	return 0;
}

/* Committing. */

static bool
is_live(const struct delivery *d, size_t i)
{
	const struct slot *s = &d->slots[i];

	return s->same_as == i && !s->is_failed && !s->is_repeat;
}

static size_t
count_live(const struct delivery *d)
{
	size_t n = 0;

	for (size_t i = 0; i < d->n_slots; i++)
		n += is_live(d, i);
	return n;
}

static void
fail_slot(struct slot *s, const struct fault *f)
{
	s->is_failed = true;
	s->fault = *f;
}

static void
fail_all(struct delivery *d, const struct fault *f)
{
	for (size_t i = 0; i < d->n_slots; i++) {
		if (is_live(d, i))
			fail_slot(&d->slots[i], f);
	}
}

static int
compare_keys(const void *a, const void *b)
{
	const struct slot *x = *(struct slot *const *)a;
	const struct slot *y = *(struct slot *const *)b;

	return strcmp(x->box->mailbox.path, y->box->mailbox.path) != 0
		   ? strcmp(x->box->mailbox.path, y->box->mailbox.path)
		   : strcmp(x->box->folder.dir, y->box->folder.dir);
}

static void
claim_slot(struct delivery *d, struct slot *s)
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
static void
claim_all(struct delivery *d)
{
	struct slot **order;
	size_t n = 0;

	if (d->ident[0] == '\0')
		return;
	if (d->n_slots == 1) {
		claim_slot(d, &d->slots[0]);
		return;
	}
	order = mem_zeroed(d->n_slots, sizeof(struct slot *));
	for (size_t i = 0; i < d->n_slots; i++) {
		if (is_live(d, i))
			order[n++] = &d->slots[i];
	}
	qsort(order, n, sizeof *order, compare_keys);
	for (size_t i = 0; i < n; i++)
		claim_slot(d, order[i]);
	mem_free(order);
}

static void
drop_file(struct delivery *d)
{
	if (d->fd < 0)
		return;
	close(d->fd);
	d->fd = -1;
	if (d->tmp[0] != '\0')
		unlinkat(d->home->dir, d->tmp, 0);
}

static int
write_file_in(struct delivery *d, size_t slot, struct fault *f)
{
	if (open_in(d, slot, f) == 0 &&
	    write_all(d->fd, buf_str(&d->bytes), f) == 0)
		return 0;
	drop_file(d);
	return -1;
}

/* Puts the whole message into a file in tmp/ of a live slot's box: the first
 * that takes it, so that no mailbox suffers from another's trouble. */
static int
write_file(struct delivery *d, struct fault *f)
{
	if (d->fd >= 0) {
		make_name(d);
		return write_all(d->fd, buf_str(&d->bytes), f);
	}
	for (size_t i = 0; i < d->n_slots; i++) {
		if (!is_live(d, i))
			continue;
		if (write_file_in(d, i, f) == 0)
			return 0;
		fail_slot(&d->slots[i], f);
	}
	return -1;
}

static bool
syncs_each(const struct delivery *d, const struct box *box)
{
	return d->store->conf.commit == STORE_COMMIT_EACH ||
	       box->dev != d->store->dev;
}

/* Some file systems do not know the flag, which is a net under names that
 * should never come twice anyway. */
static int
move(int from, const char *tmp, int to, const char *name)
{
	if (renameat2(from, tmp, to, name, RENAME_NOREPLACE) == 0)
		return 0;
	if (errno != EINVAL && errno != ENOSYS)
		return -1;
	if (faccessat(to, name, F_OK, AT_SYMLINK_NOFOLLOW) == 0) {
		errno = EEXIST;
		return -1;
	}
	return renameat(from, tmp, to, name);
}

static int
copy_bytes(int from, int to, struct fault *f)
{
	char bytes[1 << 16];
	off_t at = 0;

	for (;;) {
		ssize_t n = pread(from, bytes, sizeof bytes, at);

		if (n == 0)
			return 0;
		if (n < 0)
			return fault_errno(f, "cannot read the message again");
		if (write_all(to, str_n(bytes, (size_t)n), f) < 0)
			return -1;
		at += n;
	}
}

/* Where there can be no link: another file system, or too many links. */
static int
place_copy(struct delivery *d, struct box *box, struct fault *f)
{
	int from = openat(d->home->dir, d->tmp, O_RDONLY | O_CLOEXEC);
	int to = -1, rc = -1;

	if (from < 0)
		return fault_errno(f, "cannot read the message again");
	to = openat(box->dir, d->tmp,
	    O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (to < 0) {
		fault_errno(f, "cannot make a file for %s", box->mailbox.text);
		goto out;
	}
	if (copy_bytes(from, to, f) < 0)
		goto out;
	if ((syncs_each(d, box) && fsync(to) < 0) ||
	    move(box->dir, d->tmp, box->new_dir, d->name) < 0)
		fault_errno(f, "cannot deliver to %s", box->mailbox.text);
	else
		rc = 0;
out:
	if (rc < 0 && to >= 0)
		unlinkat(box->dir, d->tmp, 0);
	if (to >= 0)
		close(to);
	close(from);
	return rc;
}

static int
place_link(struct delivery *d, struct box *box, struct fault *f)
{
	if (linkat(d->home->dir, d->tmp, box->new_dir, d->name, 0) == 0)
		return 0;
	if (errno == EXDEV || errno == EMLINK || errno == EPERM ||
	    errno == EOPNOTSUPP)
		return place_copy(d, box, f);
	return fault_errno(f, "cannot deliver to %s", box->mailbox.text);
}

static int
place(struct delivery *d, size_t i, struct fault *f)
{
	struct box *box = d->slots[i].box;

	if (box != d->home)
		return place_link(d, box, f);
	if (move(box->dir, d->tmp, box->new_dir, d->name) < 0)
		return fault_errno(
		    f, "cannot deliver to %s", box->mailbox.text);
	d->tmp[0] = '\0';
	return 0;
}

static void
place_slot(struct delivery *d, size_t i)
{
	struct slot *s = &d->slots[i];
	struct fault f;

	if (s->box->state != NULL)
		index_announce(s->box->state);
	s->is_placed = place(d, i, &f) == 0;
	if (s->is_placed)
		return;
	/* Whatever is wrong with it, the next delivery looks anew. */
	boxes_forget(d->store->boxes, s->box);
	if (s->box->state != NULL)
		index_withdraw(s->box->state);
	fail_slot(s, &f);
}

/* Into each new/; the home box last, since that takes the name in tmp/. */
static void
place_all(struct delivery *d)
{
	size_t home = d->n_slots;

	for (size_t i = 0; i < d->n_slots; i++) {
		if (!is_live(d, i))
			continue;
		if (d->slots[i].box == d->home)
			home = i;
		else
			place_slot(d, i);
	}
	if (home < d->n_slots)
		place_slot(d, home);
}

static void
take_back(struct delivery *d, size_t i, const struct fault *f)
{
	struct slot *s = &d->slots[i];

	unlinkat(s->box->new_dir, d->name, 0);
	s->is_placed = false;
	if (s->box->state != NULL)
		index_withdraw(s->box->state);
	fail_slot(s, f);
}

static void
sync_each(struct delivery *d)
{
	for (size_t i = 0; i < d->n_slots; i++) {
		const struct slot *s = &d->slots[i];
		struct fault f;

		if (!s->is_placed || !syncs_each(d, s->box) ||
		    fsync(s->box->new_dir) == 0)
			continue;
		fault_errno(&f, "cannot sync mailbox %s", s->box->mailbox.text);
		take_back(d, i, &f);
	}
}

/* What has become of the message is known. */
static void
settle(struct delivery *d)
{
	for (size_t i = 0; i < d->n_slots; i++)
		recent_settle(d->store->recent, &d->slots[i].claim,
		    d->slots[i].is_placed || d->slots[i].is_repeat);
}

static void
take_group_back(struct delivery *d, const struct fault *f)
{
	for (size_t i = 0; i < d->n_slots; i++) {
		if (d->slots[i].is_placed && !syncs_each(d, d->slots[i].box))
			take_back(d, i, f);
	}
}

static void
on_synced(struct committer_wait *wait, const struct fault *failed)
{
	struct delivery *d = (struct delivery *)wait;

	if (failed != NULL)
		take_group_back(d, failed);
	settle(d);
	d->done(d->ctx);
}

/* False where on_synced() will be, or was, called: then the delivery is not
 * ours any more. */
static bool
sync_group(struct delivery *d)
{
	const struct slot *only = NULL;
	struct fault f;
	size_t n = 0;
	bool is_one;
	int rc;

	for (size_t i = 0; i < d->n_slots; i++) {
		if (d->slots[i].is_placed && !syncs_each(d, d->slots[i].box)) {
			only = &d->slots[i];
			n++;
		}
	}
	if (n == 0)
		return true;
	is_one = n == 1 && only->box == d->home;
	d->wait.done = on_synced;
	d->waits = true;
	rc = committer_begin(d->store->committer, &d->wait, is_one ? d->fd : -1,
	    is_one ? only->box->new_dir : -1, &f);
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
		if (is_live(d, i) && syncs_each(d, d->slots[i].box))
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
		if (fsync(d->fd) < 0) {
			loop_blocking_end();
			return fault_errno(f, "cannot sync the message");
		}
	}
	place_all(d);
	if (each) {
		sync_each(d);
		loop_blocking_end();
	}
	return 0;
}

static void
tell_index(struct delivery *d)
{
	const struct index_news news = {
	    .name = str(d->name),
	    .head =
		buf_len(&d->head) > 0 ? buf_str(&d->head) : buf_str(&d->bytes),
	    .size = d->size,
	    .wire_size = d->size + d->extra,
	};

	for (size_t i = 0; i < d->n_slots; i++) {
		if (d->slots[i].is_placed && d->slots[i].box->state != NULL)
			index_learn(d->slots[i].box->state, &news);
	}
}

static void
answer(struct delivery *d, struct delivery_outcome *outcomes)
{
	for (size_t i = 0; i < d->n_slots; i++) {
		const struct slot *s = &d->slots[d->slots[i].same_as];

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
	if (d->has_cr && !d->binary)
		store_bytes(d, STR_LIT("\r"));
	d->has_cr = false;
	claim_all(d);
	if (count_live(d) > 0 && store_it(d, &f) < 0)
		fail_all(d, &f);
	if (!sync_group(d))
		return false;
	settle(d);
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
	drop_file(d);
	settle(d);
	for (size_t i = 0; i < d->n_slots; i++) {
		boxes_put(d->store->boxes, &d->slots[i].box);
		buf_clear(&d->slots[i].key);
	}
	mem_free(d->slots);
	buf_clear(&d->bytes);
	buf_clear(&d->head);
	mem_free(d);
	*delivery = NULL;
}
