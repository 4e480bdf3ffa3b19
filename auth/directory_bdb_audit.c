/* SPDX-License-Identifier: ISC */
/*
 * The audit in Berkeley DB. Ids have no holes but where a change failed, so
 * the first and the next one tell how many there are. Entries leave at the
 * front, some with each that comes.
 */
#include "config.h"

#include <inttypes.h>
#include <stdio.h>

#include "auth/directory_bdb.h"

enum {
	ID_LEN = 8,
	ENTRY_MAX = sizeof(struct directory_audit) + 32,
	GOING_MAX = 100, /* at once */
};

static struct str
put_id(uint64_t id, char key[ID_LEN])
{
	for (size_t i = 0; i < ID_LEN; i++)
		key[i] = (char)(id >> (8 * (ID_LEN - 1 - i)));
	return str_n(key, ID_LEN);
}

static uint64_t
take_id(struct str key)
{
	uint64_t id = 0;

	for (size_t i = 0; i < key.len && i < ID_LEN; i++)
		id = id << 8 | (unsigned char)key.at[i];
	return id;
}

/* Of words none is empty, so that there are always as many. */
static void
put_word(struct buf *b, const char *word)
{
	buf_putf(b, " %s", word[0] == '\0' ? "-" : word);
}

static bool
take_word(struct str *rest, char *word, size_t size)
{
	struct str text = str_cut(rest, ' ');

	if (str_is(text, STR_LIT("-")))
		text.len = 0;
	return str_copy(text, word, size);
}

static bool
parse_entry(struct str key, struct str value, struct directory_audit *a)
{
	struct str version = str_cut(&value, ' ');
	uint64_t when;

	a->id = take_id(key);
	if (!str_is(version, STR_LIT("1")) ||
	    !str_to_u64(str_cut(&value, ' '), 0, INT64_MAX, &when))
		return false;
	a->time = (int64_t)when;
	return take_word(&value, a->who, sizeof a->who) &&
	       take_word(&value, a->what, sizeof a->what) &&
	       take_word(&value, a->name, sizeof a->name) &&
	       str_copy(value, a->detail, sizeof a->detail);
}

/* Lists. */

struct scan {
	directory_each_audit_call *each;
	void *ctx;
	struct fault *f;
};

static int
give(void *ctx, struct str key, struct str value)
{
	const struct scan *scan = ctx;
	struct directory_audit a;

	if (!parse_entry(key, value, &a))
		return fault_temp(scan->f, "4.3.5",
		    "the directory's audit entry %" PRIu64 " is damaged", a.id);
	return scan->each(scan->ctx, &a);
}

int
directory_bdb_each_audit(struct directory_store *s, uint64_t after,
    directory_each_audit_call *each, void *ctx, struct fault *f)
{
	struct scan scan = {each, ctx, f};
	char from[ID_LEN];

	return db_scan(
	    s->audit, STR_LIT(""), put_id(after + 1, from), give, &scan, f);
}

/* New ones, and old ones that go. */

struct ends {
	uint64_t first, last;
};

static int
find_ends(void *ctx, struct str key, struct str value)
{
	struct ends *e = ctx;

	(void)value;
	e->last = take_id(key);
	if (e->first == 0)
		e->first = e->last;
	return 0;
}

static int
know_ends(struct directory_store *s, struct fault *f)
{
	struct ends e = {0, 0};

	if (s->audit_next > 0)
		return 0;
	if (db_scan(s->audit, STR_LIT(""), STR_LIT(""), find_ends, &e, f) < 0)
		return -1;
	s->audit_next = e.last + 1;
	s->audit_first = e.first > 0 ? e.first : s->audit_next;
	return 0;
}

struct going {
	struct directory_store *store;
	uint64_t keep_from; /* an id */
	int64_t keep_since;
	size_t n;
};

static int
end_old(void *ctx, const struct directory_audit *a)
{
	struct going *g = ctx;
	char key[ID_LEN];

	if (g->n == GOING_MAX ||
	    (a->id >= g->keep_from && a->time >= g->keep_since))
		return 1;
	directory_bdb_del(g->store, g->store->audit, put_id(a->id, key));
	g->store->audit_first = a->id + 1;
	g->n++;
	return 0;
}

int
directory_bdb_put_audit(struct directory_store *s,
    const struct directory_audit *a,
    const struct directory_audit_bounds *bounds, struct fault *f)
{
	struct going going = {.store = s};
	char key[ID_LEN];
	struct buf value;
	int rc;

	if (know_ends(s, f) < 0)
		return -1;
	if (s->audit_next >= bounds->entries)
		going.keep_from = s->audit_next + 1 - bounds->entries;
	if (bounds->age > 0)
		going.keep_since = a->time - bounds->age;
	rc =
	    directory_bdb_each_audit(s, s->audit_first - 1, end_old, &going, f);
	if (rc < 0)
		return -1;
	buf_init(&value, ENTRY_MAX);
	buf_putf(&value, "1 %" PRId64, a->time);
	put_word(&value, a->who);
	put_word(&value, a->what);
	put_word(&value, a->name);
	buf_putf(&value, " %s", a->detail);
	directory_bdb_put(
	    s, s->audit, put_id(s->audit_next++, key), buf_str(&value));
	buf_clear(&value);
	return 0;
}
