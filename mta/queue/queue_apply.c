/* SPDX-License-Identifier: ISC */
/*
 * Operations inside the committer's transaction. What they mean for the world
 * outside of the tables (files, counters, lanes) is gathered in the batch and
 * happens after the commit, so that a transaction may be run again.
 *
 * A tombstone in `done` is the hashes of a message's recipients. It stands for
 * as long, from the id's making on, as somebody may hand the message over
 * again: so the oldest stand in front.
 */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/crypto.h"
#include "mta/queue/queue_private.h"

enum { HASH_LEN = 8 };

struct hash {
	uint8_t bytes[HASH_LEN];
};

/* Recipients that the queue has, or had, of a message: sorted. */
struct known {
	struct hash *hashes;
	size_t n;
};

static struct hash
hash_of(const struct address *a)
{
	char text[ADDRESS_TEXT_SIZE];
	uint8_t digest[CRYPTO_SHA256_LEN];
	struct hash h;

	address_format(a, text);
	crypto_sha256(str(text), digest);
	memcpy(h.bytes, digest, sizeof h.bytes);
	return h;
}

static int
compare(const void *a, const void *b)
{
	return memcmp(a, b, HASH_LEN);
}

/* Recipients of the entry (may be NULL), and those of a tombstone. */
static struct known
known_of(const struct entry *e, struct str tombstone, struct arena *arena)
{
	size_t n_old = tombstone.len / HASH_LEN;
	size_t n_rcpts = e != NULL ? e->n_rcpts : 0;
	struct known k = {0};

	k.hashes = arena_take(arena, (n_old + n_rcpts + 1) * sizeof *k.hashes);
	if (n_old > 0)
		memcpy(k.hashes, tombstone.at, n_old * HASH_LEN);
	for (size_t i = 0; i < n_rcpts; i++)
		k.hashes[n_old + i] = hash_of(&e->rcpts[i].to.forward_path);
	k.n = n_old + n_rcpts;
	qsort(k.hashes, k.n, sizeof *k.hashes, compare);
	return k;
}

static bool
is_known(const struct known *k, const struct address *a)
{
	struct hash h = hash_of(a);

	return k->n > 0 && bsearch(&h, k->hashes, k->n, sizeof h, compare);
}

/* Rows of `due`. */

static void
note_lane(struct batch *b, struct str domain, uint64_t owner, int64_t rows,
    int64_t earliest)
{
	struct lane_delta *d = arena_new(&b->arena, struct lane_delta);

	d->domain = domain;
	d->owner = owner;
	d->rows = rows;
	d->earliest = earliest;
	*b->last_delta = d;
	b->last_delta = &d->next;
}

static struct str
row_key(struct batch *b, const struct ident *id, uint64_t owner,
    const struct due_row *row)
{
	buf_reset(&b->key);
	queue_due_put_key(&b->key, row->domain, owner, row, id);
	return buf_str(&b->key);
}

static int
put_row(struct batch *b, const struct ident *id, uint64_t owner,
    const struct due_row *row, struct fault *f)
{
	return db_put(
	    b->queue->due, b->txn, row_key(b, id, owner, row), str(""), f);
}

static int
del_row(struct batch *b, const struct ident *id, uint64_t owner,
    const struct due_row *row, struct fault *f)
{
	return db_del(b->queue->due, b->txn, row_key(b, id, owner, row), f) < 0
		   ? -1
		   : 0;
}

/* One domain's row: before, after, or both. */
static int
change_row(struct batch *b, const struct ident *id, uint64_t owner,
    const struct due_row *before, const struct due_row *after, struct fault *f)
{
	if (before != NULL && after != NULL && before->due == after->due)
		return 0;
	if (before != NULL && del_row(b, id, owner, before, f) < 0)
		return -1;
	if (after != NULL && put_row(b, id, owner, after, f) < 0)
		return -1;
	note_lane(b, before != NULL ? before->domain : after->domain, owner,
	    (after != NULL) - (before != NULL), after != NULL ? after->due : 0);
	return 0;
}

static int
change_rows(struct batch *b, const struct entry *e,
    const struct due_rows *before, const struct due_rows *after,
    struct fault *f)
{
	uint64_t owner = queue_owner_hash(e->owner);
	size_t i = 0, j = 0;

	while (i < before->n || j < after->n) {
		const struct due_row *old = NULL, *new = NULL;
		int order;

		if (i == before->n)
			order = 1;
		else if (j == after->n)
			order = -1;
		else
			order = str_compare(
			    before->rows[i].domain, after->rows[j].domain);
		if (order <= 0)
			old = &before->rows[i++];
		if (order >= 0)
			new = &after->rows[j++];
		if (change_row(b, &e->id, owner, old, new, f) < 0)
			return -1;
	}
	return 0;
}

/* Messages. */

static int
put_entry(struct batch *b, const struct entry *e, struct fault *f)
{
	buf_reset(&b->bytes);
	entry_encode(e, &b->bytes);
	if (buf_is_full(&b->bytes))
		return fault_perm(f, "5.3.4", "the envelope is too large");
	return db_put(b->queue->message, b->txn, queue_key(&e->id),
	    buf_str(&b->bytes), f);
}

static int
put_body(struct batch *b, struct op *op, struct fault *f)
{
	b->messages++;
	b->size += (int64_t)op->size;
	b->used += (int64_t)queue_body_used(op->size);
	op->used_file = op->made_file;
	return op->made_file ? 0
			     : db_put(b->queue->body, b->txn,
				   queue_key(&op->id), buf_str(&op->body), f);
}

/* It was there when the change was built, so that no file was written. */
static const char left[] = "has left meanwhile";

bool
queue_has_left(const struct fault *f)
{
	return f->kind == FAULT_TEMP && str_ends(str(f->text), str(left));
}

static int
add_new(struct batch *b, struct op *op, struct fault *f)
{
	const struct due_rows *rows = &op->rows;

	if (!op->has_body)
		return fault_temp(f, "4.3.0", "%s %s", op->id.text, left);
	op->is_new = true;
	queue_fresh_expect(b->queue->fresh, &op->id);
	if (db_put(b->queue->message, b->txn, queue_key(&op->id),
		buf_str(&op->entry), f) < 0 ||
	    put_body(b, op, f) < 0)
		return -1;
	for (size_t i = 0; i < rows->n; i++) {
		if (change_row(b, &op->id, op->owner, NULL, &rows->rows[i], f) <
		    0)
			return -1;
	}
	return 0;
}

/* Appends what of came's recipients is not known. */
static void
append_fresh(struct entry *e, const struct entry *came, const struct known *k,
    struct arena *arena)
{
	struct entry_rcpt *all =
	    arena_take(arena, (e->n_rcpts + came->n_rcpts) * sizeof *all + 1);

	if (e->n_rcpts > 0)
		memcpy(all, e->rcpts, e->n_rcpts * sizeof *all);
	for (size_t i = 0; i < came->n_rcpts; i++) {
		if (!is_known(k, &came->rcpts[i].to.forward_path))
			all[e->n_rcpts++] = came->rcpts[i];
	}
	e->rcpts = all;
}

static int
add_again(struct batch *b, struct op *op, struct str there,
    struct str tombstone, struct fault *f)
{
	struct entry came, e = {0};
	struct due_rows before = {0}, after;
	struct known k;
	size_t had;

	queue_fresh_drop(b->queue->fresh, &op->id);
	if (entry_decode(buf_str(&op->entry), &b->arena, &came, f) < 0)
		return -1;
	if (there.len > 0 && entry_decode(there, &b->arena, &e, f) < 0)
		return -1;
	k = known_of(&e, tombstone, &b->arena);
	before = queue_due_rows(&e, &b->arena);
	had = e.n_rcpts;
	if (there.len == 0) {
		e = came;
		e.n_rcpts = 0;
	}
	append_fresh(&e, &came, &k, &b->arena);
	if (e.n_rcpts == had)
		return 0;
	e.is_held = e.is_held || came.is_held;
	if (e.n_rcpts > ENTRY_RCPTS_MAX)
		return fault_temp(f, "4.5.3", "too many recipients");
	if (there.len == 0 && !op->has_body)
		return fault_temp(f, "4.3.0", "%s %s", op->id.text, left);
	if (there.len == 0 && put_body(b, op, f) < 0)
		return -1;
	after = queue_due_rows(&e, &b->arena);
	return put_entry(b, &e, f) < 0 ||
		       change_rows(b, &e, &before, &after, f) < 0
		   ? -1
		   : 0;
}

static int
apply_add(struct batch *b, struct op *op, struct fault *f)
{
	struct queue *q = b->queue;
	struct str there = {0}, tombstone = {0};
	int found;

	op->used_file = op->is_new = false;
	found = db_get(q->message, b->txn, queue_key(&op->id), &b->value, f);
	if (found < 0)
		return -1;
	if (found > 0)
		there = arena_str(&b->arena, buf_str(&b->value));
	found = db_get(q->done, b->txn, queue_key(&op->id), &b->value, f);
	if (found < 0)
		return -1;
	if (found > 0)
		tombstone = buf_str(&b->value);
	return there.len == 0 && found == 0
		   ? add_new(b, op, f)
		   : add_again(b, op, there, tombstone, f);
}

/* Nobody hands a message over again whose id is that old. */
static bool
needs_tombstone(const struct queue *q, const struct ident *id)
{
	return clock_unix_us() - ident_time_us(queue_key(id)) <
	       q->conf.done_ms * 1000;
}

static int
put_tombstone(struct batch *b, const struct entry *e, struct fault *f)
{
	struct queue *q = b->queue;
	struct known k;
	int found;

	if (!needs_tombstone(q, &e->id))
		return 0;
	found = db_get(q->done, b->txn, queue_key(&e->id), &b->value, f);
	if (found < 0)
		return -1;
	b->tombstones += found == 0;
	k = known_of(e, buf_str(&b->value), &b->arena);
	return db_put(q->done, b->txn, queue_key(&e->id),
	    str_n((const char *)k.hashes, k.n * HASH_LEN), f);
}

static int
remove_body(struct batch *b, const struct entry *e, struct fault *f)
{
	struct lost_file *file;

	if (!e->body_in_file)
		return db_del(b->queue->body, b->txn, queue_key(&e->id), f) < 0
			   ? -1
			   : 0;
	file = arena_new(&b->arena, struct lost_file);
	file->id = e->id;
	file->next = b->files;
	b->files = file;
	return 0;
}

static int
remove_entry(struct batch *b, const struct entry *e,
    const struct due_rows *before, struct fault *f)
{
	const struct due_rows none = {0};

	if (db_del(b->queue->message, b->txn, queue_key(&e->id), f) < 0 ||
	    remove_body(b, e, f) < 0 ||
	    change_rows(b, e, before, &none, f) < 0 ||
	    put_tombstone(b, e, f) < 0)
		return -1;
	b->messages--;
	b->size -= (int64_t)e->size;
	b->used -= (int64_t)queue_body_used(e->size);
	return 0;
}

static int
apply_edit(struct batch *b, struct op *op, struct fault *f)
{
	struct due_rows before, after;
	struct entry e;
	int found =
	    db_get(b->queue->message, b->txn, queue_key(&op->id), &b->value, f);

	if (found <= 0)
		return found;
	queue_fresh_drop(b->queue->fresh, &op->id);
	if (entry_decode(buf_str(&b->value), &b->arena, &e, f) < 0)
		return -1;
	before = queue_due_rows(&e, &b->arena);
	if (op->kind == OP_REMOVE)
		return remove_entry(b, &e, &before, f);
	if (!op->edit(op->ctx, &e, &b->arena))
		return 0;
	if (!entry_is_open(&e))
		return remove_entry(b, &e, &before, f);
	after = queue_due_rows(&e, &b->arena);
	return put_entry(b, &e, f) < 0 ||
		       change_rows(b, &e, &before, &after, f) < 0
		   ? -1
		   : 0;
}

static int
apply_set(struct batch *b, struct op *op, struct fault *f)
{
	if (op->value.len > 0)
		return db_put(
		    b->queue->setting, b->txn, op->name, op->value, f);
	return db_del(b->queue->setting, b->txn, op->name, f) < 0 ? -1 : 0;
}

int
queue_batch_apply(
    struct batch *b, const struct queue_change *change, struct fault *f)
{
	static int (*const apply[])(
	    struct batch * b, struct op * op, struct fault * f) = {
	    [OP_ADD] = apply_add,
	    [OP_EDIT] = apply_edit,
	    [OP_REMOVE] = apply_edit,
	    [OP_SET] = apply_set,
	};

	for (struct op *op = change->first; op != NULL; op = op->next) {
		if (apply[op->kind](b, op, f) < 0)
			return -1;
	}
	return 0;
}

int
queue_batch_end(struct batch *b, struct fault *f)
{
	struct queue *q = b->queue;
	const struct queue_counters c = {
	    .messages = atomic_load(&q->messages) + (uint64_t)b->messages,
	    .bytes = atomic_load(&q->bytes) + (uint64_t)b->size,
	    .used = atomic_load(&q->used) + (uint64_t)b->used,
	    .tombstones = q->tombstones + (uint64_t)b->tombstones,
	};

	if (b->messages == 0 && b->size == 0 && b->tombstones == 0)
		return 0;
	return db_put(q->setting, b->txn, QUEUE_COUNTERS,
	    str_n((const char *)&c, sizeof c), f);
}
