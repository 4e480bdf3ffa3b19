/* SPDX-License-Identifier: ISC */
/*
 * Replies: made from text or faults, written, and read.
 *
 * Invariant: the text of a reply is well-formed UTF-8 without controls but LF,
 * whoever said it, so it can neither forge a reply nor a line of a log.
 */
#include "config.h"

#include "proto/reply.h"

#include <stdarg.h>
#include <stdio.h>

#include "base/mem.h"
#include "base/utf8.h"

enum { LINE_MAX_BYTES = 510 };

/*
 * Reply codes that say more than 451 or 550, by the enhanced code without its
 * class. 0: nothing more exact. RFC 5248 and the registry it made.
 */
static const struct {
	const char *detail;
	int temp, perm;
} codes[] = {
    /* clang-format off */
	{"1.3", 0, 501},	/* bad destination mailbox syntax */
	{"1.7", 0, 501},	/* bad sender's mailbox syntax */
	{"2.2", 452, 552},	/* mailbox full */
	{"2.3", 0, 552},	/* message too long for the mailbox */
	{"3.1", 452, 552},	/* system full */
	{"3.4", 452, 552},	/* message too big for the system */
	{"4.6", 0, 554},	/* routing loop */
	{"5.1", 0, 503},	/* invalid command */
	{"5.2", 0, 501},	/* syntax error */
	{"5.3", 452, 452},	/* too many recipients */
	{"5.4", 0, 501},	/* invalid arguments */
	{"6.0", 0, 554},	/* media error */
	{"6.1", 0, 554},	/* media not supported */
	{"6.3", 0, 554},	/* conversion needed */
	{"6.7", 0, 553},	/* address needs SMTPUTF8 */
	{"7.0", 454, 0},
	{"7.8", 454, 535},	/* bad credentials */
	{"7.9", 454, 534},	/* mechanism too weak */
    /* clang-format on */
};

void
reply_init(struct smtp_reply *r)
{
	*r = (struct smtp_reply){0};
	buf_init(&r->text, REPLY_TEXT_MAX);
}

void
reply_clear(struct smtp_reply *r)
{
	buf_clear(&r->text);
	reply_init(r);
}

static void
reset(struct smtp_reply *r)
{
	r->code = 0;
	r->dsn[0] = '\0';
	r->hang_up = false;
	buf_reset(&r->text);
}

/* Appends what of s fits, harmless bytes only; LF is kept where `lines`. */
static void
put_clean(struct buf *b, struct str s, bool lines)
{
	while (s.len > 0 && !buf_is_full(b)) {
		size_t n = utf8_get(s, NULL);
		bool odd = n == 0 || (unsigned char)s.at[0] < ' ' ||
			   s.at[0] == 0x7f ||
			   (n == 2 && s.at[0] == '\xc2' &&
			       (unsigned char)s.at[1] < 0xa0);

		if (n == 0)
			n = 1;
		if (odd && !(lines && s.at[0] == '\n'))
			buf_putc(b, '?');
		else
			buf_put(b, s.at, n);
		s = str_from(s, n);
	}
}

void
reply_set(struct smtp_reply *r, int code, const char *dsn, const char *fmt, ...)
{
	char text[REPLY_TEXT_MAX + 1];
	va_list ap;

	reset(r);
	r->code = code;
	snprintf(r->dsn, sizeof r->dsn, "%s", dsn == NULL ? "" : dsn);
	va_start(ap, fmt);
	if (vsnprintf(text, sizeof text, fmt, ap) < 0)
		die_bug("bad format: %s", fmt);
	va_end(ap);
	put_clean(&r->text, str(text), true);
}

static int
code_of_fault(const struct fault *f)
{
	bool temp = f->kind == FAULT_TEMP;
	struct str detail = str_from(str(f->dsn), 2);

	for (size_t i = 0; i < ARRAY_LEN(codes); i++) {
		int code = temp ? codes[i].temp : codes[i].perm;

		if (code != 0 && str_is(detail, str(codes[i].detail)))
			return code;
	}
	return temp ? 451 : 550;
}

void
reply_set_fault(struct smtp_reply *r, const struct fault *f)
{
	reply_set(r, code_of_fault(f), f->dsn, "%s", f->text);
}

/* At most max bytes of s, not cut within a character. */
static struct str
cut_line(struct str s, size_t max)
{
	if (s.len <= max)
		return s;
	while (max > 0 && ((unsigned char)s.at[max] & 0xc0) == 0x80)
		max--;
	return str_head(s, max);
}

/* Without printf: every command of every session comes by here. */
static void
put_line(struct buf *out, const char code[3], char gap, const char *dsn,
    struct str line)
{
	buf_put(out, code, 3);
	buf_putc(out, gap);
	if (dsn[0] != '\0') {
		buf_puts(out, dsn);
		buf_putc(out, ' ');
	}
	buf_put_str(out, line);
	buf_put(out, "\r\n", 2);
}

void
reply_put(struct buf *out, const struct smtp_reply *r)
{
	struct str rest = buf_str(&r->text);
	size_t used = 4 + strlen(r->dsn) + (r->dsn[0] != '\0');
	char code[3];

	code[0] = (char)('0' + r->code / 100 % 10);
	code[1] = (char)('0' + r->code / 10 % 10);
	code[2] = (char)('0' + r->code % 10);
	do {
		struct str line =
		    cut_line(str_cut(&rest, '\n'), LINE_MAX_BYTES - used);

		put_line(out, code, rest.at == NULL ? ' ' : '-', r->dsn, line);
	} while (rest.at != NULL);
}

/* Takes "5.1.1" and the blank behind it off *line where it stands there and
 * its class is that of the reply. */
static struct str
take_dsn(struct str *line, int code)
{
	struct str whole = *line, rest = whole, dsn;
	uint64_t n;

	dsn = str_head(whole, str_find(whole, ' '));
	rest = dsn;
	if (dsn.len >= sizeof((struct smtp_reply *)0)->dsn ||
	    !str_to_u64(str_cut(&rest, '.'), 2, 5, &n) ||
	    n != (uint64_t)(code / 100) ||
	    !str_to_u64(str_cut(&rest, '.'), 0, 999, &n) ||
	    !str_to_u64(rest, 0, 999, &n))
		return str_n(NULL, 0);
	*line = str_from(whole, dsn.len + 1);
	return dsn;
}

/* One line without its end, "250-text", into r. 1 where it was the last one,
 * 0 where more must follow, -1 where it is no line of this reply. */
static int
read_line(struct smtp_reply *r, struct str line, bool first)
{
	uint64_t code;
	struct str dsn;
	bool last;

	if (!str_to_u64(str_head(line, 3), 200, 599, &code) ||
	    (!first && (int)code != r->code) ||
	    (line.len > 3 && line.at[3] != ' ' && line.at[3] != '-'))
		return -1;
	last = line.len == 3 || line.at[3] == ' ';
	r->code = (int)code;
	line = str_from(line, 4);
	dsn = take_dsn(&line, r->code);
	if (first && !str_copy(dsn, r->dsn, sizeof r->dsn))
		return -1;
	if (!first)
		buf_putc(&r->text, '\n');
	put_clean(&r->text, line, false);
	return last ? 1 : 0;
}

enum reply_result
reply_take(struct buf *in, struct smtp_reply *r)
{
	struct str all = buf_str(in), rest = all, line;
	size_t end;

	reset(r);
	for (unsigned n = 0; n < REPLY_LINES_MAX; n++) {
		int rc;

		end = str_find(rest, '\n');
		if (all.len - rest.len + end >= REPLY_WIRE_MAX)
			return REPLY_BAD;
		if (end == rest.len)
			return REPLY_MORE;
		line = str_head(rest, end);
		if (str_ends(line, STR_LIT("\r")))
			line.len--;
		rest = str_from(rest, end + 1);
		rc = read_line(r, line, n == 0);
		if (rc < 0)
			return REPLY_BAD;
		if (rc > 0) {
			buf_consume(in, all.len - rest.len);
			return REPLY_OK;
		}
	}
	return REPLY_BAD;
}

bool
reply_is_ok(const struct smtp_reply *r)
{
	return r->code >= 200 && r->code <= 299;
}

void
reply_put_joined(struct buf *out, const struct smtp_reply *r)
{
	char head[sizeof "550 " + sizeof r->dsn];
	struct str rest = buf_str(&r->text);
	size_t used;

	used = (size_t)snprintf(head, sizeof head, "%d%s%s", r->code,
	    r->dsn[0] != '\0' ? " " : "", r->dsn);
	buf_puts(out, head);
	while (rest.len > 0 && used + 1 < REPLY_LINE_MAX) {
		struct str line = str_trim(str_cut(&rest, '\n'));

		line = cut_line(line, REPLY_LINE_MAX - used - 1);
		if (line.len == 0)
			continue;
		buf_putc(out, ' ');
		buf_put_str(out, line);
		used += line.len + 1;
	}
}

void
reply_to_fault(const struct smtp_reply *r, struct fault *f)
{
	struct str text = buf_str(&r->text);
	const char *dsn = r->code < 500 ? "4.0.0" : "5.0.0";

	if (r->code < 400 || r->code > 599) {
		fault_temp(f, "4.5.0", "unexpected reply %d %.*s", r->code,
		    STR_ARG(text));
		return;
	}
	if (r->dsn[0] != '\0')
		dsn = r->dsn;
	if (r->code < 500)
		fault_temp(f, dsn, "%.*s", STR_ARG(text));
	else
		fault_perm(f, dsn, "%.*s", STR_ARG(text));
}
