/* SPDX-License-Identifier: ISC */
/* Netstrings, "5:hello,": each way, with a bound on the length. */
#ifndef BASE_NETSTRING_H
#define BASE_NETSTRING_H

#include <stddef.h>

#include "base/attr.h"
#include "base/buf.h"
#include "base/str.h"

void netstring_put(struct buf *b, struct str payload);

enum netstring_result {
	NETSTRING_OK,
	NETSTRING_MORE, /* not all there yet */
	NETSTRING_BAD,  /* not a netstring, or longer than max */
};

/* Looks at the front of in: *payload is a view into it, *used the bytes that
 * the whole netstring takes. Leading zeros are refused (but "0:,"). */
enum netstring_result netstring_take(
    struct str in, size_t max, struct str *payload, size_t *used);

#endif
