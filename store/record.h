/* SPDX-License-Identifier: ISC */
/*
 * What the index keeps of one message, and its form in the database: numbers
 * of seven bits a byte, the least first, texts with their length before them.
 * What the base name says besides (the delivery id) is not repeated.
 *
 * The digest (store/digest.h) is that of the file as it was when it came: taken of the bytes on
 * their way into it, or of a file that others delivered when it was first seen.
 * From then on it is carried over, whatever becomes of the file: a digest that
 * was taken anew would bless what has rotted. But one of a file of others is
 * taken once more where they go on writing to it in the minutes after they made
 * it: they deliver into new/ without the detour by tmp/.
 */
#ifndef STORE_RECORD_H
#define STORE_RECORD_H

#include <stdbool.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/buf.h"
#include "base/str.h"
#include "store/digest.h"

enum {
	RECORD_VERSION = 4,    /* one of another is made anew from its file */
	RECORD_TEXT_MAX = 300, /* of each text; longer ones are cut */
	RECORD_SIZE_MAX = 4096,
	RECORD_HEAD_MAX = 16 << 10, /* header bytes that are looked at */
};

enum record_place {
	RECORD_NEW, /* in new/ */
	RECORD_CUR,
};

/* What a filter on the way has said. */
enum record_spam {
	RECORD_SPAM_UNKNOWN,
	RECORD_SPAM_NO,
	RECORD_SPAM_YES,
};

/* Texts are borrowed; they are UTF-8, but for info. */
struct record {
	enum record_place place;
	enum record_spam spam;
	int64_t stored;       /* seconds since 1970: by the file's name */
	int64_t date;         /* of the Date field; 0: none */
	uint64_t size;        /* bytes on disk */
	uint64_t wire_size;   /* with CRLF; 0: unknown */
	bool has_attachments; /* the next is known */
	uint32_t attachments; /* how many: proto/attachments.h */
	struct str info;      /* what stands behind the base name */
	struct str digest;    /* of DIGEST_LEN; empty: not known */
	bool has_own_digest;  /* taken on the way into the file, by ourselves */
	struct str message_id;
	struct str subject;     /* decoded */
	struct str sender;      /* From's first address */
	struct str sender_name; /* the name before it, decoded, or what From
				 * says instead of an address */
	struct str recipients;  /* the addresses of To and Cc, with ", " between
				* them; the first ones, where they are many */
	struct str list_id;     /* List-Id, what stands in its brackets */
};

void record_format(const struct record *r, struct buf *b);
/* False where it is none, or of another version. Views into value. */
bool record_parse(struct str value, struct record *r) MUST_USE;

/* "S" among the flags. */
bool record_is_seen(const struct record *r);

/* Fills date, spam, message_id, subject, sender and its name, recipients and list_id from the
 * message's head; their text goes into `texts`, which is reset. */
void record_read_head(struct record *r, struct str head, struct buf *texts);

#endif
