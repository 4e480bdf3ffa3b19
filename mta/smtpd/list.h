/* SPDX-License-Identifier: ISC */
/*
 * Groups (WAY_GROUP): a message to one goes to all members, by the queue, with
 * a sender of the list's own, and fields that say whose it is. 250 means that
 * the queue has it for all of them.
 *
 * The members are asked for when the message is there, by pieces
 * (posthouse-authd(8), "members"), and are at most LIST_MEMBERS_MAX.
 *
 * RFC 3461 5.2.7.1: with the list the message is delivered. What the sender
 * wanted to hear ends here; what the members' hosts say goes to the owners.
 */
#ifndef MTA_SMTPD_LIST_H
#define MTA_SMTPD_LIST_H

#include <stdbool.h>

#include "base/attr.h"
#include "base/fault.h"
#include "base/str.h"
#include "proto/address.h"
#include "proto/smtp_server.h"

struct smtpd_session;

enum {
	LIST_MEMBERS_MAX = 20000,
	LIST_GROUPS_MAX = 100, /* of one message */
};

/* The sender of what goes to the members: "owner-" before the list's address.
 * -1 where that is none. */
int list_owner(const struct address *list, struct address *owner,
    struct fault *f) MUST_USE;

/* Fills the outcomes of the groups: 5.4.6 where the list has had the message
 * before, 5.2.4 where it has no members, or too many. True where the queue has
 * it for some member, or may have it: then it must come again under its id. */
bool list_message(struct smtpd_session *s, const struct smtp_state *st,
    struct str head, struct smtp_outcome *mailboxes);

#endif
