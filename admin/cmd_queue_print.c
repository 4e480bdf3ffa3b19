/* SPDX-License-Identifier: ISC */
/* Queued messages for people. */
#include "config.h"

#include <stdint.h>
#include <time.h>

#include "admin/cmd_queue.h"
#include "admin/table.h"
#include "base/buf.h"
#include "base/str.h"

enum { CELL_MAX = 2048 };

/* clang-format off */
static const struct table_column size_column = {
	"SIZE", "size", TABLE_SIZE };
static const struct table_column fields[] = {
	{ "id", "id", TABLE_TEXT },
	{ "sender", "sender", TABLE_TEXT },
	{ "owner", "owner", TABLE_TEXT },
	{ "size", "size", TABLE_SIZE },
	{ "held", "held", TABLE_BOOL },
	{ "notice", "notice", TABLE_BOOL },
	{ "envelope id", "envid", TABLE_TEXT },
	{ 0 },
};
static const struct table_column client_fields[] = {
	{ "client", "addr", TABLE_TEXT },
	{ "protocol", "proto", TABLE_TEXT },
	{ "helo", "helo", TABLE_TEXT },
	{ 0 },
};
/* clang-format on */

static void
put_time(struct buf *b, const json_t *object, const char *key)
{
	int64_t ms = json_get_int(object, key, 0);
	char text[32];
	struct tm tm;
	time_t t = (time_t)(ms / 1000);

	if (ms == 0 || localtime_r(&t, &tm) == NULL ||
	    strftime(text, sizeof text, "%Y-%m-%d %H:%M", &tm) == 0)
		return;
	buf_puts(b, text);
}

static void
put_text(struct buf *b, const json_t *object, const char *key)
{
	buf_put_shown(b, json_get_text(object, key));
}

/* "jane@far.example  waiting, 3 tries, next 2026-11-24 08:40: 4.3.0 later" */
static void
print_recipient(FILE *out, const json_t *r)
{
	int64_t tries = json_get_int(r, "attempts", 0);
	struct buf b;

	buf_init(&b, CELL_MAX);
	buf_puts(&b, "    ");
	put_text(&b, r, "recipient");
	buf_puts(&b, "  ");
	put_text(&b, r, "state");
	if (tries > 0)
		buf_putf(&b, ", %lld %s", (long long)tries,
		    tries == 1 ? "try" : "tries");
	if (json_get_int(r, "due", 0) > 0) {
		buf_puts(&b, ", next ");
		put_time(&b, r, "due");
	}
	if (json_get_text(r, "via") != NULL) {
		buf_puts(&b, ", by ");
		put_text(&b, r, "via");
	}
	if (json_get_text(r, "reply") != NULL) {
		buf_puts(&b, ": ");
		put_text(&b, r, "reply");
	} else if (json_get_text(r, "reason") != NULL) {
		buf_puts(&b, ": ");
		put_text(&b, r, "dsn");
		buf_putc(&b, ' ');
		put_text(&b, r, "reason");
	}
	if (json_get_text(r, "host") != NULL) {
		buf_puts(&b, " (");
		put_text(&b, r, "host");
		buf_putc(&b, ')');
	}
	fprintf(out, "%s\n", buf_text(&b));
	buf_clear(&b);
}

static void
print_recipients(FILE *out, const json_t *message)
{
	const json_t *list = json_get(message, "recipients");
	size_t n = json_len(list);
	int64_t total = json_get_int(message, "total", (int64_t)n);

	for (size_t i = 0; i < n; i++)
		print_recipient(out, json_at(list, i));
	if (total > (int64_t)n)
		fprintf(out, "    and %lld more\n",
		    (long long)(total - (int64_t)n));
}

void
queue_print_message(FILE *out, const json_t *message)
{
	struct buf b;

	buf_init(&b, CELL_MAX);
	put_text(&b, message, "id");
	buf_puts(&b, "  ");
	put_time(&b, message, "arrived");
	buf_puts(&b, "  ");
	table_format(&b, &size_column, message);
	buf_puts(&b, "  <");
	put_text(&b, message, "sender");
	buf_putc(&b, '>');
	if (json_get_bool(message, "held", false))
		buf_puts(&b, "  held");
	fprintf(out, "%s\n", buf_text(&b));
	buf_clear(&b);
	print_recipients(out, message);
}

static void
print_time(FILE *out, const char *what, const json_t *object, const char *key)
{
	struct buf b;

	buf_init(&b, 64);
	put_time(&b, object, key);
	fprintf(out, "%s: %s\n", what, buf_text(&b));
	buf_clear(&b);
}

static void
print_header(FILE *out, const char *text)
{
	struct str rest = str(text == NULL ? "" : text);

	while (rest.len > 0) {
		struct str line = str_cut(&rest, '\n');
		char copy[1024];
		struct buf b;

		if (line.len > 0 && line.at[line.len - 1] == '\r')
			line = str_head(line, line.len - 1);
		if (!str_copy(
			str_head(line, sizeof copy - 1), copy, sizeof copy))
			copy[0] = '\0';
		buf_init(&b, CELL_MAX);
		buf_put_shown(&b, copy);
		fprintf(out, "    %s\n", buf_text(&b));
		buf_clear(&b);
	}
}

void
queue_print_whole(FILE *out, const json_t *message)
{
	const json_t *client = json_get(message, "client");

	table_print_fields(out, fields, message);
	if (client != NULL)
		table_print_fields(out, client_fields, client);
	print_time(out, "arrived", message, "arrived");
	print_time(out, "returned if it waits until", message, "expires");
	fputs("recipients:\n", out);
	print_recipients(out, message);
	fputs("header:\n", out);
	print_header(out, json_get_text(message, "header"));
}
