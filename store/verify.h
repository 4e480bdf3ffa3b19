/* SPDX-License-Identifier: ISC */
/*
 * Whether the files of a folder are what they were: each is read, by one more
 * Maildir client (store/client.h), and compared with what its name says and with
 * the digest that the index has of it.
 */
#ifndef STORE_VERIFY_H
#define STORE_VERIFY_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/attr.h"
#include "base/fault.h"
#include "base/map.h"
#include "base/str.h"
#include "store/client.h"
#include "store/digest.h"

enum verify_what {
	VERIFY_ROTTEN,     /* other bytes than those that came */
	VERIFY_SIZE,       /* not as long as its name says, or empty */
	VERIFY_UNREADABLE, /* by the mailboxes' user, or by the disk */
	VERIFY_STRANGER,   /* no message's file */
};
/* "rotten", "size", "unreadable", "stranger". */
const char *verify_what_name(enum verify_what what);

struct verify_finding {
	const struct client_folder *folder;
	const char *file; /* "cur/NAME" */
	enum verify_what what;
	const char *why; /* a sentence's end: "is 5 bytes long, …" */
};

/* What the index is to learn of a message that it has no digest of. */
struct verify_digest {
	struct str base;
	uint64_t size;
	uint32_t attachments;
	uint8_t digest[DIGEST_LEN];
};

/* What the index knows of a folder's messages. */
struct verify_known {
	struct map map;
	struct arena arena;
};
/* Embedded. One of zeroes is empty. */
void verify_known_clear(struct verify_known *known);
/* Copies both; the digest is of DIGEST_LEN, or empty: not known. */
void verify_known_add(
    struct verify_known *known, struct str base, struct str digest);

struct verify {
	/* May be NULL. What is handed over lives until they return. */
	void (*found)(void *ctx, const struct verify_finding *finding);
	void (*learnt)(void *ctx, const struct verify_digest *digest);
	/* After each file: so many bytes were read. False: stop. */
	bool (*go_on)(void *ctx, uint64_t bytes);
	void *ctx;
	/* Results. */
	uint64_t messages; /* read */
	uint64_t bytes;
	uint64_t compared; /* with a digest */
	uint64_t findings;
};

/* 1, 0: go_on() has stopped it, -1. What moves or goes meanwhile is nothing to
 * be found. Of a message that the index does not know nothing is learnt. */
int verify_folder(struct verify *verify, const struct client_folder *folder,
    const struct verify_known *known, struct fault *f) MUST_USE;

#endif
