/* SPDX-License-Identifier: ISC */
/* What MIME (RFC 2045-2047) asks of who writes a message: encodings, and a
 * boundary that does not occur in what it bounds. */
#ifndef PROTO_MIME_H
#define PROTO_MIME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/buf.h"
#include "base/str.h"

enum {
	MIME_LINE_MAX = 998, /* without CR LF: RFC 5322 2.1.1 */
	MIME_SEED_MAX = 60,
	MIME_BOUNDARY_SIZE = MIME_SEED_MAX + 4,
};

bool mime_is_ascii(struct str s);

/* A text of lines that end in LF or CR LF; what is put ends them in CR LF. */
void mime_put_lines(struct buf *b, struct str text);
/* The same in quoted-printable (RFC 2045 6.7). */
void mime_put_quoted_printable(struct buf *b, struct str text);

enum mime_encoding {
	MIME_7BIT,
	MIME_8BIT,
	MIME_QUOTED_PRINTABLE,
};
/* The least that a text needs once its lines end in CR LF. Quoted-printable:
 * it has NUL, a lone CR, or a line over MIME_LINE_MAX. */
enum mime_encoding mime_encoding_of(struct str text);

/* One line of text without controls, folded at blanks; what has none for 900
 * bytes is broken there. used is how much of the first line is taken already. */
void mime_put_folded(struct buf *b, struct str text, size_t used);
/*
 * A value of an unstructured field, folded: encoded words (RFC 2047, UTF-8)
 * where it is not printable ASCII. Controls become blanks, ill-formed bytes
 * U+FFFD.
 */
void mime_put_words(struct buf *b, struct str text, size_t used);

/*
 * Looks at content as it goes by, in any pieces: how it must be transported,
 * and which boundaries it leaves free.
 */
struct mime_scan {
	uint64_t size;
	bool is_8bit;    /* has bytes over 127 */
	size_t line_max; /* the longest line, without its end */
	/* Private. */
	char mark[MIME_BOUNDARY_SIZE];
	size_t mark_len, matched, line;
	uint64_t taken;
	char last;
	bool is_odd;
};

/* seed is ASCII; what may not stand in a boundary, and what is past
 * MIME_SEED_MAX, is left out. The same seed gives the same boundaries. */
void mime_scan_init(struct mime_scan *s, struct str seed);
void mime_scan_feed(struct mime_scan *s, struct str bytes);
/* Has NUL, or CR or LF that are no pair: only BINARYMIME (RFC 3030) carries
 * it. To be asked at the end. */
bool mime_scan_is_binary(const struct mime_scan *s);
/*
 * A boundary with which no line of the content begins. False where the content
 * has them all, as only one made for that seed can.
 */
bool mime_scan_boundary(
    const struct mime_scan *s, char boundary[MIME_BOUNDARY_SIZE]) MUST_USE;

#endif
