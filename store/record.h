/* SPDX-License-Identifier: ISC */
/*
 * What the index keeps of one message, and its form in the database: numbers
 * with the least byte first, texts with their length before them. A record of
 * another version is made anew from its file.
 */
#ifndef STORE_RECORD_H
#define STORE_RECORD_H

#include <stdbool.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/buf.h"
#include "base/str.h"

enum {
	RECORD_TEXT_MAX = 300, /* of each text; longer ones are cut */
	RECORD_SIZE_MAX = 4096,
	RECORD_HEAD_MAX = 16 << 10, /* header bytes that are looked at */
};

enum record_place {
	RECORD_NEW, /* in new/ */
	RECORD_CUR,
};

/* Texts are borrowed. */
struct record {
	enum record_place place;
	int64_t stored;     /* seconds since 1970: by the file's name */
	int64_t date;       /* of the Date field; 0: none */
	uint64_t size;      /* bytes on disk */
	uint64_t wire_size; /* with CRLF; 0: unknown */
	struct str info;    /* what stands behind the base name */
	struct str ident;   /* delivery id */
	struct str message_id;
	struct str subject; /* decoded */
	struct str sender;  /* From's first address */
};

void record_format(const struct record *r, struct buf *b);
/* False where it is none, or of another version. Views into value. */
bool record_parse(struct str value, struct record *r) MUST_USE;

/* "S" among the flags. */
bool record_is_seen(const struct record *r);

/* Fills date, message_id, subject and sender from the message's head; their
 * text goes into `texts`, which is reset. */
void record_read_head(struct record *r, struct str head, struct buf *texts);

#endif
