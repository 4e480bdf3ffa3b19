/* SPDX-License-Identifier: ISC */
/* The configuration in force, as JSON and as a file that can be read again. */
#include "config.h"

#include "base/conf.h"
#include "base/conf_value.h"

static json_t *table_to_json(const struct conf_table *t, const void *base);

static json_t *
list_to_json(const struct conf_list *list)
{
	json_t *array = json_new_array();

	for (size_t i = 0; i < list->n; i++)
		json_add_text(array, list->items[i]);
	return array;
}

static json_t *
sections_to_json(const struct conf_option *o, const struct conf_sections *s)
{
	json_t *object = json_new_object();

	for (size_t i = 0; i < s->n; i++) {
		const void *at = (const char *)s->bytes + i * o->sub->size;

		json_put(object, *(const char *const *)at,
		    table_to_json(o->sub, at));
	}
	return object;
}

static void
value_to_json(const struct conf_option *o, const void *base, json_t *object)
{
	const void *at = (const char *)base + o->offset;
	struct buf b;

	if (o->type == CONF_BOOL) {
		json_put_bool(object, o->name, *(const bool *)at);
		return;
	}
	if (o->type == CONF_NUMBER) {
		json_put_int(object, o->name, (int64_t) * (const uint64_t *)at);
		return;
	}
	if (!conf_value_is_set(o, base))
		return;
	buf_init(&b, 8192);
	conf_value_format(o, base, &b);
	json_put_str(object, o->name, buf_str(&b));
	buf_clear(&b);
}

static json_t *
table_to_json(const struct conf_table *t, const void *base)
{
	json_t *object = json_new_object();

	for (const struct conf_option *o = t->options; o->name != NULL; o++) {
		const void *at = (const char *)base + o->offset;

		if (o->type == CONF_LIST)
			json_put(object, o->name, list_to_json(at));
		else if (o->type == CONF_SECTION)
			json_put(object, o->name, sections_to_json(o, at));
		else
			value_to_json(o, base, object);
	}
	return object;
}

static void
move_members(json_t *to, const struct conf_table *t, json_t *from)
{
	for (const struct conf_option *o = t->options; o->name != NULL; o++) {
		json_t *value = json_get(from, o->name);

		if (value != NULL)
			json_put(to, o->name, json_hold(value));
	}
}

json_t *
conf_to_json(const struct conf *conf)
{
	json_t *object = json_new_object();
	const struct conf_table *const *tables;
	size_t n = conf_tables(conf, &tables);

	for (size_t i = 0; i < n; i++) {
		const struct conf_table *t = tables[i];
		json_t *values = table_to_json(t, conf_get(conf, t));

		if (t->section != NULL) {
			json_put(object, t->section, values);
			continue;
		}
		move_members(object, t, values);
		json_free(&values);
	}
	return object;
}

/* As a file. */

struct writer {
	struct buf *b;
	bool sample;
	unsigned depth;
};

static void
indent(const struct writer *w)
{
	for (unsigned i = 0; i < w->depth; i++)
		buf_putc(w->b, '\t');
}

/* "${x}" would be taken from the environment when it is read. */
static void
put_quoted(struct buf *b, const char *text)
{
	buf_putc(b, '"');
	for (; *text != '\0'; text++) {
		if (strchr("\"\\$", *text) != NULL)
			buf_putc(b, '\\');
		buf_putc(b, *text);
	}
	buf_putc(b, '"');
}

static bool
is_plain(enum conf_type type)
{
	return type != CONF_TEXT && type != CONF_PATH;
}

static void
put_value(struct writer *w, const struct conf_option *o, const void *base)
{
	struct buf b;

	indent(w);
	/* An option without a value is shown, but as a comment. */
	if (!conf_value_is_set(o, base)) {
		buf_putf(w->b, "# %s =\n", o->name);
		return;
	}
	buf_init(&b, 8192);
	conf_value_format(o, base, &b);
	buf_putf(w->b, "%s = ", o->name);
	if (is_plain(o->type))
		buf_put_str(w->b, buf_str(&b));
	else
		put_quoted(w->b, buf_text(&b));
	buf_putc(w->b, '\n');
	buf_clear(&b);
}

static void
put_list(struct writer *w, const struct conf_option *o, const void *base)
{
	const struct conf_list *list =
	    (const void *)((const char *)base + o->offset);

	indent(w);
	buf_putf(w->b, "%s = {", o->name);
	for (size_t i = 0; i < list->n; i++) {
		buf_puts(w->b, i > 0 ? ", " : "");
		put_quoted(w->b, list->items[i]);
	}
	buf_puts(w->b, "}\n");
}

static void
put_table(struct writer *w, const struct conf_table *t, const void *base)
{
	for (const struct conf_option *o = t->options; o->name != NULL; o++) {
		const struct conf_sections *s =
		    (const void *)((const char *)base + o->offset);

		if (w->sample) {
			indent(w);
			buf_putf(w->b, "# %s\n", o->help);
		}
		if (o->type == CONF_LIST) {
			put_list(w, o, base);
			continue;
		}
		if (o->type != CONF_SECTION) {
			put_value(w, o, base);
			continue;
		}
		for (size_t i = 0; i < s->n; i++) {
			const void *at =
			    (const char *)s->bytes + i * o->sub->size;

			indent(w);
			buf_putf(w->b, "%s ", o->name);
			put_quoted(w->b, *(const char *const *)at);
			buf_puts(w->b, " {\n");
			w->depth++;
			put_table(w, o->sub, at);
			w->depth--;
			indent(w);
			buf_puts(w->b, "}\n");
		}
	}
}

void
conf_format(const struct conf *conf, bool sample, struct buf *b)
{
	struct writer w = {.b = b, .sample = sample};
	const struct conf_table *const *tables;
	size_t n = conf_tables(conf, &tables);

	for (size_t i = 0; i < n; i++) {
		const struct conf_table *t = tables[i];

		if (t->section != NULL) {
			buf_putf(b, "\n%s {\n", t->section);
			w.depth = 1;
		}
		put_table(&w, t, conf_get(conf, t));
		if (t->section != NULL)
			buf_puts(b, "}\n");
		w.depth = 0;
	}
}
