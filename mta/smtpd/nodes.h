/* SPDX-License-Identifier: ISC */
/*
 * Other store nodes: hosts whose lmtpd keeps some of our mailboxes. Which
 * mailbox is where says the map `transport` of a socketmap server, in Postfix'
 * words: "lmtp:inet:192.0.2.7:24", "lmtp:unix:/path".
 */
#ifndef MTA_SMTPD_NODES_H
#define MTA_SMTPD_NODES_H

#include "base/attr.h"
#include "base/fault.h"
#include "base/str.h"

struct lmtp_pool;
struct lmtp_pool_conf;
struct notes;
struct socketmap_client;

struct nodes;

enum node_place {
	NODE_OURS,  /* the map does not know it */
	NODE_OTHER, /* the node's pool is known */
	NODE_LATER, /* it is neither here nor at a node that can be asked now:
		     * the queue finds the way */
};

/* Takes map; conf is how to connect, but for the address. */
struct nodes *nodes_new(
    struct socketmap_client *map, const struct lmtp_pool_conf *conf) MUST_USE;
/* As lmtp_pool_quit() and lmtp_pool_free(), for all. nodes may be NULL. */
void nodes_quit(struct nodes *nodes);
void nodes_free(struct nodes **nodes);

/*
 * Where the mailbox is, by its address_key(); blocks for the look-up. *pool
 * lives as long as the nodes. With NODE_LATER, why says what the map said, in
 * the log's words. From any thread.
 */
enum node_place nodes_find(struct nodes *nodes, const char *mailbox,
    struct notes *notes, struct lmtp_pool **pool, struct fault *why);

#endif
