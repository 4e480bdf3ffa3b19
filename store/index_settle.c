/* SPDX-License-Identifier: ISC */
/*
 * Folders in which nothing is under way any more: their directories' times
 * are recorded, or where something was lost they are reconciled before.
 *
 * A directory's time does not say who changed it. So it is recorded only where
 * it is known that nobody else did: by following, or by a look at new/.
 */
#include "config.h"

#include "store/index_private.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>

#include "base/clock.h"
#include "base/mem.h"
#include "store/follow.h"

enum {
	RETRY_MS = 10000,
	/* For so long a folder that never rests is not compared. */
	UNSURE_MS = 5000,
	/* With more in new/ a look at it costs too much each time. */
	LOOK_MAX = 2000,
};

/* Whether new/ has the files that the records say, by their base names. */
static bool
is_new_known(const struct index_folder *folder)
{
	char path[MAILDIR_PATH_SIZE + 8];
	uint64_t n = 0, sum = 0;
	struct maildir_name name;
	struct dirent *e;
	DIR *d;

	snprintf(path, sizeof path, "%s/%s/new", folder->path, folder->dir);
	d = index_open_dir(folder->index->root, path, O_NOFOLLOW);
	if (d == NULL)
		return folder->known.fresh == 0;
	while ((e = readdir(d)) != NULL) {
		if (!maildir_name_parse(str(e->d_name), &name))
			continue;
		n++;
		sum += str_hash(name.base);
	}
	closedir(d);
	return n == folder->known.fresh && sum == folder->known.fresh_sum;
}

/* Records the times with which the records agree. */
static int
record_times(struct index_folder *folder, int64_t new_time, int64_t cur_time,
    struct fault *f)
{
	struct index_known *known = &folder->known;

	if (known->new_time == new_time && known->cur_time == cur_time)
		return 1;
	if (index_db_change(folder, f) < 0)
		return -1;
	known->new_time = new_time;
	known->cur_time = cur_time;
	return 1;
}

/* The folder is not followed: cur/ is left to whoever looks at times. */
static int
settle_by_look(struct index_folder *folder, int64_t new_time, struct fault *f)
{
	if (folder->known.new_time == new_time ||
	    folder->known.fresh > LOOK_MAX || !is_new_known(folder))
		return 1;
	if (atomic_load(&folder->unindexed) > 0)
		return 0;
	return record_times(folder, new_time, folder->known.cur_time, f);
}

static int
lose(struct index_folder *folder)
{
	atomic_store(&folder->lost, true);
	return 0;
}

/* What was told up to the times is written, and that is all where it is sure;
 * else it is so from now on, or the folder must be compared. */
static int
settle_by_following(struct index_folder *folder, int64_t new_time,
    int64_t cur_time, struct fault *f)
{
	if (follow_has_changes(folder) || index_is_too_new(cur_time))
		return 0;
	if (!follow_is_sure(folder)) {
		if (folder->known.cur_time != cur_time || !is_new_known(folder))
			return lose(folder);
		if (atomic_load(&folder->unindexed) > 0)
			return 0;
		follow_set_sure(folder);
	}
	return record_times(folder, new_time, cur_time, f);
}

/* 1 when the folder needs no more, 0 when it must wait, -1 on a fault. */
static int
settle(struct index_folder *folder, struct fault *f)
{
	int64_t new_time, cur_time;

	if (!index_folder_times(folder, &new_time, &cur_time))
		return lose(folder);
	if (index_is_too_new(new_time))
		return 0;
	/* What was announced since is not in these times for certain. */
	if (atomic_load(&folder->unindexed) > 0)
		return 0;
	if (index_db_load(folder, f) < 0)
		return -1;
	folder->careful = false;
	if (!follow_is_on(folder))
		return settle_by_look(folder, new_time, f);
	/* What made the times is told by now. */
	follow_read(folder->index->follow);
	if (atomic_load(&folder->lost))
		return 0;
	return follow_is_on(folder)
		   ? settle_by_following(folder, new_time, cur_time, f)
		   : 0;
}

static int
reconcile(struct index_folder *folder, struct fault *f)
{
	struct index_difference difference;

	if (index_reconcile_folder(folder, INDEX_MEND, &difference, f) < 0)
		return -1;
	/* Somebody is at work there. */
	if (difference.changed + difference.stale > 0)
		follow_use(folder);
	return atomic_load(&folder->unindexed) > 0 ? 0 : 1;
}

/* At the end nothing is reconciled any more: the times will tell the next
 * sweep. */
static int
settle_or_reconcile(struct index_folder *folder, bool at_end, struct fault *f)
{
	if (follow_apply(folder, f) < 0)
		return -1;
	if (atomic_load(&folder->unindexed) > 0 &&
	    follow_unsure_ms(folder) > UNSURE_MS)
		lose(folder);
	if (!atomic_load(&folder->lost))
		return atomic_load(&folder->unindexed) > 0 ? 0
							   : settle(folder, f);
	return at_end ? 0 : reconcile(folder, f);
}

void
index_settle(struct index *index, bool at_end)
{
	struct index_folder **list;
	struct fault f = {0};
	bool failed = false;

	if (clock_ms() < index->settle_at && !at_end)
		return;
	follow_read(index->follow);
	list = index_take_waiting(index);
	for (size_t i = 0; list[i] != NULL; i++) {
		int rc = 0;

		if (!failed && !index_has_news(index))
			rc = settle_or_reconcile(list[i], at_end, &f);
		failed = failed || rc < 0;
		if (rc <= 0)
			index_wait(list[i]);
		index_folder_release(&list[i]);
	}
	mem_free(list);
	if (!failed && index_db_flush(index, &f) < 0)
		failed = true;
	index->settle_at = clock_ms() + (failed ? RETRY_MS : INDEX_SETTLE_MS);
	if (failed)
		index_complain(index, &f);
}
