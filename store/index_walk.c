/* SPDX-License-Identifier: ISC */
/*
 * The walk over what is on disk. Domains and mailboxes may be symbolic links
 * that the operator made; what is in a mailbox may not.
 */
#include "config.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "store/index_private.h"

enum { OPEN_DIR = O_RDONLY | O_DIRECTORY | O_CLOEXEC };

DIR *
index_open_dir(int at, const char *path, int flags)
{
	int fd = openat(at, path, OPEN_DIR | flags);
	DIR *d = fd < 0 ? NULL : fdopendir(fd);

	if (d == NULL && fd >= 0)
		close(fd);
	return d;
}

bool
index_is_folder(const char *name)
{
	return name[0] == '.' && name[1] != '\0' && name[1] != '.';
}

struct walk {
	struct index *index;
	index_each_mailbox *each_mailbox; /* or */
	index_each_on_disk *each;
	void *ctx;
	struct fault *f;
};

static int
walk_mailbox(struct walk *w, const char *path)
{
	DIR *d = index_open_dir(w->index->root, path, 0);
	struct dirent *e;
	int rc;

	if (d == NULL)
		return 0;
	rc = w->each(w->ctx, dirfd(d), path, "", w->f);
	while (rc == 0 && (e = readdir(d)) != NULL) {
		int dir;

		if (!index_is_folder(e->d_name))
			continue;
		dir = openat(dirfd(d), e->d_name, OPEN_DIR | O_NOFOLLOW);
		if (dir < 0)
			continue;
		rc = w->each(w->ctx, dir, path, e->d_name, w->f);
		close(dir);
	}
	closedir(d);
	return rc;
}

static int
walk_user(struct walk *w, const char *domain, const char *user)
{
	char text[MAILBOX_NAME_SIZE + 2];
	struct mailbox_name mailbox;
	struct fault f;

	snprintf(text, sizeof text, "%.255s@%.255s", user, domain);
	if (mailbox_name_parse(str(text), &mailbox, &f) < 0)
		return 0;
	return w->each_mailbox != NULL
		   ? w->each_mailbox(w->ctx, mailbox.path, w->f)
		   : walk_mailbox(w, mailbox.path);
}

static int
walk_domain(struct walk *w, const char *domain)
{
	DIR *d = index_open_dir(w->index->root, domain, 0);
	struct dirent *e;
	int rc = 0;

	if (d == NULL)
		return 0;
	while (rc == 0 && (e = readdir(d)) != NULL)
		rc = walk_user(w, domain, e->d_name);
	closedir(d);
	return rc;
}

static int
walk_all(struct walk *w)
{
	DIR *d = index_open_dir(w->index->root, ".", 0);
	struct dirent *e;
	int rc = 0;

	if (d == NULL)
		return fault_errno(w->f, "cannot read the mail store's root");
	while (rc == 0 && (e = readdir(d)) != NULL) {
		if (e->d_name[0] != '.')
			rc = walk_domain(w, e->d_name);
	}
	closedir(d);
	return rc;
}

int
index_walk(struct index *index, struct str path, index_each_on_disk *each,
    void *ctx, struct fault *f)
{
	struct walk w = {.index = index, .each = each, .ctx = ctx, .f = f};
	char domain[MAILBOX_NAME_SIZE], user[MAILBOX_NAME_SIZE];
	struct str rest = path;

	if (path.len == 0)
		return walk_all(&w);
	if (!str_copy(str_cut(&rest, '/'), domain, sizeof domain) ||
	    !str_copy(rest, user, sizeof user))
		return 0;
	return walk_user(&w, domain, user);
}

int
index_walk_mailboxes(
    struct index *index, index_each_mailbox *each, void *ctx, struct fault *f)
{
	struct walk w = {
	    .index = index,
	    .each_mailbox = each,
	    .ctx = ctx,
	    .f = f,
	};

	return walk_all(&w);
}
