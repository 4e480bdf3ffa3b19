/* SPDX-License-Identifier: ISC */
/*
 * Log lines: built in one buffer on the stack, written by one call. The same
 * bytes, behind another front, go to the journal.
 */
#include "config.h"

#include "base/log.h"

#include <sched.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <syslog.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/journal.h"
#include "base/str.h"

enum {
	/* Time, program and level. */
	FRONT_MAX_LEN = 96,
	/* A pipe takes so much as one piece, and syslog's socket more. */
	LINE_MAX_LEN = 4096 - 16 - FRONT_MAX_LEN,
	VALUE_MAX_LEN = 512, /* as written: what an outsider gets of a line */
};

static struct {
	const char *program;
	enum log_target target;
	enum log_level level;
	bool systemd; /* standard error goes to its journal */
	_Atomic(struct journal *) journal;
	atomic_uint writers; /* that may hold the pointer */
} self = {.program = "posthouse",
    .target = LOG_TARGET_STDERR,
    .level = LOG_LEVEL_INFO};

static const struct {
	const char *name;
	int priority; /* syslog's */
} levels[] = {
    [LOG_LEVEL_ERROR] = {"error", LOG_ERR},
    [LOG_LEVEL_WARN] = {"warn", LOG_WARNING},
    [LOG_LEVEL_INFO] = {"info", LOG_INFO},
    [LOG_LEVEL_DEBUG] = {"debug", LOG_DEBUG},
};

struct line {
	char front[FRONT_MAX_LEN];
	char text[LINE_MAX_LEN + 16]; /* right behind the front */
	size_t len;
	bool cut; /* something did not fit */
};

static void
put(struct line *l, const char *bytes, size_t len)
{
	if (len > LINE_MAX_LEN - l->len) {
		len = LINE_MAX_LEN - l->len;
		l->cut = true;
	}
	memcpy(l->text + l->len, bytes, len);
	l->len += len;
}

static void
puts_line(struct line *l, const char *s)
{
	put(l, s, strlen(s));
}

static bool
is_bare(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
	       (c >= '0' && c <= '9') || strchr("._-:/@+", c) != NULL;
}

static bool
needs_quotes(const char *value)
{
	if (*value == '\0')
		return true;
	for (; *value != '\0'; value++)
		if (!is_bare(*value))
			return true;
	return false;
}

static void
put_escaped(struct line *l, const char *value)
{
	size_t end = l->len + VALUE_MAX_LEN;

	for (; *value != '\0' && l->len < end; value++) {
		unsigned char c = (unsigned char)*value;
		char hex[5];

		if (c == '"' || c == '\\') {
			put(l, "\\", 1);
			put(l, value, 1);
		} else if (c < 0x20 || c > 0x7e) {
			snprintf(hex, sizeof hex, "\\x%02x", c);
			put(l, hex, 4);
		} else {
			put(l, value, 1);
		}
		if (l->cut)
			return;
	}
	if (*value != '\0')
		puts_line(l, "...");
}

static void
put_value(struct line *l, const char *value)
{
	if (!needs_quotes(value)) {
		put_escaped(l, value);
		return;
	}
	put(l, "\"", 1);
	put_escaped(l, value);
	put(l, "\"", 1);
}

/* Time and program, which syslog and systemd's journal add by themselves: put
 * right before the text. Returns its length. */
static size_t
put_front(struct line *l, enum log_level level, int64_t now)
{
	char text[FRONT_MAX_LEN], time[JOURNAL_TIME_SIZE];
	int len;

	if (self.systemd) {
		len =
		    snprintf(text, sizeof text, "<%d>", levels[level].priority);
	} else {
		journal_format_time(now, time);
		len = snprintf(text, sizeof text, "%.23sZ %.32s[%d] %s ", time,
		    self.program, (int)getpid(), levels[level].name);
	}
	memcpy(l->front + FRONT_MAX_LEN - len, text, (size_t)len);
	return (size_t)len;
}

static void
put_ids(struct line *l, const struct log_ctx *ctx)
{
	if (ctx == NULL)
		return;
	puts_line(l, "s=");
	put_value(l, ctx->session != NULL ? ctx->session : "-");
	puts_line(l, " q=");
	put_value(l, ctx->message != NULL ? ctx->message : "-");
	puts_line(l, " ");
}

/* A field that does not fit is left out whole. */
static void
put_fields(struct line *l, va_list ap)
{
	const char *key;

	while (!l->cut && (key = va_arg(ap, const char *)) != NULL) {
		const char *value = va_arg(ap, const char *);
		size_t before = l->len;

		if (value == NULL)
			continue;
		puts_line(l, " ");
		puts_line(l, key);
		puts_line(l, "=");
		put_value(l, value);
		if (l->cut)
			l->len = before;
	}
	if (l->cut) {
		memcpy(l->text + l->len, " cut=yes", 8);
		l->len += 8;
	}
}

static void
write_out(struct line *l, enum log_level level, int64_t now)
{
	size_t front;

	if (self.target == LOG_TARGET_SYSLOG) {
		l->text[l->len] = '\0';
		syslog(levels[level].priority, "%s", l->text);
		return;
	}
	front = put_front(l, level, now);
	l->text[l->len++] = '\n';
	/* There is nobody to tell when this fails. */
	(void)!write(
	    STDERR_FILENO, l->front + FRONT_MAX_LEN - front, front + l->len);
}

static void
write_journal(const struct line *l, enum log_level level, int64_t now)
{
	struct journal *journal;

	atomic_fetch_add(&self.writers, 1);
	journal = atomic_load(&self.journal);
	if (journal != NULL)
		journal_put(
		    journal, now, levels[level].name, str_n(l->text, l->len));
	atomic_fetch_sub(&self.writers, 1);
}

static void
write_line(enum log_level level, const struct log_ctx *ctx, const char *event,
    va_list ap)
{
	int64_t now = clock_unix_us();
	struct line l;

	l.len = 0;
	l.cut = false;
	put_ids(&l, ctx);
	puts_line(&l, event);
	put_fields(&l, ap);
	if (level <= LOG_LEVEL_INFO)
		write_journal(&l, level, now);
	if (log_is_on(level))
		write_out(&l, level, now);
}

/* systemd says by device and inode which stream goes to its journal. */
static bool
is_systemd(void)
{
	const char *stream = getenv("JOURNAL_STREAM");
	struct stat st;
	char text[48];

	if (stream == NULL || fstat(STDERR_FILENO, &st) < 0)
		return false;
	snprintf(text, sizeof text, "%ju:%ju", (uintmax_t)st.st_dev,
	    (uintmax_t)st.st_ino);
	return strcmp(stream, text) == 0;
}

void
log_open(const char *program, enum log_target target, enum log_level level)
{
	self.program = program;
	self.target = target;
	self.level = level;
	self.systemd = target == LOG_TARGET_STDERR && is_systemd();
	if (target == LOG_TARGET_SYSLOG)
		openlog(program, LOG_PID | LOG_NDELAY, LOG_MAIL);
}

void
log_set_journal(struct journal *journal)
{
	atomic_store(&self.journal, journal);
	while (journal == NULL && atomic_load(&self.writers) > 0)
		sched_yield();
}

bool
log_is_on(enum log_level level)
{
	return level <= self.level;
}

/* What nobody would read is not made. */
static bool
is_wanted(enum log_level level)
{
	return log_is_on(level) ||
	       (level <= LOG_LEVEL_INFO && atomic_load(&self.journal) != NULL);
}

#define LOG_AT(level)                              \
	do {                                       \
		va_list ap;                        \
                                                   \
		if (!is_wanted(level))             \
			return;                    \
		va_start(ap, event);               \
		write_line(level, ctx, event, ap); \
		va_end(ap);                        \
	} while (0)

void
log_error(const struct log_ctx *ctx, const char *event, ...)
{
	LOG_AT(LOG_LEVEL_ERROR);
}

void
log_warn(const struct log_ctx *ctx, const char *event, ...)
{
	LOG_AT(LOG_LEVEL_WARN);
}

void
log_info(const struct log_ctx *ctx, const char *event, ...)
{
	LOG_AT(LOG_LEVEL_INFO);
}

void
log_debug(const struct log_ctx *ctx, const char *event, ...)
{
	LOG_AT(LOG_LEVEL_DEBUG);
}

struct log_number
log_number(long long n)
{
	struct log_number number;

	snprintf(number.text, sizeof number.text, "%lld", n);
	return number;
}
