/* SPDX-License-Identifier: ISC */
#include "config.h"

#include "store/retired.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "store/hold.h"
#include "store/maildir.h"

enum {
	OPEN_DIR = O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW,
	DEPTH_MAX = 16,
	PATH_SIZE = MAILBOX_NAME_SIZE + 64,
};

#define RETIRED ".posthouse/retired"

static int
fail(struct fault *f)
{
	return fault_errno(f, "retired mailboxes (" RETIRED ")");
}

static void
format_path(
    int64_t when, const struct mailbox_name *mailbox, char path[PATH_SIZE])
{
	snprintf(path, PATH_SIZE, RETIRED "/%lld/%s", (long long)when,
	    mailbox->path);
}

static int
sync_dir(int at, const char *path)
{
	int fd = openat(at, path, OPEN_DIR);
	int rc = fd < 0 ? -1 : fsync(fd);

	if (fd >= 0)
		close(fd);
	return rc;
}

/* All directories above the last part. */
static int
make_parents(int root, char path[PATH_SIZE])
{
	for (char *p = path; *p != '\0'; p++) {
		int rc;

		if (*p != '/')
			continue;
		*p = '\0';
		rc = mkdirat(root, path, 0700);
		*p = '/';
		if (rc < 0 && errno != EEXIST)
			return -1;
	}
	return 0;
}

/* Both ends of a rename are durable. */
static int
sync_ends(int root, const char *from, const char *to)
{
	char path[PATH_SIZE];

	for (size_t i = 0; i < 2; i++) {
		snprintf(path, sizeof path, "%s", i == 0 ? to : from);
		*strrchr(path, '/') = '\0';
		if (sync_dir(root, path) < 0)
			return -1;
	}
	return 0;
}

int
retired_put(
    int root, const struct mailbox_name *mailbox, int64_t now, struct fault *f)
{
	char path[PATH_SIZE];
	struct stat st;

	if (fstatat(root, mailbox->path, &st, AT_SYMLINK_NOFOLLOW) < 0 &&
	    errno == ENOENT)
		return fault_perm(
		    f, "5.1.1", "there is no mailbox %s", mailbox->text);
	if (hold_is_on(root, mailbox))
		return fault_perm(f, "5.7.0", "mailbox %s is under legal hold",
		    mailbox->text);
	/* A second later, where one of that name has just gone. */
	do {
		format_path(now++, mailbox, path);
		if (make_parents(root, path) < 0)
			return fail(f);
	} while (fstatat(root, path, &st, AT_SYMLINK_NOFOLLOW) == 0);
	if (renameat(root, mailbox->path, root, path) < 0 ||
	    sync_ends(root, mailbox->path, path) < 0)
		return fail(f);
	return 0;
}

struct walk {
	int (*mailbox)(void *ctx, int64_t when,
	    const struct mailbox_name *mailbox, struct fault *f);
	void *ctx;
	int64_t when;
	const char *domain;
	struct attic_sum *sum; /* purging */
	bool dry;
	unsigned depth;
	bool counts; /* what is in new/ or cur/ */
	struct fault *f;
};

/* Calls each() for the entries of a directory that is there. */
static int
each_entry(struct walk *w, int at, const char *path,
    int (*each)(struct walk *w, int dir, const char *name))
{
	int fd = openat(at, path, OPEN_DIR), rc = 0;
	DIR *d = fd < 0 ? NULL : fdopendir(fd);
	struct dirent *e;

	if (d == NULL) {
		rc = errno == ENOENT || errno == ENOTDIR ? 0 : fail(w->f);
		if (fd >= 0)
			close(fd);
		return rc;
	}
	while (rc == 0 && (errno = 0, e = readdir(d)) != NULL) {
		if (!str_is(str(e->d_name), STR_LIT(".")) &&
		    !str_is(str(e->d_name), STR_LIT("..")))
			rc = each(w, dirfd(d), e->d_name);
	}
	if (rc == 0 && errno != 0)
		rc = fail(w->f);
	closedir(d);
	return rc;
}

static int
visit_user(struct walk *w, int dir, const char *name)
{
	char text[2 * MAILBOX_NAME_SIZE];
	struct mailbox_name mailbox;
	struct fault odd;

	(void)dir;
	snprintf(text, sizeof text, "%.255s@%.255s", name, w->domain);
	if (mailbox_name_parse(str(text), &mailbox, &odd) < 0)
		return 0;
	return w->mailbox(w->ctx, w->when, &mailbox, w->f);
}

static int
visit_domain(struct walk *w, int dir, const char *name)
{
	w->domain = name;
	return each_entry(w, dir, name, visit_user);
}

static int
visit_time(struct walk *w, int dir, const char *name)
{
	uint64_t when;

	if (!str_to_u64(str(name), 0, INT64_MAX, &when))
		return 0;
	w->when = (int64_t)when;
	return each_entry(w, dir, name, visit_domain);
}

int
retired_each(int root,
    int (*each)(void *ctx, int64_t when, const struct mailbox_name *mailbox,
	struct fault *f),
    void *ctx, struct fault *f)
{
	struct walk w = {.mailbox = each, .ctx = ctx, .f = f};

	return each_entry(&w, root, RETIRED, visit_time);
}

/* The directories of the time that are empty now. */
static void
tidy(int root, const char *mailbox_path)
{
	char path[PATH_SIZE];

	snprintf(path, sizeof path, "%s", mailbox_path);
	for (size_t i = 0; i < 2; i++) {
		*strrchr(path, '/') = '\0';
		if (unlinkat(root, path, AT_REMOVEDIR) < 0)
			return;
	}
}

int
retired_bring_back(
    int root, int64_t when, const struct mailbox_name *mailbox, struct fault *f)
{
	char path[PATH_SIZE], target[PATH_SIZE];

	format_path(when, mailbox, path);
	snprintf(target, sizeof target, "%s", mailbox->path);
	if (make_parents(root, target) < 0)
		return fail(f);
	if (renameat2(root, path, root, target, RENAME_NOREPLACE) < 0) {
		if (errno == ENOENT)
			return fault_perm(f, "5.1.1",
			    "no mailbox %s was taken away then", mailbox->text);
		if (errno == EEXIST)
			return fault_perm(f, "5.2.0",
			    "there is a mailbox %s: move that away first",
			    mailbox->text);
		return fail(f);
	}
	if (sync_ends(root, path, target) < 0)
		return fail(f);
	tidy(root, path);
	return 0;
}

/* For good. */

static bool
is_part(const char *name)
{
	return str_is(str(name), STR_LIT("new")) ||
	       str_is(str(name), STR_LIT("cur"));
}

static int
end_entry(struct walk *w, int dir, const char *name)
{
	bool counts = w->counts;
	struct stat st;
	int rc = 0;

	if (fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return errno == ENOENT ? 0 : fail(w->f);
	if (!S_ISDIR(st.st_mode)) {
		w->sum->messages += counts;
		w->sum->bytes += counts ? (uint64_t)st.st_size : 0;
		return w->dry || unlinkat(dir, name, 0) == 0 ? 0 : fail(w->f);
	}
	if (w->depth == DEPTH_MAX)
		return fault_temp(
		    w->f, "4.3.0", "a retired mailbox is too deep");
	w->depth++;
	w->counts = is_part(name);
	rc = each_entry(w, dir, name, end_entry);
	w->counts = counts;
	w->depth--;
	if (rc < 0 || w->dry)
		return rc;
	return unlinkat(dir, name, AT_REMOVEDIR) == 0 ? 0 : fail(w->f);
}

struct purge {
	int root;
	int64_t before;
	bool dry;
	struct attic_sum *sum;
};

static int
purge_one(void *ctx, int64_t when, const struct mailbox_name *mailbox,
    struct fault *f)
{
	const struct purge *p = ctx;
	struct walk w = {.dry = p->dry, .sum = p->sum, .f = f};
	char path[PATH_SIZE];

	if (when >= p->before)
		return 0;
	format_path(when, mailbox, path);
	if (end_entry(&w, p->root, path) < 0)
		return -1;
	if (!p->dry)
		tidy(p->root, path);
	return 0;
}

int
retired_purge(
    int root, int64_t before, bool dry, struct attic_sum *sum, struct fault *f)
{
	struct purge p = {root, before, dry, sum};

	*sum = (struct attic_sum){0};
	return retired_each(root, purge_one, &p, f);
}
