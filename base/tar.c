/* SPDX-License-Identifier: ISC */
#include "config.h"

#include "base/tar.h"

#include <archive.h>
#include <archive_entry.h>
#include <sys/stat.h>
#include <sysexits.h>

#include "base/mem.h"

enum { BLOCK = 64 << 10 };

struct tar_writer {
	struct archive *archive;
};

struct tar_reader {
	struct archive *archive;
	char piece[BLOCK];
};

static int
fail(struct archive *a, const char *what, struct fault *f)
{
	const char *why = archive_error_string(a);

	return fault_temp(
	    f, "4.3.0", "%s: %s", what, why != NULL ? why : "it failed");
}

static struct archive *
there(struct archive *a)
{
	if (a == NULL)
		die(EX_OSERR, "posthouse: libarchive: no memory");
	return a;
}

struct tar_writer *
tar_writer_new(int fd, bool gzip, struct fault *f)
{
	struct tar_writer *w = mem_new(struct tar_writer);

	w->archive = there(archive_write_new());
	if (archive_write_set_format_pax_restricted(w->archive) == ARCHIVE_OK &&
	    (!gzip ||
		archive_write_add_filter_gzip(w->archive) == ARCHIVE_OK) &&
	    archive_write_open_fd(w->archive, fd) == ARCHIVE_OK)
		return w;
	fail(w->archive, "cannot write the archive", f);
	tar_writer_free(&w);
	return NULL;
}

int
tar_begin(struct tar_writer *w, const struct tar_file *file, struct fault *f)
{
	struct archive_entry *e = archive_entry_new();
	int rc;

	if (e == NULL)
		die(EX_OSERR, "posthouse: libarchive: no memory");
	archive_entry_set_pathname(e, file->path);
	archive_entry_set_filetype(e, file->is_dir ? S_IFDIR : S_IFREG);
	archive_entry_set_perm(e, file->is_dir ? 0700 : 0600);
	archive_entry_set_size(e, (int64_t)file->size);
	archive_entry_set_mtime(e, (time_t)file->mtime, 0);
	rc = archive_write_header(w->archive, e);
	archive_entry_free(e);
	/* A warning is about names that are not UTF-8. */
	return rc == ARCHIVE_OK || rc == ARCHIVE_WARN
		   ? 0
		   : fail(w->archive, "cannot write the archive", f);
}

int
tar_put(struct tar_writer *w, struct str bytes, struct fault *f)
{
	while (bytes.len > 0) {
		la_ssize_t n =
		    archive_write_data(w->archive, bytes.at, bytes.len);

		if (n < 0)
			return fail(w->archive, "cannot write the archive", f);
		if (n == 0)
			return fault_temp(f, "4.3.0",
			    "a file grew while it went into the archive");
		bytes = str_from(bytes, (size_t)n);
	}
	return 0;
}

int
tar_end(struct tar_writer *w, struct fault *f)
{
	return archive_write_close(w->archive) == ARCHIVE_OK
		   ? 0
		   : fail(w->archive, "cannot write the archive", f);
}

void
tar_writer_free(struct tar_writer **w)
{
	if (*w == NULL)
		return;
	archive_write_free((*w)->archive);
	mem_free(*w);
	*w = NULL;
}

struct tar_reader *
tar_reader_new(int fd, struct fault *f)
{
	struct tar_reader *r = mem_new(struct tar_reader);
	struct archive *a = there(archive_read_new());

	/* Those without programs of others. */
	r->archive = a;
	if (archive_read_support_filter_gzip(a) == ARCHIVE_OK &&
	    archive_read_support_filter_bzip2(a) == ARCHIVE_OK &&
	    archive_read_support_filter_xz(a) == ARCHIVE_OK &&
	    archive_read_support_filter_zstd(a) == ARCHIVE_OK &&
	    archive_read_support_format_tar(a) == ARCHIVE_OK &&
	    archive_read_support_format_zip(a) == ARCHIVE_OK &&
	    archive_read_open_fd(a, fd, BLOCK) == ARCHIVE_OK)
		return r;
	fault_perm(f, "5.6.0", "this is no tar or zip archive");
	tar_reader_free(&r);
	return NULL;
}

int
tar_next(struct tar_reader *r, struct tar_file *file, struct fault *f)
{
	struct archive_entry *e;
	int rc = archive_read_next_header(r->archive, &e);

	*file = (struct tar_file){0};
	if (rc == ARCHIVE_EOF)
		return 0;
	if (rc != ARCHIVE_OK && rc != ARCHIVE_WARN) {
		const char *why = archive_error_string(r->archive);

		return fault_perm(f, "5.6.0", "the archive is damaged: %s",
		    why != NULL ? why : "nobody knows how");
	}
	file->path = archive_entry_pathname(e);
	if (file->path == NULL)
		file->path = "";
	file->is_dir = archive_entry_filetype(e) == S_IFDIR;
	file->is_regular = archive_entry_filetype(e) == S_IFREG &&
			   archive_entry_hardlink(e) == NULL;
	if (archive_entry_size_is_set(e) && archive_entry_size(e) > 0)
		file->size = (uint64_t)archive_entry_size(e);
	file->mtime = (int64_t)archive_entry_mtime(e);
	return 1;
}

int
tar_read(struct tar_reader *r,
    int (*piece)(void *ctx, struct str bytes, struct fault *f), void *ctx,
    struct fault *f)
{
	for (;;) {
		la_ssize_t n =
		    archive_read_data(r->archive, r->piece, sizeof r->piece);
		int rc;

		if (n == 0)
			return 0;
		if (n < 0)
			return fault_perm(f, "5.6.0", "the archive is damaged");
		rc = piece(ctx, str_n(r->piece, (size_t)n), f);
		if (rc != 0)
			return rc;
	}
}

void
tar_reader_free(struct tar_reader **r)
{
	if (*r == NULL)
		return;
	archive_read_free((*r)->archive);
	mem_free(*r);
	*r = NULL;
}
