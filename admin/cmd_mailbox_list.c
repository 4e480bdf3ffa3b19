/* SPDX-License-Identifier: ISC */
/* Which mailboxes there are, and what is in one. */
#include "config.h"

#include "admin/cmd_mailbox.h"

#include "admin/list.h"

/* clang-format off */
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
	{ "OLDEST", "oldest", TABLE_DATE },
	{ "NEWEST", "newest", TABLE_DATE },
	{ "7 DAYS", "messages_7d", TABLE_NUMBER },
	{ "30 DAYS", "messages_30d", TABLE_NUMBER },
	{ 0 },
};

static const struct table_column stat_fields[] = {
	{ "mailbox", "mailbox", TABLE_TEXT },
	{ "messages", "messages", TABLE_NUMBER },
	{ "unseen", "unseen", TABLE_NUMBER },
	{ "size", "bytes", TABLE_SIZE },
	{ "oldest", "oldest", TABLE_DATE },
	{ "newest", "newest", TABLE_DATE },
	{ "in 7 days", "week", TABLE_TEXT },
	{ "in 30 days", "month", TABLE_TEXT },
	{ "quota", "quota", TABLE_TEXT },
	{ 0 },
};
/* clang-format on */

int
mailbox_list(struct cmd_line *line, struct fault *f)
{
	static const struct list mailboxes = {
	    PLACE_LMTPD, "mailbox.list", "mailboxes", columns};
	json_t *params = json_new_object();

	if (line->n_args > 0)
		json_put_text(params, "domain", line->args[0]);
	return list_print(line, &mailboxes, params, f);
}

static void
print_folders(struct cmd_line *line, const json_t *folders)
{
	struct table table;

	putc('\n', line->out);
	table_init(&table, line->out, folder_columns);
	for (size_t i = 0; i < json_len(folders); i++)
		table_add(&table, json_at(folders, i));
	table_flush(&table);
	table_clear(&table);
}

/* A directory that is others' has none to tell. */
static void
add_quota(const struct cmd_line *line, json_t *result)
{
	struct fault ignored;
	json_t *quota = mailbox_quota_ask(line, line->args[0], false, &ignored);
	struct buf text;

	if (quota == NULL)
		return;
	if (line->json) {
		json_put(result, "quota", quota);
		return;
	}
	buf_init(&text, 200);
	mailbox_quota_put(&text, quota);
	json_put_str(result, "quota", buf_str(&text));
	buf_clear(&text);
	json_free(&quota);
}

/* "12 messages, 1.5 MiB", for people. */
static void
add_growth(
    json_t *result, const char *key, const char *messages, const char *bytes)
{
	const struct table_column size = {"", bytes, TABLE_SIZE};
	struct buf text;

	buf_init(&text, 100);
	buf_putf(&text, "%lld messages, ",
	    (long long)json_get_int(result, messages, 0));
	table_format(&text, &size, result);
	json_put_str(result, key, buf_str(&text));
	buf_clear(&text);
}

int
mailbox_stat(struct cmd_line *line, struct fault *f)
{
	json_t *result;

	if (mailbox_ask(line, "mailbox.stat", &result, f) < 0)
		return -1;
	add_quota(line, result);
	if (!line->json) {
		add_growth(result, "week", "messages_7d", "bytes_7d");
		add_growth(result, "month", "messages_30d", "bytes_30d");
	}
	list_print_object(line, stat_fields, result);
	if (!line->json)
		print_folders(line, json_get(result, "folders"));
	json_free(&result);
	return 0;
}
