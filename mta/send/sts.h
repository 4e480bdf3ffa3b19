/* SPDX-License-Identifier: ISC */
/*
 * MTA-STS for who sends (RFC 8461): which policy a domain has. DNS says that
 * there is one, HTTPS which; it is kept, over restarts too, until it expires,
 * and as long as a newer one cannot be had.
 *
 * Where a domain has a policy already nobody waits: it is checked beside the
 * sending. Else whoever asks waits, a bounded time, and where that was not
 * enough goes on as if there were none, while the fetch does (RFC 8461 5.1).
 * Of a policy that is used, a new copy is fetched each day.
 */
#ifndef MTA_SEND_STS_H
#define MTA_SEND_STS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/fault.h"
#include "base/str.h"
#include "mta/send/sts_table.h"

struct dns;
struct https;
struct sts;

/* Where policies outlive the process. */
struct sts_store {
	/* Durable soon, from any thread; must not block. An empty value removes
	 * it. */
	void (*put)(void *ctx, struct str domain, struct str value);
	/* All that were put, at the start. */
	int (*each)(void *ctx,
	    int (*give)(void *to, struct str domain, struct str value),
	    void *to, struct fault *f);
	void *ctx;
};

struct sts_conf {
	struct dns *dns;        /* borrowed, as is https, ... */
	struct https *https;    /* ... which must be stopped first */
	int64_t wait_ms;        /* 0: 10 s */
	size_t max;             /* domains; 0: 10000 */
	struct sts_store store; /* put NULL: none */
};

struct sts *sts_new(const struct sts_conf *conf, struct fault *f) MUST_USE;
/* No call may be under way. */
void sts_free(struct sts **sts);

/* What is known of a domain. */
struct sts_found {
	char domain[DNS_NAME_SIZE];
	char *text;               /* the policy's; NULL: there is none */
	struct sts_policy policy; /* STS_NONE where there is none; views into
				   * text */
	char id[STS_ID_MAX + 1];
	int64_t fetched, expires; /* ms since 1970 */
	/* Of the last fetch, whatever is known from earlier ones. */
	enum sts_trouble trouble;
	char reason[STS_REASON_SIZE];
};

/* domain: A-labels, lower case. Blocks as said above, and says so to the loop.
 * From any thread. */
void sts_find(struct sts *sts, const char *domain, struct sts_found *found);
void sts_found_clear(struct sts_found *found);

/* Mail could not be sent for what the policy says: look soon whether there is
 * another by now (RFC 8461 5). */
void sts_doubt(struct sts *sts, const char *domain);

/* For the operator. Each policy that is known, in no order; under a lock. */
void sts_each(struct sts *sts,
    void (*each)(void *ctx, const struct sts_entry *e), void *ctx);
/* As if the domain had never been asked for. False where no policy is known. */
bool sts_forget(struct sts *sts, const char *domain);

#endif
