/* SPDX-License-Identifier: ISC */
/* posthouse domain: which domains are ours. */
#include "config.h"

#include "admin/call.h"
#include "admin/cmd.h"
#include "admin/list.h"

static int add(struct cmd_line *line, struct fault *f);
static int del(struct cmd_line *line, struct fault *f);
static int list(struct cmd_line *line, struct fault *f);

/* clang-format off */
const struct cmd cmd_domain[] = {
	{ "domain", "add", "DOMAIN", 1, 1, 0,
	  "take mail for a domain", add },
	{ "domain", "del", "DOMAIN", 1, 1, 0,
	  "no longer; it must be empty", del },
	{ "domain", "list", "", 0, 0, CMD_JSON,
	  "all domains", list },
	{ 0 },
};
/* clang-format on */

static const struct table_column columns[] = {
    {"DOMAIN", "domain", TABLE_TEXT},
    {0},
};

static int
change(struct cmd_line *line, const char *method, struct fault *f)
{
	json_t *params = json_new_object();

	json_put_text(params, "domain", line->args[0]);
	return call_once(line, PLACE_AUTHD, method, params, NULL, f);
}

static int
add(struct cmd_line *line, struct fault *f)
{
	return change(line, "domain.add", f);
}

static int
del(struct cmd_line *line, struct fault *f)
{
	return change(line, "domain.del", f);
}

static int
list(struct cmd_line *line, struct fault *f)
{
	static const struct list domains = {
	    PLACE_AUTHD, "domain.list", "domains", columns};

	return list_print(line, &domains, json_new_object(), f);
}
