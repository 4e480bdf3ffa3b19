/* SPDX-License-Identifier: ISC */
/*
 * The header section of a message (RFC 5322 2.2), read as it comes: any
 * bytes, folded lines, CRLF or LF. Nothing here fails: what is not a field
 * ends the header section, as mail programs take it.
 */
#ifndef PROTO_HEADER_H
#define PROTO_HEADER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

#include "base/attr.h"
#include "base/buf.h"
#include "base/str.h"

struct header_field {
	struct str name;  /* without the colon */
	struct str value; /* raw: with folds, without the line end */
	struct str whole; /* with the line end */
};

/* Takes the next field off *rest. False at the end of the section; *rest is
 * then at the body, behind the empty line if there is one. */
bool header_next(struct str *rest, struct header_field *field);

/* The first field of this name, without case. */
bool header_find(
    struct str message, const char *name, struct header_field *field);

/* The value on one line: folds (and any CR or LF) become one blank, ends
 * trimmed. */
void header_unfold(struct buf *b, struct str value);

/*
 * Decodes RFC 2047 encoded words to UTF-8 where the charset is UTF-8,
 * US-ASCII, ISO-8859-1 or -15, or Windows-1252; others and ill-formed words
 * stay as they are. Unfolds too. What is put is well-formed UTF-8 on one line,
 * whatever the value holds: controls become blanks, other bytes U+FFFD.
 */
void header_decode(struct buf *b, struct str value);

/* The date of RFC 5322 3.3 and 4.3 (obsolete zones). False where it is none. */
bool header_parse_date(struct str value, time_t *t) MUST_USE;

/* The first "<…>" or bare msg-id of a Message-ID field, without brackets: a
 * view of value without blanks or controls, empty where there is none. */
struct str header_message_id(struct str value);

/*
 * The addr-specs of an address list field (From, Sender…), comments, blanks and
 * display names left out, groups entered, obsolete forms taken. Calls each with
 * a view that lives until it returns. False where the field is not well-formed
 * or has more than 1000 (what came before was called).
 */
bool header_each_address(
    struct str value, void (*each)(void *ctx, struct str addr_spec), void *ctx);

/*
 * Watches the header section of a message that goes by in pieces: how many
 * Received fields, which of the fields that matter are there, where it ends.
 */
struct header_scan {
	/* Results, valid at any time. */
	unsigned received; /* hops */
	uint64_t size;     /* bytes of the header section so far, with
				 * the empty line (of a line that is no field
				 * instead: up to where it is known to be none) */
	bool done;         /* the header section has ended */
	bool has_date, has_message_id, has_from;
	/* Private. */
	int state;
	char name[16];
	size_t name_len;
};
void header_scan_init(struct header_scan *s);
void header_scan_feed(struct header_scan *s, struct str bytes);

#endif
