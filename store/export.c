/* SPDX-License-Identifier: ISC */
#include "config.h"

#include "store/export.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/tar.h"
#include "proto/header.h"
#include "store/mbox.h"

enum {
	PIECE = 64 << 10,
	FLUSH_AT = 256 << 10,
	/* Of one piece each byte may be doubled, and two lines be added. */
	OUT_MAX = FLUSH_AT + 3 * PIECE,
	TAR_PATH_SIZE = MAILBOX_FOLDER_SIZE + MAILDIR_NAME_SIZE + 8,
};

struct export
{
	enum export_format format;
	int fd;
	struct buf out;
	struct tar_writer *tar;
	struct export_sum sum;
	char piece[PIECE];
};

struct export *
export_new(enum export_format format, int fd, struct fault *f)
{
	struct export *e = mem_new(struct export);

	e->format = format;
	e->fd = fd;
	buf_init(&e->out, OUT_MAX);
	if (format == EXPORT_TAR || format == EXPORT_TAR_GZIP) {
		e->tar = tar_writer_new(fd, format == EXPORT_TAR_GZIP, f);
		if (e->tar == NULL)
			export_free(&e);
	}
	return e;
}

void
export_free(struct export **export)
{
	if (*export == NULL)
		return;
	tar_writer_free(&(*export)->tar);
	buf_clear(&(*export)->out);
	mem_free(*export);
	*export = NULL;
}

const struct export_sum *
export_sum(const struct export *e)
{
	return &e->sum;
}

/* Reading. */

/* The next piece of a message's file: its length, 0 at the end, -1. */
static ssize_t
read_piece(struct export *e, int fd, struct fault *f)
{
	ssize_t n;

	do {
		n = read(fd, e->piece, sizeof e->piece);
	} while (n < 0 && errno == EINTR);
	return n < 0 ? fault_errno(f, "cannot read a message") : n;
}

static int
write_all(int fd, struct str bytes, struct fault *f)
{
	if (file_write(fd, bytes) < 0)
		return fault_errno(f, "cannot write the export");
	return 0;
}

/* An mbox. */

static int
flush(struct export *e, size_t least, struct fault *f)
{
	if (buf_len(&e->out) < least)
		return 0;
	if (write_all(e->fd, buf_str(&e->out), f) < 0)
		return -1;
	buf_reset(&e->out);
	return 0;
}

/* Return-Path's address. */
static struct str
sender_of(struct str head)
{
	struct header_field field;
	struct str value;

	if (!header_find(head, "Return-Path", &field))
		return STR_LIT("");
	value = str_trim(field.value);
	if (value.len < 2 || value.at[0] != '<')
		return STR_LIT("");
	value = str_from(value, 1);
	return str_head(value, str_find(value, '>'));
}

static void
describe(const struct client_folder *folder, const struct client_entry *entry,
    const struct stat *st, struct mbox_message *m)
{
	static const char letters[] = "DFPRST";
	size_t n = 0;

	*m = (struct mbox_message){
	    .time = (int64_t)st->st_mtim.tv_sec,
	    .is_new = entry->is_new,
	};
	for (size_t i = 0; letters[i] != '\0'; i++)
		if (str_has(entry->name.flags, letters[i]))
			m->flags[n++] = letters[i];
	snprintf(m->folder, sizeof m->folder, "%s", folder->folder.text);
}

static int
put_mbox(
    struct export *e, const struct mbox_message *m, int fd, struct fault *f)
{
	struct mbox_quoting q;
	bool begun = false;
	ssize_t n;

	mbox_quoting_init(&q);
	while ((n = read_piece(e, fd, f)) > 0 || !begun) {
		struct str piece = str_n(e->piece, n < 0 ? 0 : (size_t)n);

		if (n < 0)
			return -1;
		if (!begun)
			mbox_put_start(&e->out, m, sender_of(piece));
		begun = true;
		mbox_quote(&q, piece, &e->out);
		e->sum.bytes += piece.len;
		if (flush(e, FLUSH_AT, f) < 0)
			return -1;
	}
	mbox_quote_end(&q, &e->out);
	return n < 0 ? -1 : 0;
}

/* An archive. */

static int
put_dir(struct export *e, const char *dir, const char *part, struct fault *f)
{
	char path[TAR_PATH_SIZE];
	const struct tar_file file = {.path = path, .is_dir = true};

	snprintf(path, sizeof path, "%s%s%s/", dir,
	    dir[0] != '\0' && part[0] != '\0' ? "/" : "", part);
	return tar_begin(e->tar, &file, f);
}

static int
put_dirs(struct export *e, const char *dir, struct fault *f)
{
	if (dir[0] != '\0' && put_dir(e, dir, "", f) < 0)
		return -1;
	return put_dir(e, dir, "cur", f) < 0 || put_dir(e, dir, "new", f) < 0 ||
		       put_dir(e, dir, "tmp", f) < 0
		   ? -1
		   : 0;
}

static int
put_tar(struct export *e, const struct client_folder *folder,
    const struct client_entry *entry, int fd, struct fault *f)
{
	const char *dir = folder->folder.dir;
	char path[TAR_PATH_SIZE];
	struct tar_file file = {.path = path};
	struct stat st;
	ssize_t n;

	if (fstat(fd, &st) < 0)
		return fault_errno(f, "cannot read a message");
	snprintf(path, sizeof path, "%s%s%s/%s", dir, dir[0] != '\0' ? "/" : "",
	    entry->is_new ? "new" : "cur", entry->file);
	file.size = (uint64_t)st.st_size;
	file.mtime = (int64_t)st.st_mtim.tv_sec;
	if (tar_begin(e->tar, &file, f) < 0)
		return -1;
	while ((n = read_piece(e, fd, f)) > 0) {
		if (tar_put(e->tar, str_n(e->piece, (size_t)n), f) < 0)
			return -1;
		e->sum.bytes += (uint64_t)n;
	}
	return n < 0 ? -1 : 0;
}

/* Files. */

/* The directory of a folder, levels in one another; -1 on a fault. */
static int
open_level(struct export *e, const char *text, struct fault *f)
{
	char path[MAILBOX_FOLDER_SIZE + 2];
	int fd;

	snprintf(path, sizeof path, "./%s", text);
	for (char *p = path + 2; *p != '\0'; p++) {
		if (*p != '/')
			continue;
		*p = '\0';
		(void)mkdirat(e->fd, path, 0700);
		*p = '/';
	}
	if (text[0] != '\0')
		(void)mkdirat(e->fd, path, 0700);
	fd = openat(e->fd, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return fd < 0 ? fault_errno(f, "cannot make the directory %s", text)
		      : fd;
}

/* Colons and the like are no good names elsewhere. */
static void
make_name(const struct client_entry *entry, const char *end,
    char name[MAILDIR_NAME_SIZE + 16])
{
	struct str base = entry->name.base;
	size_t n = 0;

	for (; n < base.len; n++) {
		unsigned char c = (unsigned char)base.at[n];

		name[n] =
		    c < ' ' || c == 0x7f || strchr("\"*<>?\\|:", c) != NULL
			? '_'
			: (char)c;
	}
	snprintf(name + n, MAILDIR_NAME_SIZE + 16 - n, "%s", end);
}

static int
copy_out(
    struct export *e, int from, int to, const struct stat *st, struct fault *f)
{
	const struct timespec times[] = {st->st_atim, st->st_mtim};
	ssize_t n;

	while ((n = read_piece(e, from, f)) > 0) {
		if (write_all(to, str_n(e->piece, (size_t)n), f) < 0)
			return -1;
		e->sum.bytes += (uint64_t)n;
	}
	if (n < 0)
		return -1;
	return futimens(to, times) < 0
		   ? fault_errno(f, "cannot set a file's time")
		   : 0;
}

static int
write_file(struct export *e, int dir, const struct client_entry *entry,
    int from, struct fault *f)
{
	char name[MAILDIR_NAME_SIZE + 16], part[MAILDIR_NAME_SIZE + 16];
	struct stat st, there;
	int to, rc;

	make_name(entry, ".eml", name);
	make_name(entry, ".part", part);
	if (fstat(from, &st) < 0)
		return fault_errno(f, "cannot read a message");
	if (fstatat(dir, name, &there, AT_SYMLINK_NOFOLLOW) == 0 &&
	    there.st_size == st.st_size) {
		e->sum.known++;
		return 0;
	}
	to = openat(dir, part,
	    O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (to < 0)
		return fault_errno(f, "cannot make the file %s", part);
	rc = copy_out(e, from, to, &st, f);
	close(to);
	if (rc < 0)
		return -1;
	if (renameat(dir, part, dir, name) < 0)
		return fault_errno(f, "cannot make the file %s", name);
	e->sum.messages++;
	return 0;
}

static int
put_file(struct export *e, const struct client_folder *folder,
    const struct client_entry *entry, int fd, struct fault *f)
{
	int dir = open_level(e, folder->folder.text, f);
	int rc;

	if (dir < 0)
		return -1;
	rc = write_file(e, dir, entry, fd, f);
	close(dir);
	return rc;
}

/* All. */

int
export_folder(
    struct export *e, const struct client_folder *folder, struct fault *f)
{
	int dir;

	switch (e->format) {
	case EXPORT_MBOX:
		return 0;
	case EXPORT_TAR:
	case EXPORT_TAR_GZIP:
		return put_dirs(e, folder->folder.dir, f);
	case EXPORT_FILES:
		dir = open_level(e, folder->folder.text, f);
		if (dir >= 0)
			close(dir);
		return dir < 0 ? -1 : 0;
	}
	die_bug("no format %d", (int)e->format);
}

static int
put_message(struct export *e, const struct client_folder *folder,
    const struct client_entry *entry, int fd, struct fault *f)
{
	struct mbox_message m;
	struct stat st;

	if (e->format == EXPORT_FILES)
		return put_file(e, folder, entry, fd, f);
	e->sum.messages++;
	if (e->format != EXPORT_MBOX)
		return put_tar(e, folder, entry, fd, f);
	if (fstat(fd, &st) < 0)
		return fault_errno(f, "cannot read a message");
	describe(folder, entry, &st, &m);
	return put_mbox(e, &m, fd, f);
}

int
export_message(struct export *e, const struct client_folder *folder,
    struct client_list *list, struct client_entry *entry, struct fault *f)
{
	int fd, rc = client_open(folder, list, entry, &fd, f);

	if (rc <= 0)
		return rc;
	rc = put_message(e, folder, entry, fd, f);
	close(fd);
	return rc;
}

int
export_end(struct export *e, struct fault *f)
{
	struct stat st;

	if (e->tar != NULL && tar_end(e->tar, f) < 0)
		return -1;
	if (flush(e, 1, f) < 0)
		return -1;
	if (fstat(e->fd, &st) < 0)
		return fault_errno(f, "cannot write the export");
	if (S_ISDIR(st.st_mode) ? syncfs(e->fd) < 0 || fsync(e->fd) < 0
				: S_ISREG(st.st_mode) && fsync(e->fd) < 0)
		return fault_errno(f, "cannot sync the export");
	return 0;
}
