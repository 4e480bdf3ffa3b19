/* SPDX-License-Identifier: ISC */
/* Snapshots. A name says that one is whole, so it gets that last and loses it
 * first. */
#include "config.h"

#include "admin/snapshot.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/json.h"
#include "base/mem.h"

enum { JSON_MAX = 64 << 10, FORM_VERSION = 1 };

#define REMOVED "removed"

static const char *const kinds[] = {
    [SNAPSHOT_NO_DIRECTORY] = "none",
    [SNAPSHOT_TABLES] = "tables",
    [SNAPSHOT_TEXT] = "text",
};

static int
take_lock(struct snapshots *s, const char *dir, struct fault *f)
{
	struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};

	s->lock = openat(
	    s->dir, "lock", O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (s->lock < 0)
		return fault_errno(f, "cannot open %s/lock", dir);
	/* Of this process, and not of those that it makes for a piece of work:
	 * they may live longer. */
	if (fcntl(s->lock, F_SETLK, &lock) == 0)
		return 0;
	if (errno != EAGAIN && errno != EACCES)
		return fault_errno(f, "cannot lock %s", dir);
	return fault_temp(f, "4.3.2", "another backup writes to %s", dir);
}

int
snapshots_open(
    struct snapshots *s, const char *dir, bool write, struct fault *f)
{
	*s = (struct snapshots){-1, -1};
	if (write && mkdir(dir, 0700) < 0 && errno != EEXIST)
		return fault_errno(f, "cannot make %s", dir);
	s->dir = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (s->dir < 0)
		return errno == ENOENT
			   ? fault_perm(f, "5.1.0", "there is no %s", dir)
			   : fault_errno(f, "cannot open %s", dir);
	return write ? take_lock(s, dir, f) : 0;
}

void
snapshots_close(struct snapshots *s)
{
	if (s->lock >= 0)
		close(s->lock);
	if (s->dir >= 0)
		close(s->dir);
	*s = (struct snapshots){-1, -1};
}

/* Names. */

static bool
is_name(const char *name)
{
	static const char form[] = "dddd-dd-ddTdddddd";

	if (strlen(name) != sizeof form - 1)
		return false;
	for (size_t i = 0; name[i] != '\0'; i++) {
		bool digit = name[i] >= '0' && name[i] <= '9';

		if (form[i] == 'd' ? !digit : name[i] != form[i])
			return false;
	}
	return true;
}

static int
add_name(void *ctx, int dir, const char *name, struct fault *f)
{
	struct snapshot_list *list = ctx;

	(void)dir;
	(void)f;
	if (!is_name(name))
		return 0;
	list->names =
	    mem_resize(list->names, list->n + 1, sizeof list->names[0]);
	memcpy(list->names[list->n++], name, SNAPSHOT_NAME_SIZE);
	return 0;
}

static int
compare(const void *a, const void *b)
{
	return strcmp(a, b);
}

int
snapshots_list(
    const struct snapshots *s, struct snapshot_list *list, struct fault *f)
{
	*list = (struct snapshot_list){0};
	if (tree_each(s->dir, add_name, list, f) < 0) {
		snapshots_list_clear(list);
		return -1;
	}
	if (list->n > 0)
		qsort(list->names, list->n, sizeof list->names[0], compare);
	return 0;
}

void
snapshots_list_clear(struct snapshot_list *list)
{
	mem_free(list->names);
	*list = (struct snapshot_list){0};
}

/* snapshot.json */

static uint64_t
get_count(const json_t *o, const char *key)
{
	int64_t n = json_get_int(o, key, 0);

	return n > 0 ? (uint64_t)n : 0;
}

static bool
get_kind(const json_t *o, enum snapshot_directory *kind)
{
	const char *text = json_get_text(o, "directory");

	for (size_t i = 0; text != NULL && i < ARRAY_LEN(kinds); i++) {
		if (strcmp(text, kinds[i]) == 0) {
			*kind = (enum snapshot_directory)i;
			return true;
		}
	}
	return false;
}

static bool
get_digest(const json_t *o, uint8_t digest[CRYPTO_SHA256_LEN])
{
	struct buf b;
	bool ok;

	buf_init(&b, CRYPTO_SHA256_LEN);
	ok = buf_put_unhex(&b, str(json_get_text(o, "manifest"))) &&
	     buf_len(&b) == CRYPTO_SHA256_LEN;
	if (ok)
		memcpy(digest, buf_str(&b).at, CRYPTO_SHA256_LEN);
	buf_clear(&b);
	return ok;
}

static bool
from_json(const json_t *o, struct snapshot *s)
{
	const char *conf = json_get_text(o, "config");

	if (json_get_int(o, "version", 0) != FORM_VERSION || conf == NULL ||
	    !str_copy(str(conf), s->conf, sizeof s->conf) ||
	    !get_kind(o, &s->directory) || !get_digest(o, s->digest))
		return false;
	s->mark = json_get_int(o, "mark", 0);
	s->made = json_get_int(o, "made", 0);
	s->mailboxes = get_count(o, "mailboxes");
	s->messages = get_count(o, "messages");
	s->files = get_count(o, "files");
	s->bytes = get_count(o, "bytes");
	s->copied_bytes = get_count(o, "copied_bytes");
	return true;
}

static int
read_json(int fd, struct buf *b)
{
	for (;;) {
		size_t room;
		char *at = buf_space(b, 1, &room);
		ssize_t n = at != NULL ? read(fd, at, room) : -1;

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n < 0 ? -1 : 0;
		buf_added(b, (size_t)n);
	}
}

static int
read_one(int dir, struct snapshot *s, struct fault *f)
{
	int fd =
	    openat(dir, "snapshot.json", O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	json_t *o = NULL;
	struct fault why;
	struct buf b;
	bool ok = false;

	buf_init(&b, JSON_MAX);
	if (fd >= 0 && read_json(fd, &b) == 0)
		o = json_parse(buf_str(&b), &why);
	if (o != NULL) {
		ok = from_json(o, s);
		json_free(&o);
	}
	buf_clear(&b);
	if (fd >= 0)
		close(fd);
	return ok ? 0
		  : fault_perm(f, "5.6.0",
			"%s/snapshot.json cannot be read, or is damaged",
			s->name);
}

static int
find_newest(
    const struct snapshots *s, char name[SNAPSHOT_NAME_SIZE], struct fault *f)
{
	struct snapshot_list list;
	int rc = 0;

	if (snapshots_list(s, &list, f) < 0)
		return -1;
	if (list.n == 0)
		rc = fault_perm(f, "5.1.0", "there is no whole snapshot yet");
	else
		memcpy(name, list.names[list.n - 1], SNAPSHOT_NAME_SIZE);
	snapshots_list_clear(&list);
	return rc;
}

int
snapshots_open_one(const struct snapshots *s, const char *name,
    struct snapshot *snapshot, struct fault *f)
{
	int fd;

	*snapshot = (struct snapshot){0};
	if (name == NULL || strcmp(name, "latest") == 0) {
		if (find_newest(s, snapshot->name, f) < 0)
			return -1;
	} else if (!is_name(name)) {
		return fault_perm(f, "5.5.4",
		    "\"%.60s\" is no snapshot's name, as 2026-11-29T101500 is",
		    name);
	} else {
		memcpy(snapshot->name, name, SNAPSHOT_NAME_SIZE);
	}
	fd = openat(s->dir, snapshot->name,
	    O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0)
		return errno == ENOENT
			   ? fault_perm(f, "5.1.0", "there is no snapshot %s",
				 snapshot->name)
			   : fault_errno(f, "cannot open %s", snapshot->name);
	if (read_one(fd, snapshot, f) == 0)
		return fd;
	close(fd);
	return -1;
}

/* Databases. */

struct scratch {
	struct tree *tree;
	const char *dir;
	size_t skip; /* bytes in front of a table's name */
};

static int
copy_table(void *ctx, int at, const char *path, struct fault *f)
{
	const struct scratch *s = ctx;
	char to[TREE_PATH_SIZE];
	struct tree_file file;

	if (strchr(path + s->skip, '/') != NULL)
		return 0; /* a body */
	if (!tree_join(to, s->dir, path + s->skip))
		return fault_perm(f, "5.3.0", "%.100s… is too long", path);
	return tree_copy(s->tree, at, path, AT_FDCWD, to, &file, f) < 0 ? -1
									: 0;
}

int
snapshot_copy_tables(struct tree *tree, int snapshot, const char *name,
    char dir[TREE_PATH_SIZE], struct fault *f)
{
	const char *tmp = getenv("TMPDIR");
	struct scratch s = {tree, dir, strlen(name) + 1};
	struct fault why;

	if (!tree_join(dir, tmp != NULL ? tmp : "/tmp", "posthouse-XXXXXX") ||
	    mkdtemp(dir) == NULL)
		return fault_errno(f, "cannot make a folder in TMPDIR");
	if (tree_each_file(snapshot, name, copy_table, &s, f) == 0)
		return 0;
	if (tree_remove(AT_FDCWD, dir, &why) < 0)
		*f = why;
	return -1;
}

/* Finishing. */

static void
to_json(const struct snapshot *s, struct buf *b)
{
	json_t *o = json_new_object();
	struct buf hex;

	buf_init(&hex, (size_t)2 * CRYPTO_SHA256_LEN);
	buf_put_hex(&hex, str_n((const char *)s->digest, sizeof s->digest));
	json_put_int(o, "version", FORM_VERSION);
	json_put_int(o, "mark", s->mark);
	json_put_int(o, "made", s->made);
	json_put_text(o, "config", s->conf);
	json_put_text(o, "directory", kinds[s->directory]);
	json_put_int(o, "mailboxes", (int64_t)s->mailboxes);
	json_put_int(o, "messages", (int64_t)s->messages);
	json_put_int(o, "files", (int64_t)s->files);
	json_put_int(o, "bytes", (int64_t)s->bytes);
	json_put_int(o, "copied_bytes", (int64_t)s->copied_bytes);
	json_put_text(o, "manifest", buf_text(&hex));
	json_format_pretty(b, o);
	buf_putc(b, '\n');
	buf_clear(&hex);
	json_free(&o);
}

static int
write_json(int dir, const struct snapshot *s, struct fault *f)
{
	int fd = openat(dir, "snapshot.json",
	    O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
	FILE *out = fd < 0 ? NULL : fdopen(fd, "w");
	struct buf b;
	int rc = 0;

	if (out == NULL) {
		rc = fault_errno(f, "cannot make snapshot.json");
		if (fd >= 0)
			close(fd);
		return rc;
	}
	buf_init(&b, JSON_MAX);
	to_json(s, &b);
	if (fputs(buf_text(&b), out) < 0)
		rc = -1;
	buf_clear(&b);
	if (fclose(out) != 0 || rc < 0)
		rc = fault_errno(f, "cannot write snapshot.json");
	return rc;
}

/* By the mark, or one of the next seconds where a quick one has that name. */
static void
choose_name(const struct snapshots *s, struct snapshot *snapshot)
{
	time_t when = (time_t)(snapshot->mark / 1000);
	struct stat st;
	struct tm tm;

	do {
		gmtime_r(&when, &tm);
		strftime(
		    snapshot->name, SNAPSHOT_NAME_SIZE, "%Y-%m-%dT%H%M%S", &tm);
		when++;
	} while (
	    fstatat(s->dir, snapshot->name, &st, AT_SYMLINK_NOFOLLOW) == 0);
}

/* Of a link that only people use; a file system without links is no reason to
 * have no snapshot. */
static void
point_to(const struct snapshots *s, const char *name)
{
	(void)unlinkat(s->dir, "latest~", 0);
	if (symlinkat(name, s->dir, "latest~") == 0)
		(void)renameat(s->dir, "latest~", s->dir, "latest");
}

int
snapshots_finish(
    const struct snapshots *s, struct snapshot *snapshot, struct fault *f)
{
	int fd = tree_open(s->dir, SNAPSHOT_PARTIAL, f), rc = 0;

	if (fd < 0)
		return -1;
	if (write_json(fd, snapshot, f) < 0)
		rc = -1;
	else if (syncfs(fd) < 0 || fsync(fd) < 0)
		rc = fault_errno(f, "cannot sync the snapshot");
	close(fd);
	if (rc < 0)
		return -1;
	choose_name(s, snapshot);
	if (renameat(s->dir, SNAPSHOT_PARTIAL, s->dir, snapshot->name) < 0)
		return fault_errno(f, "cannot name %s", snapshot->name);
	point_to(s, snapshot->name);
	if (fsync(s->dir) < 0)
		return fault_errno(f, "cannot sync %s", snapshot->name);
	return 0;
}

int
snapshots_thin(
    const struct snapshots *s, uint64_t keep, size_t *removed, struct fault *f)
{
	struct snapshot_list list;
	int rc = tree_remove(s->dir, REMOVED, f);

	*removed = 0;
	if (rc < 0 || snapshots_list(s, &list, f) < 0)
		return -1;
	for (size_t i = 0; rc == 0 && i + keep < list.n; i++) {
		if (renameat(s->dir, list.names[i], s->dir, REMOVED) < 0)
			rc = fault_errno(f, "cannot rename %s", list.names[i]);
		else
			rc = tree_remove(s->dir, REMOVED, f);
		*removed += rc == 0;
	}
	snapshots_list_clear(&list);
	return rc;
}
