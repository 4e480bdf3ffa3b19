/* SPDX-License-Identifier: ISC */
/* posthouse tls: what domains say of TLS at their mail servers. */
#include "config.h"

#include <stdio.h>

#include "admin/call.h"
#include "admin/cmd.h"
#include "admin/list.h"
#include "admin/table.h"

static int policies(struct cmd_line *line, struct fault *f);
static int forget(struct cmd_line *line, struct fault *f);

/* clang-format off */
const struct cmd cmd_tls[] = {
	{ "tls", "policies", "[DOMAIN]", 0, 1, CMD_JSON,
	  "MTA-STS policies that are known", policies },
	{ "tls", "forget", "DOMAIN", 1, 1, CMD_JSON,
	  "look for a domain's policy anew", forget },
	{ 0 },
};

static const struct table_column columns[] = {
	{ "DOMAIN", "domain", TABLE_TEXT },
	{ "MODE", "mode", TABLE_TEXT },
	{ "MAIL SERVERS", "mx", TABLE_LIST },
	{ "FETCHED", "fetched", TABLE_DATE },
	{ "EXPIRES", "expires", TABLE_DATE },
	{ "TROUBLE", "trouble", TABLE_TEXT },
	{ 0 },
};
/* clang-format on */

/* In seconds, which a table shows. */
static void
shorten(json_t *object, const char *key)
{
	json_put_int(object, key, json_get_int(object, key, 0) / 1000);
}

static void
print_policies(struct cmd_line *line, const json_t *list)
{
	struct table table;

	table_init(&table, line->out, columns);
	for (size_t i = 0; i < json_len(list); i++) {
		shorten(json_at(list, i), "fetched");
		shorten(json_at(list, i), "expires");
		table_add(&table, json_at(list, i));
	}
	table_flush(&table);
	table_clear(&table);
}

static int
policies(struct cmd_line *line, struct fault *f)
{
	json_t *params = json_new_object(), *result;
	const json_t *list;

	if (line->n_args > 0)
		json_put_text(params, "domain", line->args[0]);
	if (call_once(line, PLACE_QUEUED, "tls.policies", params, &result, f) <
	    0)
		return -1;
	list = json_get(result, "policies");
	if (line->json)
		list_print_json(line, result);
	else if (json_len(list) > 0)
		print_policies(line, list);
	else
		fputs("No policy is known.\n", line->out);
	json_free(&result);
	return 0;
}

static int
forget(struct cmd_line *line, struct fault *f)
{
	json_t *params = json_new_object(), *result;

	json_put_text(params, "domain", line->args[0]);
	if (call_once(line, PLACE_QUEUED, "tls.forget", params, &result, f) < 0)
		return -1;
	if (line->json)
		list_print_json(line, result);
	json_free(&result);
	return 0;
}
