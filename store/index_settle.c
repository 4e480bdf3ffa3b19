/* SPDX-License-Identifier: ISC */
/*
 * Folders in which nothing is under way any more: their directories' times
 * are recorded, or where something was lost they are reconciled before.
 */
#include "config.h"

#include "store/index_private.h"

#include "base/clock.h"
#include "base/mem.h"

enum { RETRY_MS = 10000 };

/* Records the times of a folder in which nothing is under way. */
static int
settle(struct index_folder *folder, struct fault *f)
{
	int64_t new_time, cur_time;

	if (!index_folder_times(folder, &new_time, &cur_time))
		return 1;
	if (index_is_too_new(new_time))
		return 0;
	/* What was announced since is not in these times for certain. */
	if (atomic_load(&folder->unindexed) > 0)
		return 0;
	if (index_db_load(folder, f) < 0)
		return -1;
	folder->careful = false;
	if (folder->known.new_time == new_time)
		return 1;
	if (index_db_change(folder, f) < 0)
		return -1;
	folder->known.new_time = new_time;
	return 1;
}

/* 1 when the folder needs no more, 0 when it must wait, -1 on a fault. At the
 * end nothing is reconciled any more: the times will tell the next sweep. */
static int
settle_or_reconcile(struct index_folder *folder, bool at_end, struct fault *f)
{
	struct index_difference difference;

	if (at_end && atomic_load(&folder->lost))
		return 0;
	if (!atomic_load(&folder->lost))
		return atomic_load(&folder->unindexed) > 0 ? 0
							   : settle(folder, f);
	if (index_reconcile_folder(folder, true, &difference, f) < 0)
		return -1;
	return atomic_load(&folder->unindexed) > 0 ? 0 : 1;
}
void
index_settle(struct index *index, bool at_end)
{
	struct index_folder **list;
	struct fault f = {0};
	bool failed = false;

	if (clock_ms() < index->settle_at && !at_end)
		return;
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
