/* SPDX-License-Identifier: ISC */
/*
 * JSON values: jansson behind our own names, so that one file includes it.
 * Values are counted by jansson: json_free() gives one hold back; what is put
 * into an object or array is taken by it.
 */
#ifndef BASE_JSON_H
#define BASE_JSON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/buf.h"
#include "base/fault.h"
#include "base/str.h"

struct json_t;
typedef struct json_t json_t; /* jansson's own name for it */

json_t *json_new_object(void) MUST_USE;
json_t *json_new_array(void) MUST_USE;
json_t *json_new_null(void) MUST_USE;
/* One hold more, for putting a value in two places. */
json_t *json_hold(json_t *value) MUST_USE;
void json_free(json_t **value);

/* Keys and text that are not UTF-8 have their odd bytes replaced by U+FFFD. */
void json_put_text(json_t *object, const char *key, const char *text);
void json_put_str(json_t *object, const char *key, struct str text);
void json_put_int(json_t *object, const char *key, int64_t n);
void json_put_bool(json_t *object, const char *key, bool b);
/* Takes value. */
void json_put(json_t *object, const char *key, json_t *value);
void json_add(json_t *array, json_t *value);
void json_add_text(json_t *array, const char *text);
void json_add_str(json_t *array, struct str text);

/* NULL, or the fallback, where the key is missing or of another type. */
const char *json_get_text(const json_t *object, const char *key);
int64_t json_get_int(const json_t *object, const char *key, int64_t fallback);
bool json_get_bool(const json_t *object, const char *key, bool fallback);
json_t *json_get(const json_t *object, const char *key);
size_t json_len(const json_t *array);
json_t *json_at(const json_t *array, size_t i);
const char *json_text(const json_t *value);
bool json_is_object(const json_t *value);
bool json_is_array(const json_t *value);

/* Duplicate keys, NUL bytes and a depth over jansson's limit are refused. */
json_t *json_parse(struct str text, struct fault *f) MUST_USE;
/* On one line, keys in the order in which they were put. */
void json_format(struct buf *b, const json_t *value);
/* With line breaks and two spaces, for people. */
void json_format_pretty(struct buf *b, const json_t *value);

#endif
