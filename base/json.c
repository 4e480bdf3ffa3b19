/* SPDX-License-Identifier: ISC */
/* jansson behind base/json.h; no other file includes it. */
#include "config.h"

#include "base/json.h"

#include <jansson.h>

#include "base/mem.h"
#include "base/utf8.h"

static json_t *
must(json_t *value)
{
	if (value == NULL)
		die_bug("jansson: no memory, or text that is not UTF-8");
	return value;
}

json_t *
json_new_object(void)
{
	return must(json_object());
}

json_t *
json_new_array(void)
{
	return must(json_array());
}

json_t *
json_new_null(void)
{
	return must(json_null());
}

json_t *
json_hold(json_t *value)
{
	return json_incref(value);
}

void
json_free(json_t **value)
{
	json_decref(*value);
	*value = NULL;
}

/* The text as jansson takes it: a C string of UTF-8. */
static void
put_clean(struct buf *b, struct str s)
{
	while (s.len > 0) {
		size_t n = s.at[0] != '\0' ? utf8_get(s, NULL) : 0;

		if (n > 0)
			buf_put(b, s.at, n);
		else
			buf_puts(b, "\xef\xbf\xbd");
		s = str_from(s, n > 0 ? n : 1);
	}
}

static json_t *
text_value(struct str s)
{
	struct buf b;
	json_t *value;

	if (utf8_is_valid(s) && !str_has(s, '\0'))
		return must(json_stringn(s.len > 0 ? s.at : "", s.len));
	buf_init(&b, s.len * 3);
	put_clean(&b, s);
	value = must(json_stringn(buf_text(&b), buf_len(&b)));
	buf_clear(&b);
	return value;
}

void
json_put(json_t *object, const char *key, json_t *value)
{
	struct buf b;
	int rc;

	buf_init(&b, strlen(key) * 3);
	if (!utf8_is_valid(str(key))) {
		put_clean(&b, str(key));
		key = buf_text(&b);
	}
	rc = json_object_set_new(object, key, value);
	if (rc < 0)
		die_bug("json_put: %s", key);
	buf_clear(&b);
}

void
json_put_str(json_t *object, const char *key, struct str text)
{
	json_put(object, key, text_value(text));
}

void
json_put_text(json_t *object, const char *key, const char *text)
{
	json_put_str(object, key, str(text));
}

void
json_put_int(json_t *object, const char *key, int64_t n)
{
	json_put(object, key, must(json_integer(n)));
}

void
json_put_bool(json_t *object, const char *key, bool b)
{
	json_put(object, key, json_boolean(b));
}

void
json_add(json_t *array, json_t *value)
{
	if (json_array_append_new(array, value) < 0)
		die_bug("json_add");
}

void
json_add_text(json_t *array, const char *text)
{
	json_add(array, text_value(str(text)));
}

void
json_add_str(json_t *array, struct str text)
{
	json_add(array, text_value(text));
}

json_t *
json_get(const json_t *object, const char *key)
{
	return json_object_get(object, key);
}

const char *
json_get_text(const json_t *object, const char *key)
{
	return json_string_value(json_object_get(object, key));
}

int64_t
json_get_int(const json_t *object, const char *key, int64_t fallback)
{
	const json_t *value = json_object_get(object, key);

	return json_is_integer(value) ? json_integer_value(value) : fallback;
}

bool
json_get_bool(const json_t *object, const char *key, bool fallback)
{
	const json_t *value = json_object_get(object, key);

	return json_is_boolean(value) ? json_is_true(value) : fallback;
}

size_t
json_len(const json_t *array)
{
	return json_array_size(array);
}

json_t *
json_at(const json_t *array, size_t i)
{
	return json_array_get(array, i);
}

const char *
json_text(const json_t *value)
{
	return json_string_value(value);
}

/* jansson has these names as macros. */
#undef json_is_object
#undef json_is_array

bool
json_is_object(const json_t *value)
{
	return value != NULL && json_typeof(value) == JSON_OBJECT;
}

bool
json_is_array(const json_t *value)
{
	return value != NULL && json_typeof(value) == JSON_ARRAY;
}

json_t *
json_parse(struct str text, struct fault *f)
{
	json_error_t e;
	json_t *value = json_loadb(text.at != NULL ? text.at : "", text.len,
	    JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, &e);

	if (value == NULL)
		fault_perm(
		    f, "5.5.2", "no JSON: %s (byte %d)", e.text, e.position);
	return value;
}

static int
put_bytes(const char *bytes, size_t len, void *ctx)
{
	buf_put(ctx, bytes, len);
	return 0;
}

void
json_format(struct buf *b, const json_t *value)
{
	json_dump_callback(value, put_bytes, b, JSON_COMPACT | JSON_ENCODE_ANY);
}

void
json_format_pretty(struct buf *b, const json_t *value)
{
	json_dump_callback(
	    value, put_bytes, b, JSON_INDENT(2) | JSON_ENCODE_ANY);
}
