/* SPDX-License-Identifier: ISC */
#include "config.h"

#include "mta/send/sts_table.h"

#include "base/mem.h"

void
sts_table_init(struct sts_table *t, size_t max)
{
	*t = (struct sts_table){.max = max};
	ring_init(&t->some);
	ring_init(&t->none);
}

static void
free_node(void *ctx, struct map_node *node)
{
	struct sts_entry *e = STRUCT_OF(node, struct sts_entry, node);

	sts_table_remove(ctx, &e);
}

void
sts_table_clear(struct sts_table *t)
{
	map_each(&t->map, free_node, t);
	map_clear(&t->map);
}

static bool
is_domain(const struct map_node *node, const void *key)
{
	const struct sts_entry *e =
	    STRUCT_OF(node, const struct sts_entry, node);

	return strcmp(e->domain, key) == 0;
}

struct sts_entry *
sts_table_find(const struct sts_table *t, const char *domain)
{
	struct map_node *node =
	    map_find(&t->map, str_hash(str(domain)), is_domain, domain);

	return node == NULL ? NULL : STRUCT_OF(node, struct sts_entry, node);
}

struct sts_entry *
sts_table_add(struct sts_table *t, const char *domain)
{
	struct sts_entry *e = mem_new(struct sts_entry);

	if (!str_copy(str(domain), e->domain, sizeof e->domain)) {
		mem_free(e);
		return NULL;
	}
	map_add(&t->map, &e->node, str_hash(str(domain)));
	ring_insert(&t->none, &e->ring);
	t->n_none++;
	return e;
}

void
sts_table_touch(struct sts_table *t, struct sts_entry *e)
{
	ring_rotate(e->text != NULL ? &t->some : &t->none, &e->ring);
}

static void
take_out(struct sts_table *t, struct sts_entry *e)
{
	ring_remove(&e->ring);
	if (e->text != NULL) {
		t->n_some--;
		t->bytes -= str(e->text).len;
	} else {
		t->n_none--;
	}
}

void
sts_table_set(struct sts_table *t, struct sts_entry *e, const char *text)
{
	char *copy = text != NULL ? mem_dup(text) : NULL;

	take_out(t, e);
	mem_free(e->text);
	e->text = copy;
	if (copy != NULL) {
		ring_insert(&t->some, &e->ring);
		t->n_some++;
		t->bytes += str(copy).len;
		return;
	}
	e->id[0] = '\0';
	e->fetched = e->expires = 0;
	ring_insert(&t->none, &e->ring);
	t->n_none++;
}

static struct sts_entry *
oldest(const struct ring *head)
{
	for (struct ring *r = head->next; r != head; r = r->next) {
		struct sts_entry *e = STRUCT_OF(r, struct sts_entry, ring);

		if (!e->is_checking)
			return e;
	}
	return NULL;
}

struct sts_entry *
sts_table_surplus(const struct sts_table *t)
{
	if (t->n_none > t->max)
		return oldest(&t->none);
	if (t->n_some > t->max || t->bytes > STS_TABLE_BYTES_MAX)
		return oldest(&t->some);
	return NULL;
}

void
sts_table_remove(struct sts_table *t, struct sts_entry **entry)
{
	struct sts_entry *e = *entry;

	take_out(t, e);
	map_remove(&t->map, &e->node);
	mem_free(e->text);
	mem_free(e);
	*entry = NULL;
}

struct walk {
	void (*each)(void *ctx, struct sts_entry *e);
	void *ctx;
};

static void
give(void *ctx, struct map_node *node)
{
	const struct walk *w = ctx;

	w->each(w->ctx, STRUCT_OF(node, struct sts_entry, node));
}

void
sts_table_each(struct sts_table *t,
    void (*each)(void *ctx, struct sts_entry *e), void *ctx)
{
	struct walk w = {each, ctx};

	map_each(&t->map, give, &w);
}

/* "ID FETCHED EXPIRES", then the policy. */
void
sts_entry_encode(const struct sts_entry *e, struct buf *b)
{
	buf_putf(b, "%s %lld %lld\n%s", e->id, (long long)e->fetched,
	    (long long)e->expires, e->text);
}

static bool
take_time(struct str *rest, int64_t *ms)
{
	uint64_t n;

	if (!str_to_u64(str_cut(rest, ' '), 0, INT64_MAX, &n))
		return false;
	*ms = (int64_t)n;
	return true;
}

bool
sts_entry_decode(struct sts_table *t, struct sts_entry *e, struct str value)
{
	struct str rest = value, head = str_cut(&rest, '\n');
	struct str id = str_cut(&head, ' ');
	struct sts_policy policy;
	int64_t fetched, expires;
	struct fault ignored;
	char *text;

	if (id.len == 0 || id.len > STS_ID_MAX || !take_time(&head, &fetched) ||
	    !take_time(&head, &expires) ||
	    sts_parse_policy(rest, &policy, &ignored) < 0)
		return false;
	text = str_dup(rest);
	sts_table_set(t, e, text);
	mem_free(text);
	e->fetched = fetched;
	e->expires = expires;
	return str_copy(id, e->id, sizeof e->id);
}
