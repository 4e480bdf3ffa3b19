/* SPDX-License-Identifier: ISC */
/*
 * How long messages may stay in which folder: the option `expire`.
 *
 *   "FOLDER AGE"          everybody's
 *   "FOLDER AGE @DOMAIN"  of a domain
 *   "FOLDER AGE ADDRESS"  of a mailbox
 *
 * FOLDER may have blanks in it; "FOLDER/" followed by a star means all that
 * are below it, a star alone every folder. AGE is a time like "30d", or "never".
 * Of the rules that fit a folder that for the mailbox counts, else that for its
 * domain; of several such the one that names the folder most closely.
 */
#ifndef STORE_EXPIRE_RULES_H
#define STORE_EXPIRE_RULES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/fault.h"
#include "store/mailbox.h"

enum { EXPIRE_NEVER = -1 };

struct expire_rule {
	char folder[MAILBOX_FOLDER_SIZE]; /* "Trash"; "" for the inbox */
	bool below;  /* all below the folder, which may be "": all at all */
	int64_t age; /* seconds, or EXPIRE_NEVER */
	char whom[MAILBOX_NAME_SIZE]; /* "", "@domain", "user@domain" */
};

struct expire_rules {
	struct expire_rule *rules;
	size_t n;
};

/* Embedded; of zeroes: none. Clear it after a fault too, which is in the
 * operator's words (5.3.5). */
int expire_rules_parse(struct expire_rules *rules, const char *const *lines,
    size_t n, struct fault *f) MUST_USE;
void expire_rules_clear(struct expire_rules *rules);

/* Seconds, or EXPIRE_NEVER. */
int64_t expire_rules_age(const struct expire_rules *rules,
    const struct mailbox_name *mailbox, const struct mailbox_folder *folder);

#endif
