/* SPDX-License-Identifier: ISC */
/*
 * Opening the index' environment, or one in its place. Its three tables bear
 * one stamp, made with them: so a file that was removed, emptied or taken from
 * elsewhere is known, though the library makes a new one without a word.
 */
#include "config.h"

#include <dirent.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "store/index_private.h"

#include "base/clock.h"
#include "base/log.h"

enum { STAMP_SIZE = 6 + 8, TABLES = 3 };

struct str
index_about_key(void)
{
	return STR_LIT("\0");
}

/* No folder, message or delivery has it: they begin with a path, an id that
 * is not 0, and an ident. */
static struct str
stamp_key(void)
{
	return STR_LIT("\0\0\0\0\0\0\0\0");
}

/* Where there is none the index is new. */
static int
load_about(struct index *index, bool *is_new, bool *is_other, struct fault *f)
{
	struct buf value;
	int rc;

	buf_init(&value, (size_t)INDEX_ABOUT_SIZE * 2);
	rc = db_get(index->folders, NULL, index_about_key(), &value, f);
	index->next_id = 1;
	index->swept = 0;
	index->newest_ident = 0;
	*is_new = rc == 0;
	*is_other = rc > 0 && (buf_len(&value) != INDEX_ABOUT_SIZE ||
				  buf_text(&value)[0] != INDEX_VERSION);
	if (rc > 0 && !*is_other) {
		const char *at = buf_text(&value);

		index->next_id = index_get_number(at + 1);
		index->swept = (int64_t)index_get_number(at + 9);
		index->newest_ident = (int64_t)index_get_number(at + 17);
	}
	buf_clear(&value);
	return rc < 0 ? -1 : 0;
}

static int
put_stamps(struct index *index, struct fault *f)
{
	struct db *const dbs[TABLES] = {
	    index->folders, index->messages, index->delivered};
	char stamp[STAMP_SIZE] = "stamp ";
	int64_t now = clock_unix_us();

	index->txn = db_begin(index->env, f);
	if (index->txn == NULL)
		return -1;
	log_info(NULL, "index is new", "index", index->dir, NULL);
	index_set_number(stamp + 6, (uint64_t)now);
	for (size_t i = 0; i < ARRAY_LEN(dbs); i++) {
		if (db_put(dbs[i], index->txn, stamp_key(),
			str_n(stamp, sizeof stamp), f) < 0)
			return -1;
	}
	return db_commit(&index->txn, f);
}

/* How many of the tables have the stamp that the first has, or none where that
 * has none. */
static int
count_same(struct index *index, size_t *n, bool *has_any, struct fault *f)
{
	struct db *const dbs[TABLES] = {
	    index->folders, index->messages, index->delivered};
	struct buf first, stamp;
	int rc = 0;

	*n = 0;
	*has_any = false;
	buf_init(&first, (size_t)STAMP_SIZE * 2);
	buf_init(&stamp, (size_t)STAMP_SIZE * 2);
	for (size_t i = 0; rc >= 0 && i < ARRAY_LEN(dbs); i++) {
		rc = db_get(
		    dbs[i], NULL, stamp_key(), i == 0 ? &first : &stamp, f);
		*has_any = *has_any || rc > 0;
		*n += i == 0 || str_is(buf_str(&first), buf_str(&stamp));
	}
	buf_clear(&first);
	buf_clear(&stamp);
	return rc < 0 ? -1 : 0;
}

static int
check_stamps(struct index *index, bool is_new, struct fault *f)
{
	bool has_any;
	size_t n;

	if (count_same(index, &n, &has_any, f) < 0)
		return -1;
	if (is_new && !has_any)
		return put_stamps(index, f);
	if (has_any && n == TABLES)
		return 0;
	return fault_temp(f, "4.3.5",
	    "%s: a file is missing, or not of this index", index->dir);
}

/* 1 where it is of another version. */
static int
open_all(struct index *index, struct fault *f)
{
	const struct db_env_options options = {
	    .cache =
		index->cache > 0 ? index->cache : index_cache_size(index->dir),
	    .durability = DB_WRITTEN,
	    .tended = true,
	};
	bool is_new, is_other;
	int rc = -1;

	atomic_store(&index->was_read_ahead, false);
	index->env = db_env_open(index->dir, &options, f);
	if (index->env == NULL)
		return -1;
	/* What is read beside the writer must not make it wait. */
	index->folders = db_open_loose(index->env, "folders", f);
	if (index->folders != NULL)
		index->messages = db_open_loose(index->env, "messages", f);
	if (index->messages != NULL)
		index->delivered = db_open(index->env, "delivered", f);
	if (index->delivered != NULL)
		rc = load_about(index, &is_new, &is_other, f);
	if (rc == 0)
		rc = is_other ? 1 : check_stamps(index, is_new, f);
	if (rc != 0)
		index_db_close(index);
	return rc;
}

/* Only the last one is kept: what comes again must not fill the disk. */
static void
remove_files(const char *path)
{
	DIR *d = opendir(path);
	struct dirent *e;

	if (d == NULL)
		return;
	while ((e = readdir(d)) != NULL)
		unlinkat(dirfd(d), e->d_name, 0);
	closedir(d);
	rmdir(path);
}

static int
move_aside(struct index *index, const struct fault *why, struct fault *f)
{
	char aside[4096];
	int n = snprintf(aside, sizeof aside, "%s.broken", index->dir);

	if (n < 0 || (size_t)n >= sizeof aside)
		return fault_temp(f, "4.3.0", "%s: name too long", index->dir);
	remove_files(aside);
	if (rename(index->dir, aside) < 0)
		return fault_errno(f, "cannot move %s aside", index->dir);
	log_error(NULL, "index is damaged and will be made anew", "reason",
	    why->text, "moved_to", aside, NULL);
	return 0;
}

/* What was known of folders is to be read again. */
static void
forget_known(struct index *index)
{
	pthread_mutex_lock(&index->mutex);
	for (size_t i = 0; i < INDEX_BUCKETS; i++) {
		struct index_folder *folder = index->buckets[i];

		for (; folder != NULL; folder = folder->next_in_bucket)
			folder->loaded = false;
	}
	pthread_mutex_unlock(&index->mutex);
}

int
index_db_open(struct index *index, struct fault *f)
{
	struct fault why;
	int rc;

	forget_known(index);
	rc = open_all(index, &why);
	if (rc == 0)
		return 0;
	if (rc < 0 && !db_is_damage(&why)) {
		*f = why;
		return -1;
	}
	if (rc > 0) {
		log_info(NULL, "index is of another version and is made anew",
		    "index", index->dir, NULL);
		remove_files(index->dir);
	} else if (move_aside(index, &why, f) < 0) {
		return -1;
	}
	rc = open_all(index, f);
	if (rc > 0)
		return fault_temp(
		    f, "4.3.0", "cannot make %s anew", index->dir);
	return rc < 0 ? -1 : 1;
}

void
index_db_close(struct index *index)
{
	if (index->txn != NULL)
		index_db_abort(index);
	db_close(&index->delivered);
	db_close(&index->messages);
	db_close(&index->folders);
	db_env_close(&index->env);
}

int
index_db_reopen(
    struct index *index, const struct fault *damaged, struct fault *f)
{
	struct fault why;
	int rc = 0;

	if (damaged != NULL)
		why = *damaged;
	pthread_rwlock_wrlock(&index->opening);
	index_db_close(index);
	if (damaged != NULL)
		rc = move_aside(index, &why, f);
	if (rc == 0)
		rc = index_db_open(index, f);
	pthread_rwlock_unlock(&index->opening);
	return rc >= 0 && damaged != NULL ? 1 : rc;
}
