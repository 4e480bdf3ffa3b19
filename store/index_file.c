/* SPDX-License-Identifier: ISC */
/*
 * Records made from files. One read tells all of a message that is no longer
 * than it; of a longer one the digest and the attachments stay unknown.
 *
 * What is known already of a message by its base name, in this folder or
 * another one of the mailbox, is not asked of its file again (record.h).
 */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "store/index_private.h"

enum { YOUNG_S = 600 };

void
index_maker_init(struct index_maker *m, struct index_folder *folder, int dir)
{
	memset(m, 0, sizeof *m);
	m->folder = folder;
	m->dir = dir;
	buf_init(&m->head, RECORD_HEAD_MAX);
	buf_init(&m->texts, 4 * RECORD_HEAD_MAX);
	buf_init(&m->old, RECORD_SIZE_MAX);
}

void
index_maker_clear(struct index_maker *m)
{
	buf_clear(&m->head);
	buf_clear(&m->texts);
	buf_clear(&m->old);
	for (size_t i = 0; i < m->n_others; i++)
		index_folder_release(&m->others[i]);
}

static int
open_file(int dir, enum record_place place, struct str file)
{
	char path[MAILDIR_NAME_SIZE + 8];

	snprintf(path, sizeof path, "%s/%.*s",
	    place == RECORD_NEW ? "new" : "cur", STR_ARG(file));
	return openat(
	    dir, path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
}

void
index_prefetch_file(int dir, enum record_place place, struct str file)
{
	int fd = open_file(dir, place, file);

	if (fd < 0)
		return;
	posix_fadvise(fd, 0, RECORD_HEAD_MAX, POSIX_FADV_WILLNEED);
	close(fd);
}

/* Reads the head of a message's file. False where the file has gone. */
static bool
read_head(struct index_maker *m, enum record_place place, struct str file,
    uint64_t *size)
{
	int fd = open_file(m->dir, place, file);
	struct stat st;
	size_t room;
	ssize_t n;
	char *at;

	if (fd < 0) {
		m->has_missed = m->has_missed || errno == ENOENT;
		return false;
	}
	buf_reset(&m->head);
	at = buf_space(&m->head, RECORD_HEAD_MAX, &room);
	n = fstat(fd, &st) == 0 && S_ISREG(st.st_mode)
		? pread(fd, at, RECORD_HEAD_MAX, 0)
		: -1;
	close(fd);
	if (n < 0)
		return false;
	buf_added(&m->head, (size_t)n);
	*size = (uint64_t)st.st_size;
	return true;
}

/* What the whole file tells, where it has been read. */
static void
read_whole(struct index_maker *m, struct record *r)
{
	struct str bytes = buf_str(&m->head);

	if (bytes.len != r->size)
		return;
	digest_take(bytes, m->digest);
	r->digest = str_n((const char *)m->digest, sizeof m->digest);
	attachments_init(&m->attachments);
	attachments_feed(&m->attachments, bytes);
	attachments_end(&m->attachments);
	r->has_attachments = true;
	r->attachments = m->attachments.count;
}

static void
carry_over(struct record *r, const struct record *old)
{
	r->digest = old->digest;
	r->has_own_digest = old->has_own_digest;
	r->has_attachments = old->has_attachments;
	r->attachments = old->attachments;
}

/* Whether whoever made the file may be at it still. */
static bool
is_young(struct index_maker *m, enum record_place place, struct str file)
{
	char path[MAILDIR_NAME_SIZE + 8];
	struct statx st;

	snprintf(path, sizeof path, "%s/%.*s",
	    place == RECORD_NEW ? "new" : "cur", STR_ARG(file));
	if (statx(m->dir, path, AT_SYMLINK_NOFOLLOW, STATX_BTIME, &st) < 0 ||
	    (st.stx_mask & STATX_BTIME) == 0)
		return true;
	return time(NULL) - st.stx_btime.tv_sec < YOUNG_S;
}

/* Of a file that is to be read: 1 with what was known of it. */
static int
find_old(struct index_maker *m, const struct maildir_name *name,
    bool is_written, struct record *old, struct fault *f)
{
	int rc = index_db_get_message(m->folder, name->base, &m->old, old, f);

	if (rc < 0)
		return -1;
	if (rc > 0)
		return old->digest.len > 0 &&
		       (old->has_own_digest || !is_written);
	return index_moved_find(m, name, old, f);
}

static int
make_anew(struct index_maker *m, enum record_place place, struct str file,
    enum index_make how, struct fault *f)
{
	struct maildir_name name;
	struct record r = {.place = place}, old;
	bool is_written;
	int has_old;

	if (!maildir_name_parse(file, &name) ||
	    !read_head(m, place, file, &r.size))
		return 0;
	r.info = str_from(file, name.base.len);
	r.stored = name.time;
	r.wire_size = name.wire_size;
	record_read_head(&r, buf_str(&m->head), &m->texts);
	is_written = how == INDEX_MAKE_WRITTEN && is_young(m, place, file);
	has_old = find_old(m, &name, is_written, &old, f);
	if (has_old < 0)
		return -1;
	if (has_old > 0)
		carry_over(&r, &old);
	else
		read_whole(m, &r);
	if (name.has_size && name.size != r.size &&
	    !maildir_is_compressed(buf_str(&m->head)))
		m->damaged++;
	if (index_db_put_message(m->folder, name.base, &r, f) < 0)
		return -1;
	/* What the power cut short may come again, and is welcome then. */
	if (name.has_size && r.size < name.size)
		return 0;
	return index_learn_name(m->folder, &name, f);
}

int
index_make_record(struct index_maker *m, enum record_place place,
    struct str file, enum index_make how, struct fault *f)
{
	struct maildir_name name;
	struct record r;
	int rc;

	if (how != INDEX_MAKE_RENAMED || !maildir_name_parse(file, &name))
		return make_anew(m, place, file, how, f);
	rc = index_db_get_message(m->folder, name.base, &m->old, &r, f);
	if (rc < 0)
		return -1;
	if (rc == 0)
		return make_anew(m, place, file, INDEX_MAKE_FOUND, f);
	r.place = place;
	r.info = str_from(file, name.base.len);
	return index_db_put_message(m->folder, name.base, &r, f);
}

int
index_put_file(struct index_folder *folder, int dir, enum record_place place,
    struct str name, struct fault *f)
{
	struct index_maker m;
	int rc;

	index_maker_init(&m, folder, dir);
	rc = index_make_record(&m, place, name, INDEX_MAKE_WRITTEN, f);
	index_maker_clear(&m);
	return rc;
}
