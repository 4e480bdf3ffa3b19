/* SPDX-License-Identifier: ISC */
/* The verbs of "posthouse mailbox", by file, and what they share. */
#ifndef ADMIN_CMD_MAILBOX_H
#define ADMIN_CMD_MAILBOX_H

#include "admin/cmd.h"
#include "base/attr.h"
#include "base/buf.h"
#include "base/fault.h"
#include "base/json.h"

/* The result (new) of a method on the mailbox that the first argument names, if
 * there is one. */
int mailbox_ask(struct cmd_line *line, const char *method, json_t **result,
    struct fault *f) MUST_USE;

/* cmd_mailbox_list.c */
int mailbox_list(struct cmd_line *line, struct fault *f) MUST_USE;
int mailbox_stat(struct cmd_line *line, struct fault *f) MUST_USE;

/* cmd_mailbox_quota.c */
int mailbox_quota(struct cmd_line *line, struct fault *f) MUST_USE;
/* What that would show of the mailbox (new); NULL where it cannot be had. */
json_t *mailbox_quota_ask(const struct cmd_line *line, const char *mailbox,
    bool recount, struct fault *f) MUST_USE;
/* "1.9 GiB of 2.0 GiB, 12 of 1000 messages (95 %)", or what is used. */
void mailbox_quota_put(struct buf *b, const json_t *quota);

/* cmd_mailbox_check.c */
int mailbox_verify(struct cmd_line *line, struct fault *f) MUST_USE;
int mailbox_rebuild(struct cmd_line *line, struct fault *f) MUST_USE;

/* cmd_mailbox_search.c */
int mailbox_search(struct cmd_line *line, struct fault *f) MUST_USE;

/* cmd_mailbox_show.c */
int mailbox_show(struct cmd_line *line, struct fault *f) MUST_USE;

/* cmd_mailbox_delete.c */
int mailbox_delete(struct cmd_line *line, struct fault *f) MUST_USE;

/* cmd_mailbox_expire.c */
int mailbox_expire(struct cmd_line *line, struct fault *f) MUST_USE;

/* cmd_mailbox_hold.c */
int mailbox_hold_on(struct cmd_line *line, struct fault *f) MUST_USE;
int mailbox_hold_off(struct cmd_line *line, struct fault *f) MUST_USE;
int mailbox_hold_list(struct cmd_line *line, struct fault *f) MUST_USE;

/* cmd_mailbox_recall.c */
int mailbox_recall(struct cmd_line *line, struct fault *f) MUST_USE;

/* cmd_mailbox_recalled.c */
int mailbox_recall_list(struct cmd_line *line, struct fault *f) MUST_USE;
int mailbox_recall_purge(struct cmd_line *line, struct fault *f) MUST_USE;
int mailbox_recall_undo(struct cmd_line *line, struct fault *f) MUST_USE;

/* cmd_mailbox_undelete.c */
int mailbox_removed(struct cmd_line *line, struct fault *f) MUST_USE;
int mailbox_undelete(struct cmd_line *line, struct fault *f) MUST_USE;

/* cmd_mailbox_export.c */
int mailbox_export(struct cmd_line *line, struct fault *f) MUST_USE;

/* cmd_mailbox_dedupe.c */
int mailbox_dedupe(struct cmd_line *line, struct fault *f) MUST_USE;
int mailbox_savings(struct cmd_line *line, struct fault *f) MUST_USE;

/* cmd_mailbox_move.c: move and copy */
int mailbox_move(struct cmd_line *line, struct fault *f) MUST_USE;

/* cmd_mailbox_import.c */
int mailbox_import(struct cmd_line *line, struct fault *f) MUST_USE;
int mailbox_import_tree(struct cmd_line *line, struct fault *f) MUST_USE;

#endif
