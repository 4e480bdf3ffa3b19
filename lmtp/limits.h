/* SPDX-License-Identifier: ISC */
/*
 * How much a mailbox may hold: the directory's map "quota". While the directory
 * is away what it said last counts, and where it never said anything there are
 * no limits: mail is not lost over this.
 */
#ifndef LMTP_LIMITS_H
#define LMTP_LIMITS_H

#include "base/attr.h"
#include "base/str.h"
#include "store/mailbox.h"
#include "store/quota.h"

struct limits;
struct socketmap_client;

/* Borrows the client. */
struct limits *limits_new(struct socketmap_client *directory) MUST_USE;
void limits_free(struct limits **limits);

/* Of the mailbox that the address means (a key, with a sub-address or without):
 * true with both; false where there is none, or that is not known. limits NULL:
 * nobody has any. */
bool limits_get(struct limits *limits, struct str address,
    struct mailbox_name *mailbox, struct quota_limits *found);

/* "user=ann@example.org bytes=1000 messages=0 …" as the map has it; what is
 * not known is ignored. False where there is no mailbox in it. */
bool limits_parse(struct str value, struct mailbox_name *mailbox,
    struct quota_limits *found) MUST_USE;

#endif
