/* SPDX-License-Identifier: ISC */
/*
 * Quotas: whether a mailbox has room for a message. The limits are the
 * caller's, from the directory; what is used says "maildirsize"
 * (store/maildirsize.h), and what is on its way into the mailbox is reserved,
 * so that deliveries at the same time never pass a limit together.
 *
 * All mailboxes of a domain together are summed up by the index, which learns
 * of what other programs do a little later: a limit of theirs is never passed
 * by what we deliver, and what others remove counts QUOTA_DOMAIN_MS longer at
 * least.
 *
 * A mailbox that cannot be looked at has room: mail is not lost over this.
 */
#ifndef STORE_QUOTA_H
#define STORE_QUOTA_H

#include <stdbool.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/fault.h"
#include "store/mailbox.h"
#include "store/maildirsize.h"

enum { QUOTA_DOMAIN_MS = 10000 };

struct box;
struct index;
struct quotas;
struct quota_account;

struct quota_limits {
	struct maildirsize_limits user, domain; /* 0: none */
};

struct quota_conf {
	bool permanent; /* what is full refuses for good (5.2.2), not for now
			 * (4.2.2) */
	uint64_t grace; /* bytes by which the last message may pass the limit
			 * of a mailbox that was not full */
};

/* Borrows root and index. */
struct quotas *quotas_new(
    int root, struct index *index, const struct quota_conf *conf) MUST_USE;
/* Nobody may have an account. */
void quotas_free(struct quotas **quotas);

/* Of a mailbox, which need not exist yet; NULL where it has no limits. Those of
 * the last caller hold for all. */
struct quota_account *quota_open(struct quotas *quotas,
    const struct mailbox_name *mailbox,
    const struct quota_limits *limits) MUST_USE;
struct quota_account *quota_hold(struct quota_account *account) MUST_USE;
void quota_close(struct quota_account **account);
/* Lives as long as the account. */
const struct mailbox_name *quota_mailbox(const struct quota_account *account);

/*
 * Whether there is room for a message of so many bytes (0: unknown), as far as
 * is known now. Faults are the recipient's: 4.2.2 or 5.2.2 where it is full,
 * 5.2.2 where the message is larger than the whole mailbox may be.
 */
int quota_check(
    struct quota_account *account, uint64_t size, struct fault *f) MUST_USE;

/* The same, and takes the room: quota_release() or quota_begin_place() is to follow. */
int quota_reserve(
    struct quota_account *account, uint64_t size, struct fault *f) MUST_USE;
/* Takes it whether it is there or not. */
void quota_claim(struct quota_account *account, uint64_t size);
/* The message is not placed. */
void quota_release(struct quota_account *account, uint64_t size);
/*
 * Around what puts the message there. The second counts it (where it was placed)
 * and gives back what was reserved. account may be NULL: then a file that others
 * keep still gets its line.
 */
void quota_begin_place(struct quota_account *account);
void quota_end_place(struct quota_account *account, int root,
    const struct box *box, uint64_t size, bool placed);
/* What was placed was taken back; ...or has been told to the index. */
void quota_take_back(struct quota_account *account, int root,
    const struct box *box, uint64_t size);
void quota_indexed(struct quota_account *account, uint64_t size);

struct quota_usage {
	struct maildirsize_limits limits;
	uint64_t bytes, messages;
	unsigned percent; /* of the limit that is nearer */
};
/* What is used now, of the user's own. */
int quota_usage(struct quota_account *account, struct quota_usage *usage,
    struct fault *f) MUST_USE;
/* Counts all messages anew first. */
int quota_recount(struct quota_account *account, struct quota_usage *usage,
    struct fault *f) MUST_USE;
/*
 * Where a mailbox has the file: counts all messages, and writes it anew where it
 * says otherwise, with the limits that it has. 1 where it was wrong, 0, or -1.
 */
int quota_mend(struct quotas *quotas, const struct mailbox_name *mailbox,
    struct fault *f) MUST_USE;
/* As it was at the last quota_reserve(), with that message. */
unsigned quota_percent(const struct quota_account *account);

#endif
