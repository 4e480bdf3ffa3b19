/* SPDX-License-Identifier: ISC */
/*
 * The switch is a file, and what is held a tree of links.
 *
 * A message that an IMAP server moves gets another name and stays the same
 * file, so whether it is held is asked of its inode.
 */
#include "config.h"

#include "store/hold.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/json.h"
#include "base/mem.h"
#include "store/maildir.h"

enum {
	OPEN_DIR = O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW,
	PATH_SIZE = MAILDIR_PATH_SIZE + MAILDIR_NAME_SIZE + 64,
	SWITCH_MAX = 4096,
};

#define SWITCH "posthouse/hold"
#define HELD "posthouse/held"
#define RELEASED "posthouse/released,"

static int
fail(const struct mailbox_name *mailbox, struct fault *f)
{
	return fault_errno(f, "legal hold of mailbox %s", mailbox->text);
}

/* The mailbox, open; -1. */
static int
open_box(int root, const struct mailbox_name *mailbox, struct fault *f)
{
	const struct mailbox_folder top = {.dir = ""};
	int box, rc = maildir_open(root, mailbox, &top, &box, f);

	if (rc == 0)
		fault_perm(f, "5.1.1", "there is no mailbox %s", mailbox->text);
	return rc == 1 ? box : -1;
}

/* The switch. */

bool
hold_is_on(int root, const struct mailbox_name *mailbox)
{
	char path[MAILDIR_PATH_SIZE + 32];

	snprintf(path, sizeof path, "%s/" SWITCH, mailbox->path);
	return faccessat(root, path, F_OK, AT_SYMLINK_NOFOLLOW) == 0 ||
	       (errno != ENOENT && errno != ENOTDIR);
}

static void
take_text(const json_t *o, const char *key, char *text, size_t size)
{
	const char *value = json_get_text(o, key);

	if (value == NULL || !str_copy(str(value), text, size))
		text[0] = '\0';
}

static void
parse_switch(struct str text, struct hold *hold)
{
	struct fault f;
	json_t *o = json_parse(text, &f);

	if (o == NULL)
		return;
	hold->since = json_get_int(o, "since", 0);
	take_text(o, "who", hold->who, sizeof hold->who);
	take_text(o, "why", hold->why, sizeof hold->why);
	json_free(&o);
}

int
hold_get(int root, const struct mailbox_name *mailbox, struct hold *hold,
    struct fault *f)
{
	char path[MAILDIR_PATH_SIZE + 32], text[SWITCH_MAX];
	ssize_t n;
	int fd;

	*hold = (struct hold){0};
	snprintf(path, sizeof path, "%s/" SWITCH, mailbox->path);
	fd = openat(root, path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0 && (errno == ENOENT || errno == ENOTDIR))
		return 0;
	if (fd < 0)
		return fail(mailbox, f);
	n = read(fd, text, sizeof text);
	close(fd);
	if (n < 0)
		return fail(mailbox, f);
	parse_switch(str_n(text, (size_t)n), hold);
	return 1;
}

/* Opens a directory that is made, durably, where it is missing. */
static int
make_dir(int at, const char *name)
{
	if (mkdirat(at, name, 0700) == 0) {
		if (fsync(at) < 0)
			return -1;
	} else if (errno != EEXIST) {
		return -1;
	}
	return openat(at, name, OPEN_DIR);
}

static int
write_switch(int dir, const struct hold *hold)
{
	json_t *o = json_new_object();
	int fd, rc = -1;
	struct buf b;

	json_put_int(o, "since", hold->since);
	json_put_text(o, "who", hold->who);
	json_put_text(o, "why", hold->why);
	buf_init(&b, SWITCH_MAX);
	json_format(&b, o);
	buf_putc(&b, '\n');
	fd = openat(
	    dir, "hold.new", O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	if (fd >= 0 &&
	    write(fd, buf_text(&b), buf_len(&b)) == (ssize_t)buf_len(&b) &&
	    fsync(fd) == 0 && renameat(dir, "hold.new", dir, "hold") == 0 &&
	    fsync(dir) == 0)
		rc = 0;
	if (fd >= 0)
		close(fd);
	buf_clear(&b);
	json_free(&o);
	return rc;
}

int
hold_set(int root, const struct mailbox_name *mailbox, const struct hold *hold,
    struct fault *f)
{
	int box = open_box(root, mailbox, f), dir = -1, rc = -1;
	struct hold old;

	if (box < 0)
		return -1;
	rc = hold_get(root, mailbox, &old, f);
	if (rc != 0)
		goto out;
	dir = make_dir(box, "posthouse");
	rc = dir >= 0 && write_switch(dir, hold) == 0 ? 0 : fail(mailbox, f);
out:
	if (dir >= 0)
		close(dir);
	close(box);
	return rc < 0 ? -1 : 0;
}

static int
release(int box, int64_t now)
{
	char name[64];

	snprintf(name, sizeof name, RELEASED "%lld", (long long)now);
	if (renameat(box, HELD, box, name) == 0 || errno == ENOENT)
		return 0;
	return -1;
}

int
hold_end(
    int root, const struct mailbox_name *mailbox, int64_t now, struct fault *f)
{
	int box = open_box(root, mailbox, f), dir, rc = 0;

	if (box < 0)
		return -1;
	dir = openat(box, "posthouse", OPEN_DIR);
	if (dir < 0 && errno == ENOENT) {
		close(box);
		return 0;
	}
	if (dir < 0 || release(box, now) < 0 || fsync(dir) < 0 ||
	    (unlinkat(dir, "hold", 0) < 0 && errno != ENOENT) || fsync(dir) < 0)
		rc = fail(mailbox, f);
	if (dir >= 0)
		close(dir);
	close(box);
	return rc;
}

int
hold_as_mailbox(
    int root, const struct mailbox_name *mailbox, struct mailbox_name *held)
{
	struct stat st;
	int n;

	*held = *mailbox;
	n = snprintf(held->path, sizeof held->path, "%.*s/" HELD,
	    (int)(sizeof held->path - sizeof HELD - 2), mailbox->path);
	return n < (int)sizeof held->path &&
	       fstatat(root, held->path, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
	       S_ISDIR(st.st_mode);
}

/* Links. */

/* The cur/ of what is held of a folder; made where it is missing. */
static int
open_held(int box, const struct mailbox_folder *folder)
{
	const char *const path[] = {"posthouse", "held", folder->dir, "cur"};
	int at = -1, next;

	for (size_t i = 0; i < ARRAY_LEN(path); i++) {
		if (path[i][0] == '\0')
			continue;
		next = make_dir(at >= 0 ? at : box, path[i]);
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

/*
 * 1, 0 or -1 as hold_link(). Another message of the same name, which no mail
 * system makes, is held by another.
 */
static int
link_into(int at, const char *path, int held, const char *file)
{
	char name[MAILDIR_NAME_SIZE + 4], other[MAILDIR_NAME_SIZE + 32];

	if (!held_name(file, name))
		return 0;
	if (linkat(at, path, held, name, 0) == 0 ||
	    (errno == EEXIST && is_same(at, path, held, name)))
		return 1;
	for (unsigned i = 1; errno == EEXIST && i < 1000; i++) {
		snprintf(other, sizeof other, "%u.%s", i, name);
		if (linkat(at, path, held, other, 0) == 0 ||
		    (errno == EEXIST && is_same(at, path, held, other)))
			return 1;
	}
	return errno == ENOENT ? 0 : -1;
}

int
hold_link(int root, const struct mailbox_name *mailbox,
    const struct mailbox_folder *folder, int at, const char *path,
    const char *name, struct fault *f)
{
	int box = open_box(root, mailbox, f), held, rc, saved;

	if (box < 0)
		return -1;
	held = open_held(box, folder);
	close(box);
	if (held < 0)
		return fail(mailbox, f);
	rc = link_into(at, path, held, name);
	if (rc == 1 && fsync(held) < 0)
		rc = -1;
	saved = errno;
	if (rc < 0)
		fail(mailbox, f);
	close(held);
	errno = saved;
	return rc;
}

/* Where a message of a folder is held. */
static bool
held_path(const struct mailbox_name *mailbox,
    const struct mailbox_folder *folder, const char *name, char path[PATH_SIZE])
{
	char held[MAILDIR_NAME_SIZE + 4];

	if (!held_name(name, held))
		return false;
	snprintf(path, PATH_SIZE, "%s/" HELD "/%s/cur/%s", mailbox->path,
	    folder->dir, held);
	return true;
}

bool
hold_has(int root, const struct mailbox_name *mailbox,
    const struct mailbox_folder *folder, const char *path, const char *name)
{
	char held[PATH_SIZE];

	return held_path(mailbox, folder, name, held) &&
	       is_same(root, path, root, held);
}

void
hold_unlink(int root, const struct mailbox_name *mailbox,
    const struct mailbox_folder *folder, const char *name)
{
	char path[PATH_SIZE];

	if (held_path(mailbox, folder, name, path))
		(void)unlinkat(root, path, 0);
}

/* Everything at once. */

struct inodes {
	ino_t *numbers;
	size_t n, room;
};

static void
add_inode(struct inodes *i, ino_t number)
{
	if (i->n == i->room) {
		i->room = i->room > 0 ? i->room * 2 : 256;
		i->numbers = mem_resize(i->numbers, i->room, sizeof(ino_t));
	}
	i->numbers[i->n++] = number;
}

static int
compare_inodes(const void *a, const void *b)
{
	const ino_t *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

static bool
has_inode(const struct inodes *i, ino_t number)
{
	return i->n > 0 && bsearch(&number, i->numbers, i->n, sizeof number,
			       compare_inodes) != NULL;
}

struct catching {
	int box;
	struct inodes held;
	struct mailbox_folder folder; /* the one that is gone through */
	int to;                       /* its cur/ in held/; -1: not open yet */
	uint64_t n;
};

/* Calls each(c, fd, name) for the entries of a directory that is there. */
static int
each_entry(struct catching *c, int at, const char *path,
    int (*each)(struct catching *c, int dir, const struct dirent *e))
{
	int fd = openat(at, path, OPEN_DIR), rc = 0;
	DIR *d = fd < 0 ? NULL : fdopendir(fd);
	struct dirent *e;

	if (d == NULL) {
		rc = errno == ENOENT || errno == ENOTDIR ? 0 : -1;
		if (fd >= 0)
			close(fd);
		return rc;
	}
	while (rc == 0 && (errno = 0, e = readdir(d)) != NULL)
		rc = each(c, dirfd(d), e);
	if (rc == 0 && errno != 0)
		rc = -1;
	closedir(d);
	return rc;
}

static int
note_held(struct catching *c, int dir, const struct dirent *e)
{
	(void)dir;
	add_inode(&c->held, e->d_ino);
	return 0;
}

static int
note_held_folder(struct catching *c, int dir, const struct dirent *e)
{
	char path[MAILDIR_NAME_SIZE + 8];

	if (e->d_name[0] != '.' || str_is(str(e->d_name), STR_LIT("..")))
		return 0;
	snprintf(path, sizeof path, "%.255s/cur", e->d_name);
	return each_entry(c, dir, path, note_held);
}

static int
catch_file(struct catching *c, int dir, const struct dirent *e)
{
	struct maildir_name name;
	struct stat st;
	int rc;

	if (!maildir_name_parse(str(e->d_name), &name) ||
	    has_inode(&c->held, e->d_ino))
		return 0;
	if (fstatat(dir, e->d_name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return errno == ENOENT ? 0 : -1;
	if (!S_ISREG(st.st_mode))
		return 0;
	if (c->to < 0)
		c->to = open_held(c->box, &c->folder);
	if (c->to < 0)
		return -1;
	rc = link_into(dir, e->d_name, c->to, e->d_name);
	c->n += rc == 1;
	return rc < 0 ? -1 : 0;
}

/* new/ first: an IMAP server moves messages only that way. */
static int
catch_folder(struct catching *c, int dir)
{
	int rc;

	c->to = -1;
	rc = each_entry(c, dir, "new", catch_file);
	if (rc == 0)
		rc = each_entry(c, dir, "cur", catch_file);
	if (c->to >= 0 && fsync(c->to) < 0)
		rc = -1;
	if (c->to >= 0)
		close(c->to);
	return rc;
}

static int
catch_entry(struct catching *c, int dir, const struct dirent *e)
{
	int fd, rc;

	if (e->d_name[0] != '.' || str_is(str(e->d_name), STR_LIT("..")))
		return 0;
	fd = openat(dir, e->d_name, OPEN_DIR);
	if (fd < 0)
		return 0;
	memset(&c->folder, 0, sizeof c->folder);
	if (!str_is(str(e->d_name), STR_LIT(".")))
		(void)!str_copy(
		    str(e->d_name), c->folder.dir, sizeof c->folder.dir);
	rc = catch_folder(c, fd);
	close(fd);
	return rc;
}

int
hold_catch(
    int root, const struct mailbox_name *mailbox, uint64_t *n, struct fault *f)
{
	struct catching c = {.to = -1};
	int rc = -1;

	*n = 0;
	c.box = open_box(root, mailbox, f);
	if (c.box < 0)
		return -1;
	if (each_entry(&c, c.box, HELD, note_held_folder) == 0) {
		if (c.held.n > 0)
			qsort(c.held.numbers, c.held.n, sizeof(ino_t),
			    compare_inodes);
		rc = each_entry(&c, c.box, ".", catch_entry);
	}
	if (rc < 0)
		fail(mailbox, f);
	*n = c.n;
	mem_free(c.held.numbers);
	close(c.box);
	return rc;
}

/* What is released. */

struct ending {
	struct catching c;
	int64_t before;
	bool dry;
	struct attic_sum *sum;
};

/* Whatever it is; directories with all that is in them. */
static int
end_one(struct catching *c, int dir, const struct dirent *e)
{
	struct ending *end = STRUCT_OF(c, struct ending, c);
	struct stat st;

	if (str_is(str(e->d_name), STR_LIT(".")) ||
	    str_is(str(e->d_name), STR_LIT("..")))
		return 0;
	if (fstatat(dir, e->d_name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return errno == ENOENT ? 0 : -1;
	if (S_ISDIR(st.st_mode)) {
		if (each_entry(c, dir, e->d_name, end_one) < 0)
			return -1;
		return end->dry || unlinkat(dir, e->d_name, AT_REMOVEDIR) == 0
			   ? 0
			   : -1;
	}
	end->sum->messages++;
	end->sum->bytes += (uint64_t)st.st_size;
	return end->dry || unlinkat(dir, e->d_name, 0) == 0 ? 0 : -1;
}

static int
end_released(struct catching *c, int dir, const struct dirent *e)
{
	const struct ending *end = STRUCT_OF(c, struct ending, c);
	struct str name = str(e->d_name), prefix = STR_LIT("released,");
	uint64_t when;

	if (!str_starts(name, prefix) ||
	    !str_to_u64(str_from(name, prefix.len), 0, INT64_MAX, &when) ||
	    (int64_t)when >= end->before)
		return 0;
	if (each_entry(c, dir, e->d_name, end_one) < 0)
		return -1;
	return end->dry || unlinkat(dir, e->d_name, AT_REMOVEDIR) == 0 ? 0 : -1;
}

int
hold_purge(int root, const struct mailbox_name *mailbox, int64_t before,
    bool dry, struct attic_sum *sum, struct fault *f)
{
	struct ending end = {.before = before, .dry = dry, .sum = sum};
	int rc;

	*sum = (struct attic_sum){0};
	if (hold_is_on(root, mailbox))
		return 0;
	end.c.box = open_box(root, mailbox, f);
	if (end.c.box < 0)
		return -1;
	/* A delivery that was under way when the hold ended. */
	rc = dry ? 0 : release(end.c.box, (int64_t)time(NULL));
	if (rc == 0)
		rc = each_entry(&end.c, end.c.box, "posthouse", end_released);
	if (rc < 0)
		fail(mailbox, f);
	close(end.c.box);
	return rc;
}
