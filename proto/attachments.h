/* SPDX-License-Identifier: ISC */
/*
 * Counts the attachments of a message (RFC 2045, RFC 2046) that goes by in any
 * pieces, with line ends of LF or CRLF. Whatever it holds, memory is that of the
 * struct: of a longer field the beginning is read, and multiparts that are nested
 * deeper, or have a longer boundary, are not entered.
 *
 * An attachment is a part, or a message, that says so; or one that says nothing
 * or "inline" and has a file's name without being referred to (Content-ID); or
 * one that says nothing and is neither text nor referred to. Signatures and
 * reports for programs are none, and a message within the message is one,
 * whatever it has.
 */
#ifndef PROTO_ATTACHMENTS_H
#define PROTO_ATTACHMENTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/str.h"

enum {
	ATTACHMENTS_FIELD_MAX = 2048,
	ATTACHMENTS_DEPTH_MAX = 12,
	ATTACHMENTS_BOUNDARY_MAX = 100, /* RFC 2046 5.1.1 allows 70 */
	ATTACHMENTS_LINE_MAX = 256,     /* that may be a boundary */
};

struct attachments {
	uint32_t count; /* valid at any time; whole behind attachments_end() */

	/* Private. */
	int state;
	struct {
		char boundary[ATTACHMENTS_BOUNDARY_MAX + 1];
		size_t len;
	} frames[ATTACHMENTS_DEPTH_MAX], next;
	size_t n_frames;
	/* The field, and behind it the line. */
	char line[ATTACHMENTS_FIELD_MAX + ATTACHMENTS_LINE_MAX];
	size_t field_len, line_len; /* of these */
	/* Of the part whose header section is read. */
	bool is_multipart, is_text, is_never, is_attached, is_inline;
	bool has_type, has_name, has_id;
};

void attachments_init(struct attachments *a);
void attachments_feed(struct attachments *a, struct str bytes);
void attachments_end(struct attachments *a);

#endif
