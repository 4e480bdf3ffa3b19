/* SPDX-License-Identifier: ISC */
/* Characters, one by one. */
#include "config.h"

#include "admin/shown.h"

#include "base/utf8.h"

enum { CHARACTER_MAX = 4, DELETE = 127, C1_FIRST = 128, C1_LAST = 159 };

/* The control characters of both ranges: terminals obey those of the second
 * as well, when they come as UTF-8. */
static bool
is_control(uint32_t c)
{
	return c < ' ' || c == DELETE || (c >= C1_FIRST && c <= C1_LAST);
}

static void
put_character(struct buf *b, uint32_t c)
{
	if (c == '\n' || c == '\t')
		buf_putc(b, (char)c);
	else
		utf8_put(b, is_control(c) ? '?' : c);
}

size_t
shown_put(struct buf *b, struct str text, bool last)
{
	size_t at = 0;

	while (at < text.len) {
		struct str rest = str_from(text, at);
		size_t n;
		uint32_t c;

		if (!last && rest.len < CHARACTER_MAX &&
		    (rest.at[0] == '\r' || (unsigned char)rest.at[0] >= 0x80))
			break;
		n = utf8_get(rest, &c);
		if (str_starts(rest, STR_LIT("\r\n")))
			;
		else if (n == 0)
			utf8_put(b, 0xfffd);
		else
			put_character(b, c);
		at += n > 0 ? n : 1;
	}
	return at;
}
