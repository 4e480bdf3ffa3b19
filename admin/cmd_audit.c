/* SPDX-License-Identifier: ISC */
/* posthouse audit: who has changed what in the directory, and when. */
#include "config.h"

#include <time.h>

#include "admin/cmd.h"
#include "admin/list.h"
#include "admin/trace_filter.h"

static int audit(struct cmd_line *line, struct fault *f);

/* clang-format off */
const struct cmd cmd_audit[] = {
	{ "audit", NULL, "[NAME] [--since TIME]", 0, 1, CMD_JSON,
	  "who has changed what in the directory", audit },
	{ 0 },
};

static const struct table_column columns[] = {
	{ "WHEN", "time", TABLE_DATE },
	{ "WHO", "who", TABLE_TEXT },
	{ "WHAT", "what", TABLE_TEXT },
	{ "NAME", "name", TABLE_TEXT },
	{ "DETAIL", "detail", TABLE_TEXT },
	{ 0 },
};
/* clang-format on */

static int
audit(struct cmd_line *line, struct fault *f)
{
	static const struct list entries = {
	    PLACE_AUTHD, "audit.list", "entries", columns};
	const char *since = cmd_option(line, "since");
	int64_t us = 0;
	json_t *params;

	if (since != NULL && !trace_parse_when(str(since),
				 (int64_t)time(NULL) * 1000000, false, &us))
		return fault_perm(f, "5.5.4",
		    "--since: \"%.40s\" is neither a time nor how long ago",
		    since);
	params = json_new_object();
	if (line->n_args > 0)
		json_put_text(params, "name", line->args[0]);
	if (since != NULL)
		json_put_int(params, "since", us / 1000000);
	return list_print(line, &entries, params, f);
}
