/* SPDX-License-Identifier: ISC */
/*
 * A hash table of open folders under one lock, which is never held across a
 * system call that touches the disk.
 */
#include "config.h"

#include "store/box.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/loop.h"
#include "base/mem.h"
#include "store/hold.h"
#include "store/index.h"
#include "store/maildir.h"

enum { BUCKETS = 4096, CHECK_MS = 2000 };

struct boxes {
	int root;
	struct index *index;
	pthread_mutex_t mutex;
	pthread_cond_t given_back; /* a box that nobody holds any more */
	struct box *buckets[BUCKETS];
	struct box *oldest, *newest; /* idle ones */
	size_t n_idle, max_idle;
};

struct boxes *
boxes_new(int root, struct index *index, size_t idle)
{
	struct boxes *boxes = mem_new(struct boxes);

	boxes->root = root;
	boxes->index = index;
	boxes->max_idle = idle;
	pthread_mutex_init(&boxes->mutex, NULL);
	pthread_cond_init(&boxes->given_back, NULL);
	return boxes;
}

static struct box **
bucket(struct boxes *boxes, const struct mailbox_name *mailbox,
    const struct mailbox_folder *folder)
{
	uint64_t h =
	    str_hash(str(mailbox->path)) * 31 + str_hash(str(folder->dir));

	return &boxes->buckets[(h ^ h >> 32) % BUCKETS];
}

static void
box_free(struct box *box)
{
	if (box->new_dir >= 0)
		close(box->new_dir);
	if (box->dir >= 0)
		close(box->dir);
	if (box->state != NULL)
		index_folder_release(&box->state);
	mem_free(box);
}

static void
leave_idle(struct boxes *boxes, struct box *box)
{
	*(box->older != NULL ? &box->older->newer : &boxes->oldest) =
	    box->newer;
	*(box->newer != NULL ? &box->newer->older : &boxes->newest) =
	    box->older;
	box->older = box->newer = NULL;
	boxes->n_idle--;
}

static void
enter_idle(struct boxes *boxes, struct box *box)
{
	box->older = boxes->newest;
	*(boxes->newest != NULL ? &boxes->newest->newer : &boxes->oldest) = box;
	boxes->newest = box;
	boxes->n_idle++;
}

static void
leave_table(struct boxes *boxes, struct box *box)
{
	struct box **at = bucket(boxes, &box->mailbox, &box->folder);

	if (box->forgotten)
		return;
	while (*at != box)
		at = &(*at)->next_in_bucket;
	*at = box->next_in_bucket;
	box->forgotten = true;
}

static struct box *
find(struct boxes *boxes, const struct mailbox_name *mailbox,
    const struct mailbox_folder *folder)
{
	struct box *box = *bucket(boxes, mailbox, folder);

	while (box != NULL &&
	       (!str_is(str(box->mailbox.path), str(mailbox->path)) ||
		   !str_is(str(box->folder.dir), str(folder->dir))))
		box = box->next_in_bucket;
	if (box != NULL && box->holds++ == 0)
		leave_idle(boxes, box);
	return box;
}

/* Whether the name still leads to the new/ that is open. */
static bool
is_current(struct boxes *boxes, const struct box *box)
{
	char path[MAILDIR_PATH_SIZE + 8];
	struct stat st;

	snprintf(
	    path, sizeof path, "%s/%s/new", box->mailbox.path, box->folder.dir);
	return fstatat(boxes->root, path, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
	       st.st_dev == box->dev && st.st_ino == box->ino;
}

/* new/ in what is open; the parts are made where they are missing. */
static int
open_new(struct box *box, struct fault *f)
{
	const int flags = O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW;

	box->new_dir = openat(box->dir, "new", flags);
	if (box->new_dir >= 0 &&
	    faccessat(box->dir, "tmp", F_OK, AT_SYMLINK_NOFOLLOW) == 0)
		return 0;
	if (errno != ENOENT)
		return fault_errno(
		    f, "cannot open mailbox %s", box->mailbox.text);
	if (maildir_make_parts(box->dir, f) < 0)
		return -1;
	if (box->new_dir < 0)
		box->new_dir = openat(box->dir, "new", flags);
	if (box->new_dir < 0)
		return fault_errno(
		    f, "cannot open mailbox %s", box->mailbox.text);
	return 0;
}

static int
open_dir(struct boxes *boxes, struct box *box, struct fault *f)
{
	int rc = maildir_open(
	    boxes->root, &box->mailbox, &box->folder, &box->dir, f);

	if (rc == 0 && box->folder.dir[0] == '\0') {
		if (maildir_make(boxes->root, &box->mailbox, f) < 0)
			return -1;
		rc = maildir_open(
		    boxes->root, &box->mailbox, &box->folder, &box->dir, f);
	}
	if (rc == 0)
		return fault_temp(f, "4.2.0", "mailbox %s has no folder %s",
		    box->mailbox.text, box->folder.text);
	return rc < 0 ? -1 : 0;
}

static struct box *
box_open(struct boxes *boxes, const struct mailbox_name *mailbox,
    const struct mailbox_folder *folder, struct fault *f)
{
	struct box *box = mem_new(struct box);
	struct stat st;

	box->mailbox = *mailbox;
	box->folder = *folder;
	box->dir = box->new_dir = -1;
	box->holds = 1;
	box->forgotten = true;
	box->checked = clock_ms();
	if (open_dir(boxes, box, f) < 0 || open_new(box, f) < 0)
		goto fail;
	if (fstat(box->new_dir, &st) < 0) {
		fault_errno(f, "cannot open mailbox %s", mailbox->text);
		goto fail;
	}
	box->dev = st.st_dev;
	box->ino = st.st_ino;
	atomic_store(&box->is_held, hold_is_on(boxes->root, mailbox));
	if (boxes->index != NULL)
		box->state = index_folder_hold(boxes->index, mailbox, folder);
	return box;
fail:
	box_free(box);
	return NULL;
}

/* Into the table, unless another thread was faster: then that one. */
static struct box *
enter_table(struct boxes *boxes, struct box *box)
{
	struct box *other, **at;

	pthread_mutex_lock(&boxes->mutex);
	other = find(boxes, &box->mailbox, &box->folder);
	if (other == NULL) {
		at = bucket(boxes, &box->mailbox, &box->folder);
		box->next_in_bucket = *at;
		*at = box;
		box->forgotten = false;
	}
	pthread_mutex_unlock(&boxes->mutex);
	if (other == NULL)
		return box;
	box_free(box);
	return other;
}

/* What is in the table and fit for use. */
static struct box *
get_open(struct boxes *boxes, const struct mailbox_name *mailbox,
    const struct mailbox_folder *folder)
{
	int64_t now = clock_ms();
	bool check = false;
	struct box *box;

	pthread_mutex_lock(&boxes->mutex);
	box = find(boxes, mailbox, folder);
	if (box != NULL && now - box->checked > CHECK_MS) {
		box->checked = now;
		check = true;
	}
	pthread_mutex_unlock(&boxes->mutex);
	if (check && !is_current(boxes, box)) {
		boxes_forget(boxes, box);
		boxes_put(boxes, &box);
	} else if (check) {
		atomic_store(&box->is_held, hold_is_on(boxes->root, mailbox));
	}
	return box;
}

struct box *
boxes_get(struct boxes *boxes, const struct mailbox_name *mailbox,
    const struct mailbox_folder *folder, struct fault *f)
{
	struct box *box = get_open(boxes, mailbox, folder);

	if (box != NULL)
		return box;
	box = box_open(boxes, mailbox, folder, f);
	return box == NULL ? NULL : enter_table(boxes, box);
}

struct box *
boxes_hold(struct boxes *boxes, struct box *box)
{
	pthread_mutex_lock(&boxes->mutex);
	box->holds++;
	pthread_mutex_unlock(&boxes->mutex);
	return box;
}

void
boxes_put(struct boxes *boxes, struct box **box)
{
	struct box *gone = NULL;

	if (*box == NULL)
		return;
	pthread_mutex_lock(&boxes->mutex);
	if (--(*box)->holds == 0) {
		pthread_cond_broadcast(&boxes->given_back);
		if ((*box)->forgotten)
			gone = *box;
		else
			enter_idle(boxes, *box);
	}
	if (boxes->n_idle > boxes->max_idle) {
		gone = boxes->oldest;
		leave_idle(boxes, gone);
		leave_table(boxes, gone);
	}
	pthread_mutex_unlock(&boxes->mutex);
	if (gone != NULL)
		box_free(gone);
	*box = NULL;
}

/* The mutex is held. */
static bool
is_in_use(struct boxes *boxes, const struct mailbox_name *mailbox)
{
	for (size_t i = 0; i < BUCKETS; i++) {
		const struct box *box = boxes->buckets[i];

		for (; box != NULL; box = box->next_in_bucket)
			if (box->holds > 0 &&
			    str_is(str(box->mailbox.path), str(mailbox->path)))
				return true;
	}
	return false;
}

int
boxes_settle(struct boxes *boxes, const struct mailbox_name *mailbox,
    int64_t ms, struct fault *f)
{
	struct timespec until;
	int rc = 0;

	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_sec += ms / 1000;
	loop_blocking_begin();
	pthread_mutex_lock(&boxes->mutex);
	while (is_in_use(boxes, mailbox) && rc == 0)
		rc = pthread_cond_timedwait(
		    &boxes->given_back, &boxes->mutex, &until);
	pthread_mutex_unlock(&boxes->mutex);
	loop_blocking_end();
	return rc == 0
		   ? 0
		   : fault_temp(f, "4.2.0",
			 "deliveries to %s are still under way", mailbox->text);
}

void
boxes_forget(struct boxes *boxes, struct box *box)
{
	pthread_mutex_lock(&boxes->mutex);
	leave_table(boxes, box);
	pthread_mutex_unlock(&boxes->mutex);
}

void
boxes_set_held(
    struct boxes *boxes, const struct mailbox_name *mailbox, bool is_held)
{
	pthread_mutex_lock(&boxes->mutex);
	for (size_t i = 0; i < BUCKETS; i++) {
		struct box *box = boxes->buckets[i];

		for (; box != NULL; box = box->next_in_bucket) {
			if (str_is(str(box->mailbox.path), str(mailbox->path)))
				atomic_store(&box->is_held, is_held);
		}
	}
	pthread_mutex_unlock(&boxes->mutex);
}

void
boxes_free(struct boxes **boxes)
{
	if (*boxes == NULL)
		return;
	while ((*boxes)->oldest != NULL) {
		struct box *box = (*boxes)->oldest;

		leave_idle(*boxes, box);
		leave_table(*boxes, box);
		box_free(box);
	}
	pthread_cond_destroy(&(*boxes)->given_back);
	pthread_mutex_destroy(&(*boxes)->mutex);
	mem_free(*boxes);
	*boxes = NULL;
}
