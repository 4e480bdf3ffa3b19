/* SPDX-License-Identifier: ISC */
/*
 * Group commit by syncfs(2), in rounds. There is no timer: while one round is
 * under way, those who are to have the next gather.
 *
 * A file system without a journal may write its metadata behind the flush of
 * syncfs; one fsync(2) of any directory sends the missing flush. It is left out
 * only where the file system is known to need none.
 */
#include "config.h"

#include "store/committer.h"

#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "base/log.h"
#include "base/loop.h"
#include "base/mem.h"
#include "base/thread.h"

struct committer {
	int root;
	bool flushes_twice;
	pthread_t thread;
	pthread_mutex_t mutex;
	pthread_cond_t work;
	pthread_cond_t round_over;
	struct committer_wait *gathered; /* for the round behind `begun` */
	uint64_t begun, ended;
	bool alone; /* somebody syncs what is his own */
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

static void
tell(struct committer_wait *w, const struct fault *failed)
{
	while (w != NULL) {
		/* Afterwards it may be gone. */
		struct committer_wait *next = w->next;

		w->done(w, failed);
		w = next;
	}
}

static void *
run(void *ctx)
{
	struct committer *c = ctx;

	pthread_mutex_lock(&c->mutex);
	for (;;) {
		struct committer_wait *all;
		struct fault f;
		int rc;

		while (c->gathered == NULL && !c->stopping)
			pthread_cond_wait(&c->work, &c->mutex);
		if (c->gathered == NULL)
			break;
		all = c->gathered;
		c->gathered = NULL;
		c->begun++;
		pthread_mutex_unlock(&c->mutex);
		rc = sync_all(c, &f);
		tell(all, rc < 0 ? &f : NULL);
		pthread_mutex_lock(&c->mutex);
		c->ended = c->begun;
		pthread_cond_broadcast(&c->round_over);
	}
	pthread_mutex_unlock(&c->mutex);
	return NULL;
}

struct committer *
committer_new(int root, struct fault *f)
{
	struct committer *c = mem_new(struct committer);

	c->root = root;
	c->flushes_twice = !syncfs_is_enough(root);
	pthread_mutex_init(&c->mutex, NULL);
	pthread_cond_init(&c->work, NULL);
	pthread_cond_init(&c->round_over, NULL);
	if (thread_start(&c->thread, run, c, f) == 0)
		return c;
	pthread_cond_destroy(&c->work);
	pthread_cond_destroy(&c->round_over);
	pthread_mutex_destroy(&c->mutex);
	mem_free(c);
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
	pthread_cond_destroy(&c->round_over);
	pthread_mutex_destroy(&c->mutex);
	mem_free(c);
	*committer = NULL;
}

/* The first who comes wakes the committer; but it need not, where a round is
 * under way. The mutex is held. */
static bool
join(struct committer *c, struct committer_wait *w)
{
	bool first = c->gathered == NULL;

	w->round = c->begun + 1;
	w->prev = NULL;
	w->next = c->gathered;
	if (!first)
		w->next->prev = w;
	c->gathered = w;
	return first && c->ended == c->begun;
}

static int
sync_alone(struct committer *c, int file, int dir, struct fault *f)
{
	int rc = 1;

	loop_blocking_begin();
	if (fsync(file) < 0 || fsync(dir) < 0)
		rc = fault_errno(f, "cannot sync the mail store");
	loop_blocking_end();
	pthread_mutex_lock(&c->mutex);
	c->alone = false;
	pthread_mutex_unlock(&c->mutex);
	return rc;
}

int
committer_begin(struct committer *c, struct committer_wait *w, int file,
    int dir, struct fault *f)
{
	bool alone, wake = false;

	pthread_mutex_lock(&c->mutex);
	alone = file >= 0 && dir >= 0 && !c->alone && c->gathered == NULL &&
		c->ended == c->begun;
	if (alone)
		c->alone = true;
	else
		wake = join(c, w);
	pthread_mutex_unlock(&c->mutex);
	/* Behind the mutex: the thread that wakes wants it. */
	if (wake)
		pthread_cond_signal(&c->work);
	return alone ? sync_alone(c, file, dir, f) : 0;
}

bool
committer_leave(struct committer *c, struct committer_wait *w)
{
	bool told = true;

	loop_blocking_begin();
	pthread_mutex_lock(&c->mutex);
	if (w->round > c->begun) {
		told = false;
		if (w->prev != NULL)
			w->prev->next = w->next;
		else
			c->gathered = w->next;
		if (w->next != NULL)
			w->next->prev = w->prev;
	}
	while (told && c->ended < w->round)
		pthread_cond_wait(&c->round_over, &c->mutex);
	pthread_mutex_unlock(&c->mutex);
	loop_blocking_end();
	return told;
}
