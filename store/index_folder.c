/* SPDX-License-Identifier: ISC */
/*
 * The folders that somebody holds, and those among them that wait for the
 * writer to look at their directories again.
 */
#include "config.h"

#include <string.h>

#include "store/index_private.h"

#include "base/mem.h"

static struct index_folder **
bucket(struct index *index, const char *path, const char *dir)
{
	uint64_t h = str_hash(str(path)) * 31 + str_hash(str(dir));

	return &index->buckets[(h ^ h >> 32) % INDEX_BUCKETS];
}

struct index_folder *
index_find_folder(struct index *index, const char *path, const char *dir)
{
	struct index_folder **at = bucket(index, path, dir), *folder;

	pthread_mutex_lock(&index->mutex);
	folder = *at;
	while (folder != NULL && (strcmp(folder->path, path) != 0 ||
				     strcmp(folder->dir, dir) != 0))
		folder = folder->next_in_bucket;
	if (folder == NULL) {
		folder = mem_new(struct index_folder);
		folder->index = index;
		folder->path = mem_dup(path);
		folder->dir = mem_dup(dir);
		folder->next_in_bucket = *at;
		*at = folder;
	}
	folder->holds++;
	pthread_mutex_unlock(&index->mutex);
	return folder;
}

struct index_folder *
index_folder_hold(struct index *index, const struct mailbox_name *mailbox,
    const struct mailbox_folder *folder)
{
	return index_find_folder(index, mailbox->path, folder->dir);
}

void
index_folder_release(struct index_folder **folder)
{
	struct index_folder *gone = *folder;
	struct index *index = gone->index;
	struct index_folder **at = bucket(index, gone->path, gone->dir);

	*folder = NULL;
	pthread_mutex_lock(&index->mutex);
	if (--gone->holds > 0) {
		gone = NULL;
	} else {
		while (*at != gone)
			at = &(*at)->next_in_bucket;
		*at = gone->next_in_bucket;
	}
	pthread_mutex_unlock(&index->mutex);
	if (gone == NULL)
		return;
	mem_free(gone->path);
	mem_free(gone->dir);
	mem_free(gone);
}

void
index_wait_locked(struct index_folder *folder)
{
	struct index *index = folder->index;

	if (folder->waits)
		return;
	folder->waits = true;
	folder->holds++;
	folder->next_waiting = index->waiting;
	index->waiting = folder;
	index->n_waiting++;
}

void
index_wait(struct index_folder *folder)
{
	pthread_mutex_lock(&folder->index->mutex);
	index_wait_locked(folder);
	pthread_mutex_unlock(&folder->index->mutex);
}

void
index_announce(struct index_folder *folder)
{
	atomic_fetch_add(&folder->unindexed, 1);
}

void
index_withdraw(struct index_folder *folder)
{
	atomic_fetch_sub(&folder->unindexed, 1);
	/* The directory's times have changed all the same. */
	index_wait(folder);
}

struct index_folder **
index_take_waiting(struct index *index)
{
	struct index_folder **list;
	size_t n;

	pthread_mutex_lock(&index->mutex);
	n = index->n_waiting;
	list = mem_zeroed(n + 1, sizeof(*list));
	for (struct index_folder *i = index->waiting; i != NULL;
	     i = i->next_waiting) {
		list[--n] = i;
		i->waits = false;
	}
	index->waiting = NULL;
	index->n_waiting = 0;
	pthread_mutex_unlock(&index->mutex);
	return list;
}
