/* SPDX-License-Identifier: ISC */
/* Rows and fields for people. */
#include "config.h"

#include "admin/table.h"

#include <string.h>
#include <time.h>

#include "base/mem.h"
#include "base/size.h"

enum {
	CELL_MAX = 64 << 10, /* an alias may have a thousand targets */
	GAP = 2,
};

/* Values. */

/* As Unicode's control characters, which could drive a terminal. */
static void
put_safe(struct buf *b, const char *text)
{
	for (; *text != '\0'; text++) {
		unsigned char c = (unsigned char)*text;

		/* C1 controls are c2 80 to c2 9f. */
		if (c == 0xc2 && ((unsigned char)text[1] & 0xe0) == 0x80) {
			buf_putc(b, '?');
			text++;
		} else {
			buf_putc(b, c < 0x20 || c == 0x7f ? '?' : *text);
		}
	}
}

static void
put_date(struct buf *b, int64_t seconds)
{
	time_t t = (time_t)seconds;
	char text[32];
	struct tm tm;

	if (seconds == 0 || localtime_r(&t, &tm) == NULL ||
	    strftime(text, sizeof text, "%Y-%m-%d %H:%M", &tm) == 0)
		buf_putc(b, '-');
	else
		buf_puts(b, text);
}

static void
put_span(struct buf *b, int64_t seconds)
{
	int64_t s = seconds % 60, m = seconds / 60 % 60;
	int64_t h = seconds / 3600 % 24, d = seconds / 86400;

	if (d > 0)
		buf_putf(b, "%lldd %lldh", (long long)d, (long long)h);
	else if (h > 0)
		buf_putf(b, "%lldh %lldm", (long long)h, (long long)m);
	else if (m > 0)
		buf_putf(b, "%lldm %llds", (long long)m, (long long)s);
	else
		buf_putf(b, "%llds", (long long)s);
}

static void
put_list(struct buf *b, const json_t *list)
{
	for (size_t i = 0; i < json_len(list); i++) {
		const char *item = json_text(json_at(list, i));

		buf_puts(b, i > 0 ? ", " : "");
		put_safe(b, item != NULL ? item : "?");
	}
}

void
table_format(struct buf *b, const struct table_column *c, const json_t *object)
{
	const char *text = json_get_text(object, c->key);
	int64_t n = json_get_int(object, c->key, 0);

	if (json_get(object, c->key) == NULL)
		return;
	switch (c->kind) {
	case TABLE_TEXT:
		put_safe(b, text != NULL ? text : "");
		break;
	case TABLE_LIST:
		put_list(b, json_get(object, c->key));
		break;
	case TABLE_BOOL:
		buf_puts(b, json_get_bool(object, c->key, false) ? "yes" : "");
		break;
	case TABLE_NUMBER:
		buf_putf(b, "%lld", (long long)n);
		break;
	case TABLE_SIZE:
		size_put(b, n > 0 ? (uint64_t)n : 0);
		break;
	case TABLE_SIZE_LIMIT:
		if (n < 0)
			buf_puts(b, "no limit");
		else
			size_put(b, n > 0 ? (uint64_t)n : 0);
		break;
	case TABLE_LIMIT:
		if (n < 0)
			buf_puts(b, "no limit");
		else
			buf_putf(b, "%lld", (long long)n);
		break;
	case TABLE_DATE:
		put_date(b, n);
		break;
	case TABLE_SPAN:
		put_span(b, n);
		break;
	}
}

/* Characters, not bytes; wide ones are rare in what we show. */
static size_t
width_of(const char *text)
{
	size_t n = 0;

	for (; *text != '\0'; text++)
		n += ((unsigned char)*text & 0xc0) != 0x80;
	return n;
}

static bool
is_right(enum table_kind kind)
{
	return kind == TABLE_NUMBER || kind == TABLE_SIZE ||
	       kind == TABLE_SIZE_LIMIT || kind == TABLE_LIMIT ||
	       kind == TABLE_SPAN;
}

/* Tables. */

void
table_init(struct table *t, FILE *out, const struct table_column *columns)
{
	*t = (struct table){.out = out, .columns = columns};
	while (columns[t->n_columns].title != NULL)
		t->n_columns++;
	if (t->n_columns > TABLE_COLUMNS_MAX)
		die_bug("table_init: too many columns");
	for (size_t i = 0; i < t->n_columns; i++)
		t->width[i] = width_of(columns[i].title);
	t->cells = mem_zeroed(TABLE_ROWS_MAX * t->n_columns, sizeof(char *));
}

void
table_clear(struct table *t)
{
	arena_clear(&t->arena);
	mem_free(t->cells);
	t->cells = NULL;
}

void
table_add(struct table *t, const json_t *row)
{
	struct buf b;

	if (t->n_rows == TABLE_ROWS_MAX)
		table_flush(t);
	buf_init(&b, CELL_MAX);
	for (size_t i = 0; i < t->n_columns; i++) {
		const struct table_column *c = &t->columns[i];
		size_t width;

		buf_reset(&b);
		table_format(&b, c, row);
		width = width_of(buf_text(&b));
		/* Nothing follows the last one that would have to line up. */
		if (i + 1 == t->n_columns && !is_right(c->kind))
			width = 0;
		if (width > t->width[i])
			t->width[i] = width;
		t->cells[t->n_rows * t->n_columns + i] =
		    arena_text(&t->arena, buf_str(&b));
	}
	t->n_rows++;
	buf_clear(&b);
}

static void
put_spaces(struct buf *b, size_t n)
{
	while (n-- > 0)
		buf_putc(b, ' ');
}

static void
print_row(const struct table *t, const char *const *cells)
{
	struct buf b;
	struct str s;

	buf_init(&b, (CELL_MAX + 400) * TABLE_COLUMNS_MAX);
	for (size_t i = 0; i < t->n_columns; i++) {
		size_t width = width_of(cells[i]);
		size_t pad = t->width[i] > width ? t->width[i] - width : 0;
		bool right = is_right(t->columns[i].kind);

		put_spaces(&b, i > 0 ? GAP : 0);
		put_spaces(&b, right ? pad : 0);
		buf_puts(&b, cells[i]);
		put_spaces(&b, right ? 0 : pad);
	}
	s = buf_str(&b);
	while (s.len > 0 && s.at[s.len - 1] == ' ')
		s.len--;
	fprintf(t->out, "%.*s\n", STR_ARG(s));
	buf_clear(&b);
}

void
table_flush(struct table *t)
{
	const char *titles[TABLE_COLUMNS_MAX];

	if (t->n_rows == 0)
		return;
	for (size_t i = 0; i < t->n_columns; i++)
		titles[i] = t->columns[i].title;
	if (!t->titled)
		print_row(t, titles);
	t->titled = true;
	for (size_t i = 0; i < t->n_rows; i++)
		print_row(t, (const char *const *)t->cells + i * t->n_columns);
	t->n_rows = 0;
	arena_clear(&t->arena);
}

void
table_print_fields(
    FILE *out, const struct table_column *fields, const json_t *object)
{
	size_t width = 0;
	struct buf b;

	for (const struct table_column *c = fields; c->title != NULL; c++)
		if (width_of(c->title) > width)
			width = width_of(c->title);
	buf_init(&b, CELL_MAX);
	for (const struct table_column *c = fields; c->title != NULL; c++) {
		if (json_get(object, c->key) == NULL)
			continue;
		buf_reset(&b);
		table_format(&b, c, object);
		fprintf(out, "%s:%*s %s\n", c->title,
		    (int)(width - width_of(c->title)), "", buf_text(&b));
	}
	buf_clear(&b);
}
