/* SPDX-License-Identifier: ISC */
#include "config.h"

#include "proto/txt_record.h"

enum { NAME_MAX_LEN = 32 };

static bool
is_alnum(char c)
{
	return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') ||
	       (c >= 'A' && c <= 'Z');
}

static struct str
take_field(struct str *rest)
{
	return str_trim(str_cut(rest, ';'));
}

bool
txt_record_is(struct str text, const char *version)
{
	return str_has(text, ';') && str_is(take_field(&text), str(version));
}

static bool
is_name(struct str name)
{
	if (name.len == 0 || name.len > NAME_MAX_LEN)
		return false;
	for (size_t i = 0; i < name.len; i++)
		if (!is_alnum(name.at[i]) &&
		    (i == 0 || !str_has(str("_-."), name.at[i])))
			return false;
	return true;
}

/* Blanks are allowed around commas, where there may be several values. */
static bool
is_value(struct str value)
{
	for (size_t i = 0; i < value.len; i++)
		if ((value.at[i] < ' ' && value.at[i] != '\t') ||
		    value.at[i] > '~')
			return false;
	return value.len > 0;
}

bool
txt_record_take(
    struct str text, const char *version, const char *key, struct str *value)
{
	if (!txt_record_is(text, version))
		return false;
	*value = (struct str){0};
	take_field(&text);
	while (text.at != NULL) {
		struct str field = take_field(&text), name;

		/* The last delimiter may have nothing behind it. */
		if (field.len == 0 && text.at == NULL)
			break;
		name = str_cut(&field, '=');
		if (!is_name(name) || !is_value(field))
			return false;
		if (!str_is(name, str(key)))
			continue;
		if (value->len > 0)
			return false;
		*value = field;
	}
	return value->len > 0;
}
