/* SPDX-License-Identifier: ISC */
/*
 * Whether a mailbox is kept by this lmtpd, where an organisation has several:
 * the map `node` of the directory names the one that a mailbox is kept by.
 */
#ifndef LMTP_NODE_H
#define LMTP_NODE_H

#include "base/attr.h"
#include "base/fault.h"
#include "store/mailbox.h"

struct lmtp_session;

/*
 * 0 where it is, also where it has no node, or lmtpd has no name. Else a
 * temporary fault: 4.2.1 another node keeps it, 4.2.0 it is being moved, 4.3.0
 * the directory does not answer. What is told is never older than the call:
 * whoever moves a mailbox counts on it.
 */
int node_check(struct lmtp_session *s, const struct mailbox_name *mailbox,
    struct fault *f) MUST_USE;

#endif
