/* SPDX-License-Identifier: ISC */
/* Trees of files. */
#include "config.h"

#include "admin/tree.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/file.h"
#include "base/mem.h"

enum {
	PIECE = 256 << 10,
	NAMES_MAX = 1 << 30, /* bytes of one directory's names */
	OPEN_DIR = O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW,
};

struct tree {
	char *bytes;
	struct crypto_sha256 *hash;
};

int64_t
tree_time(const struct stat *st)
{
	return (int64_t)st->st_mtim.tv_sec * 1000000000 + st->st_mtim.tv_nsec;
}

struct tree *
tree_new(void)
{
	struct tree *tree = mem_new(struct tree);

	tree->bytes = mem_zeroed(1, PIECE);
	tree->hash = crypto_sha256_new();
	return tree;
}

void
tree_free(struct tree **tree)
{
	if (*tree == NULL)
		return;
	crypto_sha256_free(&(*tree)->hash);
	mem_free((*tree)->bytes);
	mem_free(*tree);
	*tree = NULL;
}

/* Reads in to its end; out may be -1. Sets *wrote where out is the trouble. */
static int
pass(struct tree *tree, int in, int out, struct tree_file *file, bool *wrote)
{
	ssize_t n;
	int rc = 0;

	file->size = 0;
	*wrote = false;
	while (rc == 0 && (n = read(in, tree->bytes, PIECE)) != 0) {
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0) {
			rc = -1;
			break;
		}
		file->size += (uint64_t)n;
		crypto_sha256_add(tree->hash, str_n(tree->bytes, (size_t)n));
		if (out < 0)
			continue;
		rc = file_write(out, str_n(tree->bytes, (size_t)n));
		*wrote = rc < 0;
	}
	crypto_sha256_end(tree->hash, file->digest);
	return rc;
}

/* 1 with *fd on a regular file; 0: there is none. */
static int
open_file(int at, const char *path, int *fd, struct stat *st, struct fault *f)
{
	*fd = openat(at, path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	if (*fd < 0 && (errno == ENOENT || errno == ELOOP || errno == ENXIO))
		return 0;
	if (*fd < 0 || fstat(*fd, st) < 0) {
		fault_errno(f, "cannot open %s", path);
		if (*fd >= 0)
			close(*fd);
		return -1;
	}
	if (S_ISREG(st->st_mode))
		return 1;
	close(*fd);
	return 0;
}

int
tree_read(struct tree *tree, int at, const char *path, struct tree_file *file,
    struct fault *f)
{
	struct stat st;
	bool wrote;
	int in, rc = open_file(at, path, &in, &st, f);

	if (rc <= 0)
		return rc;
	file->mtime = tree_time(&st);
	if (pass(tree, in, -1, file, &wrote) < 0)
		rc = fault_errno(f, "cannot read %s", path);
	close(in);
	return rc;
}

static int
set_time(int fd, int64_t mtime)
{
	struct timespec times[2];

	times[0].tv_sec = mtime / 1000000000;
	times[0].tv_nsec = mtime % 1000000000;
	if (times[0].tv_nsec < 0) {
		times[0].tv_nsec += 1000000000;
		times[0].tv_sec--;
	}
	times[1] = times[0];
	return futimens(fd, times);
}

/* Only root can give files away. */
static int
keep_owner(int fd, const struct stat *st)
{
	return geteuid() == 0 ? fchown(fd, st->st_uid, st->st_gid) : 0;
}

int
tree_copy(struct tree *tree, int at, const char *path, int to_at,
    const char *to_path, struct tree_file *file, struct fault *f)
{
	struct stat st;
	bool wrote = true;
	int in, out, rc = open_file(at, path, &in, &st, f);

	if (rc <= 0)
		return rc;
	file->mtime = tree_time(&st);
	out = openat(to_at, to_path,
	    O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (out < 0)
		rc = fault_errno(f, "cannot make %s", to_path);
	else if (pass(tree, in, out, file, &wrote) < 0)
		rc = fault_errno(f, "cannot %s %s", wrote ? "write" : "read",
		    wrote ? to_path : path);
	else if (set_time(out, file->mtime) < 0 || keep_owner(out, &st) < 0)
		rc = fault_errno(f, "cannot set the time of %s", to_path);
	close(in);
	if (out >= 0 && close(out) < 0 && rc > 0)
		rc = fault_errno(f, "cannot write %s", to_path);
	if (out >= 0 && rc < 0)
		(void)unlinkat(to_at, to_path, 0);
	return rc;
}

int
tree_open(int at, const char *path, struct fault *f)
{
	int fd = openat(at, path, OPEN_DIR);

	return fd < 0 ? fault_errno(f, "cannot open %s", path) : fd;
}

bool
tree_join(char path[TREE_PATH_SIZE], const char *dir, const char *name)
{
	int n = snprintf(path, TREE_PATH_SIZE, "%s%s%s", dir,
	    dir[0] != '\0' ? "/" : "", name);

	return n >= 0 && n < TREE_PATH_SIZE;
}

static int
make_one(int at, const char *path, struct fault *f)
{
	if (mkdirat(at, path, 0700) < 0 && errno != EEXIST)
		return fault_errno(f, "cannot make %s", path);
	return 0;
}

int
tree_make_parents(int at, const char *path, struct fault *f)
{
	char part[TREE_PATH_SIZE];

	if (!str_copy(str(path), part, sizeof part))
		return fault_perm(f, "5.3.0", "%.100s… is too long", path);
	for (char *p = part + 1; *p != '\0'; p++) {
		if (*p != '/')
			continue;
		*p = '\0';
		if (make_one(at, part, f) < 0)
			return -1;
		*p = '/';
	}
	return 0;
}

static int
read_names(int dir, struct buf *names, struct fault *f)
{
	int fd = openat(dir, ".", OPEN_DIR);
	DIR *d = fd < 0 ? NULL : fdopendir(fd);
	const struct dirent *e;
	int rc = 0;

	if (d == NULL) {
		if (fd >= 0)
			close(fd);
		return fault_errno(f, "cannot read a folder");
	}
	errno = 0;
	while ((e = readdir(d)) != NULL) {
		if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0)
			buf_put(names, e->d_name, strlen(e->d_name) + 1);
	}
	if (errno != 0)
		rc = fault_errno(f, "cannot read a folder");
	else if (buf_is_full(names))
		rc = fault_perm(f, "5.3.0", "a folder has too many files");
	closedir(d);
	return rc;
}

int
tree_each(int dir,
    int (*each)(void *ctx, int dir, const char *name, struct fault *f),
    void *ctx, struct fault *f)
{
	struct buf names;
	struct str rest;
	int rc;

	buf_init(&names, NAMES_MAX);
	rc = read_names(dir, &names, f);
	rest = buf_str(&names);
	while (rc == 0 && rest.len > 0)
		rc = each(ctx, dir, str_cut(&rest, '\0').at, f);
	buf_clear(&names);
	return rc;
}

int
tree_make_as(int at, const char *path, int like, struct fault *f)
{
	struct stat st;

	if (make_one(at, path, f) < 0)
		return -1;
	if (geteuid() != 0)
		return 0;
	if (fstat(like, &st) < 0 ||
	    fchownat(at, path, st.st_uid, st.st_gid, AT_SYMLINK_NOFOLLOW) < 0)
		return fault_errno(f, "cannot set the owner of %s", path);
	return 0;
}

static int
give(void *ctx, int dir, const char *name, struct fault *f)
{
	const struct stat *owner = ctx;
	int fd, rc = 0;

	if (file_is_dir(dir, name)) {
		fd = tree_open(dir, name, f);
		rc = fd < 0 ? -1 : tree_each(fd, give, ctx, f);
		if (fd >= 0)
			close(fd);
	}
	if (rc == 0 && fchownat(dir, name, owner->st_uid, owner->st_gid,
			   AT_SYMLINK_NOFOLLOW) < 0)
		rc = fault_errno(f, "cannot give %s away", name);
	return rc;
}

int
tree_give(int at, const char *path, uid_t uid, gid_t gid, struct fault *f)
{
	struct stat owner = {.st_uid = uid, .st_gid = gid};

	return give(&owner, at, path, f);
}

int
tree_make(int at, const char *path, struct fault *f)
{
	if (tree_make_parents(at, path, f) < 0)
		return -1;
	return make_one(at, path, f);
}

struct removing {
	unsigned depth;
};

static int remove_at(void *ctx, int dir, const char *name, struct fault *f);

static int
empty(struct removing *r, int at, const char *name, struct fault *f)
{
	int fd, rc;

	if (r->depth == TREE_DEPTH_MAX)
		return fault_perm(f, "5.3.0", "%s is too deep", name);
	fd = tree_open(at, name, f);
	if (fd < 0)
		return -1;
	r->depth++;
	rc = tree_each(fd, remove_at, r, f);
	r->depth--;
	close(fd);
	return rc;
}

static int
remove_at(void *ctx, int dir, const char *name, struct fault *f)
{
	bool folder = file_is_dir(dir, name);

	if (folder && empty(ctx, dir, name, f) < 0)
		return -1;
	if (unlinkat(dir, name, folder ? AT_REMOVEDIR : 0) < 0 &&
	    errno != ENOENT)
		return fault_errno(f, "cannot remove %s", name);
	return 0;
}

int
tree_remove(int at, const char *path, struct fault *f)
{
	struct removing r = {0};

	return remove_at(&r, at, path, f);
}

struct walk {
	int at;
	char path[TREE_PATH_SIZE];
	unsigned depth;
	int (*each)(void *ctx, int at, const char *path, struct fault *f);
	void *ctx;
};

static int walk_dir(struct walk *w, int fd, struct fault *f);

static int
walk_entry(void *ctx, int dir, const char *name, struct fault *f)
{
	struct walk *w = ctx;
	size_t len = strlen(w->path);
	int fd, rc;

	if (len + strlen(name) + 2 > sizeof w->path)
		return fault_perm(f, "5.3.0", "%.100s… is too long", w->path);
	if (len > 0)
		w->path[len] = '/';
	snprintf(
	    w->path + len + (len > 0), sizeof w->path - len - 1, "%s", name);
	if (file_is_dir(dir, name)) {
		fd = tree_open(dir, name, f);
		rc = fd < 0 ? -1 : walk_dir(w, fd, f);
		if (fd >= 0)
			close(fd);
	} else {
		rc = w->each(w->ctx, w->at, w->path, f);
	}
	w->path[len] = '\0';
	return rc;
}

static int
walk_dir(struct walk *w, int fd, struct fault *f)
{
	int rc;

	if (w->depth == TREE_DEPTH_MAX)
		return fault_perm(f, "5.3.0", "%.100s is too deep", w->path);
	w->depth++;
	rc = tree_each(fd, walk_entry, w, f);
	w->depth--;
	return rc;
}

int
tree_each_file(int at, const char *path,
    int (*each)(void *ctx, int at, const char *path, struct fault *f),
    void *ctx, struct fault *f)
{
	struct walk w = {.at = at, .each = each, .ctx = ctx};
	int fd = openat(at, path[0] != '\0' ? path : ".", OPEN_DIR);
	int rc;

	if (fd < 0)
		return errno == ENOENT ? 0
				       : fault_errno(f, "cannot open %s", path);
	if (!str_copy(str(path), w.path, sizeof w.path))
		rc = fault_perm(f, "5.3.0", "%.100s… is too long", path);
	else
		rc = walk_dir(&w, fd, f);
	close(fd);
	return rc;
}
