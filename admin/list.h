/* SPDX-License-Identifier: ISC */
/*
 * Lists of any length. A method gives a page, {KEY: [object…], "next": name},
 * and takes that name as `after` for the next; each page is printed before the
 * next one is asked for.
 */
#ifndef ADMIN_LIST_H
#define ADMIN_LIST_H

#include "admin/cmd.h"
#include "admin/place.h"
#include "admin/table.h"
#include "base/attr.h"
#include "base/json.h"

struct list {
	enum place_owner owner;
	const char *method;
	const char *key; /* of the array, in the result and in ours */
	const struct table_column *columns;
};

/* As a table, or as {KEY: [object…]} with an object a line. Takes params. */
int list_print(struct cmd_line *line, const struct list *list, json_t *params,
    struct fault *f) MUST_USE;

/* The same of an array that is there. */
void list_print_items(struct cmd_line *line, const char *key,
    const struct table_column *columns, const json_t *items);

/* An object as JSON for --json, else as the fields say. */
void list_print_object(struct cmd_line *line, const struct table_column *fields,
    const json_t *object);
/* What the method answers, as one object with such fields; the key is not needed.
 * Takes params. */
int list_print_one(struct cmd_line *line, const struct list *one,
    json_t *params, struct fault *f) MUST_USE;
void list_print_json(struct cmd_line *line, const json_t *value);
/* The same on one line, without its end. */
void list_print_line(struct cmd_line *line, const json_t *value);

#endif
