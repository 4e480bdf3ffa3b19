/* SPDX-License-Identifier: ISC */
/* The operator's methods on next hops, and on all that waits for a domain. */
#include "config.h"

#include "base/log.h"
#include "mta/queue/methods_private.h"
#include "mta/queue/scheduler.h"

enum { HOPS_MAX = 10000 };

static struct scheduler *
scheduler_of(const struct queue_admin *admin, struct fault *f)
{
	if (admin->scheduler == NULL)
		fault_temp(f, "4.3.2", "the queue is not open yet");
	return admin->scheduler;
}

json_t *
queue_method_flush(void *ctx, const json_t *params, struct fault *f)
{
	struct scheduler *scheduler = scheduler_of(ctx, f);
	const char *domain = json_get_text(params, "domain");
	json_t *result;
	uint64_t n;

	if (scheduler == NULL)
		return NULL;
	n = scheduler_flush(scheduler, str(domain), NULL);
	log_info(NULL, "queue flushed", "domain", domain, "messages",
	    LOG_NUM(n), NULL);
	result = json_new_object();
	json_put_int(result, "messages", (int64_t)n);
	return result;
}

static json_t *
pause_hop(void *ctx, const json_t *params, bool pause, struct fault *f)
{
	struct scheduler *scheduler = scheduler_of(ctx, f);
	const char *hop = json_get_text(params, "hop");
	json_t *result;

	if (scheduler == NULL)
		return NULL;
	if (hop == NULL || hop[0] == '\0') {
		fault_perm(f, "5.5.4", "hop: which next hop, or domain?");
		return NULL;
	}
	if (scheduler_pause(scheduler, str(hop), pause, f) < 0)
		return NULL;
	log_info(NULL, pause ? "next hop paused" : "next hop resumed", "hop",
	    hop, NULL);
	result = json_new_object();
	json_put_text(result, "hop", hop);
	json_put_bool(result, "paused", pause);
	return result;
}

json_t *
queue_method_pause(void *ctx, const json_t *params, struct fault *f)
{
	return pause_hop(ctx, params, true, f);
}

json_t *
queue_method_resume(void *ctx, const json_t *params, struct fault *f)
{
	return pause_hop(ctx, params, false, f);
}

static void
put_limit(json_t *o, const struct pace_limit *limit)
{
	if (limit->max > 0)
		json_put_int(o, "max", limit->max);
	if (limit->rate > 0) {
		json_put_int(o, "rate", limit->rate);
		json_put_int(o, "period", limit->period_ms);
	}
}

struct stats {
	json_t *hops;
	bool more;
};

static void
put_hop(void *ctx, const struct scheduler_hop *hop)
{
	struct stats *s = ctx;
	json_t *o;

	s->more = json_len(s->hops) == HOPS_MAX;
	if (s->more)
		return;
	o = json_new_object();
	json_put_text(o, "hop", hop->key);
	json_put_text(o, "provider", hop->provider);
	json_put_int(o, "waiting", (int64_t)hop->waiting);
	json_put_int(o, "active", hop->active);
	json_put_int(o, "concurrency", hop->concurrency);
	put_limit(o, &hop->limit);
	if (hop->gap_ms > 0)
		json_put_int(o, "gap", hop->gap_ms);
	json_put_bool(o, "paused", hop->is_paused);
	if (hop->dead_until > 0)
		json_put_int(o, "dead_until", hop->dead_until);
	if (hop->last != NULL) {
		json_put_text(o, "dsn", hop->last->dsn);
		json_put_text(o, "reason", hop->last->text);
	}
	json_add(s->hops, o);
}

json_t *
queue_method_stats(void *ctx, const json_t *params, struct fault *f)
{
	const struct queue_admin *admin = ctx;
	struct scheduler *scheduler = scheduler_of(admin, f);
	struct stats s = {0};
	uint64_t messages, bytes;
	json_t *result;

	(void)params;
	if (scheduler == NULL)
		return NULL;
	s.hops = json_new_array();
	scheduler_each_hop(scheduler, put_hop, &s);
	queue_count(admin->queue, &messages, &bytes);
	result = json_new_object();
	json_put_int(result, "messages", (int64_t)messages);
	json_put_int(result, "bytes", (int64_t)bytes);
	json_put_int(result, "active", scheduler_active(scheduler));
	json_put(result, "hops", s.hops);
	json_put_bool(result, "more", s.more);
	return result;
}
