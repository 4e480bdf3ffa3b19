/* SPDX-License-Identifier: ISC */
/*
 * Which recipients are accepted, and which mailboxes they mean: decided at
 * RCPT by the directory (socketmap maps "recipient", "domain", for senders of
 * forwarded mail to whom something comes back "reverse", and for who may send
 * to a group "post").
 *
 * A local part with "@", "%" or "!" in it is never looked up: routes hide in
 * these, and what is not looked up cannot be relayed, nor reach a catch-all.
 * Nor is one that must be quoted: the directory has no such names, and its
 * answers are split by blanks.
 */
#ifndef MTA_SMTPD_RECIPIENT_H
#define MTA_SMTPD_RECIPIENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/fault.h"
#include "proto/address.h"
#include "proto/envelope.h"
#include "proto/smtp_server.h"

struct domains;
struct lmtp_pool;
struct nodes;
struct notes;
struct quota_asker;
struct socketmap_client;

enum {
	RECIPIENT_MAILBOXES_MAX = 20000, /* of one message */
};

enum recipient_way {
	WAY_LOCAL,   /* delivered while the client waits */
	WAY_QUEUE,   /* for elsewhere, or somebody wants to hear of it */
	WAY_FORWARD, /* for elsewhere, since an alias of ours says so */
	WAY_GROUP,   /* a mailing list of ours (list.h); its own address */
};

/* What the RCPTs of one message have come to. Zeroes are an empty one. */
struct recipients {
	struct envelope_rcpt *mailboxes; /* each once; elsewhere too */
	enum recipient_way *ways;        /* of each mailbox */
	struct lmtp_pool **pools;        /* of each with WAY_LOCAL: the other
					  * node that has it; NULL: lmtpd */
	uint32_t *rcpts;                 /* of each: the RCPT it came by */
	uint64_t *hashes;                /* of their addresses */
	size_t n, room;
	size_t n_groups; /* of the mailboxes */
	/* RCPT i means the mailboxes members[ends[i - 1]..ends[i]]. */
	uint32_t *members;
	size_t n_members, members_room;
	uint32_t *ends;
	size_t n_rcpts, rcpts_room;
};
void recipients_clear(struct recipients *r);

struct recipient_rules {
	struct socketmap_client *directory;
	const struct address *postmaster; /* who <postmaster> is */
	bool known_client; /* logged in, or from a trusted network */
	struct str login;  /* empty: not logged in */
	const struct address *sender;
	const struct domains *relay_domains;
	struct socketmap_client *relay_recipients; /* NULL: all are taken */
	struct nodes *nodes;       /* NULL: all mailboxes are lmtpd's */
	struct quota_asker *quota; /* NULL: nobody is asked for room */
	uint64_t size;             /* as MAIL has declared it; 0: not */
	bool has_queue;            /* else nothing is taken for elsewhere */
	struct notes *notes;       /* NULL: nobody asks for the rules */
};

/*
 * Takes one more RCPT, or refuses it: 5.1.1 no such user, 5.7.1 relay denied,
 * also where a route to elsewhere hides in a local part of relay_domains,
 * 5.7.2 who may not send to the group, 4.3.0 where the directory or the map of
 * the nodes does not answer (why says what it said) or mail is for elsewhere or a group and there
 * is no queue, 4.5.3 too many mailboxes or groups, 4.2.2 or 5.2.2 where it leads
 * only to mailboxes that have no room.
 */
int recipient_add(struct recipients *r, const struct recipient_rules *rules,
    const struct envelope_rcpt *rcpt, struct fault *why,
    struct fault *f) MUST_USE;

/*
 * Folds one outcome a mailbox into one an accepted RCPT: ok where all of its
 * mailboxes are, else the first temporary fault, else the first.
 */
void recipients_fold(const struct recipients *r,
    const struct smtp_outcome *mailboxes, struct smtp_outcome *rcpts);

#endif
