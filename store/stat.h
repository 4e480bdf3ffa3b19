/* SPDX-License-Identifier: ISC */
/*
 * "mailbox.stat": what is in a mailbox, after a look at its Maildir. The one
 * parameter is mailbox. The result has mailbox, folders (an array of {folder,
 * …}), and like each folder
 *
 *   messages unseen bytes
 *   oldest newest            when the first and the last were delivered,
 *                            seconds since 1970; missing where there is none
 *   messages_7d bytes_7d     delivered in the last seven days, and still there
 *   messages_30d bytes_30d   the same for thirty
 */
#ifndef STORE_STAT_H
#define STORE_STAT_H

#include "base/attr.h"
#include "base/fault.h"
#include "base/json.h"

struct store;

json_t *stat_mailbox(
    struct store *store, const json_t *params, struct fault *f) MUST_USE;

#endif
