/* SPDX-License-Identifier: ISC */
/*
 * The manifest's digest stands in snapshot.json; the manifest has the mailboxes'
 * manifests; these have the files. So whatever is damaged shows, unless it is
 * snapshot.json, which then cannot be read.
 */
#include "config.h"

#include "admin/backup_check.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include "admin/list.h"
#include "admin/manifest.h"
#include "admin/progress.h"
#include "base/db.h"
#include "base/mem.h"

/* clang-format off */
static const struct table_column fields[] = {
	{ "snapshot", "snapshot", TABLE_TEXT },
	{ "files", "files", TABLE_NUMBER },
	{ "size", "bytes", TABLE_SIZE },
	{ "wrong", "wrong", TABLE_NUMBER },
	{ 0 },
};
/* clang-format on */

struct check {
	struct cmd_line *line;
	struct progress progress;
	struct tree *tree;
	struct snapshot snapshot;
	int dir;
	struct manifest manifest; /* of all but the mailboxes */
	struct manifest mailbox;  /* of the one that is read */
	const char *prefix;       /* of its paths: "mail/example.org/ann" */
	json_t *findings;
	uint64_t files, bytes, wrong;
};

static void
find(struct check *c, const char *what, const char *path)
{
	json_t *o;

	c->wrong++;
	if (!c->line->json) {
		struct buf shown;

		buf_init(&shown, (size_t)2 * TREE_PATH_SIZE);
		buf_put_shown(&shown, path);
		fprintf(c->line->out, "%s: %s\n", what, buf_text(&shown));
		buf_clear(&shown);
		return;
	}
	o = json_new_object();
	json_put_text(o, "what", what);
	json_put_text(o, "path", path);
	json_add(c->findings, o);
}

/* A file that cannot be read is as good as none. */
static void
compare(struct check *c, const char *path, const struct tree_file *want)
{
	struct tree_file file;
	struct fault f;
	int rc = tree_read(c->tree, c->dir, path, &file, &f);

	progress_step(&c->progress, 1);
	c->files++;
	if (rc <= 0) {
		find(c, rc < 0 ? "unreadable" : "missing", path);
		return;
	}
	c->bytes += file.size;
	if (file.size != want->size)
		find(c, "of another size", path);
	else if (memcmp(file.digest, want->digest, sizeof file.digest) != 0)
		find(c, "damaged", path);
}

static int
stop(const struct check *c, struct fault *f)
{
	return progress_stop(&c->progress, "the same command begins anew", f);
}

static int
compare_all(struct check *c, const struct manifest *m, const char *prefix,
    struct fault *f)
{
	char path[TREE_PATH_SIZE];

	for (size_t i = 0; i < m->n; i++) {
		const struct manifest_entry *e = m->entries[i];

		if (progress_is_interrupted())
			return stop(c, f);
		if (tree_join(path, prefix, e->path))
			compare(c, path, &e->file);
	}
	return 0;
}

/* What no manifest names. */

static int
look_at_system(void *ctx, int at, const char *path, struct fault *f)
{
	struct check *c = ctx;

	(void)at;
	(void)f;
	if (manifest_find(&c->manifest, path) == NULL)
		find(c, "a stranger", path);
	return 0;
}

static int
look_at_mail(void *ctx, int at, const char *path, struct fault *f)
{
	struct check *c = ctx;
	const char *own = path + strlen(c->prefix) + 1;
	const struct manifest_entry *e = manifest_find(&c->mailbox, own);

	(void)at;
	(void)f;
	if (e == NULL || strcmp(e->path, own) != 0)
		find(c, "a stranger", path);
	return 0;
}

/* A mailbox by its manifest, which is in the manifest. */
static int
check_mailbox(struct check *c, const char *manifest, struct fault *f)
{
	char prefix[TREE_PATH_SIZE];
	int rc;

	if (!tree_join(prefix, "mail", strchr(manifest, '/') + 1))
		return 0;
	c->prefix = prefix;
	progress_enter(&c->progress, strchr(manifest, '/') + 1);
	manifest_init(&c->mailbox, MANIFEST_BY_PLACE);
	rc = manifest_read(&c->mailbox, c->dir, manifest, false, f);
	if (rc > 0) {
		rc = compare_all(c, &c->mailbox, prefix, f);
		if (rc == 0)
			rc = tree_each_file(c->dir, prefix, look_at_mail, c, f);
	} else {
		/* It was found missing or damaged already. */
		rc = 0;
	}
	manifest_clear(&c->mailbox);
	return rc;
}

static int
check_mailboxes(struct check *c, struct fault *f)
{
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < c->manifest.n; i++) {
		const char *path = c->manifest.entries[i]->path;

		if (str_starts(str(path), STR_LIT("manifests/")))
			rc = check_mailbox(c, path, f);
	}
	return rc;
}

/* Mailboxes that are there without a manifest: "mail/example.org/ann". */

static int
look_at_user(void *ctx, int dir, const char *name, struct fault *f)
{
	struct check *c = ctx;
	char path[TREE_PATH_SIZE], manifest[TREE_PATH_SIZE];

	(void)dir;
	(void)f;
	if (!tree_join(path, c->prefix, name) ||
	    !tree_join(manifest, "manifests", path + strlen("mail/")))
		return 0;
	if (manifest_find(&c->manifest, manifest) == NULL)
		find(c, "a stranger", path);
	return 0;
}

static int
look_at_domain(void *ctx, int dir, const char *name, struct fault *f)
{
	struct check *c = ctx;
	char prefix[TREE_PATH_SIZE];
	int fd, rc;

	if (!tree_join(prefix, "mail", name))
		return 0;
	if (strcmp(name, SNAPSHOT_STORE) == 0) {
		c->prefix = "mail";
		return look_at_user(c, dir, name, f);
	}
	fd = tree_open(dir, name, f);
	if (fd < 0)
		return -1;
	c->prefix = prefix;
	rc = tree_each(fd, look_at_user, c, f);
	close(fd);
	return rc;
}

static int
find_strangers(struct check *c, struct fault *f)
{
	static const char *const parts[] = {
	    "config", "directory", "queue", "manifests"};
	int fd, rc = 0;

	for (size_t i = 0; rc == 0 && i < ARRAY_LEN(parts); i++)
		rc = tree_each_file(c->dir, parts[i], look_at_system, c, f);
	if (rc < 0 || faccessat(c->dir, "mail", F_OK, 0) < 0)
		return rc;
	fd = tree_open(c->dir, "mail", f);
	if (fd < 0)
		return -1;
	rc = tree_each(fd, look_at_domain, c, f);
	close(fd);
	return rc;
}

static int
check_database(struct check *c, const char *name, struct fault *f)
{
	char dir[TREE_PATH_SIZE], path[TREE_PATH_SIZE];
	struct fault why;

	/* Its files were found missing already, if it had any. */
	if (faccessat(c->dir, name, F_OK, 0) < 0)
		return 0;
	if (snapshot_copy_tables(c->tree, c->dir, name, dir, f) < 0)
		return -1;
	if (db_env_verify(dir, &why) < 0) {
		snprintf(path, sizeof path, "%s (%s)", name, why.text);
		find(c, "no sound database", path);
	}
	return tree_remove(AT_FDCWD, dir, f);
}

static int
check_databases(struct check *c, struct fault *f)
{
	if (c->snapshot.directory == SNAPSHOT_TABLES &&
	    check_database(c, "directory", f) < 0)
		return -1;
	return check_database(c, "queue", f);
}

static int
check_manifest(struct check *c, struct fault *f)
{
	struct tree_file file;

	if (tree_read(c->tree, c->dir, SNAPSHOT_MANIFEST, &file, f) < 0)
		return -1;
	if (memcmp(file.digest, c->snapshot.digest, sizeof file.digest) != 0)
		find(c, "damaged", SNAPSHOT_MANIFEST);
	if (manifest_read(&c->manifest, c->dir, SNAPSHOT_MANIFEST, true, f) < 0)
		return -1;
	return compare_all(c, &c->manifest, "", f);
}

static int
run(struct check *c, struct fault *f)
{
	if (check_manifest(c, f) < 0 || check_databases(c, f) < 0 ||
	    check_mailboxes(c, f) < 0)
		return -1;
	return find_strangers(c, f);
}

static void
print(struct check *c)
{
	json_t *o = json_new_object();

	json_put_text(o, "snapshot", c->snapshot.name);
	json_put_bool(o, "ok", c->wrong == 0);
	json_put_int(o, "files", (int64_t)c->files);
	json_put_int(o, "bytes", (int64_t)c->bytes);
	json_put_int(o, "wrong", (int64_t)c->wrong);
	json_put(o, "findings", json_hold(c->findings));
	list_print_object(c->line, fields, o);
	json_free(&o);
	if (c->wrong > 0)
		c->line->status = EX_DATAERR;
}

int
backup_check(struct cmd_line *line, const struct snapshots *dirs,
    const char *name, struct fault *f)
{
	struct check c = {.line = line, .findings = json_new_array()};
	int rc = -1;

	c.dir = snapshots_open_one(dirs, name, &c.snapshot, f);
	if (c.dir >= 0) {
		c.tree = tree_new();
		manifest_init(&c.manifest, MANIFEST_BY_PLACE);
		progress_begin(&c.progress, line, "files", c.snapshot.files);
		rc = run(&c, f);
		progress_end(&c.progress);
		manifest_clear(&c.manifest);
		tree_free(&c.tree);
		close(c.dir);
	}
	if (rc == 0)
		print(&c);
	json_free(&c.findings);
	return rc;
}
