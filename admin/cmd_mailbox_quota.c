/* SPDX-License-Identifier: ISC */
/* How much a mailbox holds: authd knows what it may, and lmtpd what it does. */
#include "config.h"

#include "admin/call.h"
#include "admin/cmd_mailbox.h"
#include "admin/list.h"
#include "base/size.h"

/* clang-format off */
static const struct table_column fields[] = {
	{ "mailbox", "mailbox", TABLE_TEXT },
	{ "size", "bytes", TABLE_SIZE },
	{ "of", "quota", TABLE_SIZE },
	{ "messages", "messages", TABLE_NUMBER },
	{ "of", "quota_messages", TABLE_NUMBER },
	{ "percent", "percent", TABLE_NUMBER },
	{ 0 },
};
/* clang-format on */

static void
copy_limit(const json_t *limits, const char *key, json_t *params)
{
	int64_t limit = json_get_int(limits, key, 0);

	if (limit > 0)
		json_put_int(params, key, limit);
}

json_t *
mailbox_quota_ask(const struct cmd_line *line, const char *mailbox,
    bool recount, struct fault *f)
{
	json_t *params = json_new_object(), *limits = NULL, *result = NULL;

	json_put_text(params, "user", mailbox);
	if (call_once(line, PLACE_AUTHD, "quota.get", params, &limits, f) < 0)
		return NULL;
	params = json_new_object();
	json_put_text(params, "mailbox", mailbox);
	json_put_bool(params, "recount", recount);
	copy_limit(limits, "quota", params);
	copy_limit(limits, "quota_messages", params);
	json_free(&limits);
	if (call_once(line, PLACE_LMTPD, "mailbox.quota", params, &result, f) <
	    0)
		return NULL;
	return result;
}

int
mailbox_quota(struct cmd_line *line, struct fault *f)
{
	json_t *quota = mailbox_quota_ask(
	    line, line->args[0], cmd_option(line, "recount") != NULL, f);

	if (quota == NULL)
		return -1;
	list_print_object(line, fields, quota);
	json_free(&quota);
	return 0;
}

void
mailbox_quota_put(struct buf *b, const json_t *quota)
{
	int64_t bytes = json_get_int(quota, "quota", 0);
	int64_t messages = json_get_int(quota, "quota_messages", 0);

	if (bytes == 0 && messages == 0) {
		buf_puts(b, "none");
		return;
	}
	if (bytes > 0) {
		size_put(b, (uint64_t)json_get_int(quota, "bytes", 0));
		buf_puts(b, " of ");
		size_put(b, (uint64_t)bytes);
	}
	if (messages > 0)
		buf_putf(b, "%s%lld of %lld messages", bytes > 0 ? ", " : "",
		    (long long)json_get_int(quota, "messages", 0),
		    (long long)messages);
	buf_putf(b, " (%lld %%)", (long long)json_get_int(quota, "percent", 0));
}
