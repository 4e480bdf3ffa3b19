/* SPDX-License-Identifier: ISC */
/*
 * A batch: files in tmp/, one sync, the lines that name them, their names,
 * another sync. Cut off before the lines, it is done again; behind them, those
 * that are still in tmp/ get their names.
 */
#include "config.h"

#include "store/import_private.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "store/client_private.h"
#include "store/maildirsize.h"

enum { BATCH_BYTES = 64 << 20 };

void
import_tmp_path(
    const struct import *im, uint64_t number, char path[IMPORT_TMP_SIZE])
{
	snprintf(path, IMPORT_TMP_SIZE, "tmp/import.%s.%llu", im->id,
	    (unsigned long long)number);
}

static int
open_file(struct import *im, struct fault *f)
{
	char path[IMPORT_TMP_SIZE];

	import_tmp_path(im, im->next, path);
	im->fd = openat(im->folder->open.dir, path,
	    O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (im->fd < 0)
		return fault_errno(
		    f, "cannot make a file for %s", im->mailbox.text);
	return 0;
}

int
import_spill(struct import *im, struct fault *f)
{
	if (im->fd < 0 && open_file(im, f) < 0)
		return -1;
	if (file_write(im->fd, buf_str(&im->bytes)) < 0)
		return fault_errno(f, "cannot write the message");
	buf_reset(&im->bytes);
	return 0;
}

void
import_drop_file(struct import *im)
{
	char path[IMPORT_TMP_SIZE];

	if (im->fd < 0)
		return;
	close(im->fd);
	im->fd = -1;
	import_tmp_path(im, im->next, path);
	unlinkat(im->folder->open.dir, path, 0);
}

int
import_batch_add(struct import *im, const char *base,
    const struct import_known *known, struct fault *f)
{
	const struct timespec times[] = {
	    {.tv_nsec = UTIME_NOW}, {.tv_sec = (time_t)im->time}};
	struct import_waiting *w = &im->waiting[im->n_waiting];

	if (!client_file_name(str(base), str(im->flags), im->is_new, w->file))
		return fault_perm(f, "5.2.0", "a file name is too long");
	if (import_spill(im, f) < 0)
		return -1;
	if (im->time > 0 && futimens(im->fd, times) < 0)
		return fault_errno(f, "cannot set a message's time");
	close(im->fd);
	im->fd = -1;
	w->folder = im->folder;
	w->known = known;
	w->number = im->next++;
	w->is_new = im->is_new;
	w->is_there = false;
	w->size = im->size;
	im->n_waiting++;
	im->waiting_bytes += im->size;
	if (im->n_waiting < IMPORT_BATCH && im->waiting_bytes < BATCH_BYTES)
		return 0;
	return import_flush(im, f);
}

void
import_batch_drop(struct import *im)
{
	import_drop_file(im);
	for (size_t i = 0; i < im->n_waiting; i++) {
		char path[IMPORT_TMP_SIZE];

		import_tmp_path(im, im->waiting[i].number, path);
		unlinkat(im->waiting[i].folder->open.dir, path, 0);
	}
	im->n_waiting = 0;
}

/* All that was written in the file system is on the disk. */
static int
sync_all(struct import *im, struct fault *f)
{
	if (syncfs(im->box) < 0 || fsync(im->box) < 0)
		return fault_errno(
		    f, "cannot sync mailbox %s", im->mailbox.text);
	return 0;
}

int
import_give_name(struct import *im, struct import_waiting *w, struct fault *f)
{
	char tmp[IMPORT_TMP_SIZE], path[CLIENT_PATH_SIZE];
	int dir = w->folder->open.dir;

	import_tmp_path(im, w->number, tmp);
	snprintf(
	    path, sizeof path, "%s/%s", w->is_new ? "new" : "cur", w->file);
	if (file_rename(dir, tmp, dir, path) == 0) {
		w->folder->is_touched = true;
		w->is_there = true;
		im->sum.messages++;
		im->sum.bytes += w->size;
		return 0;
	}
	if (errno != EEXIST)
		return fault_errno(
		    f, "cannot bring a message into %s", im->mailbox.text);
	unlinkat(dir, tmp, 0);
	im->sum.known++;
	return 0;
}

static int
sync_names(struct import *im, struct fault *f)
{
	for (size_t i = 0; i < im->n_folders; i++) {
		struct import_folder *folder = im->folders[i];

		if (!folder->is_touched)
			continue;
		if (client_sync(&folder->open, f) < 0)
			return -1;
		folder->is_touched = false;
	}
	return 0;
}

/* For quotas. */
static void
count(const struct import *im)
{
	int64_t bytes = 0, messages = 0;

	for (size_t i = 0; i < im->n_waiting; i++) {
		const struct import_waiting *w = &im->waiting[i];
		struct maildir_name name;

		if (!w->is_there || !maildir_name_parse(str(w->file), &name) ||
		    !maildirsize_counts(
			str(w->folder->open.folder.dir), name.flags))
			continue;
		bytes += (int64_t)w->size;
		messages++;
	}
	if (messages > 0)
		maildirsize_add(im->box, bytes, messages);
}

int
import_flush(struct import *im, struct fault *f)
{
	/* Of a message that did not end. */
	import_drop_file(im);
	if (im->n_waiting == 0)
		return 0;
	if (sync_all(im, f) < 0 || import_state_write(im, f) < 0)
		return -1;
	for (size_t i = 0; i < im->n_waiting; i++)
		if (import_give_name(im, &im->waiting[i], f) < 0)
			return -1;
	if (sync_names(im, f) < 0)
		return -1;
	count(im);
	im->n_waiting = 0;
	im->waiting_bytes = 0;
	return 0;
}
