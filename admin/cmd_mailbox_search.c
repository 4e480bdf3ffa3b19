/* SPDX-License-Identifier: ISC */
/* Messages, by what the index knows of them. */
#include "config.h"

#include "admin/cmd_mailbox.h"

#include "admin/list.h"
#include "admin/select.h"

/* clang-format off */
static const struct table_column columns[] = {
	{ "DELIVERED", "stored", TABLE_DATE },
	{ "MAILBOX", "mailbox", TABLE_TEXT },
	{ "FOLDER", "folder", TABLE_TEXT },
	{ "ID", "id", TABLE_TEXT },
	{ "SIZE", "size", TABLE_SIZE },
	{ "FLAGS", "flags", TABLE_LIST },
	{ "FROM", "from", TABLE_TEXT },
	{ "SUBJECT", "subject", TABLE_TEXT },
	{ 0 },
};

static const struct table_column count_fields[] = {
	{ "messages", "messages", TABLE_NUMBER },
	{ "size", "bytes", TABLE_SIZE },
	{ "mailboxes", "mailboxes", TABLE_NUMBER },
	{ 0 },
};
/* clang-format on */

/* Takes params. */
static int
print_count(struct cmd_line *line, json_t *params, struct fault *f)
{
	struct call *call = call_open(line->file, PLACE_LMTPD, f);
	struct select_count count;
	json_t *object;
	int rc = -1;

	if (call == NULL || select_count(call, params, &count, f) < 0)
		goto out;
	object = json_new_object();
	json_put_int(object, "messages", (int64_t)count.messages);
	json_put_int(object, "bytes", (int64_t)count.bytes);
	json_put_int(object, "mailboxes", (int64_t)count.mailboxes);
	list_print_object(line, count_fields, object);
	json_free(&object);
	rc = 0;
out:
	call_close(&call);
	json_free(&params);
	return rc;
}

int
mailbox_search(struct cmd_line *line, struct fault *f)
{
	static const struct list messages = {
	    PLACE_LMTPD, "mailbox.search", "messages", columns};
	const char *which = line->n_args > 0 ? line->args[0] : NULL;
	json_t *params = select_params(line, which, f);

	if (params == NULL)
		return -1;
	if (cmd_option(line, "count") != NULL)
		return print_count(line, params, f);
	json_put_bool(params, "brief", !line->json);
	return list_print(line, &messages, params, f);
}
