/* SPDX-License-Identifier: ISC */
#include "config.h"

#include "mta/smtpd/note.h"

#include <stdio.h>

#include "base/buf.h"
#include "base/conf.h"
#include "mta/options.h"

enum { TEXT_MAX = 2000 };

static void put(struct notes *notes, const char *rule, const char *where,
    const char *fmt, va_list ap) FORMAT(4, 0);

static void
put(struct notes *notes, const char *rule, const char *where, const char *fmt,
    va_list ap)
{
	json_t *note = json_new_object();
	char text[TEXT_MAX];

	vsnprintf(text, sizeof text, fmt, ap);
	json_put_text(note, "rule", rule);
	if (where[0] != '\0')
		json_put_text(note, "where", where);
	json_put_text(note, "text", text);
	json_add(notes->rules, note);
}

void
note_option(struct notes *notes, const char *option, const char *fmt, ...)
{
	const char *where;
	va_list ap;

	if (notes == NULL)
		return;
	where = conf_where(notes->conf, &smtpd_table, option);
	va_start(ap, fmt);
	put(notes, option, where[0] != '\0' ? where : "default", fmt, ap);
	va_end(ap);
}

void
note_rule(struct notes *notes, const char *rule, const char *fmt, ...)
{
	va_list ap;

	if (notes == NULL)
		return;
	va_start(ap, fmt);
	put(notes, rule, "", fmt, ap);
	va_end(ap);
}

void
note_look_up(struct notes *notes, const char *map, struct str key, int found,
    struct str value, const struct fault *f)
{
	char rule[40];

	if (notes == NULL)
		return;
	snprintf(rule, sizeof rule, "map %s", map);
	if (found < 0)
		note_rule(notes, rule, "%.*s: %s (%s)", STR_ARG(key), f->text,
		    f->dsn);
	else if (found == 0)
		note_rule(notes, rule, "%.*s: not found", STR_ARG(key));
	else
		note_rule(notes, rule, "%.*s: %.*s", STR_ARG(key),
		    STR_ARG(str_head(value, TEXT_MAX / 2)));
}
