/* SPDX-License-Identifier: ISC */
/* What is there, and its way back, or its end. */
#include "config.h"

#include "store/attic_private.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/mem.h"
#include "store/maildirsize.h"
#include "store/subscription.h"

static bool
parse_batch(struct str name, struct attic_batch *batch)
{
	uint64_t time;

	if (!str_to_u64(str_cut(&name, ','), 0, INT64_MAX, &time) ||
	    !attic_is_word(name))
		return false;
	batch->time = (int64_t)time;
	return str_copy(name, batch->word, sizeof batch->word);
}

struct visit {
	struct attic *attic;
	struct attic_entry entry;
	int (*each)(
	    void *ctx, const struct attic_entry *entry, struct fault *f);
	void *ctx;
	struct fault *f;
};

struct names {
	const char **at;
	size_t n, room;
	struct arena arena;
};

static int
compare_names(const void *a, const void *b)
{
	const char *const *x = a, *const *y = b;

	return str_compare(str(*x), str(*y));
}

/* Sorted, so that messages come back in the order in which they came. */
static bool
read_names(struct names *names, DIR *d)
{
	struct dirent *e;

	while ((errno = 0, e = readdir(d)) != NULL) {
		if (names->n == names->room) {
			names->room = names->room * 2 + 16;
			names->at = mem_resize(
			    names->at, names->room, sizeof *names->at);
		}
		names->at[names->n++] =
		    arena_text(&names->arena, str(e->d_name));
	}
	if (errno != 0)
		return false;
	if (names->n > 0)
		qsort(names->at, names->n, sizeof *names->at, compare_names);
	return true;
}

/* Calls each(v, the directory, name) for what is in a directory. */
static int
visit_dir(struct visit *v, int at, const char *path,
    int (*each)(struct visit *v, int dir, const char *name))
{
	int fd = openat(at, path, ATTIC_OPEN_DIR), rc = 0;
	DIR *d = fd < 0 ? NULL : fdopendir(fd);
	struct names names = {0};

	if (d == NULL) {
		/* Somebody else may have ended it, or it is no directory. */
		rc = errno == ENOENT || errno == ENOTDIR
			 ? 0
			 : attic_fail(v->attic, v->f);
		if (fd >= 0)
			close(fd);
		return rc;
	}
	if (!read_names(&names, d))
		rc = attic_fail(v->attic, v->f);
	for (size_t i = 0; i < names.n && rc == 0; i++)
		if (!str_is(str(names.at[i]), STR_LIT(".")) &&
		    !str_is(str(names.at[i]), STR_LIT("..")))
			rc = each(v, dirfd(d), names.at[i]);
	closedir(d);
	mem_free(names.at);
	arena_clear(&names.arena);
	return rc;
}

static int
visit_file(struct visit *v, int dir, const char *name)
{
	struct stat st;

	if (fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) < 0 ||
	    !S_ISREG(st.st_mode))
		return 0;
	v->entry.file = str(name);
	v->entry.size = (uint64_t)st.st_size;
	return v->each(v->ctx, &v->entry, v->f);
}

/* A folder whose name says nothing to us keeps it. */
static bool
read_folder(const char *name, struct mailbox_folder *folder)
{
	struct fault f;

	memset(folder, 0, sizeof *folder);
	if (str_is(str(name), str(ATTIC_INBOX)))
		return true;
	if (name[0] != '.')
		return false;
	return mailbox_folder_from_dir(str(name), folder, &f) == 0 ||
	       (str_copy(str(name), folder->dir, sizeof folder->dir) &&
		   str_copy(str(name + 1), folder->text, sizeof folder->text));
}

static int
visit_folder(struct visit *v, int dir, const char *name)
{
	if (!read_folder(name, &v->entry.folder))
		return 0;
	return visit_dir(v, dir, name, visit_file);
}

static int
visit_batch(struct visit *v, int dir, const char *name)
{
	if (!parse_batch(str(name), &v->entry.batch))
		return 0;
	return visit_dir(v, dir, name, visit_folder);
}

int
attic_each(struct attic *a,
    int (*each)(void *ctx, const struct attic_entry *entry, struct fault *f),
    void *ctx, struct fault *f)
{
	struct visit v = {.attic = a, .each = each, .ctx = ctx, .f = f};

	return a->dir < 0 ? 0 : visit_dir(&v, a->dir, ".", visit_batch);
}

/* Down. */

/* As it was but for the part that makes it unique. */
static void
fresh_name(struct attic *a, const struct attic_entry *entry,
    char name[MAILDIR_NAME_SIZE])
{
	struct maildir_name old;
	struct maildir_facts facts = {
	    .time_us = clock_unix_us(),
	    .pid = getpid(),
	    .seq = a->seq++,
	    .host = a->host,
	    .size = entry->size,
	};
	size_t len;

	if (maildir_name_parse(entry->file, &old) && old.has_size &&
	    old.size == entry->size)
		facts.wire_size = old.wire_size;
	maildir_name_format(&facts, name);
	len = strlen(name);
	(void)!str_copy(str_from(entry->file, old.base.len), name + len,
	    MAILDIR_NAME_SIZE - len);
}

/* The parts of the mailbox or of the folder, made where they are missing. */
static int
make_target(
    struct attic *a, const struct mailbox_folder *folder, struct fault *f)
{
	int rc;

	if (a->has_made && str_is(str(a->made), str(folder->dir)))
		return 0;
	if (folder->dir[0] == '\0')
		rc = maildir_make_parts(a->box, f);
	else if (faccessat(a->box, folder->dir, F_OK, AT_SYMLINK_NOFOLLOW) == 0)
		rc = maildir_make_folder(a->box, folder, f);
	else
		rc = maildir_make_folder(a->box, folder, f) < 0
			 ? -1
			 : subscription_add(a->box, folder, f);
	a->has_made = rc == 0;
	snprintf(a->made, sizeof a->made, "%s", folder->dir);
	return rc;
}

static int
rename_down(struct attic *a, const struct attic_entry *entry, const char *from)
{
	bool is_new = !str_has(entry->file, ':');
	char to[MAILBOX_FOLDER_SIZE + MAILDIR_NAME_SIZE + 8];
	char name[MAILDIR_NAME_SIZE];

	fresh_name(a, entry, name);
	snprintf(to, sizeof to, "%s%s%s/%s", entry->folder.dir,
	    entry->folder.dir[0] != '\0' ? "/" : "", is_new ? "new" : "cur",
	    name);
	return renameat(a->dir, from, a->box, to);
}

/* "<batch>/<folder>" in the room. */
static void
format_place(const struct attic_entry *entry, char place[ATTIC_PLACE_SIZE])
{
	char batch[ATTIC_BATCH_SIZE];

	attic_format_batch(&entry->batch, batch);
	snprintf(place, ATTIC_PLACE_SIZE, "%s/%s", batch,
	    entry->folder.dir[0] != '\0' ? entry->folder.dir : ATTIC_INBOX);
}

/* Directories that are empty now. */
static void
tidy(struct attic *a, const struct attic_entry *entry)
{
	char path[ATTIC_PLACE_SIZE];

	format_place(entry, path);
	if (unlinkat(a->dir, path, AT_REMOVEDIR) < 0)
		return;
	attic_format_batch(&entry->batch, path);
	(void)unlinkat(a->dir, path, AT_REMOVEDIR);
}

int
attic_bring_back(
    struct attic *a, const struct attic_entry *entry, struct fault *f)
{
	char place[ATTIC_PLACE_SIZE],
	    from[ATTIC_PLACE_SIZE + MAILDIR_NAME_SIZE];
	struct stat st;
	int n;

	format_place(entry, place);
	n = snprintf(from, sizeof from, "%s/%.*s", place, STR_ARG(entry->file));
	if (n < 0 || n >= (int)sizeof from || a->dir < 0 ||
	    fstatat(a->dir, from, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return 0;
	if (make_target(a, &entry->folder, f) < 0)
		return -1;
	if (rename_down(a, entry, from) < 0)
		return errno == ENOENT ? 0 : attic_fail(a, f);
	a->is_lower = true;
	maildirsize_add_file(a->box, str(entry->folder.dir), entry->file,
	    (uint64_t)st.st_size, 1);
	tidy(a, entry);
	return 1;
}

/* For good. */

int
attic_end(struct attic *a, const struct attic_entry *entry, struct fault *f)
{
	char place[ATTIC_PLACE_SIZE],
	    path[ATTIC_PLACE_SIZE + MAILDIR_NAME_SIZE];

	format_place(entry, place);
	snprintf(path, sizeof path, "%s/%.*s", place, STR_ARG(entry->file));
	if (unlinkat(a->dir, path, 0) < 0)
		return errno == ENOENT ? 0 : attic_fail(a, f);
	tidy(a, entry);
	return 1;
}

struct purge {
	struct attic *attic;
	int64_t before;
	bool dry;
	struct attic_sum *sum;
};

static int
purge_file(void *ctx, const struct attic_entry *entry, struct fault *f)
{
	const struct purge *p = ctx;
	int rc = 1;

	if (entry->batch.time >= p->before)
		return 0;
	if (!p->dry)
		rc = attic_end(p->attic, entry, f);
	p->sum->messages += rc == 1;
	p->sum->bytes += rc == 1 ? entry->size : 0;
	return rc < 0 ? -1 : 0;
}

int
attic_purge(struct attic *a, int64_t before, bool dry, struct attic_sum *sum,
    struct fault *f)
{
	struct purge p = {a, before, dry, sum};

	*sum = (struct attic_sum){0};
	return attic_each(a, purge_file, &p, f);
}
