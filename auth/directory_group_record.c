/* SPDX-License-Identifier: ISC */
/* A group as the drivers keep it. */
#include "config.h"

#include <string.h>

#include "auth/directory_driver.h"

/* What is not known was written by a later program, and ignored. */

void
directory_group_format(const struct directory_group *g, struct buf *b)
{
	buf_putf(b, "posters=%s\nfrom=%d\nverp=%d\n",
	    directory_posters_name(g->posters), g->rewrites_from, g->verp);
	buf_putf(b, "title=%s\nlist_id=%s\nunsubscribe=%s\n", g->title,
	    g->list_id, g->unsubscribe);
	buf_putf(b, "owners=%s\nnamed=%s\n", g->owners, g->named);
}

static bool
take_line(struct directory_group *g, struct str line)
{
	struct str value = line, name = str_cut(&value, '=');
	bool yes = str_is(value, STR_LIT("1"));

	if (str_is(name, STR_LIT("posters")))
		return directory_posters_parse(value, &g->posters);
	if (str_is(name, STR_LIT("from")))
		g->rewrites_from = yes;
	else if (str_is(name, STR_LIT("verp")))
		g->verp = yes;
	else if (str_is(name, STR_LIT("title")))
		return str_copy(value, g->title, sizeof g->title);
	else if (str_is(name, STR_LIT("list_id")))
		return str_copy(value, g->list_id, sizeof g->list_id);
	else if (str_is(name, STR_LIT("unsubscribe")))
		return str_copy(value, g->unsubscribe, sizeof g->unsubscribe);
	else if (str_is(name, STR_LIT("owners")))
		return str_copy(value, g->owners, sizeof g->owners);
	else if (str_is(name, STR_LIT("named")))
		return str_copy(value, g->named, sizeof g->named);
	return true;
}

bool
directory_group_parse(
    struct str name, struct str record, struct directory_group *g)
{
	memset(g, 0, sizeof *g);
	while (record.len > 0)
		if (!take_line(g, str_cut(&record, '\n')))
			return false;
	return str_copy(name, g->name, sizeof g->name);
}
