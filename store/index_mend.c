/* SPDX-License-Identifier: ISC */
/*
 * What becomes of an index that is no longer fit for use: it is opened again,
 * with recovery, and read as a whole, since recovery does not look at pages
 * that it need not write. Where that finds damage, or where it fails again
 * soon, it is made anew. One line of the log tells of it.
 */
#include "config.h"

#include "store/index_private.h"

#include "base/clock.h"
#include "base/log.h"
#include "store/follow.h"

enum {
	RETRY_MS = 10000,
	AGAIN_MS = 600 * 1000,
};

void
index_doubt(struct index *index, const struct fault *met)
{
	index->in_doubt = true;
	if (met == NULL || index->is_damaged || !db_is_damage(met))
		return;
	index->is_damaged = true;
	index->damage = *met;
}

static int
read_on(void *ctx, struct str key, struct str value)
{
	(void)ctx;
	(void)key;
	(void)value;
	return 0;
}

static int
read_one(void *ctx, struct str key, struct str value)
{
	(void)read_on(ctx, key, value);
	return 1;
}

/* Each page, or the first. */
static bool
is_readable(struct index *index, bool whole, struct fault *f)
{
	struct db *const dbs[] = {
	    index->folders, index->messages, index->delivered};

	for (size_t i = 0; i < ARRAY_LEN(dbs); i++) {
		if (db_scan(dbs[i], str(""), str(""),
			whole ? read_on : read_one, NULL, f) < 0 &&
		    db_is_damage(f))
			return false;
	}
	return true;
}

static bool
is_fit(struct index *index, struct fault *f)
{
	if (index->env == NULL)
		return fault_temp(f, "4.3.0", "it could not be opened") == 0;
	if (!db_env_is_whole(index->env))
		return fault_temp(f, "4.3.5", "%s: files were removed",
			   index->dir) == 0;
	if (index->is_damaged) {
		*f = index->damage;
		return false;
	}
	return is_readable(index, false, f);
}

/* 1 where it was made anew, and that was said. */
static int
open_again(struct index *index, bool anew, struct fault why, struct fault *f)
{
	struct fault damage;
	int rc = index_db_reopen(index, anew ? &why : NULL, f);

	if (rc != 0 || is_readable(index, true, &damage))
		return rc;
	return index_db_reopen(index, &damage, f);
}

/* Less and less often: each try may cost memory, since the library frees
 * nothing of an environment that has panicked. */
static void
put_off(struct index *index)
{
	index->retry_ms = index->retry_ms == 0         ? RETRY_MS
			  : index->retry_ms < AGAIN_MS ? index->retry_ms * 2
						       : AGAIN_MS;
	index->retry_at = clock_ms() + index->retry_ms;
}

void
index_mend(struct index *index)
{
	int64_t now = clock_ms();
	bool again = index->mended != 0 && now - index->mended < AGAIN_MS;
	struct fault why = {0}, f;
	bool was_open = index->env != NULL;
	int rc;

	if (now < index->retry_at)
		return;
	index->in_doubt = false;
	if (is_fit(index, &why))
		return;
	index->is_damaged = false;
	index->mended = now;
	/* What was removed is not there to be damaged. */
	again = again && was_open && db_env_is_whole(index->env);
	rc = open_again(index, again, why, &f);
	if (rc == 0 && was_open)
		log_error(NULL, "index has failed and was opened again",
		    "reason", why.text, NULL);
	if (rc >= 0 && index_sweep(index, &f) == 0) {
		index->retry_ms = 0;
		index->settle_at = 0;
		if (again)
			put_off(index);
		follow_index_dir(index->follow);
		return;
	}
	if (was_open)
		log_error(NULL, "index is out of use", "reason", f.text, NULL);
	put_off(index);
}
