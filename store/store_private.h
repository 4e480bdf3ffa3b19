/* SPDX-License-Identifier: ISC */
/* What a store is made of. */
#ifndef STORE_PRIVATE_H
#define STORE_PRIVATE_H

#include <stdatomic.h>
#include <sys/types.h>

#include "store/maildir.h"
#include "store/store.h"

struct boxes;
struct committer;
struct index;
struct keeper;
struct quotas;
struct recent;

struct store {
	struct store_conf conf; /* its strings are ours */
	char host[MAILDIR_HOST_SIZE];
	int root;
	dev_t dev; /* of root */
	pid_t pid;
	atomic_uint_fast64_t seq; /* for file names */
	struct index *index;
	struct recent *recent;
	struct boxes *boxes;
	struct committer *committer;
	struct keeper *keeper; /* NULL: only what is asked for is done */
	uid_t caller; /* whose calls are those that come by no socket */
	struct quotas *quotas;
};

/* store_methods_check.c */
json_t *store_method_digests(
    void *ctx, const json_t *params, struct fault *f) MUST_USE;
json_t *store_method_learn(
    void *ctx, const json_t *params, struct fault *f) MUST_USE;
json_t *store_method_names(
    void *ctx, const json_t *params, struct fault *f) MUST_USE;
json_t *store_method_rebuild(
    void *ctx, const json_t *params, struct fault *f) MUST_USE;
json_t *store_method_verify(
    void *ctx, const json_t *params, struct fault *f) MUST_USE;

/* store_methods_retention.c */
json_t *store_method_audit_add(
    void *ctx, const json_t *params, struct fault *f) MUST_USE;
json_t *store_method_audit_list(
    void *ctx, const json_t *params, struct fault *f) MUST_USE;
json_t *store_method_hold(
    void *ctx, const json_t *params, struct fault *f) MUST_USE;

/* store_methods_quota.c */
json_t *store_method_quota(
    void *ctx, const json_t *params, struct fault *f) MUST_USE;

/* store_methods.c: the mailbox that params name, in the directory's form; text
 * "" where none is named, and none is needed. */
int store_read_mailbox(const json_t *params, bool needed,
    struct mailbox_name *mailbox, struct fault *f) MUST_USE;

/*
 * index_run() with a new object in *result for the job to fill, which is then
 * returned, or NULL. What meets damage has it mended, first by recovery, then by
 * making all anew: so the job may run three times, each time from the front.
 */
json_t *store_answer(struct store *store,
    int (*job)(struct index *index, void *ctx, struct fault *f), void *ctx,
    json_t **result, struct fault *f) MUST_USE;

/* What was delivered before has been learnt, and a mailbox (text "": none) is
 * as its Maildir is: 5.1.1 where there is none. */
int store_catch_up(struct store *store, const struct mailbox_name *mailbox,
    struct fault *f) MUST_USE;

#endif
