/* SPDX-License-Identifier: ISC */
/*
 * A message for a server that takes no 8-bit (RFC 6152 3), or no binary
 * (RFC 3030 3) messages: the bodies of its parts are encoded where they have to
 * be, text as quoted-printable, all else as base64; the labels are changed to
 * fit. All other bytes, header fields above all, stay as they are.
 *
 * The message goes by twice: surveyed first, which tells what is to be done to
 * each part, then converted. Any split of the bytes will do.
 */
#ifndef PROTO_DOWNGRADE_H
#define PROTO_DOWNGRADE_H

#include "base/attr.h"
#include "base/buf.h"
#include "base/fault.h"
#include "base/str.h"
#include "proto/encode.h"

enum {
	DOWNGRADE_FEED_MAX = 8192,      /* bytes at once */
	DOWNGRADE_OUT_MAX = 256 * 1024, /* what one call may append */
};

struct downgrade;

/* to: ENCODING_7BIT or ENCODING_8BIT. */
struct downgrade *downgrade_new(enum encoding to) MUST_USE;
void downgrade_free(struct downgrade **downgrade);

/*
 * The survey. A permanent fault, 5.6.3, for what cannot be converted: 8-bit
 * header fields, parts that are encoded already and yet hold such bytes, parts
 * that may not be encoded (RFC 2046 5.2.2), too many parts.
 */
int downgrade_survey(
    struct downgrade *d, struct str bytes, struct fault *f) MUST_USE;
int downgrade_survey_end(struct downgrade *d, struct fault *f) MUST_USE;

/* The conversion, any number of times. */
void downgrade_begin(struct downgrade *d);
/* At most DOWNGRADE_FEED_MAX bytes, those of the survey; appends to out. */
void downgrade_convert(struct downgrade *d, struct str bytes, struct buf *out);
void downgrade_convert_end(struct downgrade *d, struct buf *out);

#endif
