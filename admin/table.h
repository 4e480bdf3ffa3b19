/* SPDX-License-Identifier: ISC */
/*
 * Rows for people, in columns that line up.
 *
 * What was added is held until table_flush(), which makes each column as wide
 * as its widest cell so far: a list of any length is printed page by page, and
 * a column only ever grows. Controls are shown as "?".
 */
#ifndef ADMIN_TABLE_H
#define ADMIN_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "base/arena.h"
#include "base/json.h"
#include "base/str.h"

enum { TABLE_COLUMNS_MAX = 9, TABLE_ROWS_MAX = 1024 };

/* How a value is shown. */
enum table_kind {
	TABLE_TEXT,
	TABLE_LIST, /* an array of texts: "a, b" */
	TABLE_BOOL, /* "yes" or nothing */
	TABLE_NUMBER,
	TABLE_SIZE, /* bytes: "1.5 MiB" */
	/* The same two as limits: below zero there is none. */
	TABLE_SIZE_LIMIT,
	TABLE_LIMIT,
	TABLE_DATE, /* seconds since 1970: "2026-11-23 17:05" */
	TABLE_SPAN, /* seconds: "3d 4h" */
};

struct table_column {
	const char *title;
	const char *key; /* of the object that is a row */
	enum table_kind kind;
};

struct table {
	FILE *out;
	const struct table_column *columns;
	size_t n_columns;
	size_t width[TABLE_COLUMNS_MAX];
	struct arena arena;
	char **cells; /* n_rows * n_columns */
	size_t n_rows;
	bool titled;
};

/* Embedded. columns are ended by a NULL title and borrowed. */
void table_init(struct table *t, FILE *out, const struct table_column *columns);
void table_clear(struct table *t);

/* Copies what it shows. Flushes by itself when TABLE_ROWS_MAX are held. */
void table_add(struct table *t, const json_t *row);
void table_flush(struct table *t);

/* One value as people read it. A missing one is empty. */
void table_format(
    struct buf *b, const struct table_column *column, const json_t *object);

/* "name: value" lines of an object, with aligned values; what is missing in
 * the object is left out. */
void table_print_fields(
    FILE *out, const struct table_column *fields, const json_t *object);

#endif
