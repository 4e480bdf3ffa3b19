/* SPDX-License-Identifier: ISC */
/*
 * Rows of `due`. A key is the domain, a NUL, the owner's hash, the time and the
 * id: numbers with the highest byte first, so that order of bytes is order of
 * time, and a lane's rows stand in a row.
 *
 * The table is read without waiting for the committer: what a row says is not
 * certain until its message has been read.
 */
#include "config.h"

#include "base/crypto.h"
#include "mta/queue/queue_private.h"

#include <stdlib.h>
#include <string.h>

static void
put_big_endian(struct buf *b, uint64_t n)
{
	unsigned char bytes[8];

	for (size_t i = 0; i < sizeof bytes; i++)
		bytes[i] = (unsigned char)(n >> (56 - 8 * i));
	buf_put(b, bytes, sizeof bytes);
}

static uint64_t
read_big_endian(const char *at)
{
	uint64_t n = 0;

	for (size_t i = 0; i < 8; i++)
		n = n << 8 | (unsigned char)at[i];
	return n;
}

static void
put_lane(struct buf *b, struct str domain, uint64_t owner)
{
	buf_put_str(b, domain);
	buf_putc(b, '\0');
	put_big_endian(b, owner);
}

void
queue_due_put_key(struct buf *b, struct str domain, uint64_t owner,
    const struct due_row *row, const struct ident *id)
{
	put_lane(b, domain, owner);
	put_big_endian(b, (uint64_t)row->due);
	buf_put(b, id->text, IDENT_LEN);
}

uint64_t
queue_owner_hash(struct str owner)
{
	uint8_t digest[CRYPTO_SHA256_LEN];

	crypto_sha256(owner, digest);
	return read_big_endian((const char *)digest);
}

struct str
queue_domain(const struct address *a, struct arena *arena)
{
	char key[ADDRESS_TEXT_SIZE];
	struct str text = str(a->domain);

	if (address_key(a, key))
		text = str_from(str(key), str_find_last(str(key), '@') + 1);
	return arena_str(arena, text);
}

static int
by_domain(const void *one, const void *other)
{
	const struct due_row *a = one, *b = other;
	int order = str_compare(a->domain, b->domain);

	if (order != 0)
		return order;
	return (a->due > b->due) - (a->due < b->due);
}

struct due_rows
queue_due_rows(const struct entry *e, struct arena *arena)
{
	struct due_rows all = {0};
	size_t n = 0;

	if (e->is_held || e->n_rcpts == 0)
		return all;
	all.rows = arena_take(arena, e->n_rcpts * sizeof *all.rows);
	for (size_t i = 0; i < e->n_rcpts; i++) {
		const struct entry_rcpt *r = &e->rcpts[i];

		if (r->state == ENTRY_WAITING)
			/* 0 means "none" to those who watch. */
			all.rows[n++] = (struct due_row){
			    queue_domain(&r->to.forward_path, arena),
			    r->due > 0 ? r->due : 1};
	}
	qsort(all.rows, n, sizeof *all.rows, by_domain);
	/* The first of each domain is its earliest. */
	for (size_t i = 0; i < n; i++) {
		if (all.n == 0 ||
		    !str_is(all.rows[all.n - 1].domain, all.rows[i].domain))
			all.rows[all.n++] = all.rows[i];
	}
	return all;
}

/* Lanes at start. */

struct lane_scan {
	struct queue_lane lane;
	char domain[ADDRESS_DOMAIN_MAX + 1];
	int (*each)(void *ctx, const struct queue_lane *lane);
	void *ctx;
};

static int
end_lane(struct lane_scan *s)
{
	return s->lane.waiting > 0 ? s->each(s->ctx, &s->lane) : 0;
}

static int
count_row(void *ctx, struct str key, struct str value)
{
	struct lane_scan *s = ctx;
	struct str domain;
	const char *tail;
	uint64_t owner;
	int rc;

	(void)value;
	if (key.len < DUE_TAIL || key.len > DUE_KEY_MAX)
		return 0;
	domain = str_head(key, key.len - DUE_TAIL);
	tail = key.at + domain.len + 1;
	owner = read_big_endian(tail);
	if (s->lane.waiting > 0 && owner == s->lane.owner &&
	    str_is(domain, s->lane.domain)) {
		s->lane.waiting++;
		return 0;
	}
	rc = end_lane(s);
	if (domain.len > 0)
		memcpy(s->domain, domain.at, domain.len);
	s->lane = (struct queue_lane){
	    .domain = str_n(s->domain, domain.len),
	    .owner = owner,
	    .waiting = 1,
	    .due = (int64_t)read_big_endian(tail + 8),
	};
	return rc;
}

int
queue_each_lane(struct queue *queue,
    int (*each)(void *ctx, const struct queue_lane *lane), void *ctx,
    struct fault *f)
{
	struct lane_scan s = {.each = each, .ctx = ctx};
	int rc = db_scan(queue->due, str(""), str(""), count_row, &s, f);

	return rc != 0 ? rc : end_lane(&s);
}

struct due_scan {
	struct queue *queue;
	int (*each)(void *ctx, const struct ident *id, int64_t due);
	void *ctx;
	size_t prefix;
};

static int
give_row(void *ctx, struct str key, struct str value)
{
	struct due_scan *s = ctx;
	const char *tail = key.at + s->prefix;
	struct ident id = {.text = ""};

	(void)value;
	if (key.len != s->prefix + 8 + IDENT_LEN)
		return 0;
	memcpy(id.text, tail + 8, IDENT_LEN);
	/* Who watches will be told of it. */
	if (queue_fresh_is_expected(s->queue->fresh, &id))
		return 0;
	return s->each(s->ctx, &id, (int64_t)read_big_endian(tail));
}

int
queue_each_due(struct queue *queue, struct str domain, uint64_t owner,
    int64_t from, int (*each)(void *ctx, const struct ident *id, int64_t due),
    void *ctx, struct fault *f)
{
	struct due_scan s = {.queue = queue, .each = each, .ctx = ctx};
	struct str prefix;
	struct buf start;
	int rc;

	buf_init(&start, DUE_KEY_MAX);
	put_lane(&start, domain, owner);
	s.prefix = buf_len(&start);
	put_big_endian(&start, (uint64_t)from);
	prefix = str_head(buf_str(&start), s.prefix);
	rc = db_scan(queue->due, prefix, buf_str(&start), give_row, &s, f);
	buf_clear(&start);
	return rc;
}
