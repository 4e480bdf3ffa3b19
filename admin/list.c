/* SPDX-License-Identifier: ISC */
/* Pages in, rows out. */
#include "config.h"

#include "admin/list.h"

#include <errno.h>

#include "admin/call.h"
#include "base/buf.h"

enum { JSON_MAX = 64 << 20 };

struct printing {
	struct cmd_line *line;
	const struct list *list;
	struct table table;
	bool any; /* an object was printed */
};

static void
print_value(FILE *out, const json_t *value, bool pretty)
{
	struct buf b;

	buf_init(&b, JSON_MAX);
	if (pretty)
		json_format_pretty(&b, value);
	else
		json_format(&b, value);
	fwrite(buf_text(&b), 1, buf_len(&b), out);
	buf_clear(&b);
}

void
list_print_json(struct cmd_line *line, const json_t *value)
{
	print_value(line->out, value, true);
	putc('\n', line->out);
}

void
list_print_line(struct cmd_line *line, const json_t *value)
{
	print_value(line->out, value, false);
}

void
list_print_object(struct cmd_line *line, const struct table_column *fields,
    const json_t *object)
{
	if (line->json)
		list_print_json(line, object);
	else
		table_print_fields(line->out, fields, object);
}

int
list_print_one(struct cmd_line *line, const struct list *one, json_t *params,
    struct fault *f)
{
	json_t *result = NULL;

	if (call_once(line, one->owner, one->method, params, &result, f) < 0)
		return -1;
	list_print_object(line, one->columns, result);
	json_free(&result);
	return 0;
}

static void
print_item(struct printing *p, const json_t *item)
{
	if (!p->line->json) {
		table_add(&p->table, item);
		return;
	}
	fputs(p->any ? ",\n  " : "\n  ", p->line->out);
	print_value(p->line->out, item, false);
	p->any = true;
}

/* 1: there is more, and params ask for it; 0: that was all. */
static int
print_page(struct printing *p, const json_t *page, json_t *params)
{
	const json_t *items = json_get(page, p->list->key);
	const char *next = json_get_text(page, "next");

	for (size_t i = 0; i < json_len(items); i++)
		print_item(p, json_at(items, i));
	if (!p->line->json)
		table_flush(&p->table);
	/* Perhaps nobody reads on: "posthouse user list | head". */
	if (fflush(p->line->out) != 0)
		p->line->out_errno = errno;
	if (next == NULL || p->line->out_errno != 0)
		return 0;
	json_put_text(params, "after", next);
	return 1;
}

static int
print_pages(
    struct printing *p, struct call *call, json_t *params, struct fault *f)
{
	json_t *page;
	int more = 1;

	while (more == 1) {
		page = call_method(call, p->list->method, params, f);
		if (page == NULL)
			return -1;
		more = print_page(p, page, params);
		json_free(&page);
	}
	return 0;
}

void
list_print_items(struct cmd_line *line, const char *key,
    const struct table_column *columns, const json_t *items)
{
	struct printing p = {.line = line};

	table_init(&p.table, line->out, columns);
	if (line->json)
		fprintf(line->out, "{\"%s\": [", key);
	for (size_t i = 0; i < json_len(items); i++)
		print_item(&p, json_at(items, i));
	if (line->json)
		fputs(p.any ? "\n]}\n" : "]}\n", line->out);
	else
		table_flush(&p.table);
	table_clear(&p.table);
}

int
list_print(struct cmd_line *line, const struct list *list, json_t *params,
    struct fault *f)
{
	struct printing p = {.line = line, .list = list};
	struct call *call = call_open(line->file, list->owner, f);
	int rc = -1;

	table_init(&p.table, line->out, list->columns);
	if (call == NULL)
		goto out;
	if (line->json)
		fprintf(line->out, "{\"%s\": [", list->key);
	rc = print_pages(&p, call, params, f);
	if (rc == 0 && line->json)
		fputs(p.any ? "\n]}\n" : "]}\n", line->out);
out:
	call_close(&call);
	table_clear(&p.table);
	json_free(&params);
	return rc;
}
