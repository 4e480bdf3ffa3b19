/* SPDX-License-Identifier: ISC */
/* Log lines: built in one buffer on the stack, written by one call. */
#include "config.h"

#include "base/log.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <syslog.h>
#include <time.h>
#include <unistd.h>

#include "base/str.h"

enum {
	/* A pipe takes so much as one piece, and syslog's socket more. */
	LINE_MAX_LEN = 4096 - 16,
	VALUE_MAX_LEN = 512, /* as written: what an outsider gets of a line */
};

static struct {
	const char *program;
	enum log_target target;
	enum log_level level;
	bool journal;
} self = {"posthouse", LOG_TARGET_STDERR, LOG_LEVEL_INFO, false};

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
	char text[LINE_MAX_LEN + 16];
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

/* Time and program, which syslog and the journal add by themselves. */
static void
put_front(struct line *l, enum log_level level)
{
	struct timespec now;
	struct tm tm;
	char text[96];

	if (self.target == LOG_TARGET_SYSLOG)
		return;
	if (self.journal) {
		snprintf(text, sizeof text, "<%d>", levels[level].priority);
		puts_line(l, text);
		return;
	}
	clock_gettime(CLOCK_REALTIME, &now);
	gmtime_r(&now.tv_sec, &tm);
	strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%S", &tm);
	puts_line(l, text);
	snprintf(text, sizeof text, ".%03ldZ %s[%d] %s ",
	    now.tv_nsec / 1000000 % 1000, self.program, (int)getpid(),
	    levels[level].name);
	puts_line(l, text);
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
write_line(enum log_level level, const struct log_ctx *ctx, const char *event,
    va_list ap)
{
	struct line l = {.len = 0};

	put_front(&l, level);
	put_ids(&l, ctx);
	puts_line(&l, event);
	put_fields(&l, ap);
	if (self.target == LOG_TARGET_SYSLOG) {
		l.text[l.len] = '\0';
		syslog(levels[level].priority, "%s", l.text);
		return;
	}
	l.text[l.len++] = '\n';
	/* There is nobody to tell when this fails. */
	(void)!write(STDERR_FILENO, l.text, l.len);
}

/* systemd says by device and inode which stream goes to its journal. */
static bool
is_journal(void)
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
	self.journal = target == LOG_TARGET_STDERR && is_journal();
	if (target == LOG_TARGET_SYSLOG)
		openlog(program, LOG_PID | LOG_NDELAY, LOG_MAIL);
}

bool
log_is_on(enum log_level level)
{
	return level <= self.level;
}

#define LOG_AT(level)                              \
	do {                                       \
		va_list ap;                        \
                                                   \
		if (!log_is_on(level))             \
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
