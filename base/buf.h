/* SPDX-License-Identifier: ISC */
/*
 * Bytes that grow, up to a hard maximum given at the start, so that nothing
 * from outside can grow anything without bound.
 *
 * What would pass the maximum is not added at all and sets a flag that stays:
 * code that builds text has no checks in between and asks buf_is_full() once
 * at the end, as with stdio. There is always a NUL behind the last byte.
 */
#ifndef BASE_BUF_H
#define BASE_BUF_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/attr.h"
#include "base/str.h"

struct buf {
	char *bytes;  /* NULL until something is put */
	size_t start; /* read offset: what buf_consume() has passed */
	size_t end;   /* one past the last byte */
	size_t room;  /* allocated */
	size_t max;   /* of unread bytes */
	bool full;    /* sticky: something did not fit */
	bool secret;  /* wiped when it grows or is cleared */
};

/* Embedded: buf_init() and buf_clear(); max is in bytes. */
void buf_init(struct buf *b, size_t max);
void buf_init_secret(struct buf *b, size_t max);
/* Frees the bytes; the buffer is empty and may be used again. */
void buf_clear(struct buf *b);
/* Empties it but keeps the memory, and forgets the flag. */
void buf_reset(struct buf *b);

void buf_put(struct buf *b, const void *bytes, size_t len);
void buf_put_str(struct buf *b, struct str s);
void buf_puts(struct buf *b, const char *s);
void buf_putc(struct buf *b, char c);
void buf_putf(struct buf *b, const char *fmt, ...) FORMAT(2, 3);
/* Bytes as hexadecimal digits, in lower case. */
void buf_put_hex(struct buf *b, struct str bytes);
/* The other way: false, with some of it put, where hex is no such text. */
bool buf_put_unhex(struct buf *b, struct str hex) MUST_USE;
/* For a terminal, which text from outside cannot change then: controls become
 * "?". NULL is nothing. */
void buf_put_shown(struct buf *b, const char *text);
void buf_vputf(struct buf *b, const char *fmt, va_list ap) FORMAT(2, 0);

/*
 * Room for at least want more bytes, or NULL (and the flag) where the maximum
 * forbids it; *len gets what there is. buf_added() says how much of it was
 * filled.
 */
char *buf_space(struct buf *b, size_t want, size_t *len);
void buf_added(struct buf *b, size_t len);

/* What has been put and not consumed. The view lives until the next change. */
struct str buf_str(const struct buf *b);
/* The same as a C string. */
const char *buf_text(const struct buf *b);
size_t buf_len(const struct buf *b);
bool buf_is_full(const struct buf *b);

/* Forgets the first len unread bytes. */
void buf_consume(struct buf *b, size_t len);
/* Cuts back to the first len unread bytes. */
void buf_truncate(struct buf *b, size_t len);

/*
 * Takes one line that ends in LF (CRLF too) off the front: *line is what
 * stands before the line end and lives until the next put. False where there
 * is no whole line.
 */
bool buf_take_line(struct buf *b, struct str *line) MUST_USE;

#endif
