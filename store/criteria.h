/* SPDX-License-Identifier: ISC */
/*
 * Which messages are meant: what is asked for must all be so. The members of
 * the JSON object, each of which may be missing:
 *
 *   from to subject list_id  text that the field holds, without case: From has
 *                            a name and an address, "to" the addresses of To
 *                            and Cc
 *   message_id               the whole Message-ID, with or without brackets
 *   id                       what handle_means() takes
 *   folder                   its name; "INBOX"
 *   since before             when it was delivered, seconds since 1970: from
 *                            the one on, up to the other
 *   sent_since sent_before   the same of its Date field
 *   larger smaller           bytes on disk: more than, less than
 *   flags                    an array of "seen", "unseen", "answered",
 *                            "unanswered", "flagged", "unflagged", "deleted",
 *                            "undeleted", "draft", "undraft", "forwarded",
 *                            "unforwarded"
 *   attachments              true: has some; false: is known to have none
 *   spam                     "yes", "no" or "unknown": what a filter said
 *   digest                   SHA-256 of the file as it came, in hexadecimal
 *   body                     the first 16 digits of SHA-256 of its body
 */
#ifndef STORE_CRITERIA_H
#define STORE_CRITERIA_H

#include <stdbool.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/buf.h"
#include "base/caseless.h"
#include "base/fault.h"
#include "base/json.h"
#include "base/str.h"
#include "store/mailbox.h"
#include "store/record.h"

enum { CRITERIA_TEXT_MAX = 500 }; /* bytes; longer is refused */

/* Embedded. */
struct criteria {
	struct caseless from, to, subject, list_id;
	struct str message_id, id; /* ours; at == NULL: any */
	bool has_folder;
	struct mailbox_folder folder;
	int64_t since, before, sent_since, sent_before;
	uint64_t larger, smaller;
	bool has_larger;
	uint32_t with_flags, without_flags; /* bit 0 is "A" */
	bool has_attachments, attachments;  /* the second, where the first */
	bool has_spam;
	enum record_spam spam;
	struct buf digest, body; /* empty: any */
};

/* 5.5.4 for what can not be read. Clear it in either case. */
int criteria_read(
    struct criteria *c, const json_t *params, struct fault *f) MUST_USE;
void criteria_clear(struct criteria *c);

/* Whether a folder can hold what is meant. */
bool criteria_want_folder(const struct criteria *c,
    const struct mailbox_folder *folder, uint64_t messages,
    uint64_t unseen) MUST_USE;
/* Whether the message, in a folder that is wanted, is meant. */
bool criteria_match(const struct criteria *c,
    const struct mailbox_folder *folder, struct str base,
    const struct record *r) MUST_USE;

/* An array of the flags that are set, in the words above. */
json_t *criteria_flags(struct str info) MUST_USE;
/* The word for a verdict. */
const char *criteria_spam(enum record_spam spam);

#endif
