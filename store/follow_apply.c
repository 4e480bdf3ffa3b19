/* SPDX-License-Identifier: ISC */
/*
 * Bringing the records up to what was told of single messages. Each is looked
 * at on disk before: what was told may be older than that.
 *
 * This costs a few system calls a message, however many the folder has, and
 * reads only files that have no record.
 */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "store/follow_private.h"

#include "base/clock.h"
#include "base/mem.h"
#include "store/index_private.h"

enum {
	CHANGES_MAX = 50000, /* in all folders */
	WAIT_MS = 10000,     /* for a delivery to be written */
};

static bool
is_base(const struct map_node *node, const void *base)
{
	const struct follow_change *c = (const struct follow_change *)node;

	return str_is(str_n(c->name, c->base_len), *(const struct str *)base);
}

struct follow_change *
follow_find_change(struct follow_folder *folder, struct str base)
{
	return (struct follow_change *)map_find(
	    &folder->changes, str_hash(base), is_base, &base);
}

static void
drop_change(struct follow_folder *folder, struct follow_change *c)
{
	map_remove(&folder->changes, &c->node);
	folder->folder->index->follow->n_changes--;
	mem_free(c);
}

static void
drop_each(void *ctx, struct map_node *node)
{
	drop_change(ctx, (struct follow_change *)node);
}

void
follow_forget_changes(struct index_folder *folder)
{
	struct follow_folder *followed = folder->followed;

	if (followed == NULL)
		return;
	map_each(&followed->changes, drop_each, followed);
	map_clear(&followed->changes);
}

bool
follow_has_changes(const struct index_folder *folder)
{
	return folder->followed != NULL && folder->followed->changes.n > 0;
}

/* That one of two names is gone says nothing of the other: some programs make
 * the new name before they remove the old one. */
static bool
is_other_name(
    const struct follow_change *c, enum record_place place, struct str name)
{
	return c->how != FOLLOW_GONE &&
	       (c->place != place || !str_is(str_n(c->name, c->len), name));
}

void
follow_note(struct follow_folder *folder, enum follow_how how,
    enum record_place place, struct str name, struct str base)
{
	struct follow *follow = folder->folder->index->follow;
	struct follow_change *c = follow_find_change(folder, base);
	bool was_written = c != NULL && c->how == FOLLOW_WRITTEN;
	int64_t since = c != NULL ? c->since : clock_ms();

	if (how == FOLLOW_GONE && c != NULL && is_other_name(c, place, name))
		return;
	if (c != NULL)
		drop_change(folder, c);
	if (follow->n_changes >= CHANGES_MAX) {
		follow_lose(folder);
		return;
	}
	if (folder->changes.n == 0) {
		follow_touch(follow, folder->mailbox);
		index_wait(folder->folder);
	}
	c = mem_zeroed(1, sizeof *c + name.len + 1);
	c->since = since;
	c->how = how == FOLLOW_THERE && was_written ? FOLLOW_WRITTEN : how;
	c->place = place;
	c->len = name.len;
	c->base_len = base.len;
	memcpy(c->name, name.at, name.len);
	map_add(&folder->changes, &c->node, str_hash(base));
	follow->n_changes++;
}

/* Applying. */

struct apply {
	struct follow_folder *folder;
	int dir;          /* the Maildir */
	struct buf value; /* of the record in hand */
	bool has_made;    /* a record that was not there */
	struct fault *f;
	int rc;
};

static bool
is_on_disk(const struct apply *a, enum record_place place, struct str base,
    struct str info)
{
	char path[MAILDIR_NAME_SIZE + 8];
	struct stat st;
	int n = snprintf(path, sizeof path, "%s/%.*s%.*s",
	    place == RECORD_NEW ? "new" : "cur", STR_ARG(base), STR_ARG(info));

	return n > 0 && (size_t)n < sizeof path &&
	       fstatat(a->dir, path, &st, AT_SYMLINK_NOFOLLOW) == 0;
}

/* It is where it was told to be. */
static int
apply_there(struct apply *a, const struct follow_change *c, struct record *r)
{
	struct index_folder *folder = a->folder->folder;
	struct str name = str_n(c->name, c->len);
	struct str base = str_head(name, c->base_len);
	struct str info = str_from(name, c->base_len);

	a->has_made = a->has_made || r == NULL;
	if (r == NULL || c->how == FOLLOW_WRITTEN)
		return index_put_file(folder, a->dir, c->place, name, a->f);
	if (r->place == c->place && str_is(r->info, info))
		return 0;
	r->place = c->place;
	r->info = info;
	return index_db_put_message(folder, base, r, a->f);
}

/* A delivery whose record is not written yet: the writer has it, or will. */
static bool
must_wait(const struct apply *a, const struct follow_change *c)
{
	struct maildir_name name;

	return atomic_load(&a->folder->folder->unindexed) > 0 &&
	       clock_ms() - c->since < WAIT_MS &&
	       maildir_name_parse(str_n(c->name, c->len), &name) &&
	       name.is_ours;
}

/* 1 where it is done, 0 where it must wait, -1 on a fault. */
static int
apply_one(struct apply *a, const struct follow_change *c)
{
	struct index_folder *folder = a->folder->folder;
	struct str name = str_n(c->name, c->len);
	struct str base = str_head(name, c->base_len);
	struct record r;
	int has = index_db_get_message(folder, base, &a->value, &r, a->f);

	if (has < 0)
		return -1;
	if (!has && must_wait(a, c))
		return 0;
	if (c->how != FOLLOW_GONE &&
	    is_on_disk(a, c->place, base, str_from(name, c->base_len)))
		return apply_there(a, c, has ? &r : NULL) < 0 ? -1 : 1;
	if (!has || is_on_disk(a, r.place, base, r.info))
		return 1;
	return index_db_del_message(folder, base, a->f) < 0 ? -1 : 1;
}

static void
apply_each(void *ctx, struct map_node *node)
{
	struct apply *a = ctx;
	struct follow_change *c = (struct follow_change *)node;
	int rc = a->rc < 0 ? 0 : apply_one(a, c);

	if (rc > 0)
		drop_change(a->folder, c);
	if (rc < 0)
		a->rc = rc;
}

static int
apply_all(struct follow_folder *folder, int dir, struct fault *f)
{
	struct apply a = {.folder = folder, .dir = dir, .f = f};
	bool was_careful = folder->folder->careful;

	buf_init(&a.value, RECORD_SIZE_MAX);
	/* What is written here has a record already more often than not. */
	folder->folder->careful = true;
	map_each(&folder->changes, apply_each, &a);
	folder->folder->careful = was_careful || a.has_made;
	buf_clear(&a.value);
	return a.rc;
}

int
follow_apply(struct index_folder *folder, struct fault *f)
{
	const int flags = O_RDONLY | O_DIRECTORY | O_CLOEXEC;
	char path[MAILDIR_PATH_SIZE + 2];
	int dir, rc;

	if (!follow_has_changes(folder))
		return 0;
	snprintf(path, sizeof path, "%s/%s", folder->path, folder->dir);
	dir = openat(folder->index->root, path, flags);
	if (dir < 0 && errno != ENOENT)
		return fault_errno(f, "cannot open %s", path);
	if (dir < 0) {
		follow_lose(folder->followed);
		return 0;
	}
	rc = apply_all(folder->followed, dir, f);
	close(dir);
	if (folder->followed->changes.n == 0)
		map_clear(&folder->followed->changes);
	if (rc < 0)
		follow_lose(folder->followed);
	return rc;
}
