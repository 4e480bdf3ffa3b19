/* SPDX-License-Identifier: ISC */
/*
 * What a folder holds. Others rename files while we read: a name that changes
 * may be passed over by readdir(), so a directory that has changed meanwhile is
 * read again, and what was seen at any time counts. new/ is read before cur/:
 * messages move only that way.
 */
#include "config.h"

#include "store/client_private.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"

enum {
	TRIES = 10,
	ACTS = 50,          /* on a message that others rename without pause */
	TICK_NS = 10000000, /* two changes so near may have one time */
};

static void
add(struct client_list *list, const char *file, bool is_new)
{
	struct client_entry *e;
	struct maildir_name name;

	if (!maildir_name_parse(str(file), &name) || name.base.len == 0)
		return;
	if (list->n == list->room) {
		list->room = list->room * 2 + 64;
		list->entries = mem_resize(
		    list->entries, list->room, sizeof *list->entries);
	}
	e = &list->entries[list->n++];
	e->file = arena_text(&list->arena, str(file));
	e->is_new = is_new;
	e->seen = list->n;
	(void)maildir_name_parse(str(e->file), &e->name);
}

/* A part that is missing is an empty one. */
static int
read_part(struct client_list *list, int dir, const char *part)
{
	int fd =
	    openat(dir, part, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	DIR *d = fd < 0 ? NULL : fdopendir(fd);
	struct dirent *e;

	if (d == NULL && fd >= 0)
		close(fd);
	if (d == NULL)
		return errno == ENOENT ? 0 : -1;
	while ((e = readdir(d)) != NULL)
		if (e->d_type == DT_REG || e->d_type == DT_UNKNOWN)
			add(list, e->d_name, part[0] == 'n');
	closedir(d);
	return 0;
}

static int64_t
part_time(int dir, const char *part)
{
	struct stat st;

	if (fstatat(dir, part, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return 0;
	return (int64_t)st.st_mtim.tv_sec * 1000000000 + st.st_mtim.tv_nsec;
}

/* By base; of one message what was seen last comes last. */
static int
compare_bases(const void *a, const void *b)
{
	const struct client_entry *x = a, *y = b;
	int rc = str_compare(x->name.base, y->name.base);

	if (rc != 0)
		return rc;
	if (x->is_new != y->is_new)
		return x->is_new ? -1 : 1;
	return x->seen < y->seen ? -1 : 1;
}

static int
compare_times(const void *a, const void *b)
{
	const struct client_entry *x = a, *y = b;

	if (x->name.time != y->name.time)
		return x->name.time < y->name.time ? -1 : 1;
	return str_compare(x->name.base, y->name.base);
}

static void
settle(struct client_list *list)
{
	struct client_entry *e = list->entries;
	size_t kept = 0;

	if (list->n == 0)
		return;
	qsort(e, list->n, sizeof *e, compare_bases);
	for (size_t i = 0; i < list->n; i++)
		if (i + 1 == list->n ||
		    !str_is(e[i].name.base, e[i + 1].name.base))
			e[kept++] = e[i];
	list->n = kept;
	qsort(e, list->n, sizeof *e, compare_times);
}

/* Up to so many times, as long as it changes. */
static int
read_some(struct client_list *list, const struct client_folder *folder,
    int tries, struct fault *f)
{
	bool again = true;

	*list = (struct client_list){0};
	for (int i = 0; again && i < tries; i++) {
		int64_t new_time = part_time(folder->dir, "new");
		int64_t cur_time = part_time(folder->dir, "cur");
		int64_t now = clock_unix_us() * 1000;

		if (read_part(list, folder->dir, "new") < 0 ||
		    read_part(list, folder->dir, "cur") < 0)
			return fault_errno(
			    f, "cannot read mailbox %s", folder->mailbox.text);
		again = part_time(folder->dir, "new") != new_time ||
			part_time(folder->dir, "cur") != cur_time ||
			now - new_time < TICK_NS || now - cur_time < TICK_NS;
	}
	settle(list);
	return 0;
}

int
client_list_read(struct client_list *list, const struct client_folder *folder,
    struct fault *f)
{
	return read_some(list, folder, TRIES, f);
}

void
client_list_clear(struct client_list *list)
{
	mem_free(list->entries);
	arena_clear(&list->arena);
	*list = (struct client_list){0};
}

bool
client_file_name(struct str base, struct str flags, bool is_new,
    char file[MAILDIR_NAME_SIZE])
{
	int n = snprintf(file, MAILDIR_NAME_SIZE, "%.*s%s%.*s", STR_ARG(base),
	    is_new ? "" : ":2,", is_new ? 0 : (int)flags.len, flags.at);

	return n > 0 && n < MAILDIR_NAME_SIZE;
}

static void
update(struct client_list *list, struct client_entry *entry,
    const struct client_entry *now)
{
	if (now->is_new == entry->is_new &&
	    str_is(str(now->file), str(entry->file)))
		return;
	entry->file = arena_text(&list->arena, str(now->file));
	entry->is_new = now->is_new;
	(void)maildir_name_parse(str(entry->file), &entry->name);
}

/* All that both have, since where one message was flagged others were. */
static void
update_all(struct client_list *list, const struct client_list *now)
{
	size_t i = 0, k = 0;

	while (i < list->n && k < now->n) {
		int rc = compare_times(&list->entries[i], &now->entries[k]);

		if (rc == 0)
			update(list, &list->entries[i], &now->entries[k]);
		i += rc <= 0;
		k += rc >= 0;
	}
}

static bool
find_in(struct client_list *list, struct client_entry *entry,
    const struct client_list *now)
{
	for (size_t i = 0; i < now->n; i++) {
		if (!str_is(now->entries[i].name.base, entry->name.base))
			continue;
		update(list, entry, &now->entries[i]);
		return true;
	}
	return false;
}

/* Where the message is now. False where it is not. */
static bool
find_again(const struct client_folder *folder, struct client_list *list,
    struct client_entry *entry)
{
	bool found = false;

	/* Once is enough to find it, but not to miss it. */
	for (int tries = 1; !found && tries <= TRIES; tries += TRIES - 1) {
		struct client_list now;
		struct fault f;

		if (read_some(&now, folder, tries, &f) == 0) {
			found = find_in(list, entry, &now);
			update_all(list, &now);
		}
		client_list_clear(&now);
	}
	return found;
}

void
client_path(const struct client_entry *entry, char path[CLIENT_PATH_SIZE])
{
	snprintf(path, CLIENT_PATH_SIZE, "%s/%s", entry->is_new ? "new" : "cur",
	    entry->file);
}

int
client_try(const struct client_folder *folder, struct client_list *list,
    struct client_entry *entry, int (*act)(void *ctx, const char *path),
    void *ctx)
{
	for (int i = 0; i < ACTS; i++) {
		char path[CLIENT_PATH_SIZE];

		client_path(entry, path);
		if (act(ctx, path) == 0)
			return 1;
		if (errno != ENOENT)
			return -1;
		if (!find_again(folder, list, entry))
			return 0;
	}
	return 0;
}

struct opening {
	int dir, fd;
};

static int
open_path(void *ctx, const char *path)
{
	struct opening *o = ctx;

	o->fd = openat(o->dir, path,
	    O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY);
	return o->fd < 0 ? -1 : 0;
}

int
client_open(const struct client_folder *folder, struct client_list *list,
    struct client_entry *entry, int *fd, struct fault *f)
{
	struct opening o = {.dir = folder->dir, .fd = -1};
	int rc = client_try(folder, list, entry, open_path, &o);
	struct stat st;

	*fd = -1;
	if (rc < 0 && errno == ELOOP)
		return 0;
	if (rc < 0)
		return fault_errno(
		    f, "cannot open a message of %s", folder->mailbox.text);
	if (rc == 0)
		return 0;
	if (fstat(o.fd, &st) < 0 || !S_ISREG(st.st_mode)) {
		close(o.fd);
		return 0;
	}
	*fd = o.fd;
	return 1;
}

struct renaming {
	int dir;
	char to[CLIENT_PATH_SIZE];
};

static int
rename_path(void *ctx, const char *path)
{
	const struct renaming *r = ctx;

	return renameat(r->dir, path, r->dir, r->to);
}

int
client_set_flags(const struct client_folder *folder, struct client_list *list,
    struct client_entry *entry, struct str flags, struct fault *f)
{
	struct renaming r = {.dir = folder->dir};
	char file[MAILDIR_NAME_SIZE];
	int rc;

	if (!client_file_name(entry->name.base, flags, false, file))
		return fault_perm(f, "5.2.0", "a name is too long for flags");
	snprintf(r.to, sizeof r.to, "cur/%s", file);
	rc = client_try(folder, list, entry, rename_path, &r);
	if (rc < 0)
		return fault_errno(
		    f, "cannot flag a message of %s", folder->mailbox.text);
	if (rc == 0)
		return 0;
	entry->file = arena_text(&list->arena, str(file));
	entry->is_new = false;
	(void)maildir_name_parse(str(entry->file), &entry->name);
	return 1;
}
