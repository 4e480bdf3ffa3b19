/* SPDX-License-Identifier: ISC */
/*
 * From one folder into another. A move is one rename, a copy one link; only
 * between file systems, or where a file has all the links that it may have, the
 * bytes are copied, and are durable before the message appears, let alone
 * before its old place is given up.
 */
#include "config.h"

#include "store/client_private.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "store/maildirsize.h"

struct transfer {
	const struct client_folder *from;
	struct client_target *to;
	const struct client_entry *entry;
	enum client_how how;
	char base[MAILDIR_NAME_SIZE]; /* a new one; "": it keeps its own */
	char file[MAILDIR_NAME_SIZE]; /* what it is called in the target */
	bool copied; /* bytes were: the old place is to be given up */
};

/* The target. */

struct node {
	struct map_node node;
	struct client_entry entry;
};

static bool
is_base(const struct map_node *node, const void *key)
{
	const struct node *n = STRUCT_OF(node, struct node, node);

	return str_is(n->entry.name.base, *(const struct str *)key);
}

struct client_entry *
client_target_find(const struct client_target *target, struct str base)
{
	struct map_node *node =
	    map_find(&target->map, str_hash(base), is_base, &base);

	return node == NULL ? NULL : &STRUCT_OF(node, struct node, node)->entry;
}

static void
add_entry(struct client_target *target, const struct client_entry *entry)
{
	struct node *n = arena_new(&target->list.arena, struct node);

	n->entry = *entry;
	map_add(&target->map, &n->node, str_hash(entry->name.base));
}

void
client_target_add(struct client_target *target, const char *file, bool is_new)
{
	struct client_entry entry = {.is_new = is_new};

	entry.file = arena_text(&target->list.arena, str(file));
	if (maildir_name_parse(str(entry.file), &entry.name))
		add_entry(target, &entry);
}

int
client_target_read(
    struct client_target *target, struct client_folder *folder, struct fault *f)
{
	*target = (struct client_target){.folder = folder};
	if (client_list_read(&target->list, folder, f) < 0)
		return -1;
	for (size_t i = 0; i < target->list.n; i++)
		add_entry(target, &target->list.entries[i]);
	return 0;
}

void
client_target_clear(struct client_target *target)
{
	map_clear(&target->map);
	client_list_clear(&target->list);
}

/* Copying bytes. */

static int
copy_bytes(int from, int to)
{
	char bytes[1 << 16];
	ssize_t n;

	while ((n = read(from, bytes, sizeof bytes)) > 0)
		if (file_write(to, str_n(bytes, (size_t)n)) < 0)
			return -1;
	return (int)n;
}

/* The whole message into a file in tmp/ of the target, durable, with its
 * times. */
static int
write_tmp(struct transfer *t, const char *path, const char *tmp)
{
	int from =
	    openat(t->from->dir, path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	int to = -1, rc = -1, error;
	struct stat st;

	if (from < 0)
		return -1;
	to = openat(t->to->folder->dir, tmp,
	    O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (to >= 0 && copy_bytes(from, to) == 0 && fstat(from, &st) == 0) {
		const struct timespec times[] = {st.st_atim, st.st_mtim};

		if (futimens(to, times) == 0 && fsync(to) == 0)
			rc = 0;
	}
	error = errno;
	close(from);
	if (to >= 0)
		close(to);
	errno = error;
	return rc;
}

static int
copy_file(struct transfer *t, const char *path, const char *target)
{
	struct client_folder *to = t->to->folder;
	char tmp[CLIENT_PATH_SIZE];
	int rc, error;

	snprintf(tmp, sizeof tmp, "tmp/posthouse.%ld.%llu", (long)getpid(),
	    (unsigned long long)to->client->seq++);
	rc = write_tmp(t, path, tmp);
	if (rc == 0)
		rc = file_rename(to->dir, tmp, to->dir, target);
	if (rc == 0) {
		t->copied = true;
		return 0;
	}
	error = errno;
	unlinkat(to->dir, tmp, 0);
	errno = error;
	return -1;
}

static bool
needs_copy(void)
{
	return errno == EXDEV || errno == EMLINK || errno == EPERM ||
	       errno == EOPNOTSUPP;
}

/* Flags may have changed since the last try. */
static int
transfer_path(void *ctx, const char *path)
{
	struct transfer *t = ctx;
	const struct client_entry *e = t->entry;
	int to = t->to->folder->dir, rc;
	char target[CLIENT_PATH_SIZE];

	if (t->base[0] == '\0')
		snprintf(t->file, sizeof t->file, "%s", e->file);
	else if (!client_file_name(
		     str(t->base), e->name.flags, e->is_new, t->file)) {
		errno = ENAMETOOLONG;
		return -1;
	}
	snprintf(
	    target, sizeof target, "%s/%s", e->is_new ? "new" : "cur", t->file);
	if (t->how == CLIENT_MOVE)
		rc = file_rename(t->from->dir, path, to, target);
	else
		rc = linkat(t->from->dir, path, to, target, 0);
	return rc < 0 && needs_copy() ? copy_file(t, path, target) : rc;
}

/* A name of ours that nobody has, with the size for quotas. */
static void
name_anew(struct transfer *t)
{
	const struct maildir_name *old = &t->entry->name;
	struct client *client = t->from->client;
	struct maildir_facts facts = {
	    .time_us = old->time * 1000000 + clock_unix_us() % 1000000,
	    .pid = getpid(),
	    .seq = client->seq++,
	    .host = client->host,
	    .size = old->size,
	    .wire_size = old->wire_size,
	};
	char path[CLIENT_PATH_SIZE];
	struct stat st;

	client_path(t->entry, path);
	if (!old->has_size &&
	    fstatat(t->from->dir, path, &st, AT_SYMLINK_NOFOLLOW) == 0)
		facts.size = (uint64_t)st.st_size;
	maildir_name_format(&facts, t->base);
}

/* The same bytes in both. */
static bool
is_same_file(int a, int b)
{
	struct stat x, y;
	char p[1 << 14], q[1 << 14];
	ssize_t n = 1;

	if (fstat(a, &x) < 0 || fstat(b, &y) < 0 || x.st_size != y.st_size)
		return false;
	if (x.st_dev == y.st_dev && x.st_ino == y.st_ino)
		return true;
	for (off_t at = 0; n > 0; at += n) {
		n = pread(a, p, sizeof p, at);
		if (n < 0 || pread(b, q, sizeof q, at) != n ||
		    memcmp(p, q, (size_t)n) != 0)
			return false;
	}
	return true;
}

/* Whether the target has this very message. */
static int
is_there(struct client_folder *from, struct client_list *list,
    struct client_entry *entry, struct client_target *to, struct fault *f)
{
	struct client_entry *other = client_target_find(to, entry->name.base);
	int mine = -1, theirs = -1, rc;

	if (other == NULL)
		return 0;
	rc = client_open(from, list, entry, &mine, f);
	if (rc > 0)
		rc = client_open(to->folder, &to->list, other, &theirs, f);
	if (rc > 0)
		rc = is_same_file(mine, theirs);
	if (mine >= 0)
		close(mine);
	if (theirs >= 0)
		close(theirs);
	return rc;
}

struct removal {
	int dir;
};

static int
remove_path(void *ctx, const char *path)
{
	const struct removal *r = ctx;

	return unlinkat(r->dir, path, 0);
}

/* Quotas. */

static uint64_t
size_of(const struct client_folder *folder, const struct client_entry *entry)
{
	char path[CLIENT_PATH_SIZE];
	struct stat st;

	if (entry->name.has_size)
		return entry->name.size;
	client_path(entry, path);
	return fstatat(folder->dir, path, &st, AT_SYMLINK_NOFOLLOW) == 0
		   ? (uint64_t)st.st_size
		   : 0;
}

static void
count(const struct client_folder *folder, const struct client_entry *entry,
    uint64_t size, int sign)
{
	int box = openat(folder->client->root, folder->mailbox.path,
	    O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);

	if (box < 0)
		return;
	maildirsize_add_file(
	    box, str(folder->folder.dir), str(entry->file), size, sign);
	close(box);
}

/* Within a mailbox a move is none. */
static void
count_both(const struct client_folder *from, const struct client_folder *to,
    const struct client_entry *entry, uint64_t size, enum client_how how)
{
	struct str flags = entry->name.flags;

	if (how == CLIENT_MOVE &&
	    str_is(str(from->mailbox.path), str(to->mailbox.path)) &&
	    maildirsize_counts(str(from->folder.dir), flags) ==
		maildirsize_counts(str(to->folder.dir), flags))
		return;
	count(to, entry, size, 1);
	if (how == CLIENT_MOVE)
		count(from, entry, size, -1);
}

/* What is durable in the target leaves its old place. */
static int
give_up(struct client_folder *from, struct client_list *list,
    struct client_entry *entry, const struct client_target *to, struct fault *f)
{
	struct removal r = {.dir = from->dir};

	if (client_sync(to->folder, f) < 0)
		return -1;
	if (client_try(from, list, entry, remove_path, &r) < 0)
		return fault_errno(
		    f, "cannot remove a message of %s", from->mailbox.text);
	return 0;
}

int
client_transfer(struct client_folder *from, struct client_list *list,
    struct client_entry *entry, struct client_target *to, enum client_how how,
    enum client_moved *moved, struct fault *f)
{
	struct transfer t = {
	    .from = from, .to = to, .entry = entry, .how = how};
	int rc = is_there(from, list, entry, to, f);
	uint64_t size;

	if (rc < 0)
		return -1;
	size = size_of(from, entry);
	if (rc > 0) {
		*moved = CLIENT_THERE;
		if (how == CLIENT_COPY)
			return 0;
		if (give_up(from, list, entry, to, f) < 0)
			return -1;
		count(from, entry, size, -1);
		return 0;
	}
	if (client_target_find(to, entry->name.base) != NULL)
		name_anew(&t);
	rc = client_try(from, list, entry, transfer_path, &t);
	if (rc < 0)
		return fault_errno(f, "cannot bring a message of %s into %s",
		    from->mailbox.text, to->folder->mailbox.text);
	*moved = rc == 0 ? CLIENT_GONE : CLIENT_DONE;
	if (rc == 0)
		return 0;
	client_target_add(to, t.file, entry->is_new);
	if (how == CLIENT_MOVE && t.copied &&
	    give_up(from, list, entry, to, f) < 0)
		return -1;
	count_both(from, to->folder, entry, size, how);
	return 0;
}
