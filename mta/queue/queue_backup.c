/* SPDX-License-Identifier: ISC */
/*
 * A copy of the queue while it is in use.
 *
 * The tables are copied as they are at one moment; a body's file is there from
 * before its message is committed until after that is gone. So from before the
 * tables are copied, what leaves body/ is moved into the copy, and afterwards
 * the copy gets a link to all that is in body/: whatever the tables name
 * is there. What they do not name goes when the copy is opened as a queue.
 */
#include "config.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "mta/queue/queue_private.h"

/* A directory's entries, without "." and "..". */
static int
each_name(int at,
    int (*each)(struct queue *q, int at, const char *name, struct fault *f),
    struct queue *q, struct fault *f)
{
	int fd = openat(at, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	const struct dirent *e;
	int rc = 0;

	if (dir == NULL) {
		if (fd >= 0)
			close(fd);
		return fault_errno(f, "cannot read the bodies");
	}
	while (rc == 0 && (e = readdir(dir)) != NULL) {
		if (ident_is_ours(str(e->d_name)))
			rc = each(q, at, e->d_name, f);
	}
	closedir(dir);
	return rc;
}

static int
remove_old(struct queue *q, int at, const char *name, struct fault *f)
{
	(void)q;
	if (unlinkat(at, name, 0) < 0)
		return fault_errno(f, "cannot remove %s", name);
	return 0;
}

/* What was removed meanwhile has been moved, and is in the copy already. */
static int
link_body(struct queue *q, int at, const char *name, struct fault *f)
{
	if (linkat(at, name, q->copy_dir, name, 0) < 0 && errno != ENOENT &&
	    errno != EEXIST)
		return fault_errno(f, "cannot link the body %s", name);
	return 0;
}

static int
make_dir(const char *path, struct fault *f)
{
	if (mkdir(path, 0700) < 0 && errno != EEXIST)
		return fault_errno(f, "cannot make %s", path);
	return 0;
}

/* Leaves *fd on the copy's body/, without what another run left in it. */
static int
open_copy(const char *dir, int *fd, struct fault *f)
{
	char path[PATH_MAX];

	*fd = -1;
	if ((size_t)snprintf(path, sizeof path, "%s/body", dir) >= sizeof path)
		return fault_perm(f, "5.3.5", "%s is too long", dir);
	if (make_dir(dir, f) < 0 || make_dir(path, f) < 0)
		return -1;
	*fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	if (*fd < 0)
		return fault_errno(f, "cannot open %s", path);
	return each_name(*fd, remove_old, NULL, f);
}

/* From here on what leaves body/ is kept. */
static int
begin_keeping(struct queue *q, const char *dir, struct fault *f)
{
	int fd = -1, rc = -1;

	pthread_mutex_lock(&q->copy_mutex);
	if (q->copy_dir >= 0)
		fault_temp(f, "4.3.2", "the queue is being copied already");
	else
		rc = open_copy(dir, &fd, f);
	if (rc == 0)
		q->copy_dir = fd;
	else if (fd >= 0)
		close(fd);
	pthread_mutex_unlock(&q->copy_mutex);
	return rc;
}

static void
end_keeping(struct queue *q)
{
	pthread_mutex_lock(&q->copy_mutex);
	close(q->copy_dir);
	q->copy_dir = -1;
	pthread_mutex_unlock(&q->copy_mutex);
}

bool
queue_backup_keeps(struct queue *q, const struct ident *id)
{
	bool kept;

	pthread_mutex_lock(&q->copy_mutex);
	kept = q->copy_dir >= 0 &&
	       renameat(q->body_dir, id->text, q->copy_dir, id->text) == 0;
	pthread_mutex_unlock(&q->copy_mutex);
	return kept;
}

int
queue_backup(struct queue *q, const char *dir, struct fault *f)
{
	int rc;

	if (begin_keeping(q, dir, f) < 0)
		return -1;
	rc = db_env_backup(q->env, dir, f);
	if (rc == 0)
		rc = each_name(q->body_dir, link_body, q, f);
	end_keeping(q);
	return rc;
}
