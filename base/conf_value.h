/* SPDX-License-Identifier: ISC */
/* One value of the configuration: from text into a struct, and back. Private
 * to conf*.c. */
#ifndef BASE_CONF_VALUE_H
#define BASE_CONF_VALUE_H

#include "base/arena.h"
#include "base/attr.h"
#include "base/buf.h"
#include "base/conf.h"
#include "base/fault.h"

/* Whether text is a good value; the fault says what would be. */
int conf_value_check(
    const struct conf_option *o, const char *text, struct fault *f) MUST_USE;
/* Fills the option's member of the struct at base. text was checked, or is
 * NULL for the zero value. Copies go to the arena; dir is for CONF_PATH. */
void conf_value_put(const struct conf_option *o, const char *text, void *base,
    const char *dir, struct arena *arena);
/* As conf_value_check() would take it, without quotes; nothing where unset. Not for
 * lists and sections. */
void conf_value_format(
    const struct conf_option *o, const void *base, struct buf *b);
/* The tables that were read, in order. */
size_t conf_tables(
    const struct conf *conf, const struct conf_table *const **tables);
bool conf_value_is_set(const struct conf_option *o, const void *base);

#endif
