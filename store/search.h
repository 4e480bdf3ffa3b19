/* SPDX-License-Identifier: ISC */
/*
 * "mailbox.search": messages by what the index knows of them, a page at a time,
 * in the order of mailboxes, folders and deliveries. Parameters, besides the
 * criteria (store/criteria.h), may be missing:
 *
 *   mailbox  only in this one, after a look at its Maildir
 *   domain   only in its mailboxes
 *   limit    messages a page, 1 to 1000
 *   after    what the page before had as next
 *   count    true: only how many there are
 *   brief    true: of each message only those up to subject, which is cheaper
 *
 * The result has messages, an array of {mailbox, folder, id, size, stored,
 * flags, from, subject, file, date, from_name, to, message_id, list_id, attachments, spam,
 * digest, body, delivery_id}; or for a count messages, bytes and mailboxes, as
 * numbers for this page. What a message has not is missing. Where there may be more it has next: also behind an empty
 * page, since a call ends after a fraction of a second however much it has
 * read.
 *
 * `file` is where the Maildir had it, "cur/NAME": an IMAP server may have
 * renamed it since.
 */
#ifndef STORE_SEARCH_H
#define STORE_SEARCH_H

#include "base/attr.h"
#include "base/fault.h"
#include "base/json.h"

struct store;

json_t *search_messages(
    struct store *store, const json_t *params, struct fault *f) MUST_USE;

#endif
