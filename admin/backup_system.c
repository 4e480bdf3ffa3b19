/* SPDX-License-Identifier: ISC */
/* Configuration, directory, queue. */
#include "config.h"

#include "admin/backup_system.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "admin/apart.h"
#include "admin/call.h"
#include "auth/directory.h"
#include "auth/directory_copy.h"
#include "auth/options.h"
#include "base/clock.h"
#include "mta/options.h"
#include "mta/queued_options.h"

enum {
	ANSWER_MAX = 8192,
	/* For an owner that comes or goes, or still makes a copy for a backup that
	 * was killed. */
	WAIT_MS = 120000,
	POLL_MS = 200,
};

/* Copies a file that the snapshot does not have yet; what is not there, or no
 * file, is passed over. */
static int
add_file(const struct backup_system *b, int at, const char *from,
    const char *to, struct fault *f)
{
	struct tree_file file;
	int rc;

	if (manifest_find(b->manifest, to) != NULL)
		return 0;
	if (tree_make_parents(b->snapshot, to, f) < 0)
		return -1;
	rc = tree_copy(b->tree, at, from, b->snapshot, to, &file, f);
	if (rc > 0)
		manifest_put(b->manifest, to, &file);
	return rc < 0 ? -1 : 0;
}

/* The configuration. */

struct config_user {
	const struct backup_system *b;
	const struct authd_options *authd;
	struct fault *f;
};

static int
add_below(void *ctx, int at, const char *path, struct fault *f)
{
	const struct backup_system *b = ctx;
	char to[TREE_PATH_SIZE];

	if (!tree_join(to, "config", path + 1))
		return fault_perm(f, "5.3.0", "%.100s… is too long", path);
	return add_file(b, at, path, to, f);
}

/* A symbolic link's target is what is wanted: certificates are often links. */
static int
add_config(const struct backup_system *b, const char *path, struct fault *f)
{
	char to[TREE_PATH_SIZE], real[PATH_MAX];
	struct stat st;

	if (path[0] != '/' || realpath(path, real) == NULL ||
	    stat(real, &st) < 0 || !S_ISREG(st.st_mode))
		return 0;
	if (!tree_join(to, "config", path + 1))
		return fault_perm(f, "5.3.0", "%.100s… is too long", path);
	return add_file(b, AT_FDCWD, real, to, f);
}

static int
on_path(void *ctx, const char *path)
{
	const struct config_user *u = ctx;

	return add_config(u->b, path, u->f);
}

/* Folders of texts. */
static int
add_templates(const struct backup_system *b, const char *dir, struct fault *f)
{
	if (dir == NULL || dir[0] != '/')
		return 0;
	return tree_each_file(
	    AT_FDCWD, dir, add_below, (void *)(uintptr_t)b, f);
}

int
backup_config(const struct backup_system *b, struct fault *f)
{
	const struct authd_options *authd = conf_get(b->conf, &authd_table);
	const struct smtpd_options *smtpd = conf_get(b->conf, &smtpd_table);
	const struct queued_options *queued = conf_get(b->conf, &queued_table);
	struct config_user user = {b, authd, f};

	if (tree_make(b->snapshot, "config", f) < 0 ||
	    conf_each_path(b->conf, on_path, &user) < 0)
		return -1;
	for (size_t i = 0; i < authd->oauth_keys.n; i++)
		if (add_config(b, authd->oauth_keys.items[i], f) < 0)
			return -1;
	if (add_templates(b, smtpd->templates, f) < 0)
		return -1;
	return add_templates(b, queued->templates, f);
}

/* What an owner has copied. */

struct taking {
	const struct backup_system *b;
	size_t skip; /* bytes of the path in front of what is wanted */
	const char *to;
};

static int
take_file(void *ctx, int at, const char *path, struct fault *f)
{
	const struct taking *t = ctx;
	char to[TREE_PATH_SIZE];

	if (!tree_join(to, t->to, path + t->skip))
		return fault_perm(f, "5.3.0", "%.100s… is too long", path);
	return add_file(t->b, at, path, to, f);
}

/* It stays with the owner's folder otherwise, until the next backup. */
static int
take_copy(const struct backup_system *b, const char *dir, const char *to,
    struct fault *f)
{
	struct taking t = {b, strlen(dir) + 1, to};

	if (tree_make(b->snapshot, to, f) < 0 ||
	    tree_each_file(AT_FDCWD, dir, take_file, &t, f) < 0)
		return -1;
	return tree_remove(AT_FDCWD, dir, f);
}

struct owner_call {
	const struct backup_system *b;
	enum place_owner owner;
	const char *method;
	int out; /* for a directory's text */
};

static int
ask_owner(void *ctx, struct buf *answer, struct fault *f)
{
	const struct owner_call *c = ctx;
	struct cmd_line line = {.file = c->b->conf_file};
	json_t *result;

	if (call_once(&line, c->owner, c->method, NULL, &result, f) < 0)
		return -1;
	buf_puts(answer, json_get_text(result, "dir"));
	json_free(&result);
	return 0;
}

/* A machine need not have everything. */
static bool
has_place(const struct backup_system *b, enum place_owner owner)
{
	struct place place;
	struct fault why;

	return place_of(b->conf, owner, &place, &why) < 0 ||
	       access(place.dir, F_OK) == 0 || errno != ENOENT;
}

static int
backup_owner(const struct backup_system *b, enum place_owner owner,
    const char *method, const char *to, struct fault *f)
{
	static const struct timespec poll = {.tv_nsec = POLL_MS * 1000000};
	struct owner_call call = {b, owner, method, -1};
	int64_t end = clock_ms() + WAIT_MS;
	struct buf dir;
	int rc;

	buf_init(&dir, ANSWER_MAX);
	rc = apart_run(ask_owner, &call, &dir, f);
	while (rc < 0 && strcmp(f->dsn, "4.3.2") == 0 && clock_ms() < end) {
		nanosleep(&poll, NULL);
		rc = apart_run(ask_owner, &call, &dir, f);
	}
	if (rc == 0)
		rc = take_copy(b, buf_text(&dir), to, f);
	buf_clear(&dir);
	return rc;
}

int
backup_queue(const struct backup_system *b, struct fault *f)
{
	if (!has_place(b, PLACE_QUEUED))
		return 0;
	return backup_owner(b, PLACE_QUEUED, "queue.backup", "queue", f);
}

/* The directory. */

static int
put_line(void *ctx, struct str text)
{
	return fprintf(ctx, "%.*s\n", STR_ARG(text)) < 0 ? 1 : 0;
}

static int
export_to(FILE *out, struct directory *d, struct fault *f)
{
	int rc = directory_export(d, put_line, out, f);

	if (rc >= 0 && (rc > 0 || fflush(out) != 0 || ferror(out)))
		rc = fault_errno(f, "cannot write directory.txt");
	return rc;
}

static int
export_directory(void *ctx, struct buf *answer, struct fault *f)
{
	const struct owner_call *c = ctx;
	struct directory_conf conf;
	struct call *call = call_open_alone(c->b->conf_file, &conf, f);
	struct directory *d = NULL;
	FILE *out = fdopen(c->out, "w");
	int rc = -1;

	(void)answer;
	if (call != NULL)
		d = directory_open(&conf, f);
	if (d != NULL && out != NULL)
		rc = export_to(out, d, f);
	directory_close(&d);
	call_close(&call);
	return rc;
}

static int
backup_text(const struct backup_system *b, struct fault *f)
{
	static const char name[] = "directory.txt";
	struct owner_call call = {.b = b};
	struct tree_file file;
	struct buf none;
	int rc;

	call.out = openat(b->snapshot, name,
	    O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (call.out < 0)
		return fault_errno(f, "cannot make %s", name);
	buf_init(&none, 0);
	rc = apart_run(export_directory, &call, &none, f);
	buf_clear(&none);
	close(call.out);
	if (rc == 0)
		rc = tree_read(b->tree, b->snapshot, name, &file, f);
	if (rc > 0)
		manifest_put(b->manifest, name, &file);
	return rc < 0 ? -1 : 0;
}

int
backup_directory(const struct backup_system *b, enum snapshot_directory *kind,
    struct fault *f)
{
	const struct authd_options *o = conf_get(b->conf, &authd_table);

	if (o->domain_query != NULL || o->user_query != NULL ||
	    o->alias_query != NULL ||
	    (o->database == NULL && !has_place(b, PLACE_AUTHD))) {
		*kind = SNAPSHOT_NO_DIRECTORY;
		return 0;
	}
	*kind = o->database != NULL ? SNAPSHOT_TEXT : SNAPSHOT_TABLES;
	if (*kind == SNAPSHOT_TEXT)
		return backup_text(b, f);
	return backup_owner(b, PLACE_AUTHD, "directory.backup", "directory", f);
}
