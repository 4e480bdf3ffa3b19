/* SPDX-License-Identifier: ISC */
/*
 * Mail to a user whose mailbox is nearly full: once for each level that is
 * passed, and again only when the mailbox was below it in between. It is put
 * into the mailbox whether that has room or not.
 */
#ifndef LMTP_WARNING_H
#define LMTP_WARNING_H

#include <stddef.h>

#include "base/attr.h"
#include "base/conf.h"
#include "base/fault.h"

struct quota_account;
struct store;
struct warnings;

enum { WARNING_LEVELS_MAX = 10 };

struct warnings_conf {
	const struct conf_list *levels; /* percent, each from 1 to 100 */
	const char *templates;          /* a folder, or NULL: built in */
	const char *hostname;           /* borrowed */
};

/* False where an item of the list is no level, or there are too many. */
bool warning_levels_parse(const struct conf_list *list,
    unsigned levels[WARNING_LEVELS_MAX], size_t *n) MUST_USE;

/* NULL with the fault where a template is none. The levels were checked. */
struct warnings *warnings_new(
    const struct warnings_conf *conf, struct fault *f) MUST_USE;
void warnings_free(struct warnings **warnings);

/*
 * After a delivery into the account's mailbox: tells its user where that is due.
 * Blocks until the warning is durable. What fails is logged, and tried again at
 * the next delivery.
 */
void warnings_look(struct warnings *warnings, struct store *store,
    struct quota_account *account);

#endif
