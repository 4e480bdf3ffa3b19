/* SPDX-License-Identifier: ISC */
/* One message, and the name by which it is held. */
#include "config.h"

#include "store/hold_private.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

int
hold_open_held(int box, const struct mailbox_folder *folder)
{
	const char *const path[] = {"posthouse", "held", folder->dir, "cur"};
	int at = -1, next;

	for (size_t i = 0; i < ARRAY_LEN(path); i++) {
		if (path[i][0] == '\0')
			continue;
		next = hold_make_dir(at >= 0 ? at : box, path[i]);
		/* A whole Maildir, for whoever reads it. */
		if (next >= 0 && i == 3 &&
		    ((mkdirat(at, "new", 0700) < 0 && errno != EEXIST) ||
			(mkdirat(at, "tmp", 0700) < 0 && errno != EEXIST))) {
			close(next);
			next = -1;
		}
		if (at >= 0)
			close(at);
		at = next;
		if (at < 0)
			return -1;
	}
	return at;
}

static bool
held_name(const char *file, char name[MAILDIR_NAME_SIZE + 4])
{
	struct maildir_name parsed;

	if (!maildir_name_parse(str(file), &parsed))
		return false;
	snprintf(name, MAILDIR_NAME_SIZE + 4, "%.*s:2,", STR_ARG(parsed.base));
	return strlen(name) < MAILDIR_NAME_SIZE;
}

static bool
is_same(int at, const char *path, int held, const char *name)
{
	struct stat a, b;

	return fstatat(at, path, &a, AT_SYMLINK_NOFOLLOW) == 0 &&
	       fstatat(held, name, &b, AT_SYMLINK_NOFOLLOW) == 0 &&
	       a.st_dev == b.st_dev && a.st_ino == b.st_ino;
}

static bool
has_same_bytes(int a, int b)
{
	char x[1 << 14], y[sizeof x];
	off_t at = 0;

	for (;;) {
		ssize_t n = pread(a, x, sizeof x, at);

		if (n < 0 || pread(b, y, sizeof y, at) != n ||
		    memcmp(x, y, (size_t)n) != 0)
			return false;
		if (n == 0)
			return true;
		at += n;
	}
}

/* The same message in two files, as a backup or another machine leaves it. */
static bool
is_copy(int at, const char *path, int held, const char *name)
{
	const int flags = O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK;
	int a = openat(at, path, flags), b = openat(held, name, flags);
	bool same = a >= 0 && b >= 0 && has_same_bytes(a, b);

	if (a >= 0)
		close(a);
	if (b >= 0)
		close(b);
	return same;
}

/* Makes one file of the two: at any time one of them has the name. */
static bool
replace(int at, const char *path, int held, const char *name)
{
	(void)unlinkat(held, "../tmp/link", 0);
	return linkat(at, path, held, "../tmp/link", 0) == 0 &&
	       renameat(held, "../tmp/link", held, name) == 0;
}

/* There is that name in what is held, and it is this message's. */
static bool
is_held_by(int at, const char *path, int held, const char *name)
{
	if (is_same(at, path, held, name))
		return true;
	if (is_copy(at, path, held, name) && replace(at, path, held, name))
		return true;
	errno = EEXIST;
	return false;
}

/* Another message of the same name, which no mail system makes, is held by
 * another. */
int
hold_link_into(int at, const char *path, int held, const char *file)
{
	char name[MAILDIR_NAME_SIZE + 4], other[MAILDIR_NAME_SIZE + 32];

	if (!held_name(file, name))
		return 0;
	snprintf(other, sizeof other, "%s", name);
	for (unsigned i = 1; i < 1000; i++) {
		if (linkat(at, path, held, other, 0) == 0 ||
		    (errno == EEXIST && is_held_by(at, path, held, other)))
			return 1;
		if (errno != EEXIST)
			break;
		snprintf(other, sizeof other, "%u.%s", i, name);
	}
	return errno == ENOENT ? 0 : -1;
}

int
hold_link(int root, const struct mailbox_name *mailbox,
    const struct mailbox_folder *folder, int at, const char *path,
    const char *name, struct fault *f)
{
	int box = hold_open_box(root, mailbox, f), held, rc, saved;

	if (box < 0)
		return -1;
	held = hold_open_held(box, folder);
	close(box);
	if (held < 0)
		return hold_fail(mailbox, f);
	rc = hold_link_into(at, path, held, name);
	if (rc == 1 && fsync(held) < 0)
		rc = -1;
	saved = errno;
	if (rc < 0)
		hold_fail(mailbox, f);
	close(held);
	errno = saved;
	return rc;
}

/* Where a message of a folder is held. */
static bool
held_path(const struct mailbox_name *mailbox,
    const struct mailbox_folder *folder, const char *name,
    char path[HOLD_PATH_SIZE])
{
	char held[MAILDIR_NAME_SIZE + 4];

	if (!held_name(name, held))
		return false;
	snprintf(path, HOLD_PATH_SIZE, "%s/" HOLD_HELD "/%s/cur/%s",
	    mailbox->path, folder->dir, held);
	return true;
}

bool
hold_has(int root, const struct mailbox_name *mailbox,
    const struct mailbox_folder *folder, const char *path, const char *name)
{
	char held[HOLD_PATH_SIZE];

	return held_path(mailbox, folder, name, held) &&
	       is_same(root, path, root, held);
}

void
hold_unlink(int root, const struct mailbox_name *mailbox,
    const struct mailbox_folder *folder, const char *name)
{
	char path[HOLD_PATH_SIZE];

	if (held_path(mailbox, folder, name, path))
		(void)unlinkat(root, path, 0);
}
