/* SPDX-License-Identifier: ISC */
/* Whether the index agrees with the Maildirs. */
#include "config.h"

#include "admin/cmd_mailbox.h"

#include <sysexits.h>

#include "admin/list.h"

/* clang-format off */
static const struct table_column check_fields[] = {
	{ "folders", "folders", TABLE_NUMBER },
	{ "messages", "messages", TABLE_NUMBER },
	{ "not in the index", "missing", TABLE_NUMBER },
	{ "only in the index", "stale", TABLE_NUMBER },
	{ "changed", "changed", TABLE_NUMBER },
	{ "damaged files", "damaged", TABLE_NUMBER },
	{ 0 },
};
/* clang-format on */

int
mailbox_verify(struct cmd_line *line, struct fault *f)
{
	json_t *result;

	if (mailbox_ask(line, "mailbox.verify", &result, f) < 0)
		return -1;
	list_print_object(line, check_fields, result);
	if (!json_get_bool(result, "ok", false)) {
		line->status = EX_DATAERR;
		if (!line->json)
			fputs("The index will agree after \"posthouse mailbox "
			      "rebuild\".\n",
			    line->out);
	}
	json_free(&result);
	return 0;
}

int
mailbox_rebuild(struct cmd_line *line, struct fault *f)
{
	json_t *result;

	if (mailbox_ask(line, "mailbox.rebuild", &result, f) < 0)
		return -1;
	list_print_object(line, check_fields, result);
	json_free(&result);
	return 0;
}
