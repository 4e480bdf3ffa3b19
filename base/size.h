/* SPDX-License-Identifier: ISC */
/* Sizes as people read them. */
#ifndef BASE_SIZE_H
#define BASE_SIZE_H

#include <stdint.h>

#include "base/buf.h"

/* "512 B", "1.5 MiB". */
void size_put(struct buf *b, uint64_t bytes);

#endif
