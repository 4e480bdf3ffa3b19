/* SPDX-License-Identifier: ISC */
/*
 * The mailbox is read in passes until one of them saw no directory change. A
 * message may be renamed while its directory is read, and be missed, or move
 * into a folder that was read before; but then a directory's time has changed,
 * and the next pass finds it. In each folder new/ is read before cur/, which is
 * how IMAP servers move messages, and both before the files that name UIDs: those
 * may know more than the copy has, but not less.
 *
 * What has been copied is written to a journal at once, for whoever has to go
 * on after an interruption.
 */
#include "config.h"

#include "admin/backup_mailbox.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "admin/backup_file.h"
#include "base/mem.h"

enum {
	/* Of a mailbox that never keeps still: so many one after the other
	 * that found nothing which was there at the begin, or in all. */
	PASSES_IDLE = 10,
	PASSES_MAX = 2000,
	/* Within so many ns two changes may have left the same time. */
	GRAIN = 20 * 1000 * 1000,
	PAUSE_NS = 25 * 1000 * 1000,
};

/* What is made anew, or must not be believed on another day. */
static bool
is_cache(const char *name)
{
	static const char *const prefixes[] = {"dovecot.index",
	    "dovecot.list.index", "dovecot.mailbox.log", "maildirsize", ".nfs"};

	for (size_t i = 0; i < ARRAY_LEN(prefixes); i++)
		if (str_starts(str(name), str(prefixes[i])))
			return true;
	return str_ends(str(name), STR_LIT(".lock"));
}

/* One pass. */

struct place {
	struct box_copy *copy;
	const char *path;
	unsigned depth;
	bool in_maildir; /* new/ or cur/ */
};

static int read_dir(struct box_copy *c, int at, const char *name,
    struct place *above, struct fault *f);

/* False where there is nothing to be copied. */
static bool
find_file(struct box_copy *c, struct box_file *at)
{
	if (fstatat(at->dir, at->name, &at->st, AT_SYMLINK_NOFOLLOW) < 0) {
		backup_file_miss(c, at->path);
		return false;
	}
	return S_ISREG(at->st.st_mode);
}

static int
on_file(void *ctx, int dir, const char *name, struct fault *f)
{
	struct place *p = ctx;
	char path[TREE_PATH_SIZE];
	struct box_file at = {.dir = dir, .name = name, .path = path};

	if (!tree_join(path, p->path, name))
		return fault_perm(
		    f, "5.3.0", "%s/%s is too long", p->path, name);
	if (!find_file(p->copy, &at) || (!p->in_maildir && is_cache(name)))
		return 0;
	return backup_file_take(p->copy, &at, f);
}

static int
on_folder(void *ctx, int dir, const char *name, struct fault *f)
{
	struct place *p = ctx;
	struct stat st;

	if (strcmp(name, "tmp") == 0 || strcmp(name, "new") == 0 ||
	    strcmp(name, "cur") == 0 ||
	    fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return 0;
	if (S_ISDIR(st.st_mode))
		return read_dir(p->copy, dir, name, p, f);
	if (!S_ISREG(st.st_mode) && p->copy->pass == 1)
		p->copy->counts->left_out++;
	return 0;
}

static void
note_dir(struct box_copy *c, const char *path, const struct stat *st)
{
	if (c->n_dirs == c->room) {
		c->room = c->room > 0 ? 2 * c->room : 32;
		c->dirs = mem_resize(c->dirs, c->room, sizeof *c->dirs);
	}
	c->dirs[c->n_dirs].path = mem_dup(path);
	c->dirs[c->n_dirs++].time = tree_time(st);
}

static int
read_parts(struct box_copy *c, int fd, struct place *p, struct fault *f)
{
	if (p->in_maildir)
		return tree_each(fd, on_file, p, f);
	if (read_dir(c, fd, "new", p, f) < 0 ||
	    read_dir(c, fd, "cur", p, f) < 0)
		return -1;
	if (tree_each(fd, on_file, p, f) < 0)
		return -1;
	return tree_each(fd, on_folder, p, f);
}

/* A Maildir has a tmp/, of which nothing is copied. */
static int
make_dir(struct box_copy *c, int fd, const char *path, struct fault *f)
{
	char tmp[TREE_PATH_SIZE];
	struct stat st;

	if (path[0] == '\0')
		return 0;
	if (tree_make_as(c->to, path, fd, f) < 0)
		return -1;
	if (fstatat(fd, "cur", &st, AT_SYMLINK_NOFOLLOW) < 0 ||
	    !tree_join(tmp, path, "tmp"))
		return 0;
	return tree_make_as(c->to, tmp, fd, f);
}

static int
read_open(struct box_copy *c, int fd, struct place *p, struct fault *f)
{
	struct stat st;

	if (fstat(fd, &st) < 0)
		return fault_errno(f, "cannot look at %s", p->path);
	if (make_dir(c, fd, p->path, f) < 0)
		return -1;
	note_dir(c, p->path, &st);
	return read_parts(c, fd, p, f);
}

/* A directory that is not there is none, and one that has gone will be missed
 * by the next pass. */
static int
read_dir(struct box_copy *c, int at, const char *name, struct place *above,
    struct fault *f)
{
	char path[TREE_PATH_SIZE];
	struct place p = {.copy = c, .path = path, .depth = above->depth + 1};
	int fd, rc;

	if (p.depth > TREE_DEPTH_MAX || !tree_join(path, above->path, name))
		return fault_perm(f, "5.3.0", "%s is too deep", above->path);
	p.in_maildir = strcmp(name, "new") == 0 || strcmp(name, "cur") == 0;
	fd = openat(at, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0 && (errno == ENOENT || errno == ENOTDIR || errno == ELOOP))
		return 0;
	if (fd < 0)
		return fault_errno(f, "cannot open %s", path);
	rc = read_open(c, fd, &p, f);
	close(fd);
	return rc;
}

static void
forget_dirs(struct box_copy *c)
{
	while (c->n_dirs > 0)
		mem_free(c->dirs[--c->n_dirs].path);
}

static int64_t
now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

/* Whether nothing has moved since the pass, which began then; what changed just
 * before may change once more without another time. */
static bool
is_still(const struct box_copy *c, int64_t begun)
{
	for (size_t i = 0; i < c->n_dirs; i++) {
		const char *path = c->dirs[i].path;
		struct stat st;

		if (fstatat(c->box->from, path[0] != '\0' ? path : ".", &st,
			AT_SYMLINK_NOFOLLOW) < 0 ||
		    tree_time(&st) != c->dirs[i].time ||
		    c->dirs[i].time > begun - GRAIN)
			return false;
	}
	return !c->moved;
}

static int
read_once(struct box_copy *c, struct fault *f)
{
	char root[1] = "";
	struct place p = {.copy = c, .path = root};

	c->pass++;
	c->moved = c->progress = false;
	forget_dirs(c);
	return read_open(c, c->box->from, &p, f);
}

/* All of it. */

static int
drop(struct box_copy *c, struct manifest_entry *e, struct fault *f)
{
	if (unlinkat(c->to, e->path, 0) < 0 && errno != ENOENT)
		return fault_errno(f, "cannot remove %s", e->path);
	manifest_remove(&c->now, e);
	return 0;
}

/* Of each message the place where it was seen last. */
static void
find_last_places(const struct box_copy *c, struct manifest *places)
{
	for (size_t i = 0; i < c->now.n; i++) {
		const struct manifest_entry *e = c->now.entries[i];
		const struct manifest_entry *known;

		if (e == NULL || !backup_file_is_once(e->path))
			continue;
		known = manifest_find(places, e->path);
		if (known == NULL || known->seen < e->seen)
			manifest_put(places, e->path, &e->file)->seen = e->seen;
	}
}

static bool
is_left_behind(const struct manifest *places, const struct manifest_entry *e)
{
	const struct manifest_entry *last = backup_file_is_once(e->path)
						? manifest_find(places, e->path)
						: NULL;

	return last != NULL && strcmp(last->path, e->path) != 0 &&
	       memcmp(last->file.digest, e->file.digest,
		   sizeof e->file.digest) == 0;
}

/* What the last pass has not seen was deleted, or has moved to another folder.
 * But in a mailbox that never kept still it may have been missed: then only
 * what is in two folders must leave one. */
static int
drop_gone(struct box_copy *c, bool still, struct fault *f)
{
	struct manifest places;
	int rc = 0;

	manifest_init(&places, MANIFEST_BY_NAME);
	if (!still)
		find_last_places(c, &places);
	for (size_t i = 0; rc == 0 && i < c->now.n; i++) {
		struct manifest_entry *e = c->now.entries[i];

		if (e == NULL)
			continue;
		if (e->unproved || (still && e->seen != c->pass) ||
		    (!still && is_left_behind(&places, e)))
			rc = drop(c, e, f);
	}
	manifest_clear(&places);
	return rc;
}

/* A change of just before has to grow old; what was moved is looked for at
 * once. */
static void
wait_for_rest(const struct box_copy *c)
{
	static const struct timespec pause = {.tv_nsec = PAUSE_NS};

	if (c->pass > 0 && !c->moved)
		nanosleep(&pause, NULL);
}

static int
read_all(struct box_copy *c, struct fault *f)
{
	unsigned idle = 0;
	bool still = false;

	c->begun = now_ns();

	while (!still && idle < PASSES_IDLE && c->pass < PASSES_MAX) {
		int64_t begun;

		wait_for_rest(c);
		begun = now_ns();
		if (read_once(c, f) < 0)
			return -1;
		idle = c->progress ? 0 : idle + 1;
		still = is_still(c, begun);
	}
	c->counts->restless += !still;
	return drop_gone(c, still, f);
}

/* What an interrupted run left without having noted it. */
static int
prune(void *ctx, int at, const char *path, struct fault *f)
{
	struct box_copy *c = ctx;
	const char *own = path + strlen(c->mail) + 1;
	const struct manifest_entry *e = manifest_find(&c->now, own);

	if (e != NULL && strcmp(e->path, own) == 0)
		return 0;
	return unlinkat(at, path, 0) < 0
		   ? fault_errno(f, "cannot remove %s", path)
		   : 0;
}

static int
read_begun(struct box_copy *c, const char *journal, const char *manifest,
    struct fault *f)
{
	if (manifest_read(&c->now, c->box->snapshot, manifest, true, f) < 0 ||
	    manifest_read(&c->now, c->box->snapshot, journal, true, f) < 0)
		return -1;
	for (size_t i = 0; i < c->now.n; i++)
		c->now.entries[i]->unproved = true;
	return tree_each_file(c->box->snapshot, c->mail, prune, c, f);
}

static int
open_journal(struct box_copy *c, const char *path, struct fault *f)
{
	int fd;

	if (tree_make_parents(c->box->snapshot, path, f) < 0)
		return -1;
	fd = openat(c->box->snapshot, path,
	    O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0)
		return fault_errno(f, "cannot open %s", path);
	c->journal = fdopen(fd, "a");
	setvbuf(c->journal, NULL, _IOLBF, 0);
	return 0;
}

static int
open_last(struct box_copy *c, const char *manifest, struct fault *f)
{
	if (c->box->last < 0)
		return 0;
	if (manifest_read(&c->old, c->box->last, manifest, false, f) < 0)
		return -1;
	c->last = openat(c->box->last, c->mail,
	    O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	return 0;
}

static int
make_mail(struct box_copy *c, struct fault *f)
{
	char *slash = c->mail;

	/* Whoever owns the mailbox may reach what was copied of it. */
	while ((slash = strchr(slash, '/')) != NULL) {
		int rc;

		*slash = '\0';
		rc = tree_make_as(c->box->snapshot, c->mail, c->box->from, f);
		*slash++ = '/';
		if (rc < 0)
			return -1;
	}
	if (tree_make_as(c->box->snapshot, c->mail, c->box->from, f) < 0)
		return -1;
	c->to = tree_open(c->box->snapshot, c->mail, f);
	if (c->to < 0)
		return -1;
	if (faccessat(c->box->from, "cur", F_OK, AT_SYMLINK_NOFOLLOW) < 0)
		return 0;
	return tree_make_as(c->to, "tmp", c->box->from, f);
}

static void
count(struct box_copy *c)
{
	for (size_t i = 0; i < c->now.n; i++) {
		const struct manifest_entry *e = c->now.entries[i];

		if (e == NULL)
			continue;
		c->counts->files++;
		c->counts->bytes += e->file.size;
		c->counts->messages += manifest_is_message(e->path);
	}
}

static int
make_copy(struct box_copy *c, struct fault *f)
{
	char journal[TREE_PATH_SIZE], manifest[TREE_PATH_SIZE];

	if (!tree_join(c->mail, "mail", c->box->name) ||
	    !tree_join(journal, "journals", c->box->name) ||
	    !tree_join(manifest, "manifests", c->box->name))
		return fault_perm(f, "5.3.0", "%s is too long", c->box->name);
	if (make_mail(c, f) < 0 || read_begun(c, journal, manifest, f) < 0 ||
	    open_last(c, manifest, f) < 0 || open_journal(c, journal, f) < 0 ||
	    read_all(c, f) < 0)
		return -1;
	if (manifest_write(&c->now, c->box->snapshot, manifest, f) < 0)
		return -1;
	if (unlinkat(c->box->snapshot, journal, 0) < 0)
		return fault_errno(f, "cannot remove %s", journal);
	count(c);
	return 0;
}

int
backup_mailbox(
    const struct backup_box *box, struct backup_counts *counts, struct fault *f)
{
	struct box_copy c = {
	    .box = box, .counts = counts, .to = -1, .last = -1};
	int rc;

	manifest_init(&c.now, MANIFEST_BY_PLACE);
	manifest_init(&c.old, MANIFEST_BY_NAME);
	manifest_init(&c.names, MANIFEST_BY_NAME);
	rc = make_copy(&c, f);
	forget_dirs(&c);
	mem_free(c.dirs);
	manifest_clear(&c.now);
	manifest_clear(&c.old);
	manifest_clear(&c.names);
	if (c.journal != NULL)
		fclose(c.journal);
	if (c.to >= 0)
		close(c.to);
	if (c.last >= 0)
		close(c.last);
	return rc;
}
