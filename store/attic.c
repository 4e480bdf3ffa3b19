/* SPDX-License-Identifier: ISC */
/*
 * Renames between a folder and the attic.
 *
 * What goes up is synced in its new place, one directory at a time: messages
 * of a folder come in a row. If the power fails before, a rename may be undone;
 * it is never half done.
 */
#include "config.h"

#include "store/attic.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/mem.h"
#include "store/maildirsize.h"
#include "store/subscription.h"

enum {
	OPEN_DIR = O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW,
	BATCH_SIZE = ATTIC_WORD_SIZE + 24,
	PLACE_SIZE = BATCH_SIZE + MAILBOX_FOLDER_SIZE + 2,
};

static const char *const rooms[] = {"removed", "recalled"};
static const char inbox[] = "INBOX";

struct attic {
	struct mailbox_name mailbox;
	enum attic_room room;
	char host[MAILDIR_HOST_SIZE];
	uint64_t seq;
	int box;
	int dir; /* of the room; -1: there is none yet */

	/* What the last message was moved between. */
	char source[MAILBOX_FOLDER_SIZE]; /* folder; valid with from >= 0 */
	int from;
	char place[PLACE_SIZE]; /* "<batch>/<folder>"; valid with to >= 0 */
	int to;

	bool has_made; /* the folder that something came back to last */
	char made[MAILBOX_FOLDER_SIZE];
	bool is_lower; /* something came back that is not synced */
};

/* Directories. */

static void
close_fd(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

/* Opens a directory that is made, durably, where it is missing. */
static int
make_dir(int at, const char *name)
{
	if (mkdirat(at, name, 0700) == 0) {
		if (fsync(at) < 0)
			return -1;
	} else if (errno != EEXIST) {
		return -1;
	}
	return openat(at, name, OPEN_DIR);
}

static int
make_room(struct attic *a)
{
	int parent;

	if (a->dir >= 0)
		return 0;
	parent = make_dir(a->box, "posthouse");
	if (parent < 0)
		return -1;
	a->dir = make_dir(parent, rooms[a->room]);
	close(parent);
	return a->dir < 0 ? -1 : 0;
}

static int
fail(const struct attic *a, struct fault *f)
{
	return fault_errno(
	    f, "mailbox %s: posthouse/%s", a->mailbox.text, rooms[a->room]);
}

/* What was moved there is durable. */
static int
leave_place(struct attic *a, struct fault *f)
{
	int rc = 0;

	if (a->to >= 0 && fsync(a->to) < 0)
		rc = fail(a, f);
	close_fd(&a->to);
	return rc;
}

static void
format_batch(const struct attic_batch *batch, char name[BATCH_SIZE])
{
	snprintf(
	    name, BATCH_SIZE, "%lld,%s", (long long)batch->time, batch->word);
}

bool
attic_is_word(struct str word)
{
	for (size_t i = 0; i < word.len; i++) {
		char c = word.at[i];

		if (!(c >= 'a' && c <= 'z') && !(c >= '0' && c <= '9') &&
		    c != '-')
			return false;
	}
	return word.len > 0 && word.len < ATTIC_WORD_SIZE;
}

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

/* Opens where messages of the folder go; what was moved elsewhere is synced. */
static int
enter_place(struct attic *a, const struct attic_batch *batch,
    const struct mailbox_folder *folder, struct fault *f)
{
	const char *name = folder->dir[0] != '\0' ? folder->dir : inbox;
	char part[BATCH_SIZE], place[PLACE_SIZE];
	int dir;

	format_batch(batch, part);
	snprintf(place, sizeof place, "%s/%s", part, name);
	if (a->to >= 0 && str_is(str(place), str(a->place)))
		return 0;
	if (leave_place(a, f) < 0)
		return -1;
	if (make_room(a) < 0)
		return fail(a, f);
	dir = make_dir(a->dir, part);
	if (dir >= 0) {
		a->to = make_dir(dir, name);
		close(dir);
	}
	if (a->to < 0)
		return fail(a, f);
	memcpy(a->place, place, sizeof place);
	return 0;
}

/* 1, or 0 where the mailbox has no such folder. */
static int
enter_source(
    struct attic *a, const struct mailbox_folder *folder, struct fault *f)
{
	const char *dir = folder->dir[0] != '\0' ? folder->dir : ".";

	if (a->from >= 0 && str_is(str(folder->dir), str(a->source)))
		return 1;
	close_fd(&a->from);
	a->from = openat(a->box, dir, OPEN_DIR);
	if (a->from < 0 && errno == ENOENT)
		return 0;
	if (a->from < 0)
		return fault_errno(
		    f, "mailbox %s: folder %s", a->mailbox.text, folder->text);
	snprintf(a->source, sizeof a->source, "%s", folder->dir);
	return 1;
}

struct attic *
attic_open(int root, const struct mailbox_name *mailbox, enum attic_room room,
    const char *host, struct fault *f)
{
	struct attic *a = mem_new(struct attic);
	const struct mailbox_folder top = {.dir = ""};
	char path[32];
	int rc;

	a->mailbox = *mailbox;
	a->room = room;
	snprintf(a->host, sizeof a->host, "%s", host);
	a->box = a->dir = a->from = a->to = -1;
	rc = maildir_open(root, mailbox, &top, &a->box, f);
	if (rc == 0)
		fault_perm(f, "5.1.1", "there is no mailbox %s", mailbox->text);
	if (rc <= 0)
		goto fail;
	snprintf(path, sizeof path, "posthouse/%s", rooms[room]);
	a->dir = openat(a->box, path, OPEN_DIR);
	if (a->dir < 0 && errno != ENOENT) {
		fail(a, f);
		goto fail;
	}
	return a;
fail:
	(void)attic_close(&a, f);
	return NULL;
}

int
attic_close(struct attic **attic, struct fault *f)
{
	struct attic *a = *attic;
	int rc;

	if (a == NULL)
		return 0;
	rc = leave_place(a, f);
	if (a->is_lower && syncfs(a->box) < 0)
		rc = fail(a, f);
	close_fd(&a->from);
	close_fd(&a->dir);
	close_fd(&a->box);
	mem_free(a);
	*attic = NULL;
	return rc;
}

/* Up. */

/* It no longer counts against a quota. */
static int
moved_up(struct attic *a, const char *file)
{
	struct stat st = {.st_size = 0};

	(void)!fstatat(a->to, file, &st, AT_SYMLINK_NOFOLLOW);
	maildirsize_add_file(
	    a->box, str(a->source), str(file), (uint64_t)st.st_size, -1);
	return 1;
}

/* The same name, from one message, may come twice: a copy that was brought to
 * the folder again. Then it gets another batch's place, a second later. */
static int
rename_up(struct attic *a, const char *part, const char *file)
{
	char path[MAILDIR_NAME_SIZE + 8];

	snprintf(path, sizeof path, "%s/%s", part, file);
	if (renameat2(a->from, path, a->to, file, RENAME_NOREPLACE) == 0)
		return moved_up(a, file);
	if (errno == EINVAL || errno == ENOSYS) {
		if (faccessat(a->to, file, F_OK, AT_SYMLINK_NOFOLLOW) == 0)
			errno = EEXIST;
		else if (renameat(a->from, path, a->to, file) == 0)
			return moved_up(a, file);
	}
	return errno == ENOENT ? 0 : -1;
}

/* The name that the message has now in new/ or cur/. */
static bool
find_base(int dir, const char *part, struct str base, char *file)
{
	int fd = openat(dir, part, OPEN_DIR);
	DIR *d = fd < 0 ? NULL : fdopendir(fd);
	struct maildir_name name;
	struct dirent *e;
	bool found = false;

	if (d == NULL) {
		close_fd(&fd);
		return false;
	}
	while (!found && (e = readdir(d)) != NULL)
		found = maildir_name_parse(str(e->d_name), &name) &&
			str_is(name.base, base) &&
			str_copy(str(e->d_name), file, MAILDIR_NAME_SIZE);
	closedir(d);
	return found;
}

/* new/ first: an IMAP server moves messages only that way. */
static int
search_up(struct attic *a, struct str base)
{
	static const char *const parts[] = {"new", "cur"};
	char file[MAILDIR_NAME_SIZE];
	int rc = 0;

	for (size_t i = 0; i < ARRAY_LEN(parts) && rc == 0; i++) {
		if (find_base(a->from, parts[i], base, file))
			rc = rename_up(a, parts[i], file);
	}
	return rc;
}

int
attic_put(struct attic *a, const struct attic_batch *batch,
    const struct mailbox_folder *folder, struct str name, struct fault *f)
{
	struct attic_batch later = *batch;
	char file[MAILDIR_NAME_SIZE];
	struct maildir_name parsed;
	int rc;

	if (!maildir_name_parse(name, &parsed) || str_has(name, '/') ||
	    !str_copy(name, file, sizeof file))
		return fault_perm(f, "5.5.4", "this is no message's name");
	if (!attic_is_word(str(batch->word)))
		die_bug("a batch of the attic called \"%s\"", batch->word);
	do {
		rc = enter_source(a, folder, f);
		if (rc <= 0)
			return rc;
		if (enter_place(a, &later, folder, f) < 0)
			return -1;
		rc = rename_up(a, "cur", file);
		if (rc == 0)
			rc = rename_up(a, "new", file);
		if (rc == 0)
			rc = search_up(a, parsed.base);
		later.time++;
	} while (rc < 0 && errno == EEXIST);
	return rc < 0 ? fail(a, f) : rc;
}

/* What is there. */

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
	int fd = openat(at, path, OPEN_DIR), rc = 0;
	DIR *d = fd < 0 ? NULL : fdopendir(fd);
	struct names names = {0};

	if (d == NULL) {
		/* Somebody else may have ended it, or it is no directory. */
		rc = errno == ENOENT || errno == ENOTDIR ? 0
							 : fail(v->attic, v->f);
		close_fd(&fd);
		return rc;
	}
	if (!read_names(&names, d))
		rc = fail(v->attic, v->f);
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
	if (str_is(str(name), str(inbox)))
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
format_place(const struct attic_entry *entry, char place[PLACE_SIZE])
{
	char batch[BATCH_SIZE];

	format_batch(&entry->batch, batch);
	snprintf(place, PLACE_SIZE, "%s/%s", batch,
	    entry->folder.dir[0] != '\0' ? entry->folder.dir : inbox);
}

/* Directories that are empty now. */
static void
tidy(struct attic *a, const struct attic_entry *entry)
{
	char path[PLACE_SIZE];

	format_place(entry, path);
	if (unlinkat(a->dir, path, AT_REMOVEDIR) < 0)
		return;
	format_batch(&entry->batch, path);
	(void)unlinkat(a->dir, path, AT_REMOVEDIR);
}

int
attic_bring_back(
    struct attic *a, const struct attic_entry *entry, struct fault *f)
{
	char place[PLACE_SIZE], from[PLACE_SIZE + MAILDIR_NAME_SIZE];
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
		return errno == ENOENT ? 0 : fail(a, f);
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
	char place[PLACE_SIZE], path[PLACE_SIZE + MAILDIR_NAME_SIZE];

	format_place(entry, place);
	snprintf(path, sizeof path, "%s/%.*s", place, STR_ARG(entry->file));
	if (unlinkat(a->dir, path, 0) < 0)
		return errno == ENOENT ? 0 : fail(a, f);
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
