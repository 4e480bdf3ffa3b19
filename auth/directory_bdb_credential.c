/* SPDX-License-Identifier: ISC */
/* The users' credentials in Berkeley DB. */
#include "config.h"

#include "auth/directory_bdb.h"
#include "base/mem.h"

struct credential_key {
	char bytes[DIRECTORY_BDB_KEY_SIZE + 1 + DIRECTORY_KIND_MAX];
	size_t len;
};

/* Without a kind: what all of the user's begin with. */
static struct credential_key
credential_key(struct str user, struct str kind)
{
	struct directory_bdb_key u = directory_bdb_key(user);
	struct credential_key k;

	if (kind.len > DIRECTORY_KIND_MAX)
		die_bug("a credential's kind of %zu bytes", kind.len);
	memcpy(k.bytes, u.bytes, u.len);
	k.bytes[u.len] = '\0';
	if (kind.len > 0)
		memcpy(k.bytes + u.len + 1, kind.at, kind.len);
	k.len = u.len + 1 + kind.len;
	return k;
}

int
directory_bdb_get_credential(struct directory_store *s, struct str user,
    struct str kind, struct buf *value, struct fault *f)
{
	struct credential_key k = credential_key(user, kind);

	return db_get(s->credential, NULL, str_n(k.bytes, k.len), value, f);
}

void
directory_bdb_put_credential(struct directory_store *s, struct str user,
    struct str kind, struct str value)
{
	struct credential_key k = credential_key(user, kind);

	directory_bdb_put(s, s->credential, str_n(k.bytes, k.len), value);
}

void
directory_bdb_del_credential(
    struct directory_store *s, struct str user, struct str kind)
{
	struct credential_key k = credential_key(user, kind);

	directory_bdb_del(s, s->credential, str_n(k.bytes, k.len));
}

struct scan {
	directory_each_credential_call *each;
	void *ctx;
	size_t prefix;
};

static int
give(void *ctx, struct str key, struct str value)
{
	const struct scan *scan = ctx;

	return scan->each(scan->ctx, str_from(key, scan->prefix), value);
}

int
directory_bdb_each_credential(struct directory_store *s, struct str user,
    directory_each_credential_call *each, void *ctx, struct fault *f)
{
	struct credential_key k = credential_key(user, STR_LIT(""));
	struct scan scan = {each, ctx, k.len};

	return db_scan(
	    s->credential, str_n(k.bytes, k.len), STR_LIT(""), give, &scan, f);
}
