/* SPDX-License-Identifier: ISC */
/*
 * The way out of the queue: routes, DNS and connections put together, in the
 * form that the scheduler needs.
 */
#ifndef MTA_QUEUE_WAY_OUT_H
#define MTA_QUEUE_WAY_OUT_H

#include "base/attr.h"
#include "base/fault.h"
#include "base/json.h"
#include "mta/queue/scheduler.h"

struct address;
struct common_options;
struct queue;
struct queued_options;
struct socketmap_client;
struct sts;
struct tls_reporter;
struct way_out;

/* Borrows all for its life; policies are kept in the queue. Faults name the
 * option. */
struct way_out *way_out_new(const struct queued_options *options,
    const struct common_options *common, struct queue *queue,
    struct fault *f) MUST_USE;
/* Nothing may be under way. */
void way_out_free(struct way_out **way);

/* Both live as long as the way. */
struct socketmap_client *way_out_directory(struct way_out *way);
const struct scheduler_ops *way_out_ops(struct way_out *way);
/* Reads passwords again; on a fault the old ones stay in use. */
int way_out_reload(struct way_out *way, struct fault *f) MUST_USE;
/* Where a message would go, and why (mta/send/explain.h). Blocks. */
json_t *way_out_explain(struct way_out *way, const struct address *reverse_path,
    const struct address *forward_path) MUST_USE;
/* The policies of MTA-STS; NULL where it is off. Lives as long as the way. */
struct sts *way_out_sts(const struct way_out *way);
/* Who counts sessions and reports; NULL where that is off. Likewise. */
struct tls_reporter *way_out_reporter(const struct way_out *way);
/* Connections that wait for a message. */
unsigned way_out_idle(struct way_out *way);

#endif
