/* SPDX-License-Identifier: ISC */
/*
 * What the store does before it takes mail: a look at each folder. It does so
 * again where the index had to be opened anew; then it removes nothing, since
 * what is in tmp/ is being delivered.
 *
 * Only a folder whose directories have changed since their times were recorded
 * is read, and then only for names: ids of deliveries, and messages that a
 * crash cut short. Its records are mended later, while mail is taken.
 */
#include "config.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "store/index_private.h"

#include "base/clock.h"
#include "base/log.h"

struct sweep {
	struct index *index;
	int64_t before; /* when the last one began, us since 1970 */
	uint64_t folders, changed, removed;
};

/* Removes what we had begun; what others begin there is theirs. */
static void
sweep_tmp(struct sweep *s, int dir)
{
	struct maildir_name name;
	struct dirent *e;
	struct stat st;
	DIR *d;

	if (fstatat(dir, "tmp", &st, AT_SYMLINK_NOFOLLOW) < 0 ||
	    (int64_t)st.st_mtim.tv_sec + 2 < s->before / 1000000)
		return;
	d = index_open_dir(dir, "tmp", O_NOFOLLOW);
	if (d == NULL)
		return;
	while ((e = readdir(d)) != NULL) {
		if (maildir_name_parse(str(e->d_name), &name) && name.is_ours)
			s->removed += unlinkat(dirfd(d), e->d_name, 0) == 0;
	}
	closedir(d);
}

/* Shorter than its name says: the power failed before it was whole. */
static bool
is_cut_short(int part, const char *file, const struct maildir_name *name)
{
	struct stat st;

	return name->has_size &&
	       fstatat(part, file, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
	       S_ISREG(st.st_mode) && (uint64_t)st.st_size < name->size;
}

static int
has_record(struct index_folder *folder, const struct maildir_name *name,
    struct fault *f)
{
	struct buf key, value;
	char prefix[8];
	int rc;

	buf_init(&key, INDEX_KEY_MAX);
	buf_init(&value, RECORD_SIZE_MAX);
	index_db_message_prefix(folder, prefix);
	buf_put(&key, prefix, sizeof prefix);
	buf_put_str(&key, name->base);
	rc = db_get(folder->index->messages, folder->index->txn, buf_str(&key),
	    &value, f);
	buf_clear(&key);
	buf_clear(&value);
	return rc;
}

/*
 * A message of ours that was cut short was never acknowledged, so its id is not
 * learnt. It is removed unless somebody has seen it or we knew it as delivered:
 * then the file was shortened later, and not by us.
 */
static int
sweep_file(struct sweep *s, struct index_folder *folder, int part,
    const char *file, bool is_new, struct fault *f)
{
	struct maildir_name name;
	int known;

	if (!maildir_name_parse(str(file), &name) || !name.is_ours ||
	    (!is_new && !index_name_counts(&name)))
		return 0;
	if (!is_cut_short(part, file, &name))
		return index_learn_name(folder, &name, f);
	if (!is_new || s->index->has_thread)
		return 0;
	known = has_record(folder, &name, f);
	if (known == 0)
		s->removed += unlinkat(part, file, 0) == 0;
	return known < 0 ? -1 : 0;
}

static int
sweep_part(struct sweep *s, struct index_folder *folder, int dir,
    const char *part, struct fault *f)
{
	bool is_new = part[0] == 'n';
	DIR *d = index_open_dir(dir, part, O_NOFOLLOW);
	struct dirent *e;
	int rc = 0;

	if (d == NULL)
		return 0;
	while (rc == 0 && (e = readdir(d)) != NULL)
		rc = sweep_file(s, folder, dirfd(d), e->d_name, is_new, f);
	closedir(d);
	return rc;
}

static int
sweep_folder(
    void *ctx, int dir, const char *path, const char *name, struct fault *f)
{
	struct sweep *s = ctx;
	struct index_folder *folder = index_find_folder(s->index, path, name);
	int64_t new_time, cur_time;
	int rc = 0;

	if (!index_folder_times(folder, &new_time, &cur_time))
		goto out;
	s->folders++;
	if (!s->index->has_thread)
		sweep_tmp(s, dir);
	rc = index_db_load(folder, f);
	if (rc < 0 || (folder->known.new_time == new_time &&
			  folder->known.cur_time == cur_time))
		goto out;
	s->changed++;
	rc = sweep_part(s, folder, dir, "new", f);
	if (rc == 0)
		rc = sweep_part(s, folder, dir, "cur", f);
	atomic_store(&folder->lost, true);
	index_wait(folder);
out:
	index_folder_release(&folder);
	return rc;
}

/* Folders that were known and are no more. */
static int
wait_if_gone(void *ctx, struct str key, struct str value)
{
	struct sweep *s = ctx;
	char path[MAILDIR_PATH_SIZE], dir[MAILDIR_PATH_SIZE];
	struct index_folder *folder;
	struct index_known known;
	struct str path_view, dir_view;
	int64_t new_time, cur_time;

	if (!index_db_parse_folder(key, value, &path_view, &dir_view, &known) ||
	    !str_copy(path_view, path, sizeof path) ||
	    !str_copy(dir_view, dir, sizeof dir))
		return 0;
	folder = index_find_folder(s->index, path, dir);
	if (!index_folder_times(folder, &new_time, &cur_time)) {
		atomic_store(&folder->lost, true);
		index_wait(folder);
	}
	index_folder_release(&folder);
	return 0;
}

static int
sweep(struct index *index, struct fault *f)
{
	int64_t began = clock_unix_us();
	/* A time that is still to come is none of ours. */
	struct sweep s = {
	    .index = index,
	    .before = index->swept < began ? index->swept : 0,
	};

	if (index_walk(index, str(""), sweep_folder, &s, f) < 0 ||
	    index_db_flush(index, f) < 0 ||
	    db_scan(index->folders, str(""), str(""), wait_if_gone, &s, f) < 0)
		return -1;
	index->swept = began;
	log_info(NULL, "mailboxes swept", "folders", LOG_NUM(s.folders),
	    "changed", LOG_NUM(s.changed), "removed", LOG_NUM(s.removed), NULL);
	return 0;
}

int
index_sweep(struct index *index, struct fault *f)
{
	if (sweep(index, f) == 0)
		return 0;
	/* The database can be damaged where only reading finds it. */
	if (!db_is_damage(f) || index_db_reopen(index, f, f) < 0)
		return -1;
	return sweep(index, f);
}
