/* SPDX-License-Identifier: ISC */
/*
 * The text of a configuration as the parser is to see it: included files in
 * their places, comments and foreign sections blank, and for each line the
 * file and the number that an operator knows it by. Private to conf*.c.
 */
#ifndef BASE_CONF_TEXT_H
#define BASE_CONF_TEXT_H

#include <stdbool.h>

#include "base/arena.h"
#include "base/attr.h"
#include "base/buf.h"
#include "base/fault.h"
#include "base/str.h"

enum { CONF_TEXT_INCLUDES = 50, CONF_TEXT_FILES = CONF_TEXT_INCLUDES + 1 };

struct conf_line {
	const char *path;
	unsigned number;
};

struct conf_text {
	struct buf bytes;
	struct conf_line *lines;
	size_t n, room;
	unsigned includes;
	const char *files[CONF_TEXT_FILES]; /* the first, then the others */
	size_t n_files;
	struct arena *arena; /* holds the paths */
	const char *dir;     /* what names in @include are relative to */
};

/* Borrows arena and dir. */
void conf_text_init(struct conf_text *t, const char *dir, struct arena *arena);
void conf_text_clear(struct conf_text *t);

/* Reads the file and what it includes. The fault begins "FILE:LINE: ", or
 * "FILE: " where the file itself is the trouble. */
int conf_text_read(
    struct conf_text *t, const char *path, struct fault *f) MUST_USE;
/* Blanks each section at the top whose name is not known; a NULL is_known knows
 * all. A section without an end is a fault. */
int conf_text_blank(struct conf_text *t,
    bool (*is_known)(const void *ctx, struct str name), const void *ctx,
    struct fault *f) MUST_USE;

/* The line of bytes on which the section with this title begins; 0 where there
 * is none. A title that is written with backslashes is not found. */
int conf_text_find_section(
    const struct conf_text *t, struct str name, struct str title) MUST_USE;

/* The place of a line of bytes, counted from 1. */
struct conf_line conf_text_place(const struct conf_text *t, int line);

#endif
