/* SPDX-License-Identifier: ISC */
/*
 * Checks of one mailbox or of all, for the operator. What is on disk and what
 * the index knows is listed first, since folders change while they are mended.
 */
#include "config.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "store/index_private.h"

#include "base/clock.h"
#include "base/mem.h"
#include "store/follow.h"

enum {
	TRIES = 20,        /* while an IMAP server moves what is to be read */
	COMPARE_MS = 5000, /* a folder that is changed all the time */
};

struct list {
	struct index *index;
	struct index_folder **folders; /* holds; some perhaps twice */
	size_t n, room;
};

static void
add(struct list *l, const char *path, const char *dir)
{
	if (l->n == l->room) {
		l->room = l->room > 0 ? l->room * 2 : 64;
		l->folders =
		    mem_resize(l->folders, l->room, sizeof(*l->folders));
	}
	l->folders[l->n++] = index_find_folder(l->index, path, dir);
}

static int
add_on_disk(
    void *ctx, int dir, const char *path, const char *name, struct fault *f)
{
	struct stat st;

	(void)f;
	if (fstatat(dir, "new", &st, AT_SYMLINK_NOFOLLOW) == 0 ||
	    fstatat(dir, "cur", &st, AT_SYMLINK_NOFOLLOW) == 0)
		add(ctx, path, name);
	return 0;
}

static int
add_known(void *ctx, const struct mailbox_name *mailbox,
    const struct mailbox_folder *folder, const struct index_stat *stat)
{
	(void)stat;
	add(ctx, mailbox->path, folder->dir);
	return 0;
}

static int
compare_pointers(const void *a, const void *b)
{
	const struct index_folder *x = *(struct index_folder *const *)a;
	const struct index_folder *y = *(struct index_folder *const *)b;

	return (x > y) - (x < y);
}

/* 1 where the directories are as they were when the records agreed. */
static int
is_current(struct index_folder *folder, struct fault *f)
{
	const struct index_known *known = &folder->known;
	int64_t new_time, cur_time;

	if (follow_apply(folder, f) < 0 || index_db_load(folder, f) < 0)
		return -1;
	return !atomic_load(&folder->lost) &&
	       index_folder_times(folder, &new_time, &cur_time) &&
	       known->new_time == new_time && known->cur_time == cur_time &&
	       !index_is_too_new(new_time) && !index_is_too_new(cur_time);
}

/* What is changed while a folder is compared is no difference either, as far
 * as it is told. */
static int
compare(
    struct index_folder *folder, struct index_difference *one, struct fault *f)
{
	int64_t until = clock_ms() + COMPARE_MS;

	for (;;) {
		if (index_reconcile_folder(folder, INDEX_COMPARE, one, f) < 0)
			return -1;
		if (one->missing + one->stale + one->changed == 0)
			return 0;
		follow_read(folder->index->follow);
		if (!follow_has_changes(folder) || clock_ms() > until)
			return 0;
		if (follow_apply(folder, f) < 0)
			return -1;
	}
}

static int
check(struct index_folder *folder, enum index_check_how how,
    struct index_difference *sum, struct fault *f)
{
	struct index_difference one;
	uint64_t waiting;

	if (how == INDEX_CATCH_UP) {
		int rc = is_current(folder, f);

		if (rc != 0)
			return rc < 0 ? -1 : 0;
		how = INDEX_MEND;
	}
	/* What the index knows to be behind is no difference yet. */
	if (how == INDEX_COMPARE && follow_apply(folder, f) < 0)
		return -1;
	for (int i = 0; i < TRIES && how == INDEX_COMPARE; i++) {
		if (!atomic_load(&folder->lost))
			break;
		if (index_reconcile_folder(folder, INDEX_MEND, &one, f) < 0)
			return -1;
	}
	if ((how == INDEX_COMPARE
		    ? compare(folder, &one, f)
		    : index_reconcile_folder(folder, how, &one, f)) < 0)
		return -1;
	/* Nor is a delivery that waits for this very thread to be written. */
	waiting = atomic_load(&folder->unindexed);
	one.missing -= waiting < one.missing ? waiting : one.missing;
	sum->messages += one.messages;
	sum->missing += one.missing;
	sum->stale += one.stale;
	sum->changed += one.changed;
	sum->damaged += one.damaged;
	return 0;
}

int
index_check(struct index *index, struct str path, enum index_check_how how,
    struct index_difference *sum, uint64_t *folders, struct fault *f)
{
	struct list l = {.index = index};
	int rc = -1;

	memset(sum, 0, sizeof *sum);
	*folders = 0;
	follow_read(index->follow);
	if (index_walk(index, path, add_on_disk, &l, f) < 0 ||
	    index_each_folder(index, (struct index_range){.path = path},
		add_known, &l, f) < 0)
		goto out;
	/* The same folder is the same pointer as long as it is held. */
	if (l.n > 0)
		qsort(l.folders, l.n, sizeof(*l.folders), compare_pointers);
	for (size_t i = 0; i < l.n; i++) {
		if (i > 0 && l.folders[i] == l.folders[i - 1])
			continue;
		if (check(l.folders[i], how, sum, f) < 0)
			goto out;
		++*folders;
	}
	rc = 0;
out:
	for (size_t i = 0; i < l.n; i++)
		index_folder_release(&l.folders[i]);
	mem_free(l.folders);
	return rc;
}
