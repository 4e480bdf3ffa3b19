/* SPDX-License-Identifier: ISC */
/*
 * A look at all mailboxes again and again, some at a time: the times of their
 * directories tell where something was done that nobody told us. What such a
 * look finds is reconciled, and its mailbox is followed from then on.
 *
 * Mailboxes and folders that came or went are found by it too.
 */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "store/index_private.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "store/follow.h"

enum {
	AT_ONCE = 50,       /* mailboxes */
	AT_LEAST_MS = 50,   /* between two looks */
	PATHS_MAX = 1 << 30 /* bytes of all paths */
};

struct index_pass {
	int64_t interval_ms; /* a whole pass */
	int64_t next;        /* clock_ms() */
	int64_t step_ms;
	struct buf bytes;   /* the paths, each with a NUL */
	const char **paths; /* NULL: none is under way */
	size_t n, done;
};

struct index_pass *
index_pass_new(int64_t interval_ms)
{
	struct index_pass *pass = mem_new(struct index_pass);

	pass->interval_ms = interval_ms;
	/* The sweep at the start has seen all. */
	pass->next = clock_ms() + interval_ms;
	buf_init(&pass->bytes, PATHS_MAX);
	return pass;
}

static void
end(struct index_pass *pass)
{
	mem_free(pass->paths);
	pass->paths = NULL;
	pass->n = pass->done = 0;
	buf_clear(&pass->bytes);
}

void
index_pass_free(struct index_pass **pass)
{
	if (*pass == NULL)
		return;
	end(*pass);
	mem_free(*pass);
	*pass = NULL;
}

int64_t
index_pass_next(const struct index *index)
{
	return index->pass != NULL ? index->pass->next : 0;
}

/* The list of mailboxes: what is on disk, and what the index knows. */

static void
add_path(struct index_pass *pass, struct str path)
{
	buf_put_str(&pass->bytes, path);
	buf_putc(&pass->bytes, '\0');
	pass->n++;
}

static int
add_on_disk(void *ctx, const char *path, struct fault *f)
{
	(void)f;
	add_path(ctx, str(path));
	return 0;
}

struct knowing {
	struct index_pass *pass;
	char last[MAILDIR_PATH_SIZE];
};

static int
add_known(void *ctx, struct str key, struct str value)
{
	struct knowing *k = ctx;
	struct index_known known;
	struct str path, dir;

	if (!index_db_parse_folder(key, value, &path, &dir, &known) ||
	    str_is(path, str(k->last)) ||
	    !str_copy(path, k->last, sizeof k->last))
		return 0;
	add_path(k->pass, path);
	return 0;
}

static int
compare_texts(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static void
sort(struct index_pass *pass)
{
	const char *at = buf_text(&pass->bytes);
	size_t n = 0;

	pass->paths = mem_zeroed(pass->n + 1, sizeof *pass->paths);
	for (size_t i = 0; i < pass->n; i++, at += strlen(at) + 1)
		pass->paths[i] = at;
	qsort(pass->paths, pass->n, sizeof *pass->paths, compare_texts);
	for (size_t i = 0; i < pass->n; i++) {
		if (n == 0 || strcmp(pass->paths[i], pass->paths[n - 1]) != 0)
			pass->paths[n++] = pass->paths[i];
	}
	pass->n = n;
}

static int
begin(struct index *index, struct fault *f)
{
	struct index_pass *pass = index->pass;
	struct knowing k = {.pass = pass};
	int64_t steps;

	follow_retry(index->follow);
	if (index_walk_mailboxes(index, add_on_disk, pass, f) < 0 ||
	    db_scan(index->folders, str(""), str(""), add_known, &k, f) < 0)
		return -1;
	if (buf_is_full(&pass->bytes))
		return fault_temp(f, "4.3.1", "too many mailboxes");
	sort(pass);
	steps = (int64_t)(pass->n / AT_ONCE) + 1;
	pass->step_ms = pass->interval_ms / steps;
	if (pass->step_ms < AT_LEAST_MS)
		pass->step_ms = AT_LEAST_MS;
	return 0;
}

/* The look. */

static bool
is_at_work(struct index_folder *folder)
{
	bool waits;

	pthread_mutex_lock(&folder->index->mutex);
	waits = folder->waits;
	pthread_mutex_unlock(&folder->index->mutex);
	return waits || atomic_load(&folder->unindexed) > 0;
}

/* Times that differ where all is told say that not all was. */
static int
look_at_folder(struct index_folder *folder, struct fault *f)
{
	int64_t new_time, cur_time;
	bool is_there;

	if (is_at_work(folder))
		return 0;
	is_there = index_folder_times(folder, &new_time, &cur_time);
	if (index_db_load(folder, f) < 0)
		return -1;
	if (is_there && folder->known.new_time == new_time &&
	    folder->known.cur_time == cur_time)
		return 0;
	/* It is told already, or a delivery is just beginning. */
	follow_read(folder->index->follow);
	if (is_at_work(folder))
		return 0;
	follow_distrust(folder);
	atomic_store(&folder->lost, true);
	index_wait(folder);
	if (is_there)
		follow_use(folder);
	return 0;
}

static int
look_on_disk(
    void *ctx, int dir, const char *path, const char *name, struct fault *f)
{
	struct index_folder *folder = index_find_folder(ctx, path, name);
	int64_t new_time, cur_time;
	int rc = 0;

	(void)dir;
	/* What is no Maildir is none of ours. */
	if (index_folder_times(folder, &new_time, &cur_time))
		rc = look_at_folder(folder, f);
	index_folder_release(&folder);
	return rc;
}

struct looking {
	struct index *index;
	struct fault *f;
};

/* Those that are still there were looked at before. */
static int
look_if_gone(void *ctx, struct str key, struct str value)
{
	struct looking *l = ctx;
	char path[MAILDIR_PATH_SIZE], dir[MAILDIR_PATH_SIZE];
	struct str path_view, dir_view;
	struct index_folder *folder;
	struct index_known known;
	int64_t new_time, cur_time;
	int rc = 0;

	if (!index_db_parse_folder(key, value, &path_view, &dir_view, &known) ||
	    !str_copy(path_view, path, sizeof path) ||
	    !str_copy(dir_view, dir, sizeof dir))
		return 0;
	folder = index_find_folder(l->index, path, dir);
	if (!index_folder_times(folder, &new_time, &cur_time))
		rc = look_at_folder(folder, l->f);
	index_folder_release(&folder);
	return rc;
}

static int
look_at_mailbox(struct index *index, const char *path, struct fault *f)
{
	struct looking l = {.index = index, .f = f};
	int rc = index_walk(index, str(path), look_on_disk, index, f);

	if (rc < 0)
		return rc;
	return db_scan(index->folders, str_n(path, strlen(path) + 1), str(""),
	    look_if_gone, &l, f);
}

void
index_pass(struct index *index)
{
	struct index_pass *pass = index->pass;
	struct fault f;
	int rc = 0;

	if (pass == NULL || index->env == NULL || clock_ms() < pass->next)
		return;
	/* Somebody may have removed its files. */
	index_doubt(index, NULL);
	if (pass->paths == NULL)
		rc = begin(index, &f);
	for (size_t i = 0; rc >= 0 && i < AT_ONCE && pass->done < pass->n; i++)
		rc = look_at_mailbox(index, pass->paths[pass->done++], &f);
	pass->next = clock_ms() + (rc < 0 ? pass->interval_ms : pass->step_ms);
	if (rc < 0)
		index_complain(index, &f);
	if (rc < 0 || pass->done == pass->n)
		end(pass);
}
