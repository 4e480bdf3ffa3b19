/* SPDX-License-Identifier: ISC */
/* posthouse restore: everything, or what of a mailbox is gone. */
#include "config.h"

#include "admin/cmd.h"
#include "admin/restore.h"

static int all(struct cmd_line *line, struct fault *f);
static int user(struct cmd_line *line, struct fault *f);
static int mailbox(struct cmd_line *line, struct fault *f);

/* clang-format off */
const struct cmd cmd_restore[] = {
	{ "restore", "all", "DIR [SNAPSHOT]", 1, 2, CMD_JSON | CMD_LONG,
	  "everything, onto a machine that has nothing yet", all },
	{ "restore", "user", "DIR NAME [--snapshot NAME]", 2, 2,
	  CMD_JSON | CMD_LONG,
	  "a user that was deleted, and what the mailbox does not have", user },
	{ "restore", "mailbox",
	  "DIR NAME [--folder FOLDER] [--message-id ID] [--snapshot NAME]",
	  2, 2, CMD_JSON | CMD_LONG,
	  "what a mailbox does not have any more", mailbox },
	{ 0 },
};
/* clang-format on */

static int
all(struct cmd_line *line, struct fault *f)
{
	const char *name = line->n_args > 1 ? line->args[1] : NULL;
	struct restore r;
	int rc = restore_open(&r, line, line->args[0], name, f);

	if (rc == 0)
		rc = restore_all(&r, f);
	restore_close(&r);
	if (rc == 0)
		restore_print(&r);
	return rc;
}

static int
mailbox(struct cmd_line *line, struct fault *f)
{
	const struct restore_choice choice = {
	    .mailbox = line->args[1],
	    .folder = cmd_option(line, "folder"),
	    .message_id = cmd_option(line, "message-id"),
	};
	struct restore r;
	int rc = restore_open(
	    &r, line, line->args[0], cmd_option(line, "snapshot"), f);

	if (rc == 0)
		rc = restore_mailbox(&r, &choice, f);
	restore_close(&r);
	if (rc == 0)
		restore_print(&r);
	return rc;
}

static int
user(struct cmd_line *line, struct fault *f)
{
	struct restore r;
	int rc = restore_open(
	    &r, line, line->args[0], cmd_option(line, "snapshot"), f);

	if (rc == 0)
		rc = restore_user(&r, line->args[1], f);
	restore_close(&r);
	if (rc == 0)
		restore_print(&r);
	return rc;
}
