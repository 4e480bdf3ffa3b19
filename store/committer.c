/* SPDX-License-Identifier: ISC */
/*
 * Group commit by syncfs(2). There is no timer: while one sync runs, the next
 * batch gathers.
 *
 * A file system without a journal may write its metadata behind the flush of
 * syncfs; one fsync(2) of any directory sends the missing flush. It is left out
 * only where the file system is known to need none.
 */
#include "config.h"

#include "store/committer.h"

#include <limits.h>
#include <linux/futex.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "base/log.h"
#include "base/loop.h"
#include "base/mem.h"

/*
 * One for all who wait for the same sync. They wait by futex(2): a condition
 * variable would have each of a hundred threads take one mutex when it wakes.
 */
struct batch {
	atomic_uint done; /* 1: rc and fault are set */
	atomic_uint holds;
	int rc;
	struct fault fault;
};

struct committer {
	int root;
	bool flushes_twice;
	pthread_t thread;
	pthread_mutex_t mutex;
	pthread_cond_t work;
	struct batch *next; /* NULL: nobody waits */
	bool busy;          /* a sync is running */
	bool stopping;
};

static bool
has_journal_in_sysfs(dev_t dev)
{
	char path[128], target[PATH_MAX], line[32];
	const char *name;
	ssize_t n;
	FILE *file;
	bool has;

	snprintf(
	    path, sizeof path, "/sys/dev/block/%u:%u", major(dev), minor(dev));
	n = readlink(path, target, sizeof target - 1);
	if (n <= 0)
		return false;
	target[n] = '\0';
	name = strrchr(target, '/');
	snprintf(path, sizeof path, "/sys/fs/ext4/%.64s/journal_task",
	    name != NULL ? name + 1 : target);
	file = fopen(path, "re");
	if (file == NULL)
		return false;
	/* A process id, or "<none>". */
	has = fgets(line, sizeof line, file) != NULL && line[0] >= '1' &&
	      line[0] <= '9';
	fclose(file);
	return has;
}

static bool
syncfs_is_enough(int root)
{
	const long ext4 = 0xef53, xfs = 0x58465342, btrfs = 0x9123683e;
	struct statfs fs;
	struct stat st;

	if (fstatfs(root, &fs) < 0 || fstat(root, &st) < 0)
		return false;
	if (fs.f_type == xfs || fs.f_type == btrfs)
		return true;
	return fs.f_type == ext4 && has_journal_in_sysfs(st.st_dev);
}

static int
sync_all(struct committer *c, struct fault *f)
{
	if (syncfs(c->root) < 0 || (c->flushes_twice && fsync(c->root) < 0))
		return fault_errno(f, "cannot sync the mail store");
	return 0;
}

static int
sync_alone(int file, int dir, struct fault *f)
{
	if (fsync(file) < 0 || fsync(dir) < 0)
		return fault_errno(f, "cannot sync the mail store");
	return 0;
}

static void
release(struct batch *b)
{
	if (atomic_fetch_sub(&b->holds, 1) == 1)
		mem_free(b);
}

static void
wait_until_done(struct batch *b)
{
	while (atomic_load(&b->done) == 0)
		syscall(SYS_futex, &b->done, FUTEX_WAIT_PRIVATE, 0, NULL);
}

/* Gives the committer's hold back. */
static void
finish(struct batch *b, int rc, const struct fault *f)
{
	b->rc = rc;
	b->fault = *f;
	atomic_store(&b->done, 1);
	syscall(SYS_futex, &b->done, FUTEX_WAKE_PRIVATE, INT_MAX);
	release(b);
}

static void *
run(void *ctx)
{
	struct committer *c = ctx;

	pthread_mutex_lock(&c->mutex);
	for (;;) {
		struct fault f = {0};
		struct batch *b;
		int rc;

		while (c->next == NULL && !c->stopping)
			pthread_cond_wait(&c->work, &c->mutex);
		if (c->next == NULL)
			break;
		b = c->next;
		c->next = NULL;
		c->busy = true;
		pthread_mutex_unlock(&c->mutex);
		rc = sync_all(c, &f);
		finish(b, rc, &f);
		pthread_mutex_lock(&c->mutex);
		c->busy = false;
	}
	pthread_mutex_unlock(&c->mutex);
	return NULL;
}

struct committer *
committer_new(int root, struct fault *f)
{
	struct committer *c = mem_new(struct committer);
	sigset_t all, before;
	int rc;

	c->root = root;
	c->flushes_twice = !syncfs_is_enough(root);
	pthread_mutex_init(&c->mutex, NULL);
	pthread_cond_init(&c->work, NULL);
	sigfillset(&all);
	pthread_sigmask(SIG_BLOCK, &all, &before);
	rc = pthread_create(&c->thread, NULL, run, c);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (rc == 0)
		return c;
	pthread_cond_destroy(&c->work);
	pthread_mutex_destroy(&c->mutex);
	mem_free(c);
	fault_temp(f, "4.3.0", "cannot start a thread: %s", strerror(rc));
	return NULL;
}

void
committer_free(struct committer **committer)
{
	struct committer *c = *committer;

	if (c == NULL)
		return;
	pthread_mutex_lock(&c->mutex);
	c->stopping = true;
	pthread_cond_signal(&c->work);
	pthread_mutex_unlock(&c->mutex);
	pthread_join(c->thread, NULL);
	pthread_cond_destroy(&c->work);
	pthread_mutex_destroy(&c->mutex);
	mem_free(c);
	*committer = NULL;
}

/* The batch that gathers, with one more hold. The mutex is held. */
static struct batch *
join_batch(struct committer *c)
{
	struct batch *b = c->next;

	if (b == NULL) {
		b = mem_new(struct batch);
		atomic_init(&b->done, 0);
		atomic_init(&b->holds, 1);
		c->next = b;
		pthread_cond_signal(&c->work);
	}
	atomic_fetch_add(&b->holds, 1);
	return b;
}

int
committer_wait(struct committer *c, int file, int dir, struct fault *f)
{
	struct batch *b = NULL;
	int rc;

	loop_blocking_begin();
	pthread_mutex_lock(&c->mutex);
	if (!c->busy && c->next == NULL && file >= 0 && dir >= 0)
		c->busy = true;
	else
		b = join_batch(c);
	pthread_mutex_unlock(&c->mutex);
	if (b == NULL) {
		rc = sync_alone(file, dir, f);
		pthread_mutex_lock(&c->mutex);
		c->busy = false;
		pthread_mutex_unlock(&c->mutex);
	} else {
		wait_until_done(b);
		rc = b->rc;
		if (rc < 0)
			*f = b->fault;
		release(b);
	}
	loop_blocking_end();
	return rc;
}
