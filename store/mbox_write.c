/* SPDX-License-Identifier: ISC */
#include "config.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "store/mbox.h"

static const char from[] = "From ";

static void
put_date(struct buf *b, int64_t seconds)
{
	/* asctime(), whatever the locale is. */
	static const char days[] = "SunMonTueWedThuFriSat";
	static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
	time_t t = (time_t)seconds;
	struct tm tm;

	if (gmtime_r(&t, &tm) == NULL)
		memset(&tm, 0, sizeof tm);
	buf_putf(b, "%.3s %.3s %2d %02d:%02d:%02d %d", days + 3 * tm.tm_wday,
	    months + 3 * tm.tm_mon, tm.tm_mday, tm.tm_hour, tm.tm_min,
	    tm.tm_sec, tm.tm_year + 1900);
}

/* A word that cannot be taken for more. */
static bool
is_word(struct str s)
{
	for (size_t i = 0; i < s.len; i++)
		if ((unsigned char)s.at[i] <= ' ' || s.at[i] == 0x7f)
			return false;
	return s.len > 0 && s.len < 500;
}

void
mbox_put_start(
    struct buf *b, const struct mbox_message *message, struct str sender)
{
	static const char pairs[][2] = {
	    {'R', 'A'}, {'F', 'F'}, {'T', 'D'}, {'D', 'T'}, {'P', 'P'}};
	struct str flags = str(message->flags);

	buf_puts(b, from);
	buf_put_str(b, is_word(sender) ? sender : STR_LIT("MAILER-DAEMON"));
	buf_putc(b, ' ');
	put_date(b, message->time);
	buf_puts(b, "\nX-Status: ");
	for (size_t i = 0; i < ARRAY_LEN(pairs); i++)
		if (str_has(flags, pairs[i][0]))
			buf_putc(b, pairs[i][1]);
	buf_putf(b, "\nStatus: %s\n",
	    message->is_new       ? "N"
	    : str_has(flags, 'S') ? "RO"
				  : "O");
	buf_putf(b, "X-Folder: %s\n",
	    message->folder[0] != '\0' ? message->folder : "INBOX");
}

void
mbox_quoting_init(struct mbox_quoting *q)
{
	*q = (struct mbox_quoting){.last = '\n'};
}

static void
let_go(struct mbox_quoting *q, struct buf *b)
{
	for (; q->n_marks > 0; q->n_marks--)
		buf_putc(b, '>');
	buf_put(b, q->held, q->n_held);
	q->n_held = 0;
	q->in_line = true;
}

/* At the beginning of a line: what may become ">>From " is held. */
static void
begin_line(struct mbox_quoting *q, char c, struct buf *b)
{
	if (c == '>' && q->n_held == 0) {
		q->n_marks++;
		return;
	}
	if (c == from[q->n_held]) {
		q->held[q->n_held++] = c;
		if (q->n_held < sizeof from - 1)
			return;
		buf_putc(b, '>');
		let_go(q, b);
		return;
	}
	let_go(q, b);
	buf_putc(b, c);
	q->in_line = c != '\n';
}

void
mbox_quote(struct mbox_quoting *q, struct str bytes, struct buf *b)
{
	if (bytes.len > 0)
		q->last = bytes.at[bytes.len - 1];
	while (bytes.len > 0) {
		struct str line;

		if (!q->in_line) {
			begin_line(q, bytes.at[0], b);
			bytes = str_from(bytes, 1);
			continue;
		}
		line = str_head(bytes, str_find(bytes, '\n') + 1);
		buf_put_str(b, line);
		q->in_line = line.at[line.len - 1] != '\n';
		bytes = str_from(bytes, line.len);
	}
}

void
mbox_quote_end(struct mbox_quoting *q, struct buf *b)
{
	let_go(q, b);
	buf_puts(b, q->last == '\n' ? "\n" : "\n\n");
}
