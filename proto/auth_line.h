/* SPDX-License-Identifier: ISC */
/*
 * Lines of the Dovecot authentication protocol, version 1: fields split by TAB,
 * ended by LF, with NUL, 0x01, TAB, CR and LF escaped by 0x01.
 */
#ifndef PROTO_AUTH_LINE_H
#define PROTO_AUTH_LINE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/attr.h"
#include "base/buf.h"
#include "base/str.h"

enum { AUTH_LINE_MAX = 16384 };

/*
 * Takes the next field off *rest (a line without its LF) and puts it, unescaped,
 * into field (which is reset). False where there are no more: then rest->at is
 * NULL; or where the field does not fit or its escape is bad: then *rest is as
 * it was.
 */
bool auth_line_next(struct str *rest, struct buf *field) MUST_USE;

/* Appends TAB (unless the line is new) and the field, escaped. The line is a
 * whole one only where buf_is_full() is false at the end. */
void auth_line_put(struct buf *line, struct str field);
void auth_line_putf(struct buf *line, const char *fmt, ...) FORMAT(2, 3);
/* Appends the LF. */
void auth_line_end(struct buf *line);

#endif
