/* SPDX-License-Identifier: ISC */
/* Lines of the Dovecot authentication protocol: fields and their escapes. */
#include "config.h"

#include "proto/auth_line.h"

static const struct {
	char raw, sign;
} escapes[] = {
    {'\0', '0'},
    {'\001', '1'},
    {'\t', 't'},
    {'\r', 'r'},
    {'\n', 'n'},
};

/* Puts the byte that 0x01 and the sign stand for. */
static bool
put_unescaped(struct buf *field, char sign)
{
	for (size_t i = 0; i < ARRAY_LEN(escapes); i++) {
		if (escapes[i].sign == sign) {
			buf_putc(field, escapes[i].raw);
			return true;
		}
	}
	return false;
}

bool
auth_line_next(struct str *rest, struct buf *field)
{
	struct str after = *rest, text, plain;

	buf_reset(field);
	if (rest->at == NULL)
		return false;
	text = str_cut(&after, '\t');
	for (;;) {
		plain = str_head(text, str_find(text, '\001'));
		buf_put_str(field, plain);
		if (plain.len == text.len)
			break;
		text = str_from(text, plain.len + 1);
		if (text.len == 0 || !put_unescaped(field, text.at[0]))
			return false;
		text = str_from(text, 1);
	}
	if (buf_is_full(field))
		return false;
	*rest = after;
	return true;
}

static bool
is_new(const struct buf *line)
{
	size_t len = buf_len(line);

	return len == 0 || buf_text(line)[len - 1] == '\n';
}

/* What must be escaped in it; 0 where nothing must. */
static char
sign_of(char c)
{
	for (size_t i = 0; i < ARRAY_LEN(escapes); i++)
		if (escapes[i].raw == c)
			return escapes[i].sign;
	return 0;
}

void
auth_line_put(struct buf *line, struct str field)
{
	if (!is_new(line))
		buf_putc(line, '\t');
	for (size_t i = 0; i < field.len; i++) {
		char sign = sign_of(field.at[i]);

		if (sign != 0)
			buf_putc(line, '\001');
		buf_putc(line, sign != 0 ? sign : field.at[i]);
	}
}

void
auth_line_putf(struct buf *line, const char *fmt, ...)
{
	struct buf field;
	va_list ap;

	/* What is too long here is too long there. */
	buf_init(&field, AUTH_LINE_MAX);
	field.secret = line->secret;
	va_start(ap, fmt);
	buf_vputf(&field, fmt, ap);
	va_end(ap);
	if (buf_is_full(&field))
		line->full = true;
	auth_line_put(line, buf_str(&field));
	buf_clear(&field);
}

void
auth_line_end(struct buf *line)
{
	buf_putc(line, '\n');
}
