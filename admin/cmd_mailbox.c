/* SPDX-License-Identifier: ISC */
/* posthouse mailbox: what is in the store, and whether its index agrees. */
#include "config.h"

#include <sysexits.h>

#include "admin/call.h"
#include "admin/cmd.h"
#include "admin/list.h"

static int list(struct cmd_line *line, struct fault *f);
static int stat(struct cmd_line *line, struct fault *f);
static int verify(struct cmd_line *line, struct fault *f);
static int rebuild(struct cmd_line *line, struct fault *f);

/* clang-format off */
const struct cmd cmd_mailbox[] = {
	{ "mailbox", "list", "[DOMAIN]", 0, 1, CMD_JSON,
	  "all mailboxes, or a domain's", list },
	{ "mailbox", "stat", "NAME", 1, 1, CMD_JSON,
	  "a mailbox and its folders", stat },
	{ "mailbox", "verify", "[NAME]", 0, 1, CMD_JSON,
	  "whether the index agrees with the Maildirs", verify },
	{ "mailbox", "rebuild", "[NAME]", 0, 1, CMD_JSON,
	  "make the index anew from the Maildirs", rebuild },
	{ 0 },
};

static const struct table_column columns[] = {
	{ "MAILBOX", "mailbox", TABLE_TEXT },
	{ "FOLDERS", "folders", TABLE_NUMBER },
	{ "MESSAGES", "messages", TABLE_NUMBER },
	{ "UNSEEN", "unseen", TABLE_NUMBER },
	{ "SIZE", "bytes", TABLE_SIZE },
	{ 0 },
};

static const struct table_column folder_columns[] = {
	{ "FOLDER", "folder", TABLE_TEXT },
	{ "MESSAGES", "messages", TABLE_NUMBER },
	{ "UNSEEN", "unseen", TABLE_NUMBER },
	{ "SIZE", "bytes", TABLE_SIZE },
	{ 0 },
};

static const struct table_column stat_fields[] = {
	{ "mailbox", "mailbox", TABLE_TEXT },
	{ "messages", "messages", TABLE_NUMBER },
	{ "unseen", "unseen", TABLE_NUMBER },
	{ "size", "bytes", TABLE_SIZE },
	{ 0 },
};

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

static int
list(struct cmd_line *line, struct fault *f)
{
	static const struct list mailboxes = {
	    PLACE_LMTPD, "mailbox.list", "mailboxes", columns};
	json_t *params = json_new_object();

	if (line->n_args > 0)
		json_put_text(params, "domain", line->args[0]);
	return list_print(line, &mailboxes, params, f);
}

/* The result (new) of a method on the mailbox that is named, if one is. */
static int
ask(struct cmd_line *line, const char *method, json_t **result, struct fault *f)
{
	json_t *params = json_new_object();

	if (line->n_args > 0)
		json_put_text(params, "mailbox", line->args[0]);
	return call_once(line, PLACE_LMTPD, method, params, result, f);
}

static void
print_folders(struct cmd_line *line, const json_t *folders)
{
	struct table table;

	putc('\n', line->out);
	table_init(&table, line->out, folder_columns);
	for (size_t i = 0; i < json_len(folders); i++) {
		json_t *folder = json_at(folders, i);
		const char *name = json_get_text(folder, "folder");

		if (name != NULL && name[0] == '\0')
			json_put_text(folder, "folder", "INBOX");
		table_add(&table, folder);
	}
	table_flush(&table);
	table_clear(&table);
}

static int
stat(struct cmd_line *line, struct fault *f)
{
	json_t *result;

	if (ask(line, "mailbox.stat", &result, f) < 0)
		return -1;
	list_print_object(line, stat_fields, result);
	if (!line->json)
		print_folders(line, json_get(result, "folders"));
	json_free(&result);
	return 0;
}

static int
verify(struct cmd_line *line, struct fault *f)
{
	json_t *result;

	if (ask(line, "mailbox.verify", &result, f) < 0)
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

static int
rebuild(struct cmd_line *line, struct fault *f)
{
	json_t *result;

	if (ask(line, "mailbox.rebuild", &result, f) < 0)
		return -1;
	list_print_object(line, check_fields, result);
	json_free(&result);
	return 0;
}
