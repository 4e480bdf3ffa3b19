/* SPDX-License-Identifier: ISC */
/*
 * How far long work has come, on stderr: a bar on a terminal, elsewhere a line
 * every ten seconds, and nothing for --json and --quiet. Short work shows
 * nothing at all.
 *
 * From progress_begin() on, SIGINT and SIGTERM only ask the work to end: it
 * looks at progress_is_interrupted() between two steps, leaves all in order and
 * returns progress_stop(). A second signal ends the process at once, which the
 * work must stand as well.
 */
#ifndef ADMIN_PROGRESS_H
#define ADMIN_PROGRESS_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "admin/cmd.h"
#include "base/attr.h"
#include "base/buf.h"
#include "base/fault.h"

enum progress_how {
	PROGRESS_NONE,
	PROGRESS_LINES,
	PROGRESS_BAR,
};

struct progress {
	enum progress_how how;
	const char *what;    /* is counted: "messages". Borrowed */
	const char *subject; /* what the work is at: a mailbox; NULL: none.
			      * Borrowed */
	uint64_t done;
	uint64_t total; /* 0: nobody knows */
	FILE *out;
	int64_t begun, shown; /* clock_ms() */
	size_t drawn;         /* columns of the bar that stands there */
};

/* Embedded. Only one at a time takes the signals. */
void progress_begin(struct progress *p, const struct cmd_line *line,
    const char *what, uint64_t total);
/* Takes the bar away, and the signals back. What came meanwhile stays known. */
void progress_end(struct progress *p);

/* So many more are done. Cheap. */
void progress_step(struct progress *p, uint64_t n);
/* What the work is at from now on. */
void progress_enter(struct progress *p, const char *subject);

/* A signal has asked for the end. */
bool progress_is_interrupted(void);
/* -1 with 4.3.0 and a sentence: how is what goes on, "the same command again
 * goes on where it was". */
int progress_stop(const struct progress *p, const char *how, struct fault *f);

/* What is shown so many milliseconds after the begin; of a bar at most `width`
 * columns. */
void progress_format(
    const struct progress *p, int64_t ms, size_t width, struct buf *b);

#endif
