/* SPDX-License-Identifier: ISC */
/*
 * The directory first, then the queue, then the mailboxes. A message that goes
 * from the queue to a mailbox meanwhile is in both copies, and its delivery id
 * keeps it from being stored twice; the other way round it could be in neither.
 */
#include "config.h"

#include "admin/backup.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "admin/backup_system.h"
#include "admin/manifest.h"
#include "admin/place.h"
#include "admin/progress.h"
#include "base/clock.h"
#include "store/client.h"

struct backup {
	const struct cmd_line *line;
	const struct backup_how *how;
	struct backup_made *made;
	struct snapshots dirs;
	struct conf *conf;
	struct place store;
	struct tree *tree;
	struct links *links;
	struct manifest manifest; /* of all but the mailboxes */
	struct progress progress;
	int snapshot, last, root;
};

static int64_t
now_ms(void)
{
	return clock_unix_us() / 1000;
}

/* Mailboxes stay, as what was copied of them need not be copied again; the rest
 * is of another moment. */
static int
clear_partial(const struct backup *b, struct fault *f)
{
	static const char *const stale[] = {"config", "directory",
	    "directory.txt", "queue", SNAPSHOT_MANIFEST, "snapshot.json"};

	for (size_t i = 0; i < ARRAY_LEN(stale); i++)
		if (tree_remove(b->snapshot, stale[i], f) < 0)
			return -1;
	return 0;
}

/* Without one there is nothing to link to. */
static int
open_last(struct backup *b, struct fault *f)
{
	struct snapshot_list list;
	struct snapshot newest;
	size_t n;

	if (snapshots_list(&b->dirs, &list, f) < 0)
		return -1;
	n = list.n;
	snapshots_list_clear(&list);
	if (n == 0 || b->how->all)
		return 0;
	b->last = snapshots_open_one(&b->dirs, NULL, &newest, f);
	return b->last < 0 ? -1 : 0;
}

/* There a snapshot would be a mailbox, and be copied into the next one. */
static int
need_outside(const struct backup *b, struct fault *f)
{
	char *dir = realpath(b->how->dir, NULL);
	char *root = realpath(b->store.root, NULL);
	size_t len = root != NULL ? strlen(root) : 0;
	bool inside = dir != NULL && root != NULL &&
		      str_starts(str(dir), str(root)) &&
		      (dir[len] == '/' || dir[len] == '\0');

	free(dir);
	free(root);
	if (inside)
		return fault_perm(f, "5.5.4",
		    "%s is among the mailboxes, in %s: choose another folder",
		    b->how->dir, b->store.root);
	return 0;
}

static int
open_places(struct backup *b, struct fault *f)
{
	if (snapshots_open(&b->dirs, b->how->dir, true, f) < 0 ||
	    need_outside(b, f) < 0 ||
	    tree_make(b->dirs.dir, SNAPSHOT_PARTIAL, f) < 0)
		return -1;
	b->snapshot = tree_open(b->dirs.dir, SNAPSHOT_PARTIAL, f);
	if (b->snapshot < 0 || clear_partial(b, f) < 0)
		return -1;
	return open_last(b, f);
}

/* Mailboxes. */

/* 1; 0 where there is no such folder. */
static int
copy_box(struct backup *b, const char *name, struct fault *f)
{
	struct backup_box box = {
	    .tree = b->tree,
	    .links = b->links,
	    .name = name,
	    .snapshot = b->snapshot,
	    .last = b->last,
	    .link = b->how->link,
	    .progress = &b->progress,
	};
	int rc;

	progress_enter(&b->progress, name);
	/* The operator may have made it a link. */
	box.from = openat(b->root, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (box.from < 0 && errno == ENOENT)
		return 0;
	if (box.from < 0)
		return fault_errno(f, "cannot open %s", name);
	rc = backup_mailbox(&box, &b->made->counts, f);
	close(box.from);
	return rc < 0 ? -1 : 1;
}

static int
copy_mailbox(void *ctx, const struct mailbox_name *mailbox, struct fault *f)
{
	struct backup *b = ctx;
	int rc = copy_box(b, mailbox->path, f);

	b->made->counts.mailboxes += rc > 0;
	return rc < 0 ? -1 : 0;
}

/* What an interrupted run has copied of a mailbox that has gone since is
 * removed; all other manifests are noted, so that they are proved too. */
static int
note_manifest(void *ctx, int at, const char *path, struct fault *f)
{
	struct backup *b = ctx;
	const char *name = strchr(path, '/') + 1;
	char mail[TREE_PATH_SIZE];
	struct tree_file file;
	struct stat st;
	int rc;

	if (fstatat(b->root, name, &st, 0) < 0 && errno == ENOENT &&
	    tree_join(mail, "mail", name)) {
		if (tree_remove(at, mail, f) < 0)
			return -1;
		return tree_remove(at, path, f);
	}
	rc = tree_read(b->tree, at, path, &file, f);
	if (rc > 0)
		manifest_put(&b->manifest, path, &file);
	return rc < 0 ? -1 : 0;
}

static int
copy_mailboxes(struct backup *b, struct fault *f)
{
	struct client *client;
	int rc;

	b->root = open(b->store.root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (b->root < 0 && errno == ENOENT)
		return 0; /* no mail came yet */
	if (b->root < 0)
		return fault_errno(f, "cannot open %s", b->store.root);
	client = client_new(b->store.root, "localhost", f);
	if (client == NULL)
		return -1;
	rc = client_each_mailbox(client, str(""), copy_mailbox, b, f);
	client_free(&client);
	/* After the mailboxes, as one of them may have been retired. */
	if (rc == 0 && copy_box(b, SNAPSHOT_STORE, f) < 0)
		rc = -1;
	if (rc == 0)
		rc = tree_remove(b->snapshot, "journals", f);
	if (rc == 0)
		rc = tree_each_file(
		    b->snapshot, "manifests", note_manifest, b, f);
	return rc;
}

/* All of it. */

static int
copy_system(struct backup *b, struct fault *f)
{
	struct snapshot *s = &b->made->snapshot;
	const struct backup_system system = {
	    .conf_file = b->line->file,
	    .conf = b->conf,
	    .tree = b->tree,
	    .snapshot = b->snapshot,
	    .manifest = &b->manifest,
	};
	char *conf = realpath(b->line->file, NULL);
	bool fits = str_copy(str(conf), s->conf, sizeof s->conf);

	free(conf);
	if (!fits)
		return fault_perm(
		    f, "5.3.5", "the path of %s is too long", b->line->file);
	if (backup_config(&system, f) < 0)
		return -1;
	progress_enter(&b->progress, "directory");
	if (backup_directory(&system, &s->directory, f) < 0)
		return -1;
	progress_enter(&b->progress, "queue");
	return backup_queue(&system, f);
}

/* What is no mailbox is copied each time. */
static void
count_system(const struct manifest *m, struct backup_counts *counts)
{
	for (size_t i = 0; i < m->n; i++) {
		const struct tree_file *file = &m->entries[i]->file;

		counts->files++;
		counts->bytes += file->size;
		counts->copied++;
		counts->copied_bytes += file->size;
	}
}

static int
finish(struct backup *b, struct fault *f)
{
	struct snapshot *s = &b->made->snapshot;
	struct backup_counts *counts = &b->made->counts;
	struct tree_file file;

	if (manifest_write(&b->manifest, b->snapshot, SNAPSHOT_MANIFEST, f) <
		0 ||
	    tree_read(b->tree, b->snapshot, SNAPSHOT_MANIFEST, &file, f) < 0)
		return -1;
	count_system(&b->manifest, counts);
	memcpy(s->digest, file.digest, sizeof s->digest);
	s->made = now_ms();
	s->mailboxes = counts->mailboxes;
	s->messages = counts->messages;
	s->files = counts->files;
	s->bytes = counts->bytes;
	s->copied_bytes = counts->copied_bytes;
	if (snapshots_finish(&b->dirs, s, f) < 0)
		return -1;
	if (b->how->keep == 0)
		return 0;
	return snapshots_thin(&b->dirs, b->how->keep, &b->made->removed, f);
}

static int
run(struct backup *b, struct fault *f)
{
	b->conf = place_read_conf(b->line->file, false, f);
	if (b->conf == NULL ||
	    place_of(b->conf, PLACE_LMTPD, &b->store, f) < 0 ||
	    open_places(b, f) < 0)
		return -1;
	b->made->snapshot.mark = now_ms();
	if (copy_system(b, f) < 0 || copy_mailboxes(b, f) < 0)
		return -1;
	return finish(b, f);
}

static void
clear(struct backup *b)
{
	const int fds[] = {b->snapshot, b->last, b->root};

	for (size_t i = 0; i < ARRAY_LEN(fds); i++)
		if (fds[i] >= 0)
			close(fds[i]);
	snapshots_close(&b->dirs);
	manifest_clear(&b->manifest);
	tree_free(&b->tree);
	links_free(&b->links);
	if (b->conf != NULL)
		conf_free(&b->conf);
}

int
backup_make(const struct cmd_line *line, const struct backup_how *how,
    struct backup_made *made, struct fault *f)
{
	struct backup b = {
	    .line = line,
	    .how = how,
	    .made = made,
	    .dirs = {-1, -1},
	    .snapshot = -1,
	    .last = -1,
	    .root = -1,
	    .tree = tree_new(),
	    .links = links_new(),
	};
	int rc;

	*made = (struct backup_made){0};
	manifest_init(&b.manifest, MANIFEST_BY_PLACE);
	progress_begin(&b.progress, line, "files", 0);
	rc = run(&b, f);
	progress_end(&b.progress);
	clear(&b);
	return rc;
}
