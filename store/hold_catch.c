/* SPDX-License-Identifier: ISC */
/*
 * All messages of a mailbox.
 *
 * One that an IMAP server moves gets another name and stays the same file, so
 * whether it is held is asked of its inode.
 */
#include "config.h"

#include "store/hold_private.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"

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

static int
note_held(void *ctx, int dir, const struct dirent *e)
{
	struct catching *c = ctx;
	(void)dir;
	add_inode(&c->held, e->d_ino);
	return 0;
}

static int
note_held_folder(void *ctx, int dir, const struct dirent *e)
{
	struct catching *c = ctx;
	char path[MAILDIR_NAME_SIZE + 8];

	if (e->d_name[0] != '.' || str_is(str(e->d_name), STR_LIT("..")))
		return 0;
	snprintf(path, sizeof path, "%.255s/cur", e->d_name);
	return hold_each_entry(dir, path, note_held, c);
}

static int
catch_file(void *ctx, int dir, const struct dirent *e)
{
	struct catching *c = ctx;
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
		c->to = hold_open_held(c->box, &c->folder);
	if (c->to < 0)
		return -1;
	rc = hold_link_into(dir, e->d_name, c->to, e->d_name);
	c->n += rc == 1;
	return rc < 0 ? -1 : 0;
}

/* new/ first: an IMAP server moves messages only that way. */
static int
catch_folder(struct catching *c, int dir)
{
	int rc;

	c->to = -1;
	rc = hold_each_entry(dir, "new", catch_file, c);
	if (rc == 0)
		rc = hold_each_entry(dir, "cur", catch_file, c);
	if (c->to >= 0 && fsync(c->to) < 0)
		rc = -1;
	if (c->to >= 0)
		close(c->to);
	return rc;
}

static int
catch_entry(void *ctx, int dir, const struct dirent *e)
{
	struct catching *c = ctx;
	int fd, rc;

	if (e->d_name[0] != '.' || str_is(str(e->d_name), STR_LIT("..")))
		return 0;
	fd = openat(dir, e->d_name, HOLD_OPEN_DIR);
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
	c.box = hold_open_box(root, mailbox, f);
	if (c.box < 0)
		return -1;
	if (hold_each_entry(c.box, HOLD_HELD, note_held_folder, &c) == 0) {
		if (c.held.n > 0)
			qsort(c.held.numbers, c.held.n, sizeof(ino_t),
			    compare_inodes);
		rc = hold_each_entry(c.box, ".", catch_entry, &c);
	}
	if (rc < 0)
		hold_fail(mailbox, f);
	*n = c.n;
	mem_free(c.held.numbers);
	close(c.box);
	return rc;
}
