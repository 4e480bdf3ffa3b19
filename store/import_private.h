/* SPDX-License-Identifier: ISC */
/* What the files of store/import.h share. */
#ifndef STORE_IMPORT_PRIVATE_H
#define STORE_IMPORT_PRIVATE_H

#include "store/import.h"

#include "base/arena.h"
#include "base/buf.h"
#include "base/crypto.h"
#include "base/map.h"

enum {
	IMPORT_FLAGS_SIZE = 8,
	/* Of a base name, sizes come behind it, and flags. */
	IMPORT_PLAIN_SIZE = 200,
	IMPORT_ID_SIZE = 2 * 8 + 1,
	IMPORT_PIECE_MAX = 256 << 10,
	IMPORT_BATCH = 1000, /* messages that wait for one sync */
};

struct import_folder {
	struct client_folder open;
	struct client_target target;
	bool is_touched; /* since the last flush */
};

/* A message that is there: "<folder's dir>/<plain name>". */
struct import_known {
	struct map_node node;
	struct str key;
	uint64_t size; /* UINT64_MAX: not known */
	bool is_met;   /* in this run */
};

/* One that waits in tmp/. */
struct import_waiting {
	struct import_folder *folder;
	const struct import_known *known;
	uint64_t number; /* in the name of its file; never used twice */
	bool is_new;
	bool is_there; /* has its name */
	char file[MAILDIR_NAME_SIZE];
	uint64_t size;
};

struct import {
	struct client *client;
	struct mailbox_name mailbox;
	struct import_folder **folders;
	size_t n_folders;
	struct import_sum sum;

	/* What is there, and what remembers it. */
	struct map known;
	struct arena arena;
	int box, state;
	char id[IMPORT_ID_SIZE];

	/* The message that comes. */
	struct import_folder *folder;
	char plain[IMPORT_PLAIN_SIZE]; /* "": its bytes will tell */
	char flags[IMPORT_FLAGS_SIZE];
	bool is_new, is_refused;
	int64_t time;
	uint64_t size, extra; /* extra: CRs that are missing on disk */
	char last;
	struct buf bytes; /* what is not in the file yet */
	struct crypto_sha256 *hash;
	int fd; /* -1: there is no file yet */

	struct import_waiting waiting[IMPORT_BATCH];
	size_t n_waiting;
	uint64_t waiting_bytes;
	uint64_t next; /* number */
};

/* A base name without its sizes. */
void import_put_plain(struct buf *b, struct str base);

/* import_state.c */
/* Also ends the batch that was cut off. */
int import_state_open(
    struct import *im, struct str source, struct fault *f) MUST_USE;
void import_state_close(struct import *im);
void import_state_remove(struct import *im);
/* Remembers what is about to get its name. */
int import_state_write(struct import *im, struct fault *f) MUST_USE;
/* What the folder has. */
void import_learn_folder(struct import *im, struct import_folder *folder);
struct import_known *import_find(const struct import *im, struct str key);
/* Copies the key. */
struct import_known *import_add(
    struct import *im, struct str key, uint64_t size);

/* import.c */
/* The folder, which is made where it is missing. */
int import_get_folder(struct import *im, const struct mailbox_folder *name,
    struct import_folder **folder, struct fault *f) MUST_USE;

/* import_batch.c */
enum { IMPORT_TMP_SIZE = 64 };
void import_tmp_path(
    const struct import *im, uint64_t number, char path[IMPORT_TMP_SIZE]);
/* One that waits gets its name. */
int import_give_name(
    struct import *im, struct import_waiting *w, struct fault *f) MUST_USE;
/* Writes what has come of the message to its file in tmp/. */
int import_spill(struct import *im, struct fault *f) MUST_USE;
void import_drop_file(struct import *im);
/* The message is whole and has this name. */
int import_batch_add(struct import *im, const char *base,
    const struct import_known *known, struct fault *f) MUST_USE;
/* Removes what waits. */
void import_batch_drop(struct import *im);

#endif
