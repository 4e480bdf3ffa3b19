/* SPDX-License-Identifier: ISC */
/*
 * Renames from a folder into the attic; those back are in attic_back.c.
 *
 * What goes up is synced in its new place, one directory at a time: messages
 * of a folder come in a row. If the power fails before, a rename may be undone;
 * it is never half done.
 */
#include "config.h"

#include "store/attic_private.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/mem.h"
#include "store/maildirsize.h"

static const char *const rooms[] = {"removed", "recalled"};

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
	return openat(at, name, ATTIC_OPEN_DIR);
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

int
attic_fail(const struct attic *a, struct fault *f)
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
		rc = attic_fail(a, f);
	close_fd(&a->to);
	return rc;
}

void
attic_format_batch(const struct attic_batch *batch, char name[ATTIC_BATCH_SIZE])
{
	snprintf(name, ATTIC_BATCH_SIZE, "%lld,%s", (long long)batch->time,
	    batch->word);
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

/* Opens where messages of the folder go; what was moved elsewhere is synced. */
static int
enter_place(struct attic *a, const struct attic_batch *batch,
    const struct mailbox_folder *folder, struct fault *f)
{
	const char *name = folder->dir[0] != '\0' ? folder->dir : ATTIC_INBOX;
	char part[ATTIC_BATCH_SIZE], place[ATTIC_PLACE_SIZE];
	int dir;

	attic_format_batch(batch, part);
	snprintf(place, sizeof place, "%s/%s", part, name);
	if (a->to >= 0 && str_is(str(place), str(a->place)))
		return 0;
	if (leave_place(a, f) < 0)
		return -1;
	if (make_room(a) < 0)
		return attic_fail(a, f);
	dir = make_dir(a->dir, part);
	if (dir >= 0) {
		a->to = make_dir(dir, name);
		close(dir);
	}
	if (a->to < 0)
		return attic_fail(a, f);
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
	a->from = openat(a->box, dir, ATTIC_OPEN_DIR);
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
	a->dir = openat(a->box, path, ATTIC_OPEN_DIR);
	if (a->dir < 0 && errno != ENOENT) {
		attic_fail(a, f);
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
		rc = attic_fail(a, f);
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
	if (file_rename(a->from, path, a->to, file) == 0)
		return moved_up(a, file);
	return errno == ENOENT ? 0 : -1;
}

/* The name that the message has now in new/ or cur/. */
static bool
find_base(int dir, const char *part, struct str base, char *file)
{
	int fd = openat(dir, part, ATTIC_OPEN_DIR);
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
	return rc < 0 ? attic_fail(a, f) : rc;
}
