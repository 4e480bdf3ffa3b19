/* SPDX-License-Identifier: ISC */
/*
 * A user's records of the directory: the password's hash, keys, app passwords,
 * quota and switches. They are read from a copy of the snapshot's directory, and
 * handed to the owner of the one in use.
 */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "admin/apart.h"
#include "admin/call.h"
#include "admin/restore.h"
#include "auth/directory.h"
#include "auth/directory_copy.h"

enum { ANSWER_MAX = 100 };

struct finding {
	struct restore *r;
	const char *name;
	json_t *records;
};

static int
take_line(void *ctx, struct str line)
{
	struct finding *u = ctx;

	if (directory_line_is_of(line, str(u->name)))
		json_add_str(u->records, line);
	return 0;
}

static int
read_text(struct finding *u, struct fault *f)
{
	int fd = openat(
	    u->r->snapshot, "directory.txt", O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	FILE *in = fd < 0 ? NULL : fdopen(fd, "r");
	char *text = NULL;
	size_t room = 0;
	ssize_t len;

	if (in == NULL)
		return fault_errno(f, "cannot open directory.txt");
	while ((len = getline(&text, &room, in)) > 1)
		take_line(u, str_n(text, (size_t)len - 1));
	free(text);
	fclose(in);
	return 0;
}

static int
read_tables(struct finding *u, struct fault *f)
{
	struct directory_conf conf = {0};
	struct directory *d;
	char dir[TREE_PATH_SIZE];
	struct fault why;
	int rc = -1;

	if (snapshot_copy_tables(
		u->r->tree, u->r->snapshot, "directory", dir, f) < 0)
		return -1;
	conf.dir = dir;
	d = directory_open(&conf, f);
	if (d != NULL) {
		rc = directory_export(d, take_line, u, f);
		directory_close(&d);
	}
	if (tree_remove(AT_FDCWD, dir, &why) < 0 && rc == 0) {
		*f = why;
		rc = -1;
	}
	return rc;
}

static int
read_records(struct finding *u, struct fault *f)
{
	int rc;

	if (u->r->facts.directory == SNAPSHOT_NO_DIRECTORY)
		return fault_perm(f, "5.1.0", "the snapshot has no directory");
	rc = u->r->facts.directory == SNAPSHOT_TEXT ? read_text(u, f)
						    : read_tables(u, f);
	if (rc == 0 && json_len(u->records) == 0)
		return fault_perm(
		    f, "5.1.1", "the snapshot has no user %s", u->name);
	return rc;
}

/* In a process that may become the directory's user. */

static int
call_restore(void *ctx, struct buf *answer, struct fault *f)
{
	const struct finding *u = ctx;
	json_t *params = json_new_object();

	(void)answer;
	json_put_text(params, "user", u->name);
	json_put(params, "records", json_hold(u->records));
	return call_once(
	    u->r->line, PLACE_AUTHD, "user.restore", params, NULL, f);
}

static int
call_get(void *ctx, struct buf *answer, struct fault *f)
{
	const struct finding *u = ctx;
	json_t *params = json_new_object();

	(void)answer;
	json_put_text(params, "user", u->name);
	return call_once(u->r->line, PLACE_AUTHD, "user.get", params, NULL, f);
}

static int
restore_records(struct finding *u, struct fault *f)
{
	struct buf answer;
	int rc;

	buf_init(&answer, ANSWER_MAX);
	rc = apart_run(call_get, u, &answer, f);
	if (rc < 0 && strcmp(f->dsn, "5.1.1") == 0) {
		rc = read_records(u, f);
		if (rc == 0)
			rc = apart_run(call_restore, u, &answer, f);
		u->r->users += rc == 0;
	}
	buf_clear(&answer);
	return rc;
}

int
restore_user(struct restore *r, const char *name, struct fault *f)
{
	struct finding u = {r, name, json_new_array()};
	struct restore_choice choice = {.mailbox = name};
	int rc = restore_records(&u, f);

	json_free(&u.records);
	if (rc < 0)
		return -1;
	rc = restore_mailbox(r, &choice, f);
	/* Not every user has had mail. */
	return rc < 0 && strcmp(f->dsn, "5.1.1") == 0 ? 0 : rc;
}
