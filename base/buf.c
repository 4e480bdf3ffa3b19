/* SPDX-License-Identifier: ISC */
/*
 * Bytes that grow up to a hard maximum.
 *
 * Invariants: start <= end < room once there is memory, and bytes[end] is NUL.
 */
#include "config.h"

#include "base/buf.h"

#include <stdio.h>

#include "base/mem.h"

enum { FIRST_ROOM = 256 };

void
buf_init(struct buf *b, size_t max)
{
	*b = (struct buf){.max = max};
}

void
buf_init_secret(struct buf *b, size_t max)
{
	*b = (struct buf){.max = max, .secret = true};
}

void
buf_clear(struct buf *b)
{
	if (b->secret && b->bytes != NULL)
		mem_wipe(b->bytes, b->room);
	mem_free(b->bytes);
	*b = (struct buf){.max = b->max, .secret = b->secret};
}

void
buf_reset(struct buf *b)
{
	if (b->secret && b->bytes != NULL)
		mem_wipe(b->bytes, b->room);
	b->start = b->end = 0;
	b->full = false;
	if (b->bytes != NULL)
		b->bytes[0] = '\0';
}

static void
grow(struct buf *b, size_t need)
{
	size_t room = b->room ? b->room : FIRST_ROOM;
	char *bytes;

	while (room < need)
		room *= 2;
	if (!b->secret) {
		b->bytes = mem_resize(b->bytes, room, 1);
	} else {
		bytes = mem_zeroed(room, 1);
		if (b->bytes != NULL) {
			memcpy(bytes, b->bytes, b->end + 1);
			mem_wipe(b->bytes, b->room);
			mem_free(b->bytes);
		}
		b->bytes = bytes;
	}
	b->room = room;
}

/* Makes room for len more bytes and their NUL; false where max forbids it. */
static bool
reserve(struct buf *b, size_t len)
{
	size_t used = b->end - b->start;

	if (len > b->max || used > b->max - len) {
		b->full = true;
		return false;
	}
	if (b->bytes != NULL && b->start > 0 && b->end + len + 1 > b->room) {
		memmove(b->bytes, b->bytes + b->start, used + 1);
		b->start = 0;
		b->end = used;
	}
	if (b->end + len + 1 > b->room)
		grow(b, b->end + len + 1);
	return true;
}

void
buf_put(struct buf *b, const void *bytes, size_t len)
{
	if (len == 0 || !reserve(b, len))
		return;
	memcpy(b->bytes + b->end, bytes, len);
	buf_added(b, len);
}

void
buf_put_str(struct buf *b, struct str s)
{
	buf_put(b, s.at, s.len);
}

void
buf_puts(struct buf *b, const char *s)
{
	buf_put(b, s, strlen(s));
}

void
buf_putc(struct buf *b, char c)
{
	buf_put(b, &c, 1);
}

void
buf_put_shown(struct buf *b, const char *text)
{
	for (; text != NULL && *text != '\0'; text++)
		buf_putc(b,
		    (unsigned char)*text < ' ' || *text == 127 ? '?' : *text);
}

void
buf_vputf(struct buf *b, const char *fmt, va_list ap)
{
	va_list again;
	int len;

	va_copy(again, ap);
	len = vsnprintf(NULL, 0, fmt, again);
	va_end(again);
	if (len < 0)
		die_bug("bad format: %s", fmt);
	if (!reserve(b, (size_t)len))
		return;
	vsnprintf(b->bytes + b->end, (size_t)len + 1, fmt, ap);
	buf_added(b, (size_t)len);
}

void
buf_putf(struct buf *b, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	buf_vputf(b, fmt, ap);
	va_end(ap);
}

char *
buf_space(struct buf *b, size_t want, size_t *len)
{
	size_t by_room, by_max;

	if (!reserve(b, want))
		return NULL;
	by_room = b->room - b->end - 1;
	by_max = b->max - (b->end - b->start);
	*len = by_room < by_max ? by_room : by_max;
	return b->bytes + b->end;
}

void
buf_added(struct buf *b, size_t len)
{
	b->end += len;
	b->bytes[b->end] = '\0';
}

struct str
buf_str(const struct buf *b)
{
	return str_n(buf_text(b), buf_len(b));
}

const char *
buf_text(const struct buf *b)
{
	return b->bytes == NULL ? "" : b->bytes + b->start;
}

size_t
buf_len(const struct buf *b)
{
	return b->end - b->start;
}

bool
buf_is_full(const struct buf *b)
{
	return b->full;
}

void
buf_consume(struct buf *b, size_t len)
{
	if (len > buf_len(b))
		die_bug("consumed %zu of %zu bytes", len, buf_len(b));
	b->start += len;
	if (b->start == b->end && b->bytes != NULL) {
		b->start = b->end = 0;
		b->bytes[0] = '\0';
	}
}

void
buf_truncate(struct buf *b, size_t len)
{
	if (len >= buf_len(b))
		return;
	b->end = b->start + len;
	b->bytes[b->end] = '\0';
}

bool
buf_take_line(struct buf *b, struct str *line)
{
	struct str all = buf_str(b);
	size_t i = str_find(all, '\n');

	if (i == all.len)
		return false;
	*line = str_head(all, i);
	if (line->len > 0 && line->at[line->len - 1] == '\r')
		line->len--;
	/* Not buf_consume(): that may write a NUL over the line's first byte. */
	b->start += i + 1;
	return true;
}

void
buf_put_hex(struct buf *b, struct str bytes)
{
	static const char digits[] = "0123456789abcdef";

	for (size_t i = 0; i < bytes.len; i++) {
		unsigned char c = (unsigned char)bytes.at[i];

		buf_putc(b, digits[c >> 4]);
		buf_putc(b, digits[c & 15]);
	}
}

static int
hex_value(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

bool
buf_put_unhex(struct buf *b, struct str hex)
{
	if (hex.len % 2 != 0)
		return false;
	for (size_t i = 0; i < hex.len; i += 2) {
		int high = hex_value(hex.at[i]), low = hex_value(hex.at[i + 1]);

		if (high < 0 || low < 0)
			return false;
		buf_putc(b, (char)(high << 4 | low));
	}
	return !buf_is_full(b);
}
