/* SPDX-License-Identifier: ISC */
/* Text of others, of several lines, for a terminal that it must not change. */
#ifndef ADMIN_SHOWN_H
#define ADMIN_SHOWN_H

#include <stdbool.h>
#include <stddef.h>

#include "base/attr.h"
#include "base/buf.h"
#include "base/str.h"

/*
 * Puts what a terminal may have of the text: lines and tabs as they are, line
 * ends of CR LF as LF, "?" for other controls, U+FFFD for bytes that are not
 * UTF-8. How much of the text was used: all, or where more is to come (not
 * `last`) without a character that is not whole yet.
 */
size_t shown_put(struct buf *b, struct str text, bool last) MUST_USE;

#endif
