/* SPDX-License-Identifier: ISC */
/* posthouse alias: names that mean other names. */
#include "config.h"

#include "admin/call.h"
#include "admin/cmd.h"
#include "admin/list.h"

static int add(struct cmd_line *line, struct fault *f);
static int del(struct cmd_line *line, struct fault *f);
static int list(struct cmd_line *line, struct fault *f);

/* clang-format off */
const struct cmd cmd_alias[] = {
	{ "alias", "add", "NAME TARGET...", 2, 0, CMD_ANY,
	  "send a name's mail on; @DOMAIN: all else", add },
	{ "alias", "del", "NAME", 1, 1, 0,
	  "no longer", del },
	{ "alias", "list", "[DOMAIN]", 0, 1, CMD_JSON,
	  "all aliases, or a domain's", list },
	{ 0 },
};

static const struct table_column columns[] = {
	{ "ALIAS", "alias", TABLE_TEXT },
	{ "TARGETS", "targets", TABLE_LIST },
	{ 0 },
};
/* clang-format on */

static int
add(struct cmd_line *line, struct fault *f)
{
	json_t *params = json_new_object(), *targets = json_new_array();

	json_put_text(params, "alias", line->args[0]);
	for (size_t i = 1; i < line->n_args; i++)
		json_add_text(targets, line->args[i]);
	json_put(params, "targets", targets);
	return call_once(line, PLACE_AUTHD, "alias.add", params, NULL, f);
}

static int
del(struct cmd_line *line, struct fault *f)
{
	json_t *params = json_new_object();

	json_put_text(params, "alias", line->args[0]);
	return call_once(line, PLACE_AUTHD, "alias.del", params, NULL, f);
}

static int
list(struct cmd_line *line, struct fault *f)
{
	static const struct list aliases = {
	    PLACE_AUTHD, "alias.list", "aliases", columns};
	json_t *params = json_new_object();

	if (line->n_args > 0)
		json_put_text(params, "domain", line->args[0]);
	return list_print(line, &aliases, params, f);
}
