/* SPDX-License-Identifier: ISC */
/* The door to zlib: bytes as a gzip file (RFC 1952). */
#ifndef BASE_GZIP_H
#define BASE_GZIP_H

#include "base/buf.h"
#include "base/str.h"

/* Appends; buf_is_full() says whether there was room. */
void gzip_put(struct buf *b, struct str bytes);

#endif
