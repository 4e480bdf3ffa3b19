/* SPDX-License-Identifier: ISC */
/*
 * Archives of files, by libarchive: written as tar (POSIX.1-2001 pax where
 * names need it), read as tar or zip, packed by gzip, bzip2, xz or zstd or not
 * at all. Nothing is unpacked here: a path in an archive is only text.
 */
#ifndef BASE_TAR_H
#define BASE_TAR_H

#include <stdbool.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/fault.h"
#include "base/str.h"

struct tar_file {
	const char *path; /* of a reader: until the next call */
	bool is_dir;      /* neither: a link or a device, of no use to us */
	bool is_regular;
	uint64_t size; /* of a reader: as it says, 0 where it does not */
	int64_t mtime; /* seconds since 1970 */
};

struct tar_writer;

/* fd is borrowed; gzip: packed so. */
struct tar_writer *tar_writer_new(int fd, bool gzip, struct fault *f) MUST_USE;
/* Begins a file; exactly its size is then to be put. */
int tar_begin(struct tar_writer *w, const struct tar_file *file,
    struct fault *f) MUST_USE;
int tar_put(struct tar_writer *w, struct str bytes, struct fault *f) MUST_USE;
/* Writes what ends it. */
int tar_end(struct tar_writer *w, struct fault *f) MUST_USE;
void tar_writer_free(struct tar_writer **w);

struct tar_reader;

/* fd is borrowed and read from where it stands; it may be a pipe. */
struct tar_reader *tar_reader_new(int fd, struct fault *f) MUST_USE;
/* The next file: 1, 0 at the end, -1 (5.6.0 where it is no such archive). */
int tar_next(
    struct tar_reader *r, struct tar_file *file, struct fault *f) MUST_USE;
/* The file's bytes, in pieces, until one call does not return 0: then that. */
int tar_read(struct tar_reader *r,
    int (*piece)(void *ctx, struct str bytes, struct fault *f), void *ctx,
    struct fault *f) MUST_USE;
void tar_reader_free(struct tar_reader **r);

#endif
