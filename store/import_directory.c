/* SPDX-License-Identifier: ISC */
/* Messages out of a directory of another mail program. */
#include "config.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "store/import_source.h"

#include "base/buf.h"
#include "base/file.h"

enum {
	OPEN_DIR = O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW,
	OPEN_FILE = O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY,
	DEPTH_MAX = 16,
	BEGIN_SIZE = 64,
};

/* Names that mail programs have beside folders and messages. */
static const char *const others[] = {"tmp", "new", "cur", "posthouse",
    "subscriptions", "maildirsize", "maildirfolder", "shared-maildirs",
    "lost+found"};

static const char *const other_beginnings[] = {"dovecot", "courier"};

struct here {
	const struct import_source *source;
	int dir;
	struct str path; /* "A/B", as folders of the source; "": the top */
	unsigned depth;
};

static int import_here(const struct here *h, struct fault *f);

/* Files that are no message and no mbox. */
static bool
is_other(const char *name)
{
	for (size_t i = 0; i < ARRAY_LEN(others); i++)
		if (strcmp(name, others[i]) == 0)
			return true;
	for (size_t i = 0; i < ARRAY_LEN(other_beginnings); i++)
		if (str_starts(str(name), str(other_beginnings[i])))
			return true;
	return str_ends(str(name), STR_LIT(".msf")) ||
	       str_ends(str(name), STR_LIT(".lock"));
}

/* Maildirs. */

static int
give_message(const struct import_source *s, const struct client_folder *from,
    struct client_list *list, struct client_entry *e,
    const struct mailbox_folder *folder, struct fault *f)
{
	struct import_what what = {.folder = folder};
	int fd, rc = client_open(from, list, e, &fd, f);
	struct stat st;

	if (rc <= 0)
		return rc;
	if (fstat(fd, &st) < 0) {
		close(fd);
		return fault_errno(f, "cannot read a message");
	}
	what.name = str(e->file);
	what.flags = e->name.flags;
	what.is_new = e->is_new;
	what.time = (int64_t)st.st_mtim.tv_sec;
	what.size = (uint64_t)st.st_size;
	rc = import_begin(s->import, &what, f);
	if (rc > 0)
		rc = import_copy(s->import, fd, f);
	close(fd);
	return rc;
}

static int
import_maildir(const struct import_source *s, int dir,
    const struct mailbox_folder *folder, struct fault *f)
{
	const struct client_folder from = {
	    .mailbox = {.text = "the source"}, .dir = dir};
	struct client_list list;
	int rc = client_list_read(&list, &from, f);

	if (rc == 0 && s->import != NULL)
		rc = import_folder(s->import, folder, f);
	for (size_t i = 0; rc == 0 && i < list.n; i++) {
		if (s->import != NULL)
			rc = give_message(
			    s, &from, &list, &list.entries[i], folder, f);
		if (rc == 0)
			rc = s->step(s->ctx, f);
	}
	client_list_clear(&list);
	return rc;
}

static bool
is_maildir(int dir)
{
	return file_is_dir(dir, "cur") || file_is_dir(dir, "new");
}

/* ".A.B" at the top. */
static int
import_dotted(const struct here *h, const char *name, struct fault *f)
{
	const struct import_source *s = h->source;
	int dir = openat(h->dir, name, OPEN_DIR), rc = 0;
	struct mailbox_folder folder;

	if (dir < 0)
		return errno == ENOTDIR || errno == ELOOP
			   ? 0
			   : fault_errno(f, "cannot open %s", name);
	if (is_maildir(dir)) {
		rc = import_map_dir(s->prefix, str(name), &folder, f);
		if (rc == 0)
			rc = import_maildir(s, dir, &folder, f);
	}
	close(dir);
	return rc;
}

/* Files. */

/* The folder that a file or directory at this place is. */
static void
put_path(struct buf *b, const struct here *h, struct str name)
{
	buf_put_str(b, h->path);
	if (h->path.len > 0)
		buf_putc(b, '/');
	buf_put_str(b, name);
}

static int
import_mbox_at(const struct here *h, struct str name, int fd, struct fault *f)
{
	struct import_source s = *h->source;
	struct mailbox_folder folder;
	struct buf path;
	int rc;

	if (s.import == NULL)
		return 0;
	buf_init(&path, 4 * MAILBOX_FOLDER_SIZE);
	if (str_ends(name, STR_LIT(".mbox")))
		name.len -= 5;
	put_path(&path, h, name);
	rc = import_map_folder(s.prefix, buf_str(&path), &folder, f);
	buf_clear(&path);
	if (rc < 0)
		return -1;
	s.prefix = str(folder.text);
	return import_mbox(&s, fd, f);
}

static int
import_single(const struct here *h, struct str name, int fd, struct fault *f)
{
	const struct import_source *s = h->source;
	struct mailbox_folder folder;
	struct stat st;
	int rc = import_map_folder(s->prefix, h->path, &folder, f);
	struct import_what what = {
	    .folder = &folder,
	    .name = import_single_name(name),
	};

	if (rc == 0 && fstat(fd, &st) < 0)
		rc = fault_errno(f, "cannot read %.*s", STR_ARG(name));
	if (rc == 0 && s->import != NULL) {
		what.time = (int64_t)st.st_mtim.tv_sec;
		what.size = (uint64_t)st.st_size;
		rc = import_begin(s->import, &what, f);
		if (rc > 0)
			rc = import_copy(s->import, fd, f);
	}
	return rc == 0 ? s->step(s->ctx, f) : rc;
}

static int
import_regular(const struct here *h, const char *name, struct fault *f)
{
	int fd = openat(h->dir, name, OPEN_FILE), rc = 0;
	char begin[BEGIN_SIZE];
	ssize_t n;

	if (fd < 0)
		return fault_errno(f, "cannot open %s", name);
	n = pread(fd, begin, sizeof begin, 0);
	if (n < 0)
		rc = fault_errno(f, "cannot read %s", name);
	else if (import_is_single(str(name)))
		rc = import_single(h, str(name), fd, f);
	else if (mbox_is_start(str_n(begin, (size_t)n)))
		rc = import_mbox_at(h, str(name), fd, f);
	close(fd);
	return rc;
}

/* Directories. */

static int
import_below(const struct here *h, const char *name, struct fault *f)
{
	struct here below = *h;
	struct str level = str(name);
	struct buf path;
	int rc;

	if (++below.depth > DEPTH_MAX)
		return fault_perm(
		    f, "5.6.0", "folders are too deep at %s", name);
	below.dir = openat(h->dir, name, OPEN_DIR);
	if (below.dir < 0)
		return fault_errno(f, "cannot open %s", name);
	/* Thunderbird's folders below the mbox "A" are in "A.sbd". */
	if (str_ends(level, STR_LIT(".sbd")))
		level.len -= 4;
	buf_init(&path, 4 * MAILBOX_FOLDER_SIZE);
	put_path(&path, h, level);
	below.path = buf_str(&path);
	rc = import_here(&below, f);
	buf_clear(&path);
	close(below.dir);
	return rc;
}

static int
import_entry(const struct here *h, const char *name, struct fault *f)
{
	struct stat st;

	if (fstatat(h->dir, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return errno == ENOENT
			   ? 0
			   : fault_errno(f, "cannot look at %s", name);
	if (name[0] == '.')
		return h->depth == 0 && S_ISDIR(st.st_mode)
			   ? import_dotted(h, name, f)
			   : 0;
	if (is_other(name))
		return 0;
	if (S_ISDIR(st.st_mode))
		return import_below(h, name, f);
	return S_ISREG(st.st_mode) ? import_regular(h, name, f) : 0;
}

static int
import_names(
    const struct here *h, struct dirent **names, int n, struct fault *f)
{
	int rc = 0;

	for (int i = 0; i < n; i++) {
		if (rc == 0 && strcmp(names[i]->d_name, ".") != 0 &&
		    strcmp(names[i]->d_name, "..") != 0)
			rc = import_entry(h, names[i]->d_name, f);
		free(names[i]);
	}
	free(names);
	return rc;
}

static int
import_here(const struct here *h, struct fault *f)
{
	struct mailbox_folder folder;
	struct dirent **names;
	int n, rc = 0;

	if (is_maildir(h->dir)) {
		rc = import_map_folder(h->source->prefix, h->path, &folder, f);
		if (rc == 0)
			rc = import_maildir(h->source, h->dir, &folder, f);
	}
	if (rc != 0)
		return rc;
	n = scandirat(h->dir, ".", &names, NULL, alphasort);
	if (n < 0)
		return fault_errno(f, "cannot read a directory of the source");
	return import_names(h, names, n, f);
}

int
import_directory(const struct import_source *source, int dir, struct fault *f)
{
	const struct here here = {
	    .source = source, .dir = dir, .path = STR_LIT("")};

	return import_here(&here, f);
}
