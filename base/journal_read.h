/* SPDX-License-Identifier: ISC */
/*
 * The reading side of the journal: the events of one program, in order of
 * time, in pieces of a bounded size however long the journal is. The daemon
 * may go on writing meanwhile.
 */
#ifndef BASE_JOURNAL_READ_H
#define BASE_JOURNAL_READ_H

#include <stdbool.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/fault.h"
#include "base/str.h"

struct journal_reader;

struct journal_bounds {
	int64_t since; /* microseconds since 1970; 0: from the first */
	int64_t until; /* the last; 0: to the end */
	/* Only lines that hold these bytes; empty: all. This is fast. */
	struct str needle;
};

/* Bounds are borrowed. A folder that is not there has no events; 4.7.0 where
 * it may not be read. */
struct journal_reader *journal_reader_open(const char *dir,
    const struct journal_bounds *bounds, struct fault *f) MUST_USE;
void journal_reader_close(struct journal_reader **reader);

/* As they are written, not unescaped; views live until the next call. */
struct journal_event {
	struct str line; /* all, without the line end */
	struct str time; /* journal_parse_time(); its bytes sort by time */
	struct str level;
	struct str session; /* empty: none, or "-" */
	struct str message;
	struct str event;
	struct str fields; /* `key=value key="value"` */
};

/* 1 with the next event, 0 at the end. Lines that are no events are passed
 * over. */
int journal_reader_next(struct journal_reader *reader,
    struct journal_event *event, struct fault *f) MUST_USE;

/* False where the line is no event. */
bool journal_parse_line(struct str line, struct journal_event *event) MUST_USE;

/* Cuts the first field off; value without its quotes, still escaped. */
bool journal_next_field(
    struct str *fields, struct str *key, struct str *value) MUST_USE;

#endif
