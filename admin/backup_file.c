/* SPDX-License-Identifier: ISC */
/*
 * How a file comes into the copy: it is there from an interrupted call, or from
 * another folder; the last copy has it, to be linked; or its bytes are read.
 * Each that has come is noted in the journal.
 */
#include "config.h"

#include "admin/backup_file.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

static int
note(struct box_copy *c, const struct manifest_entry *e, struct fault *f)
{
	struct buf line;
	int rc;

	buf_init(&line, 4 * TREE_PATH_SIZE);
	manifest_format(&line, e->path, &e->file);
	rc = fputs(buf_text(&line), c->journal);
	buf_clear(&line);
	return rc < 0 ? fault_errno(f, "cannot write the journal") : 0;
}

static void
count_copy(struct box_copy *c, const struct tree_file *file)
{
	c->counts->copied++;
	c->counts->copied_bytes += file->size;
}

static bool
is_same(const struct tree_file *file, const struct stat *st)
{
	return file->size == (uint64_t)st->st_size &&
	       file->mtime == tree_time(st);
}

/* 1 where the copy has it already, from a run that was interrupted. */
static int
try_begun(struct box_copy *c, struct manifest_entry *e,
    const struct box_file *at, struct fault *f)
{
	struct tree_file file;
	int rc = tree_read(c->box->tree, c->to, e->path, &file, f);

	if (rc < 0)
		return -1;
	e->unproved = false;
	if (rc > 0 && is_same(&file, &at->st) &&
	    memcmp(file.digest, e->file.digest, sizeof file.digest) == 0)
		return 1;
	if (unlinkat(c->to, e->path, 0) < 0 && errno != ENOENT)
		return fault_errno(f, "cannot remove %s", e->path);
	return 0;
}

bool
backup_file_is_once(const char *path)
{
	return manifest_is_message(path) &&
	       !str_starts(str(path), STR_LIT("posthouse/"));
}

/* 1 where it was copied in this call already, from another folder. It is moved in
 * the copy as well; but it may be in both. */
static int
try_own(struct box_copy *c, const struct box_file *at, struct tree_file *file)
{
	const struct manifest_entry *name = NULL;
	struct manifest_entry *e = NULL;
	int rc;

	if (backup_file_is_once(at->path))
		name = manifest_find(&c->names, at->path);
	if (name != NULL)
		e = manifest_find(&c->now, name->path);
	if (e == NULL || e->unproved || !is_same(&e->file, &at->st))
		return 0;
	*file = e->file;
	if (e->seen == c->pass)
		rc = linkat(c->to, e->path, c->to, at->path, 0);
	else
		rc = renameat(c->to, e->path, c->to, at->path);
	if (rc == 0 && e->seen != c->pass)
		manifest_remove(&c->now, e);
	return rc == 0;
}

/* 1 where the last copy has it. */
static int
try_last(struct box_copy *c, const struct box_file *at, struct tree_file *file)
{
	const struct manifest_entry *e = NULL;

	if (c->last >= 0)
		e = manifest_find(&c->old, at->path);
	if (e == NULL || !is_same(&e->file, &at->st) ||
	    linkat(c->last, e->path, c->to, at->path, 0) < 0)
		return 0;
	*file = e->file;
	return 1;
}

/* 1 where the copy of another mailbox, or of this one, has the same file. */
static int
try_links(struct box_copy *c, const struct box_file *at, struct tree_file *file)
{
	const char *path = links_find(c->box->links, &at->st, file);

	return path != NULL &&
	       linkat(c->box->snapshot, path, c->to, at->path, 0) == 0;
}

/* A file that we only read cannot be ours to change either. */
static int
link_new(struct box_copy *c, const struct box_file *at, struct tree_file *file,
    struct fault *f)
{
	if (linkat(at->dir, at->name, c->to, at->path, 0) < 0) {
		if (errno == ENOENT)
			return 0;
		return fault_errno(f, "cannot link %s", at->path);
	}
	return tree_read(c->box->tree, c->to, at->path, file, f);
}

/* 1, or 0 where it is not there any more. */
static int
take_new(struct box_copy *c, const struct box_file *at, struct tree_file *file,
    struct fault *f)
{
	int rc;

	if (try_own(c, at, file))
		return 1;
	c->progress = c->progress || tree_time(&at->st) < c->begun;
	if (try_last(c, at, file) || try_links(c, at, file))
		return 1;
	if (c->box->link && manifest_is_message(at->path))
		rc = link_new(c, at, file, f);
	else
		rc = tree_copy(
		    c->box->tree, at->dir, at->name, c->to, at->path, file, f);
	if (rc > 0)
		count_copy(c, file);
	return rc;
}

static void
note_link(
    struct box_copy *c, const struct box_file *at, const struct tree_file *file)
{
	char path[TREE_PATH_SIZE];

	if (tree_join(path, c->mail, at->path))
		links_put(c->box->links, &at->st, path, file);
}

/* Its flags or its place in the folder have changed. */
static int
follow(struct box_copy *c, struct manifest_entry *e, const char *path,
    struct fault *f)
{
	if (strcmp(e->path, path) == 0)
		return 0;
	if (renameat(c->to, e->path, c->to, path) < 0)
		return fault_errno(f, "cannot rename %s", e->path);
	manifest_rename(&c->now, e, path);
	return note(c, e, f);
}

/* A message that the copy has is the same; of all other files it is asked. */
static int
look_again(struct box_copy *c, struct manifest_entry **e,
    const struct box_file *at, struct fault *f)
{
	struct manifest_entry *old = *e;
	int rc = 1;

	if (old->unproved)
		rc = try_begun(c, old, at, f);
	else if (!manifest_is_message(at->path) &&
		 !is_same(&old->file, &at->st))
		rc = unlinkat(c->to, old->path, 0) < 0
			 ? fault_errno(f, "cannot remove %s", old->path)
			 : 0;
	if (rc == 1)
		return follow(c, old, at->path, f);
	manifest_remove(&c->now, old);
	*e = NULL;
	return rc;
}

void
backup_file_miss(struct box_copy *c, const char *path)
{
	struct str base = manifest_base(path);
	uint64_t s;

	c->moved = true;
	if (manifest_find(&c->now, path) != NULL ||
	    manifest_find(&c->names, path) != NULL)
		return;
	if (!str_to_u64(
		str_head(base, str_find(base, '.')), 0, UINT32_MAX, &s) ||
	    (int64_t)s * 1000000000 < c->begun)
		c->progress = true;
}

int
backup_file_take(struct box_copy *c, const struct box_file *at, struct fault *f)
{
	struct manifest_entry *e = manifest_find(&c->now, at->path);
	struct tree_file file;
	int rc;

	if (progress_is_interrupted())
		return progress_stop(c->box->progress,
		    "the same command again goes on where it was", f);
	if (e != NULL && look_again(c, &e, at, f) < 0)
		return -1;
	if (e == NULL) {
		rc = take_new(c, at, &file, f);
		if (rc == 0)
			backup_file_miss(c, at->path);
		if (rc <= 0)
			return rc;
		e = manifest_put(&c->now, at->path, &file);
		if (backup_file_is_once(at->path))
			manifest_put(&c->names, at->path, &file);
		note_link(c, at, &file);
		progress_step(c->box->progress, 1);
		if (note(c, e, f) < 0)
			return -1;
	}
	e->seen = c->pass;
	return 0;
}
