/* SPDX-License-Identifier: ISC */
/*
 * Everything onto an empty machine: the configuration, the directory, the queue
 * and the mailboxes, in this order. The index of the mailboxes makes itself.
 *
 * Nothing is written over. A file in the mailboxes' root says which snapshot is
 * being restored, so that an interrupted call is known and goes on.
 */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "admin/apart.h"
#include "admin/call.h"
#include "admin/directory_text.h"
#include "admin/place.h"
#include "admin/restore.h"
#include "auth/directory.h"
#include "auth/options.h"
#include "base/db.h"

#define MARKER ".posthouse-restore-of"

struct machine {
	struct restore *r;
	struct conf *conf;
	struct place places[PLACE_OWNERS];
	struct manifest manifest; /* of all but the mailboxes */
	bool goes_on;             /* from an interrupted call */
	int root;
};

/* The configuration. */

/* One that is here stays, whatever it says. */
static int
restore_setting(
    struct restore *r, const struct manifest_entry *e, struct fault *f)
{
	const char *path = e->path + strlen("config");
	struct tree_file file;
	int rc = tree_read(r->tree, AT_FDCWD, path, &file, f);

	if (rc < 0)
		return -1;
	if (rc > 0) {
		r->kept += memcmp(file.digest, e->file.digest,
			       sizeof file.digest) != 0;
		return 0;
	}
	if (tree_make_parents(AT_FDCWD, path, f) < 0)
		return -1;
	rc = tree_copy(r->tree, r->snapshot, e->path, AT_FDCWD, path, &file, f);
	r->files += rc > 0;
	return rc < 0 ? -1 : 0;
}

static int
restore_config(struct machine *m, struct fault *f)
{
	const char *file = m->r->line->file;
	int rc = 0;

	if (access(file, F_OK) < 0 && errno == ENOENT &&
	    strcmp(file, m->r->facts.conf) != 0)
		return fault_perm(f, "5.3.5",
		    "there is no %s, and the configuration in the snapshot is "
		    "%s: name that one with -c, or write another first",
		    file, m->r->facts.conf);
	for (size_t i = 0; rc == 0 && i < m->manifest.n; i++) {
		const struct manifest_entry *e = m->manifest.entries[i];

		if (str_starts(str(e->path), STR_LIT("config/")))
			rc = restore_setting(m->r, e, f);
	}
	return rc;
}

/* What is there. */

static int
is_foreign(void *ctx, int dir, const char *name, struct fault *f)
{
	(void)ctx;
	(void)dir;
	(void)f;
	return strcmp(name, "lock") != 0 && strcmp(name, MARKER) != 0;
}

/* 1 where something is in the folder. */
static int
has_something(const char *path, struct fault *f)
{
	int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC), rc;

	if (fd < 0)
		return errno == ENOENT ? 0
				       : fault_errno(f, "cannot open %s", path);
	rc = tree_each(fd, is_foreign, NULL, f);
	close(fd);
	return rc;
}

static int
need_empty(const char *path, struct fault *f)
{
	int rc = has_something(path, f);

	if (rc > 0)
		return fault_perm(f, "5.1.0",
		    "%s is not empty: all is restored onto a machine that has "
		    "nothing yet; move it away first",
		    path);
	return rc;
}

static int
need_rest(const struct place *p, struct fault *f)
{
	if (!db_env_is_owned(p->dir))
		return 0;
	return fault_temp(f, "4.3.2",
	    "a process, most likely %s, uses %s: stop it first", p->program,
	    p->dir);
}

/* Whether an interrupted call has left its name. */
static bool
has_marker(const struct machine *m)
{
	char path[TREE_PATH_SIZE], name[SNAPSHOT_NAME_SIZE + 1] = "";
	ssize_t n = -1;

	if (tree_join(path, m->places[PLACE_LMTPD].root, MARKER))
		n = readlink(path, name, sizeof name - 1);
	return n > 0 && strcmp(name, m->r->facts.name) == 0;
}

static int
check_machine(struct machine *m, struct fault *f)
{
	const struct authd_options *authd = conf_get(m->conf, &authd_table);

	for (int i = 0; i < PLACE_OWNERS; i++)
		if (need_rest(&m->places[i], f) < 0)
			return -1;
	if (m->r->facts.directory == SNAPSHOT_TABLES && authd->database != NULL)
		return fault_perm(f, "5.3.5",
		    "the directory in the snapshot is one of Berkeley DB, and "
		    "%s has `database`: restore without it, then use "
		    "\"posthouse directory export\" and import",
		    m->r->line->file);
	m->goes_on = has_marker(m);
	if (m->goes_on)
		return 0;
	if (authd->database == NULL &&
	    need_empty(m->places[PLACE_AUTHD].dir, f) < 0)
		return -1;
	if (need_empty(m->places[PLACE_QUEUED].dir, f) < 0)
		return -1;
	return need_empty(m->places[PLACE_LMTPD].root, f);
}

/* Databases: whole, or not there. */

static int
give_to_user(int at, const char *path, const struct place *p, struct fault *f)
{
	const struct passwd *user;

	if (geteuid() != 0 || p->user == NULL)
		return 0;
	user = getpwnam(p->user);
	if (user == NULL)
		return fault_perm(f, "5.3.5",
		    "the user \"%s\" of %s does not exist", p->user,
		    p->program);
	return tree_give(at, path, user->pw_uid, user->pw_gid, f);
}

/* The entries of the manifest below a folder, by their paths in it. */
static void
take_part(const struct manifest *all, struct str prefix, struct manifest *part)
{
	manifest_init(part, MANIFEST_BY_PLACE);
	for (size_t i = 0; i < all->n; i++) {
		const struct manifest_entry *e = all->entries[i];

		if (str_starts(str(e->path), prefix))
			manifest_put(part, e->path + prefix.len, &e->file);
	}
}

static int
put_database(struct machine *m, const char *name, const char *fresh,
    const struct place *p, struct fault *f)
{
	struct buf prefix;
	struct manifest part;
	uint64_t damaged = m->r->damaged;
	int rc;

	buf_init(&prefix, 100);
	buf_putf(&prefix, "%s/", name);
	take_part(&m->manifest, buf_str(&prefix), &part);
	rc = restore_tree(m->r, name, AT_FDCWD, fresh, &part, f);
	manifest_clear(&part);
	buf_clear(&prefix);
	if (rc == 0 && m->r->damaged > damaged)
		return fault_perm(f, "5.6.0",
		    "the %s in the snapshot is damaged: try an older one",
		    name);
	return rc == 0 ? give_to_user(AT_FDCWD, fresh, p, f) : rc;
}

/* The machine may have had none. */
static bool
has_part(const struct machine *m, const char *name)
{
	for (size_t i = 0; i < m->manifest.n; i++) {
		struct str path = str(m->manifest.entries[i]->path);

		if (str_is(str_cut(&path, '/'), str(name)) && path.at != NULL)
			return true;
	}
	return false;
}

static int
restore_database(
    struct machine *m, const char *name, const struct place *p, struct fault *f)
{
	char fresh[PLACE_PATH_SIZE + 20], lock[PLACE_PATH_SIZE + 20];
	int something = has_something(p->dir, f);

	if (something != 0)
		return something < 0 ? -1 : 0; /* by the interrupted call */
	if (!has_part(m, name))
		return 0;
	snprintf(fresh, sizeof fresh, "%s.restored", p->dir);
	snprintf(lock, sizeof lock, "%s/lock", p->dir);
	progress_enter(&m->r->progress, name);
	if (tree_remove(AT_FDCWD, fresh, f) < 0 ||
	    put_database(m, name, fresh, p, f) < 0)
		return -1;
	(void)unlink(lock);
	if ((rmdir(p->dir) < 0 && errno != ENOENT) || rename(fresh, p->dir) < 0)
		return fault_errno(f, "cannot put %s into its place", p->dir);
	return 0;
}

/* A directory's text. */

static int
import_text(void *ctx, struct buf *answer, struct fault *f)
{
	struct machine *m = ctx;
	int fd = openat(m->r->snapshot, "directory.txt", O_RDONLY | O_CLOEXEC);
	FILE *in = fd < 0 ? NULL : fdopen(fd, "r");
	unsigned long long lines;

	(void)answer;
	if (in == NULL)
		return fault_errno(f, "cannot open directory.txt");
	return directory_text_restore(
	    m->r->line->file, in, !m->goes_on, &lines, f);
}

static int
restore_directory(struct machine *m, struct fault *f)
{
	struct buf none;
	int rc;

	if (m->r->facts.directory == SNAPSHOT_NO_DIRECTORY)
		return 0;
	if (m->r->facts.directory == SNAPSHOT_TABLES)
		return restore_database(
		    m, "directory", &m->places[PLACE_AUTHD], f);
	progress_enter(&m->r->progress, "directory");
	buf_init(&none, 0);
	rc = apart_run(import_text, m, &none, f);
	buf_clear(&none);
	return rc;
}

/* Mailboxes. */

static int
open_root(struct machine *m, struct fault *f)
{
	const char *path = m->places[PLACE_LMTPD].root;

	if (tree_make(AT_FDCWD, path, f) < 0)
		return -1;
	m->root = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (m->root < 0)
		return fault_errno(f, "cannot open %s", path);
	if (!m->goes_on && symlinkat(m->r->facts.name, m->root, MARKER) < 0)
		return fault_errno(f, "cannot write to %s", path);
	return 0;
}

static int
restore_box(struct machine *m, const char *manifest, struct fault *f)
{
	const char *name = strchr(manifest, '/') + 1;
	char path[TREE_PATH_SIZE];
	struct manifest box;
	int rc;

	if (!tree_join(path, "mail", name))
		return fault_perm(f, "5.3.0", "%.100s… is too long", name);
	progress_enter(&m->r->progress, name);
	manifest_init(&box, MANIFEST_BY_PLACE);
	rc = manifest_read(&box, m->r->snapshot, manifest, true, f);
	if (rc == 0)
		restore_tell_damage(m->r, manifest);
	if (rc >= 0)
		rc = restore_tree(m->r, path, m->root, name, &box, f);
	manifest_clear(&box);
	m->r->mailboxes += rc == 0 && strcmp(name, SNAPSHOT_STORE) != 0;
	return rc;
}

static int
restore_boxes(struct machine *m, struct fault *f)
{
	for (size_t i = 0; i < m->manifest.n; i++) {
		const char *path = m->manifest.entries[i]->path;

		if (str_starts(str(path), STR_LIT("manifests/")) &&
		    restore_box(m, path, f) < 0)
			return -1;
	}
	if (give_to_user(AT_FDCWD, m->places[PLACE_LMTPD].root,
		&m->places[PLACE_LMTPD], f) < 0)
		return -1;
	if (syncfs(m->root) < 0)
		return fault_errno(f, "cannot sync the mailboxes");
	if (unlinkat(m->root, MARKER, 0) < 0)
		return fault_errno(f, "cannot remove " MARKER);
	return 0;
}

/* All of it. */

static int
read_machine(struct machine *m, struct fault *f)
{
	m->conf = place_read_conf(m->r->line->file, false, f);
	if (m->conf == NULL)
		return -1;
	for (int i = 0; i < PLACE_OWNERS; i++)
		if (place_of(m->conf, (enum place_owner)i, &m->places[i], f) <
		    0)
			return -1;
	return check_machine(m, f);
}

static int
run(struct machine *m, struct fault *f)
{
	int rc = manifest_read(
	    &m->manifest, m->r->snapshot, SNAPSHOT_MANIFEST, false, f);

	if (rc == 0)
		fault_perm(f, "5.6.0", "the snapshot has no manifest");
	if (rc <= 0 || restore_config(m, f) < 0 || read_machine(m, f) < 0)
		return -1;
	for (int i = 0; i < PLACE_OWNERS; i++)
		if (place_prepare(m->conf, &m->places[i], f) < 0)
			return -1;
	if (open_root(m, f) < 0 || restore_directory(m, f) < 0 ||
	    restore_database(m, "queue", &m->places[PLACE_QUEUED], f) < 0)
		return -1;
	return restore_boxes(m, f);
}

int
restore_all(struct restore *r, struct fault *f)
{
	struct machine m = {.r = r, .root = -1};
	int rc;

	manifest_init(&m.manifest, MANIFEST_BY_PLACE);
	rc = run(&m, f);
	manifest_clear(&m.manifest);
	if (m.conf != NULL)
		conf_free(&m.conf);
	if (m.root >= 0)
		close(m.root);
	return rc;
}
