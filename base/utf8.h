/* SPDX-License-Identifier: ISC */
/* UTF-8 as RFC 3629 has it: no overlong forms, no surrogates, nothing above
 * U+10FFFF. */
#ifndef BASE_UTF8_H
#define BASE_UTF8_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/buf.h"
#include "base/str.h"

/* How many bytes the well-formed character at the front of s has; 0 where
 * there is none. *c gets it, where c is not NULL. */
size_t utf8_get(struct str s, uint32_t *c);
/* Whether all of s is well-formed. */
bool utf8_is_valid(struct str s);
void utf8_put(struct buf *b, uint32_t c);

#endif
