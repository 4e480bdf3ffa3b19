/* SPDX-License-Identifier: ISC */
/* Messages out of one file: an mbox, or an archive. */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "store/import_source.h"

#include "base/tar.h"

int
import_mbox(const struct import_source *s, int fd, struct fault *f)
{
	struct mbox *mbox = mbox_new(fd, s->format);
	struct mbox_message m;
	struct stat st;
	int rc =
	    fstat(fd, &st) < 0 ? fault_errno(f, "cannot read the mbox") : 0;

	while (rc == 0 && (rc = mbox_next(mbox, &m, f)) > 0) {
		struct mailbox_folder folder;
		const struct import_what what = {
		    .folder = &folder,
		    .flags = str(m.flags),
		    .is_new = m.is_new,
		    /* The same each time. */
		    .time = m.time > 0 ? m.time : (int64_t)st.st_mtim.tv_sec,
		    .size = UINT64_MAX,
		};

		rc = import_map_folder(s->prefix, str(m.folder), &folder, f);
		if (rc == 0)
			rc = import_begin(s->import, &what, f);
		if (rc > 0)
			rc = mbox_read(mbox, import_put, s->import, f);
		if (rc == 0)
			rc = import_end(s->import, f);
		if (rc == 0)
			rc = s->step(s->ctx, f);
	}
	mbox_free(&mbox);
	return rc;
}

/* Archives. */

/* What a path in an archive is. */
struct member {
	struct str folder; /* ".A.B", or with is_plain "A/B"; "": the inbox */
	struct str file;   /* "": it is a folder itself */
	bool is_new;
	bool is_plain; /* a single message */
};

/* The last of the names in a path, which is cut off it. */
static struct str
cut_last(struct str *path)
{
	struct str last;
	size_t at;

	while (str_ends(*path, STR_LIT("/")))
		path->len--;
	at = str_find_last(*path, '/');
	last = at < path->len ? str_from(*path, at + 1) : *path;
	*path = at < path->len ? str_head(*path, at) : str_head(*path, 0);
	return last;
}

static bool
is_part(struct str name)
{
	return str_is(name, STR_LIT("cur")) || str_is(name, STR_LIT("new"));
}

/* "…/.Folder/cur/FILE", "…/.Folder/cur/" or "A/B/FILE" of a single message. */
static bool
read_path(struct str path, bool is_dir, struct member *m)
{
	struct str last = cut_last(&path), part = last, above;

	*m = (struct member){0};
	if (!is_dir) {
		m->file = last;
		above = path;
		part = cut_last(&above);
	} else {
		above = path;
	}
	if (is_part(part)) {
		m->is_new = str_is(part, STR_LIT("new"));
		m->folder = cut_last(&above);
		if (!str_starts(m->folder, STR_LIT(".")) ||
		    str_is(m->folder, STR_LIT(".")))
			m->folder = STR_LIT("");
		return true;
	}
	while (str_starts(path, STR_LIT("./")))
		path = str_from(path, 2);
	m->is_plain = true;
	m->folder = str_is(path, STR_LIT(".")) ? STR_LIT("") : path;
	return !is_dir && import_is_single(last);
}

static int
begin_member(const struct import_source *s, const struct member *m,
    const struct tar_file *file, struct fault *f)
{
	struct maildir_name name = {.flags = STR_LIT("")};
	struct mailbox_folder folder;
	struct import_what what = {
	    .folder = &folder,
	    .is_new = m->is_new,
	    .time = file->mtime,
	    .size = file->size > 0 ? file->size : UINT64_MAX,
	};
	int rc;

	if (m->is_plain) {
		what.name = import_single_name(m->file);
		rc = import_map_folder(s->prefix, m->folder, &folder, f);
	} else {
		what.name = m->file;
		if (maildir_name_parse(m->file, &name))
			what.flags = name.flags;
		rc = import_map_dir(s->prefix, m->folder, &folder, f);
	}
	if (rc < 0)
		return -1;
	if (m->file.len > 0)
		return import_begin(s->import, &what, f);
	return import_folder(s->import, &folder, f);
}

static int
import_member(const struct import_source *s, struct tar_reader *r,
    const struct tar_file *file, struct fault *f)
{
	struct member m;
	int rc;

	if ((!file->is_dir && !file->is_regular) ||
	    !read_path(str(file->path), file->is_dir, &m) ||
	    str_starts(m.file, STR_LIT(".")))
		return 0;
	rc = begin_member(s, &m, file, f);
	if (rc > 0) {
		rc = tar_read(r, import_put, s->import, f);
		if (rc == 0)
			rc = import_end(s->import, f);
	}
	return rc == 0 && m.file.len > 0 ? s->step(s->ctx, f) : rc;
}

int
import_archive(const struct import_source *s, int fd, struct fault *f)
{
	struct tar_reader *r = tar_reader_new(fd, f);
	struct tar_file file;
	int rc = r == NULL ? -1 : 0;

	while (rc == 0 && (rc = tar_next(r, &file, f)) > 0)
		rc = import_member(s, r, &file, f);
	tar_reader_free(&r);
	return rc;
}
