/* SPDX-License-Identifier: ISC */
/*
 * Lines of the Dovecot authentication protocol, client side, version 1: fields
 * split by TAB, ended by LF, with NUL, 0x01, TAB, CR and LF escaped by 0x01.
 */
#ifndef PROTO_AUTH_LINE_H
#define PROTO_AUTH_LINE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/attr.h"
#include "base/buf.h"
#include "base/str.h"

enum { AUTH_LINE_MAX = 16384 };

/* Takes the next field off *rest and puts it, unescaped, into field (which is
 * reset). False where there are no more, or the escape is bad. */
bool auth_line_next(struct str *rest, struct buf *field) MUST_USE;

/* Appends TAB (unless the line is new) and the field, escaped. */
void auth_line_put(struct buf *line, struct str field);
void auth_line_putf(struct buf *line, const char *fmt, ...) FORMAT(2, 3);
/* Appends the LF. */
void auth_line_end(struct buf *line);

#endif
