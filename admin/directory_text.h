/* SPDX-License-Identifier: ISC */
/* A directory from its text, as "posthouse directory export" writes it. */
#ifndef ADMIN_DIRECTORY_TEXT_H
#define ADMIN_DIRECTORY_TEXT_H

#include <stdbool.h>
#include <stdio.h>

#include "base/attr.h"
#include "base/fault.h"

struct directory;

/* All records of a text, some hundred in a transaction. A fault names the line.
 * *lines is how many there were. */
int directory_text_import(struct directory *d, FILE *in,
    unsigned long long *lines, struct fault *f) MUST_USE;
/* The same into the configuration's directory, of which tables are made first
 * where it is in PostgreSQL; with `empty`, only where it has no domain yet. This
 * process is its user from here on. */
int directory_text_restore(const char *conf_file, FILE *in, bool empty,
    unsigned long long *lines, struct fault *f) MUST_USE;

#endif
