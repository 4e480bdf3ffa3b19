/* SPDX-License-Identifier: ISC */
/* What "posthouse trace" looks for in the journal. */
#ifndef ADMIN_TRACE_FILTER_H
#define ADMIN_TRACE_FILTER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/buf.h"
#include "base/fault.h"
#include "base/journal_read.h"
#include "base/str.h"

/* What is NULL is not asked for; all that is asked for must be in one event. */
struct trace_wanted {
	const char *word;       /* any of those below, whichever it is */
	const char *id;         /* of a message or a session */
	const char *message_id; /* with or without brackets */
	const char *address;    /* sender, recipient or login; or "@domain" */
	const char *client;     /* an address of IP, or "unix" */
	const char *since, *until;
};

struct trace_filter {
	struct buf word, id, message_id, address, client; /* as in lines */
	struct buf needle;    /* what each line that matches holds; or empty */
	int64_t since, until; /* microseconds since 1970; 0: no bound */
};

/* now is in microseconds since 1970. -1 with 5.5.4 where a time is none, or
 * nothing at all is asked for. Clear it in either case. */
int trace_filter_init(struct trace_filter *filter,
    const struct trace_wanted *wanted, int64_t now, struct fault *f) MUST_USE;
void trace_filter_clear(struct trace_filter *filter);

bool trace_filter_matches(
    const struct trace_filter *filter, const struct journal_event *event);

/*
 * A time as people write it: "2026-11-23", "2026-11-23 17:05", with seconds
 * and their fractions; a "T" for the blank; local time, or UTC with a "Z" behind
 * it. Or how long ago: "90s", "20m", "2h", "3d". last: of a day or minute that
 * is named, its end.
 */
bool trace_parse_when(
    struct str text, int64_t now, bool last, int64_t *us) MUST_USE;

/* A value as it stands in a line, without quotes, and back. */
void trace_escape(struct buf *b, struct str value);
void trace_unescape(struct buf *b, struct str value);

#endif
