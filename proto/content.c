/* SPDX-License-Identifier: ISC */
/* Kinds and parameters, quoted or not. */
#include "config.h"

#include "proto/content.h"

#include "base/buf.h"

/* The next ";" that stands in no quotes. */
static size_t
find_semicolon(struct str s)
{
	bool quoted = false;
	size_t i = 0;

	for (; i < s.len && (quoted || s.at[i] != ';'); i++) {
		if (quoted && s.at[i] == '\\')
			i++;
		else if (s.at[i] == '"')
			quoted = !quoted;
	}
	return i < s.len ? i : s.len;
}

struct content_kind
content_kind(struct str value)
{
	struct content_kind kind;

	kind.subtype = str_head(value, find_semicolon(value));
	kind.subtype = str_head(kind.subtype, str_find(kind.subtype, '('));
	kind.type = str_trim(str_cut(&kind.subtype, '/'));
	kind.subtype = str_trim(kind.subtype);
	return kind;
}

/* Behind a ";": the name, and what stands behind its "=". */
static bool
next_param(struct str *rest, struct str *name, struct str *text)
{
	if (rest->len == 0)
		return false;
	*rest = str_from(*rest, find_semicolon(*rest) + 1);
	*text = *rest;
	*name = str_trim(str_cut(text, '='));
	*text = str_trim(*text);
	return true;
}

/* A parameter's value from behind its "=". */
static bool
take_value(struct str s, char *to, size_t size)
{
	struct buf b;
	bool quoted = s.len > 0 && s.at[0] == '"', ok;

	buf_init(&b, size - 1);
	for (size_t i = quoted; i < s.len; i++) {
		char c = s.at[i];

		if (quoted ? c == '"' : strchr(" \t;(\"", c) != NULL)
			break;
		if (quoted && c == '\\' && i + 1 < s.len)
			c = s.at[++i];
		buf_putc(&b, c);
	}
	ok = buf_len(&b) > 0 && !buf_is_full(&b) &&
	     str_copy(buf_str(&b), to, size);
	buf_clear(&b);
	return ok;
}

bool
content_param(struct str value, const char *name, char *to, size_t size)
{
	struct str found, text;

	while (next_param(&value, &found, &text)) {
		if (str_is_nocase(found, str(name)) &&
		    take_value(text, to, size))
			return true;
	}
	return false;
}

bool
content_has_param(struct str value, const char *name)
{
	struct str found, text;

	while (next_param(&value, &found, &text)) {
		if (text.at != NULL &&
		    str_is_nocase(
			str_head(found, str_find(found, '*')), str(name)))
			return true;
	}
	return false;
}
