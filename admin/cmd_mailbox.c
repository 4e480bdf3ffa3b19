/* SPDX-License-Identifier: ISC */
/* posthouse mailbox: what is in the store, and what is done with it. The verbs
 * stand in cmd_mailbox_*.c. */
#include "config.h"

#include "admin/cmd_mailbox.h"

#include "admin/call.h"
#include "admin/select.h"

/* clang-format off */
const struct cmd cmd_mailbox[] = {
	{ "mailbox", "list", "[DOMAIN]", 0, 1, CMD_JSON,
	  "all mailboxes, or a domain's", mailbox_list },
	{ "mailbox", "stat", "NAME", 1, 1, CMD_JSON,
	  "a mailbox and its folders", mailbox_stat },
	{ "mailbox", "quota", "NAME [--recount]", 1, 1, CMD_JSON,
	  "how much it holds, and may hold", mailbox_quota },
	{ "mailbox", "search", "[NAME | @DOMAIN] " SELECT_USAGE " [--count]",
	  0, 1, CMD_JSON, "messages, by what is in their headers",
	  mailbox_search },
	{ "mailbox", "show",
	  "NAME [ID] [--message-id ID] [--folder FOLDER] [--raw]", 1, 2,
	  CMD_JSON, "a message", mailbox_show },
	{ "mailbox", "verify", "[NAME] [--repair] [--deep] [--resume NAME]", 0, 1,
	  CMD_JSON, "whether the index agrees with the Maildirs",
	  mailbox_verify },
	{ "mailbox", "rebuild", "[NAME] [--resume NAME]", 0, 1, CMD_JSON,
	  "make the index anew from the Maildirs", mailbox_rebuild },
	{ "mailbox", "delete", "NAME [--force] " SELECT_USAGE, 1, 1,
	  CMD_JSON | CMD_DRY | CMD_LONG,
	  "messages, or without any option the whole mailbox",
	  mailbox_delete },
	{ "mailbox", "expire", "[NAME]", 0, 1, CMD_JSON | CMD_DRY | CMD_LONG,
	  "move what is old out of folders now, by the rules",
	  mailbox_expire },
	{ "mailbox", "removed", "[NAME]", 0, 1, CMD_JSON,
	  "what was expired or deleted and can be brought back",
	  mailbox_removed },
	{ "mailbox", "undelete",
	  "NAME [--folder FOLDER] [--since TIME] [--until TIME]", 1, 1,
	  CMD_JSON | CMD_DRY | CMD_LONG, "bring back what was removed",
	  mailbox_undelete },
	{ "mailbox", "recall list", "[ID]", 0, 1, CMD_JSON,
	  "what was recalled", mailbox_recall_list },
	{ "mailbox", "recall undo", "ID", 1, 1,
	  CMD_JSON | CMD_DRY | CMD_LONG, "bring that back",
	  mailbox_recall_undo },
	{ "mailbox", "recall purge", "ID", 1, 1,
	  CMD_JSON | CMD_DRY | CMD_LONG, "end it for good",
	  mailbox_recall_purge },
	{ "mailbox", "recall", "[NAME|@DOMAIN] " SELECT_USAGE, 0, 1,
	  CMD_JSON | CMD_DRY | CMD_LONG,
	  "every copy of a message into quarantine", mailbox_recall },
	{ "mailbox", "legal-hold on", "NAME [--why TEXT]", 1, 1, CMD_JSON,
	  "lose nothing of a mailbox from now on", mailbox_hold_on },
	{ "mailbox", "legal-hold off", "NAME [--why TEXT]", 1, 1, CMD_JSON,
	  "end that", mailbox_hold_off },
	{ "mailbox", "legal-hold list", "", 0, 0, CMD_JSON,
	  "the mailboxes under legal hold", mailbox_hold_list },
	{ "mailbox", "move", "NAME NAME " SELECT_USAGE " [--into FOLDER]", 2,
	  2, CMD_JSON | CMD_LONG | CMD_DRY,
	  "messages, or all, into another mailbox or folder", mailbox_move },
	{ "mailbox", "copy", "NAME NAME " SELECT_USAGE " [--into FOLDER]", 2,
	  2, CMD_JSON | CMD_LONG | CMD_DRY, "the same, and leave them",
	  mailbox_move },
	{ "mailbox", "dedupe", "NAME [--folder FOLDER] [--across]", 1, 1,
	  CMD_JSON | CMD_LONG | CMD_DRY,
	  "remove what is there more than once", mailbox_dedupe },
	{ "mailbox", "savings", "[NAME | @DOMAIN]", 0, 1, CMD_JSON | CMD_LONG,
	  "what one file for many recipients saves", mailbox_savings },
	{ "mailbox", "export",
	  "NAME " SELECT_USAGE " [--format FORMAT] [--held] [--output FILE]", 1, 1,
	  CMD_JSON | CMD_LONG,
	  "mail as an mbox, an archive or files", mailbox_export },
	{ "mailbox", "import",
	  "NAME FILE [--folder FOLDER] [--format MBOX]", 2, 2,
	  CMD_JSON | CMD_LONG,
	  "mail from an mbox, a Maildir or an archive", mailbox_import },
	{ "mailbox", "import-tree",
	  "DIRECTORY [--domain DOMAIN] [--folder FOLDER] [--format MBOX]", 1, 1,
	  CMD_JSON | CMD_LONG,
	  "all mailboxes of another server", mailbox_import_tree },
	{ 0 },
};
/* clang-format on */

int
mailbox_ask(
    struct cmd_line *line, const char *method, json_t **result, struct fault *f)
{
	json_t *params = json_new_object();

	if (line->n_args > 0)
		json_put_text(params, "mailbox", line->args[0]);
	return call_once(line, PLACE_LMTPD, method, params, result, f);
}
