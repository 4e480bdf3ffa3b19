/* SPDX-License-Identifier: ISC */
/*
 * What is known of domains' policies of MTA-STS: data, without a clock, a lock
 * or a thread. Bounded: who was asked for longest ago gives way, domains
 * without a policy among themselves and those with one among themselves.
 */
#ifndef MTA_SEND_STS_TABLE_H
#define MTA_SEND_STS_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/buf.h"
#include "base/str.h"
#include "base/map.h"
#include "base/ring.h"
#include "mta/send/dns.h"
#include "proto/sts.h"

/* What went wrong when a policy was to be fetched. */
enum sts_trouble {
	STS_TROUBLE_NONE,
	STS_TROUBLE_FETCH,   /* no answer to build on */
	STS_TROUBLE_INVALID, /* what came is no policy */
	STS_TROUBLE_WEBPKI,  /* the policy host has not proved its name */
};

enum {
	STS_REASON_SIZE = 160,
	STS_TABLE_BYTES_MAX = 32 << 20, /* of policies, in all */
};

struct sts_entry {
	char domain[DNS_NAME_SIZE]; /* A-labels, lower case */

	/* The policy, as sts_put_policy() has it; NULL: none. Those times are ms
	 * since 1970. */
	char *text;
	char id[STS_ID_MAX + 1];
	int64_t fetched, expires;
	int64_t used; /* last, since it was fetched or read; 0: not */

	/* Of the last fetch. */
	enum sts_trouble trouble;
	char reason[STS_REASON_SIZE];
	unsigned failures; /* in a row */

	/* clock_ms() */
	int64_t check_at;   /* ask DNS again */
	int64_t fetch_at;   /* not before, unless the id is another one */
	int64_t wait_until; /* while it is checked: nobody waits for longer */
	char tried_id[STS_ID_MAX + 1];
	bool is_checking;

	/* The table's own, and the queue's of those to be checked. */
	struct map_node node;
	struct ring ring;
	struct sts_entry *next;
};

struct sts_table {
	struct map map;
	struct ring some, none; /* the one asked for longest ago first */
	size_t n_some, n_none;
	size_t bytes; /* of policies */
	size_t max;   /* of each kind */
};

/* Embedded. */
void sts_table_init(struct sts_table *t, size_t max);
void sts_table_clear(struct sts_table *t);

/* NULL where it is not known. */
struct sts_entry *sts_table_find(
    const struct sts_table *t, const char *domain) MUST_USE;
/* A domain that is not known; NULL where it is too long a name. Call
 * sts_table_surplus() after it. */
struct sts_entry *sts_table_add(struct sts_table *t, const char *domain);
/* It was asked for. */
void sts_table_touch(struct sts_table *t, struct sts_entry *e);
/* Copies the text; NULL takes the policy away, and what is known of it. */
void sts_table_set(struct sts_table *t, struct sts_entry *e, const char *text);
/* Who has to give way; NULL: nobody. Not one that is being checked. */
struct sts_entry *sts_table_surplus(const struct sts_table *t) MUST_USE;
void sts_table_remove(struct sts_table *t, struct sts_entry **e);
/* Each, in no order; each() may remove the one that it has. */
void sts_table_each(struct sts_table *t,
    void (*each)(void *ctx, struct sts_entry *e), void *ctx);

/* A policy as it is kept. */
void sts_entry_encode(const struct sts_entry *e, struct buf *b);
/* Sets the policy. False for what is none. */
bool sts_entry_decode(
    struct sts_table *t, struct sts_entry *e, struct str value) MUST_USE;

#endif
