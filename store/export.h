/* SPDX-License-Identifier: ISC */
/*
 * Messages out of a mailbox: into one mbox (see store/mbox.h), a tar archive of
 * a Maildir++, or a directory of files. Only reads the mailbox.
 *
 *   mbox    flags, times and folders in fields that import takes off again
 *   tar     .Folder/cur/<name with flags>, with the files' times
 *   files   Folder/<name>.eml with the file's time: no flags. What is there
 *           already, whole, is left
 */
#ifndef STORE_EXPORT_H
#define STORE_EXPORT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/fault.h"
#include "store/client.h"

enum export_format {
	EXPORT_MBOX,
	EXPORT_TAR,
	EXPORT_TAR_GZIP,
	EXPORT_FILES,
};

struct export;

struct export_sum {
	uint64_t messages, bytes;
	uint64_t known; /* files: were there already */
};

/* fd, borrowed, is where it goes: of EXPORT_FILES a directory, else anything
 * that can be written to. */
struct export *export_new(
    enum export_format format, int fd, struct fault *f) MUST_USE;
void export_free(struct export **export);

/* A folder, which may be empty. */
int export_folder(struct export *export, const struct client_folder *folder,
    struct fault *f) MUST_USE;
/* One message of it: also 0 where it has gone. */
int export_message(struct export *export, const struct client_folder *folder,
    struct client_list *list, struct client_entry *entry,
    struct fault *f) MUST_USE;
/* All is written; to files it is durable. */
int export_end(struct export *export, struct fault *f) MUST_USE;

const struct export_sum *export_sum(const struct export *export);

#endif
