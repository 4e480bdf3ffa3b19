/* SPDX-License-Identifier: ISC */
/* What the files of the operator's methods share. */
#ifndef MTA_QUEUE_METHODS_PRIVATE_H
#define MTA_QUEUE_METHODS_PRIVATE_H

#include "mta/queue/methods.h"
#include "mta/queue/queue.h"
#include "mta/queue/select.h"

/* How much of the queue one call looks at. */
struct walk {
	struct ident from; /* text "": from the first on */
	struct ident next; /* text "": all was seen */
	size_t seen;
	int64_t until; /* clock_ms() */
};

/* Reads `from`; a selection by id begins there and ends behind it. */
int walk_begin(struct walk *w, const json_t *params, const struct selection *s,
    struct fault *f) MUST_USE;
/* Whether the walk goes on with e; if not, next is set. */
bool walk_step(struct walk *w, const struct entry *e);
void walk_stop(struct walk *w, const struct entry *e);
void walk_put_next(const struct walk *w, json_t *result);

/* NULL with the fault where the queue is not open yet. */
struct queue *queue_admin_queue(
    const struct queue_admin *admin, struct fault *f) MUST_USE;

control_call queue_method_retry, queue_method_hold, queue_method_release,
    queue_method_delete, queue_method_bounce, queue_method_redirect,
    queue_method_drain, queue_method_flush, queue_method_pause,
    queue_method_resume, queue_method_stats, queue_method_explain,
    queue_method_policies, queue_method_forget, queue_method_report,
    queue_method_counts, queue_method_backup;

#endif
