/* SPDX-License-Identifier: ISC */
/*
 * One line an event, an interface described in posthouse-log(7):
 *
 *   s=4f2a q=- rcpt refused to="x@y" dsn=5.1.1
 *
 * ids, a sentence fragment, then key=value fields. Fields are pairs, not a
 * format, so quoting is done here and nowhere else: every byte outside
 * printable ASCII, and quotes, are escaped, and a hostile value can forge
 * neither a field nor a line. Safe from any thread; a line is one write.
 */
#ifndef BASE_LOG_H
#define BASE_LOG_H

#include <stdbool.h>

#include "base/attr.h"

enum log_level {
	LOG_LEVEL_ERROR, /* the operator must act */
	LOG_LEVEL_WARN,  /* odd but handled */
	LOG_LEVEL_INFO,  /* a line per connection, message, attempt */
	LOG_LEVEL_DEBUG, /* protocol lines */
};

enum log_target {
	LOG_TARGET_STDERR, /* with time and program in front, or with a
				 * journald "<6>" prefix under systemd */
	LOG_TARGET_SYSLOG, /* LOG_MAIL */
};

/* What events of one session or message have in common. Made once, passed
 * down; borrowed strings, NULL where there is none (then "-"). */
struct log_ctx {
	const char *session; /* "s=" */
	const char *message; /* "q=": the message id */
};

/* program is borrowed for ever ("posthouse-smtpd"). Before this is called,
 * log lines go to stderr at LOG_LEVEL_INFO. */
void log_open(
    const char *program, enum log_target target, enum log_level level);
bool log_is_on(enum log_level level);

struct journal;

/*
 * From now on all lines but those of LOG_LEVEL_DEBUG go to the journal too,
 * whatever the level of log_open(). Borrowed until another, or NULL, is set;
 * with NULL no thread uses the old one when this returns.
 */
void log_set_journal(struct journal *journal);

/*
 * ctx may be NULL (no ids at all). After event come pairs of C strings, key
 * and value, and a NULL key. A pair whose value is NULL is left out. Keys are
 * literals of [a-z_]; a value is bare where it is only letters, digits and
 * "._-:/@+" and not empty, else in double quotes.
 */
void log_error(const struct log_ctx *ctx, const char *event, ...) SENTINEL;
void log_warn(const struct log_ctx *ctx, const char *event, ...) SENTINEL;
void log_info(const struct log_ctx *ctx, const char *event, ...) SENTINEL;
void log_debug(const struct log_ctx *ctx, const char *event, ...) SENTINEL;

/* A number as a field's value: log_info(c, "x", "size", LOG_NUM(n), NULL). */
struct log_number {
	char text[24];
};
struct log_number log_number(long long n);
#define LOG_NUM(n) (log_number((long long)(n)).text)

#endif
