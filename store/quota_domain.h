/* SPDX-License-Identifier: ISC */
/*
 * What all mailboxes of a domain hold together: the sum of the index, what was
 * told to the index since, and what is under way. Private to quota*.c; see
 * quota.h.
 */
#ifndef STORE_QUOTA_DOMAIN_H
#define STORE_QUOTA_DOMAIN_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/fault.h"
#include "base/map.h"
#include "store/mailbox.h"
#include "store/maildirsize.h"

struct index;

struct quota_amount {
	uint64_t bytes, messages;
};

struct quota_domain {
	struct map_node node; /* the owner's */
	char name[MAILBOX_NAME_SIZE];

	/* Private. */
	struct index *index;
	pthread_mutex_t mutex;
	struct quota_amount summed;   /* by the index */
	struct quota_amount since;    /* told to the index after that began */
	struct quota_amount underway; /* reserved, or not told to it yet */
	int64_t summed_at;            /* clock_ms(); 0: never */
	bool is_summing;
};

/* Borrows the index. */
struct quota_domain *quota_domain_new(
    struct index *index, const char *name) MUST_USE;
void quota_domain_free(struct quota_domain **domain);

struct quota_question {
	struct maildirsize_limits limits;
	uint64_t size;
	bool reserve;   /* takes the room where there is some */
	bool permanent; /* what is full refuses for good */
};
/* 0 or -1, as quota_check(). Where the index cannot sum up, trouble says why
 * (its text is not touched else), and an old sum counts. Blocks then and when. */
int quota_domain_ask(struct quota_domain *domain,
    const struct quota_question *question, struct fault *trouble,
    struct fault *f) MUST_USE;

/* A message of that size takes its room whether there is some or not; it is not
 * to come, or was taken back; or it was told to the index. */
void quota_domain_claim(struct quota_domain *domain, uint64_t size);
void quota_domain_leave(
    struct quota_domain *domain, uint64_t size, bool indexed);

#endif
