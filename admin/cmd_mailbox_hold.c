/* SPDX-License-Identifier: ISC */
/* Legal holds. lmtpd sets and ends them, since it has folders open. */
#include "config.h"

#include "admin/cmd_mailbox.h"

#include <inttypes.h>

#include "admin/call.h"
#include "admin/list.h"
#include "admin/mail_client.h"
#include "store/hold.h"

/* clang-format off */
static const struct table_column columns[] = {
	{ "MAILBOX", "mailbox", TABLE_TEXT },
	{ "SINCE", "since", TABLE_DATE },
	{ "BY", "who", TABLE_TEXT },
	{ "WHY", "why", TABLE_TEXT },
	{ 0 },
};
/* clang-format on */

static int
ask(struct cmd_line *line, bool on, json_t **result, struct fault *f)
{
	const char *why = cmd_option(line, "why");
	json_t *params = json_new_object();

	json_put_text(params, "mailbox", line->args[0]);
	json_put_bool(params, "on", on);
	if (why != NULL)
		json_put_text(params, "why", why);
	return call_once(line, PLACE_LMTPD, "mailbox.hold", params, result, f);
}

int
mailbox_hold_on(struct cmd_line *line, struct fault *f)
{
	json_t *result;

	if (ask(line, true, &result, f) < 0)
		return -1;
	if (line->json)
		list_print_json(line, result);
	else
		fprintf(line->out,
		    "%s %s under legal hold; %" PRId64 " message(s) held now\n",
		    line->args[0],
		    json_get_bool(result, "changed", false) ? "is"
							    : "was already",
		    json_get_int(result, "messages", 0));
	json_free(&result);
	return 0;
}

int
mailbox_hold_off(struct cmd_line *line, struct fault *f)
{
	json_t *result;

	if (ask(line, false, &result, f) < 0)
		return -1;
	if (line->json)
		list_print_json(line, result);
	else
		fprintf(line->out, "%s %s under legal hold\n", line->args[0],
		    json_get_bool(result, "changed", false) ? "is no longer"
							    : "was not");
	json_free(&result);
	return 0;
}

struct listing {
	struct mail_client mail;
	json_t *items;
};

static int
list_one(void *ctx, const struct mailbox_name *mailbox, struct fault *f)
{
	struct listing *l = ctx;
	struct hold hold;
	json_t *item;
	int rc = hold_get(l->mail.client->root, mailbox, &hold, f);

	if (rc <= 0)
		return rc;
	item = json_new_object();
	json_put_text(item, "mailbox", mailbox->text);
	json_put_int(item, "since", hold.since);
	json_put_text(item, "who", hold.who);
	json_put_text(item, "why", hold.why);
	json_add(l->items, item);
	return 0;
}

int
mailbox_hold_list(struct cmd_line *line, struct fault *f)
{
	struct listing l = {.items = json_new_array()};
	int rc = -1;

	if (mail_client_open(&l.mail, line, MAIL_CLIENT_READ, f) == 0)
		rc = client_each_mailbox(
		    l.mail.client, str(""), list_one, &l, f);
	if (rc == 0)
		list_print_items(line, "holds", columns, l.items);
	json_free(&l.items);
	mail_client_close(&l.mail);
	return rc;
}
