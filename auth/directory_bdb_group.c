/* SPDX-License-Identifier: ISC */
/* Groups and their members in Berkeley DB. */
#include "config.h"

#include "auth/directory_bdb.h"
#include "base/mem.h"

enum {
	GROUP_MAX = 2 + DIRECTORY_GROUP_RECORD_MAX,
	MEMBER_KEY_SIZE = DIRECTORY_BDB_KEY_SIZE + 1 + NAME_SIZE,
};

static bool
parse_group(struct str key, struct str value, struct directory_group *g)
{
	char name[NAME_SIZE];

	return str_is(str_cut(&value, '\n'), STR_LIT("1")) &&
	       directory_bdb_name(key, name) &&
	       directory_group_parse(str(name), value, g);
}

int
directory_bdb_get_group(struct directory_store *s, struct str name,
    struct directory_group *g, struct fault *f)
{
	struct directory_bdb_key k = directory_bdb_key(name);
	struct str key = directory_bdb_str(&k);
	struct buf value;
	int rc;

	buf_init(&value, GROUP_MAX);
	rc = db_get(s->group, NULL, key, &value, f);
	if (rc > 0 && g != NULL && !parse_group(key, buf_str(&value), g))
		rc = directory_bdb_bad_record(key, f);
	buf_clear(&value);
	return rc;
}

void
directory_bdb_put_group(
    struct directory_store *s, const struct directory_group *g)
{
	struct directory_bdb_key k = directory_bdb_key(str(g->name));
	struct buf value;

	buf_init(&value, GROUP_MAX);
	buf_puts(&value, "1\n");
	directory_group_format(g, &value);
	directory_bdb_put(s, s->group, directory_bdb_str(&k), buf_str(&value));
	buf_clear(&value);
}

struct scan {
	directory_each_group_call *each_group;
	directory_each_member_call *each_member;
	void *ctx;
	size_t prefix; /* of a member's key, with the NUL behind it */
	struct fault *f;
};

static int
give_group(void *ctx, struct str key, struct str value)
{
	const struct scan *scan = ctx;
	struct directory_group *g = mem_new(struct directory_group);
	int rc;

	if (parse_group(key, value, g))
		rc = scan->each_group(scan->ctx, g);
	else
		rc = directory_bdb_bad_record(key, scan->f);
	mem_free(g);
	return rc;
}

int
directory_bdb_each_group(struct directory_store *s, struct str domain,
    struct str after, directory_each_group_call *each, void *ctx,
    struct fault *f)
{
	struct scan scan = {.each_group = each, .ctx = ctx, .f = f};

	return directory_bdb_scan(
	    s->group, domain, after, give_group, &scan, f);
}

/* Members. */

struct member_key {
	char bytes[MEMBER_KEY_SIZE];
	size_t len;
};

/* Both are keys; an empty member: what all of the group's begin with. */
static struct member_key
member_key(struct str group, struct str member)
{
	struct directory_bdb_key g = directory_bdb_key(group);
	struct member_key k;

	if (member.len >= NAME_SIZE)
		die_bug("a member's key of %zu bytes", member.len);
	memcpy(k.bytes, g.bytes, g.len);
	k.bytes[g.len] = '\0';
	if (member.len > 0)
		memcpy(k.bytes + g.len + 1, member.at, member.len);
	k.len = g.len + 1 + member.len;
	return k;
}

int
directory_bdb_has_member(struct directory_store *s, struct str group,
    struct str member, struct fault *f)
{
	struct member_key k = member_key(group, member);
	struct buf value;
	int rc;

	buf_init(&value, 16);
	rc = db_get(s->member, NULL, str_n(k.bytes, k.len), &value, f);
	buf_clear(&value);
	return rc;
}

void
directory_bdb_put_member(
    struct directory_store *s, struct str group, struct str member)
{
	struct member_key k = member_key(group, member);

	directory_bdb_put(s, s->member, str_n(k.bytes, k.len), STR_LIT("1"));
}

void
directory_bdb_del_member(
    struct directory_store *s, struct str group, struct str member)
{
	struct member_key k = member_key(group, member);

	directory_bdb_del(s, s->member, str_n(k.bytes, k.len));
}

static int
give_member(void *ctx, struct str key, struct str value)
{
	const struct scan *scan = ctx;

	(void)value;
	return scan->each_member(scan->ctx, str_from(key, scan->prefix));
}

int
directory_bdb_each_member(struct directory_store *s, struct str group,
    struct str after, directory_each_member_call *each, void *ctx,
    struct fault *f)
{
	struct member_key prefix = member_key(group, (struct str){0});
	struct scan scan = {
	    .each_member = each, .ctx = ctx, .prefix = prefix.len, .f = f};
	struct member_key from = member_key(group, after);

	/* The least key that is greater. */
	if (after.len > 0)
		from.bytes[from.len++] = '\0';
	return db_scan(s->member, str_n(prefix.bytes, prefix.len),
	    str_n(from.bytes, from.len), give_member, &scan, f);
}

/* A group's end. */

struct ending {
	struct directory_store *store;
	struct str group;
};

static int
note_member(void *ctx, struct str member)
{
	const struct ending *e = ctx;

	directory_bdb_del_member(e->store, e->group, member);
	return 0;
}

int
directory_bdb_del_group(
    struct directory_store *s, struct str name, struct fault *f)
{
	struct directory_bdb_key k = directory_bdb_key(name);
	struct ending e = {s, name};

	directory_bdb_del(s, s->group, directory_bdb_str(&k));
	return directory_bdb_each_member(
	    s, name, (struct str){0}, note_member, &e, f);
}
