/* SPDX-License-Identifier: ISC */
/*
 * What a daemon keeps of its events, so that "posthouse trace" can tell later
 * what became of a message: files DIR/<n> of lines
 *
 *   2026-11-23T17:05:38.123456Z info s=4f2a q=06b0v8z3k9m2q4tx delivered to=…
 *
 * (posthouse-log(7) from the level on; time is UTC). n is the time of the
 * file's first line in microseconds since 1970.
 *
 * It never delays mail: lines gather in memory and a thread of its own writes
 * them, five times a second under load. Where there is no room for them, in
 * memory or on the disk, they are dropped and counted. What a crash of the
 * process catches in memory is lost.
 */
#ifndef BASE_JOURNAL_H
#define BASE_JOURNAL_H

#include <stdint.h>

#include "base/attr.h"
#include "base/fault.h"
#include "base/log.h"
#include "base/str.h"

struct journal;

struct journal_conf {
	const char *dir;     /* is there already; borrowed */
	uint64_t max_bytes;  /* of all files; the oldest go first */
	int64_t max_age_us;  /* of a line, within a day */
	uint64_t file_bytes; /* of one file; 0: a sixteenth of max_bytes, at
			      * most 16 MiB */
};

/* Goes on with the newest file where that is small and young. */
struct journal *journal_open(
    const struct journal_conf *conf, struct fault *f) MUST_USE;
/* Writes what waits. */
void journal_close(struct journal **journal);

/* What stands behind the level, without a line end. From any thread; never
 * waits for the disk. us is the time, in microseconds since 1970. */
void journal_put(
    struct journal *journal, int64_t us, const char *level, struct str line);
/* Lines since the start that are not in a file and never will be. */
uint64_t journal_dropped(struct journal *journal);

/* "2026-11-23T17:05:38.123456Z", and back: false where text does not begin
 * with one. */
enum { JOURNAL_TIME_LEN = 27, JOURNAL_TIME_SIZE };
void journal_format_time(int64_t us, char text[JOURNAL_TIME_SIZE]);
bool journal_parse_time(struct str text, int64_t *us) MUST_USE;

#endif
