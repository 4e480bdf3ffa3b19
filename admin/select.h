/* SPDX-License-Identifier: ISC */
/*
 * Which messages of which mailboxes a command means: the same options for all,
 * and the pages of "mailbox.search" (store/search.h), whose objects describe
 * each message.
 */
#ifndef ADMIN_SELECT_H
#define ADMIN_SELECT_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "admin/call.h"
#include "admin/cmd.h"
#include "base/attr.h"
#include "base/buf.h"
#include "base/fault.h"
#include "base/json.h"

/* In the usage of a command that takes them. */
#define SELECT_USAGE                                                         \
	"[--id ID] [--from TEXT] [--to TEXT] [--subject TEXT] "              \
	"[--message-id ID] [--list-id TEXT] [--folder FOLDER] "              \
	"[--since TIME] [--before TIME] [--sent-since TIME] "                \
	"[--sent-before TIME] [--larger SIZE] [--smaller SIZE] "             \
	"[--flags FLAG,...] [--attachments yes|no] [--spam yes|no|unknown] " \
	"[--digest SHA256] [--body HEX]"

/* The usage for people, who need not read all of that each time: with
 * "[SELECTION]" in its place. True where it was there. */
bool select_put_usage(struct buf *b, const char *args);
/* What that stands for. */
void select_print_help(FILE *out);

/*
 * The parameters (new) that the options make. which is a mailbox, "@" and a
 * domain, or NULL for all. NULL with 5.5.4 where a value is none.
 */
json_t *select_params(
    const struct cmd_line *line, const char *which, struct fault *f) MUST_USE;
/* Whether any option of the selection was given. */
bool select_is_given(const struct cmd_line *line);

/*
 * Calls each message, in the order of mailboxes, folders and deliveries, until
 * each() returns something else than 0, which is then returned; -1 on a fault.
 * What is done with a message meanwhile, does not make others be left out.
 * Changes params.
 */
int select_each(struct call *call, json_t *params,
    int (*each)(void *ctx, const json_t *message, struct fault *f), void *ctx,
    struct fault *f) MUST_USE;

struct select_count {
	uint64_t messages, bytes, mailboxes;
};
/* Changes params. */
int select_count(struct call *call, json_t *params, struct select_count *count,
    struct fault *f) MUST_USE;

#endif
