/* SPDX-License-Identifier: ISC */
/*
 * Transfer encodings (RFC 2045 6.7, 6.8), written as the bytes come. Lines of
 * the output end in CRLF and have 76 bytes at most; behind the last line there
 * is no line end but where the bytes themselves have one.
 */
#ifndef PROTO_ENCODE_H
#define PROTO_ENCODE_H

#include <stddef.h>

#include "base/buf.h"
#include "base/str.h"

enum encoding {
	ENCODING_7BIT,
	ENCODING_8BIT,
	ENCODING_BINARY,
	ENCODING_QUOTED,
	ENCODING_BASE64,
	ENCODING_OTHER,
};

const char *encoding_name(enum encoding encoding);
/* A field's value, without comments; empty: 7bit. */
enum encoding encoding_parse(struct str value);

struct encode {
	enum encoding encoding;
	size_t column;
	char held[57]; /* base64: a line; quoted: a blank, or a CR */
	size_t n_held;
};

/* All but quoted-printable and base64 pass bytes as they are. */
void encode_init(struct encode *e, enum encoding encoding);
/* Appends up to four times as many bytes as it is given, and 80. */
void encode_put(struct encode *e, struct str bytes, struct buf *out);
void encode_end(struct encode *e, struct buf *out);

#endif
