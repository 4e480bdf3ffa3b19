/* SPDX-License-Identifier: ISC */
/* What both ways of restoring need. */
#include "config.h"

#include "admin/restore.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include "admin/list.h"

/* A file has its name when it is whole. */
#define UNFINISHED ".posthouse-restore"

enum { LINKED_MIN = 16 << 10 };

/* clang-format off */
static const struct table_column fields[] = {
	{ "snapshot", "snapshot", TABLE_TEXT },
	{ "users", "users", TABLE_NUMBER },
	{ "mailboxes", "mailboxes", TABLE_NUMBER },
	{ "files", "files", TABLE_NUMBER },
	{ "size", "bytes", TABLE_SIZE },
	{ "there already", "there", TABLE_NUMBER },
	{ "damaged", "damaged", TABLE_NUMBER },
	{ "settings kept", "kept", TABLE_NUMBER },
	{ 0 },
};
/* clang-format on */

int
restore_open(struct restore *r, struct cmd_line *line, const char *dir,
    const char *name, struct fault *f)
{
	struct snapshots dirs;

	*r = (struct restore){.line = line, .snapshot = -1};
	if (snapshots_open(&dirs, dir, false, f) == 0)
		r->snapshot = snapshots_open_one(&dirs, name, &r->facts, f);
	snapshots_close(&dirs);
	if (r->snapshot < 0)
		return -1;
	r->tree = tree_new();
	r->links = links_new();
	progress_begin(&r->progress, line, "files", 0);
	return 0;
}

void
restore_close(struct restore *r)
{
	if (r->snapshot < 0)
		return;
	progress_end(&r->progress);
	tree_free(&r->tree);
	links_free(&r->links);
	close(r->snapshot);
	r->snapshot = -1;
}

static void
may_put(json_t *o, const char *key, uint64_t n)
{
	if (n > 0)
		json_put_int(o, key, (int64_t)n);
}

void
restore_print(struct restore *r)
{
	json_t *o = json_new_object();

	json_put_text(o, "snapshot", r->facts.name);
	may_put(o, "users", r->users);
	json_put_int(o, "mailboxes", (int64_t)r->mailboxes);
	json_put_int(o, "files", (int64_t)r->files);
	json_put_int(o, "bytes", (int64_t)r->bytes);
	may_put(o, "there", r->there);
	may_put(o, "damaged", r->damaged);
	may_put(o, "kept", r->kept);
	list_print_object(r->line, fields, o);
	json_free(&o);
	if (r->damaged > 0)
		r->line->status = EX_DATAERR;
}

void
restore_tell_damage(struct restore *r, const char *path)
{
	struct buf shown;

	buf_init(&shown, (size_t)2 * TREE_PATH_SIZE);
	buf_put_shown(&shown, path);
	fprintf(stderr, "posthouse: damaged in the snapshot: %s\n",
	    buf_text(&shown));
	buf_clear(&shown);
	r->damaged++;
}

struct spot {
	struct restore *r;
	const struct manifest *m;
	const char *above; /* the folder in the snapshot, and in front of it */
	const char *path;  /* below that */
	int root;          /* what all goes below, */
	const char *top;   /* and where: `above` there */
	int to;            /* `path` there */
};

static int restore_entry(void *ctx, int dir, const char *name, struct fault *f);

static bool
is_there(int at, const char *name, uint64_t size)
{
	struct stat st;

	return fstatat(at, name, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
	       S_ISREG(st.st_mode) && (uint64_t)st.st_size == size;
}

static void
prove(const struct spot *p, const char *path, const struct tree_file *file)
{
	const struct manifest_entry *e = manifest_find(p->m, path);
	char whole[TREE_PATH_SIZE];

	if (e != NULL &&
	    memcmp(file->digest, e->file.digest, sizeof file->digest) == 0)
		return;
	if (tree_join(whole, p->above, path))
		restore_tell_damage(p->r, whole);
}

/* Small ones are not worth it: all files of a snapshot have several names, in the
 * others. */
static bool
may_be_link(const struct stat *st)
{
	return st->st_size >= LINKED_MIN;
}

static bool
try_link(const struct spot *p, const struct stat *st, const char *name,
    struct tree_file *file)
{
	const char *path =
	    may_be_link(st) ? links_find(p->r->links, st, file) : NULL;

	return path != NULL && linkat(p->root, path, p->to, name, 0) == 0;
}

static void
note_link(const struct spot *p, const struct stat *st, const char *path,
    const struct tree_file *file)
{
	char whole[TREE_PATH_SIZE];

	if (may_be_link(st) && tree_join(whole, p->top, path))
		links_put(p->r->links, st, whole, file);
}

/* 1; 0 where the snapshot's is no file. */
static int
copy_file(const struct spot *p, int dir, const char *name,
    struct tree_file *file, struct fault *f)
{
	int rc;

	(void)unlinkat(p->to, UNFINISHED, 0);
	rc = tree_copy(p->r->tree, dir, name, p->to, UNFINISHED, file, f);
	if (rc > 0 && renameat(p->to, UNFINISHED, p->to, name) < 0)
		return fault_errno(f, "cannot name %s", name);
	return rc;
}

static int
restore_file(const struct spot *p, int dir, const char *name, const char *path,
    struct fault *f)
{
	struct tree_file file;
	struct stat st;
	int rc;

	if (fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return fault_errno(f, "cannot look at %s", path);
	progress_step(&p->r->progress, 1);
	if (is_there(p->to, name, (uint64_t)st.st_size))
		return 0;
	if (!try_link(p, &st, name, &file)) {
		rc = copy_file(p, dir, name, &file, f);
		if (rc <= 0)
			return rc;
		note_link(p, &st, path, &file);
	}
	prove(p, path, &file);
	p->r->files++;
	p->r->bytes += file.size;
	return 0;
}

static int
restore_folder(const struct spot *p, int dir, const char *name,
    const char *path, struct fault *f)
{
	struct spot below = *p;
	int from = tree_open(dir, name, f), rc = -1;

	if (from < 0)
		return -1;
	below.path = path;
	below.to = -1;
	if (tree_make_as(p->to, name, from, f) == 0)
		below.to = tree_open(p->to, name, f);
	if (below.to >= 0)
		rc = tree_each(from, restore_entry, &below, f);
	if (below.to >= 0)
		close(below.to);
	close(from);
	return rc;
}

static int
restore_entry(void *ctx, int dir, const char *name, struct fault *f)
{
	const struct spot *p = ctx;
	char path[TREE_PATH_SIZE];
	struct stat st;

	if (progress_is_interrupted())
		return progress_stop(&p->r->progress,
		    "the same command again goes on where it was", f);
	if (!tree_join(path, p->path, name))
		return fault_perm(f, "5.3.0", "%.100s… is too long", p->path);
	if (fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
	    S_ISDIR(st.st_mode))
		return restore_folder(p, dir, name, path, f);
	return restore_file(p, dir, name, path, f);
}

/* What the manifest has and the snapshot does not. */
static void
tell_missing(struct restore *r, const char *above, const struct manifest *m)
{
	char path[TREE_PATH_SIZE];

	for (size_t i = 0; i < m->n; i++) {
		const char *own = m->entries[i]->path;

		if (tree_join(path, above, own) &&
		    faccessat(r->snapshot, path, F_OK, AT_SYMLINK_NOFOLLOW) < 0)
			restore_tell_damage(r, path);
	}
}

int
restore_tree(struct restore *r, const char *path, int to, const char *to_path,
    const struct manifest *m, struct fault *f)
{
	struct spot p = {.r = r,
	    .m = m,
	    .above = path,
	    .path = "",
	    .root = to,
	    .top = to_path};
	int from, rc = -1;

	if (tree_make(to, to_path, f) < 0)
		return -1;
	from = tree_open(r->snapshot, path, f);
	if (from < 0)
		return -1;
	p.to = tree_open(to, to_path, f);
	if (p.to >= 0) {
		rc = tree_each(from, restore_entry, &p, f);
		close(p.to);
	}
	close(from);
	tell_missing(r, path, m);
	return rc;
}
