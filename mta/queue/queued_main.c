/* SPDX-License-Identifier: ISC */
/*
 * posthouse-queued: keeps mail that cannot be delivered now, and sends it.
 *
 * The only process that has the queue open. It runs as the queue's owner.
 */
#include "config.h"

#include <stdio.h>
#include <sysexits.h>

#include "base/json.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/service.h"
#include "base/user.h"
#include "mta/queue/limit.h"
#include "mta/queue/methods.h"
#include "mta/queue/notifier.h"
#include "mta/queue/queue.h"
#include "mta/queue/receive.h"
#include "mta/queue/scheduler.h"
#include "mta/queue/user_limit.h"
#include "mta/queue/way_out.h"
#include "mta/queued_options.h"

enum {
	USERS_MAX = 10000, /* whose sending is counted */
	DRAIN_MS = 30000,
	SESSIONS_MAX = 2000,
	COMMAND_MS = 5 * 60 * 1000,
	DATA_MS = 3 * 60 * 1000,
	ERRORS_MAX = 1000,
};

struct queued {
	const struct queued_options *options;
	const struct common_options *common;
	struct queue *queue;
	struct way_out *way_out;
	struct notifier *notifier;
	struct scheduler *scheduler;
	struct board_limit *limits;
	struct queue_admin admin;
	struct receiver receiver;
	char postmaster[300];
	char dir[512]; /* of the queue */
	char spool[520];
};

static struct queued queued;

static void
put_status(void *ctx, json_t *object)
{
	struct receive_counters *c = &queued.receiver.counters;
	uint64_t messages = 0, bytes = 0;

	(void)ctx;
	/* Asked for while the queue is still being opened, too. */
	if (queued.queue != NULL)
		queue_count(queued.queue, &messages, &bytes);
	json_put_int(object, "waiting", (int64_t)messages);
	json_put_int(object, "bytes", (int64_t)bytes);
	if (queued.scheduler != NULL) {
		json_put_int(
		    object, "active", scheduler_active(queued.scheduler));
		json_put_int(object, "idle", way_out_idle(queued.way_out));
	}
	json_put_int(
	    object, "connections", (int64_t)atomic_load(&c->connections));
	json_put_int(object, "messages", (int64_t)atomic_load(&c->messages));
	json_put_int(object, "held", (int64_t)atomic_load(&c->held));
	json_put_int(object, "failed", (int64_t)atomic_load(&c->failed));
}

static void
set_up_users(const struct conf_list *names)
{
	struct receiver *r = &queued.receiver;
	struct fault f;

	r->users = mem_zeroed(names->n + 1, sizeof *r->users);
	r->n_users = names->n;
	if (user_find_all(names, r->users, &f) < 0)
		die(EX_CONFIG, "posthouse-queued: trusted_users: %s", f.text);
}

/* That the rate is one was checked with the options. */
static void
set_up_user_limits(const char *rate)
{
	struct pace_limit limit = {0};
	struct fault f;

	if (rate == NULL || limit_parse_rate(str(rate), &limit, &f) < 0)
		return;
	queued.receiver.user_limits = user_limits_new(&limit, USERS_MAX);
	queued.receiver.user_rate = rate;
}

static void
set_up_receiver(void)
{
	const struct queued_options *o = queued.options;

	pthread_mutex_init(&queued.receiver.mutex, NULL);
	pthread_cond_init(&queued.receiver.settled, NULL);
	queued.receiver.hostname = queued.common->hostname;
	queued.receiver.spool_dir = queued.spool;
	queued.receiver.max_age_ms = (int64_t)o->max_age;
	queued.receiver.command_ms = COMMAND_MS;
	queued.receiver.data_ms = DATA_MS;
	queued.receiver.engine = (struct smtp_server_conf){
	    .dialect = DIALECT_LMTP,
	    .hostname = queued.common->hostname,
	    .max_size = o->max_size,
	    .max_rcpts = ENTRY_RCPTS_MAX,
	    .max_errors = ERRORS_MAX,
	    .max_hops = (unsigned)o->max_hops,
	    .xforward = true,
	    .etrn = true,
	    .requiretls = true,
	    .verp = true,
	};
	set_up_users(&o->trusted_users);
	set_up_user_limits(o->user_rate);
}

static void
set_limits(struct service *service)
{
	const struct server_limits sessions = {.sessions = SESSIONS_MAX};
	const struct loop_limits threads = {
	    .max = (unsigned)queued.options->threads,
	};

	service_set_limits(service, &sessions, &threads);
}

static void
set_up_listener(struct service *service)
{
	const struct queued_options *o = queued.options;
	const char *address = o->listen;
	char path[512];
	mode_t mode;

	snprintf(
	    path, sizeof path, "unix:%s/queue.sock", queued.common->run_dir);
	if (address == NULL)
		address = path;
	if (!net_parse_mode(o->listen_mode, &mode))
		die(EX_CONFIG, "posthouse-queued: listen_mode is no mode");
	service_listener(service, address, "lmtp", mode, &receive_session_ops,
	    &queued.receiver);
	service_listener_group(
	    service, address, "listen_group", o->listen_group);
}

static void
give_up(const struct fault *f)
{
	die(f->kind == FAULT_TEMP ? EX_TEMPFAIL : EX_CONFIG,
	    "posthouse-queued: %s", f->text);
}

/* As the user that the queue belongs to. */
static void
open_queue(void)
{
	const struct queue_conf conf = {
	    .dir = queued.dir,
	    .cache = queued.options->cache,
	    .min_free = queued.options->min_free,
	};
	struct fault f;

	queued.queue = queue_open(&conf, &f);
	if (queued.queue == NULL)
		give_up(&f);
	queued.receiver.queue = queued.queue;
	queued.admin.queue = queued.queue;
}

static void
set_up_way_out(void)
{
	struct fault f;

	queued.way_out =
	    way_out_new(queued.options, queued.common, queued.queue, &f);
	if (queued.way_out == NULL)
		give_up(&f);
	queued.admin.way_out = queued.way_out;
}

static void
set_up_notifier(void)
{
	const struct queued_options *o = queued.options;
	struct notifier_conf conf = {
	    .hostname = queued.common->hostname,
	    .postmaster = o->postmaster,
	    .templates = o->templates,
	    .max_age_ms = (int64_t)o->max_age,
	    .spool_dir = queued.spool,
	    .directory = way_out_directory(queued.way_out),
	};
	struct fault f;

	snprintf(queued.postmaster, sizeof queued.postmaster, "postmaster@%s",
	    queued.common->hostname);
	if (conf.postmaster == NULL)
		conf.postmaster = queued.postmaster;
	queued.notifier = notifier_new(&conf, queued.queue, &f);
	if (queued.notifier == NULL)
		give_up(&f);
	queued.admin.notifier = queued.notifier;
}

static void
set_up_scheduler(struct service *service)
{
	const struct queued_options *o = queued.options;
	const struct scheduler_conf conf = {
	    .max_deliveries = (unsigned)o->max_deliveries,
	    .hop_start = (unsigned)o->hop_start,
	    .hop_max = (unsigned)o->hop_max,
	    .max_rcpts = (unsigned)o->max_rcpts,
	    .retry_min_ms = (int64_t)o->retry_min,
	    .retry_max_ms = (int64_t)o->retry_max,
	    .warn_ms = (int64_t)o->warn_after,
	    .limits = queued.limits,
	    .n_limits = o->providers.n,
	};
	struct fault f;

	queued.scheduler = scheduler_new(&conf, way_out_ops(queued.way_out),
	    queued.queue, queued.notifier, service_loop(service));
	if (scheduler_start(queued.scheduler, &f) < 0)
		give_up(&f);
	queued.admin.scheduler = queued.scheduler;
	queued.receiver.scheduler = queued.scheduler;
	queued.receiver.notifier = queued.notifier;
}

static void
reload(void *ctx)
{
	struct fault f;

	(void)ctx;
	if (queued.way_out != NULL && way_out_reload(queued.way_out, &f) < 0)
		log_error(NULL, "cannot reload", "reason", f.text, NULL);
}

static void
drain(void *ctx)
{
	(void)ctx;
	if (queued.scheduler != NULL)
		scheduler_stop(queued.scheduler);
}

static void
clean_up(void)
{
	notifier_free(&queued.notifier);
	way_out_free(&queued.way_out);
	queue_close(&queued.queue);
	pthread_cond_destroy(&queued.receiver.settled);
	pthread_mutex_destroy(&queued.receiver.mutex);
	mem_free(queued.receiver.users);
	user_limits_free(&queued.receiver.user_limits);
}

int
main(int argc, char **argv)
{
	const struct service_spec spec = {
	    .program = "posthouse-queued",
	    .version = PACKAGE_VERSION,
	    .table = &queued_table,
	    .drain_ms = DRAIN_MS,
	    .reload = reload,
	    .drain = drain,
	};
	struct service *service = service_start(&spec, argc, argv);
	int status;

	queued.options = service_options(service);
	queued.common = service_common(service);
	snprintf(queued.dir, sizeof queued.dir, "%s/queue",
	    queued.common->state_dir);
	snprintf(queued.spool, sizeof queued.spool, "%s/body", queued.dir);
	set_limits(service);
	set_up_receiver();
	set_up_listener(service);
	service_control(service, queue_methods, &queued.admin, put_status);
	service_drop(service, queued.options->user);
	open_queue();
	queued.limits = limits_new(&queued.options->providers);
	set_up_way_out();
	set_up_notifier();
	set_up_scheduler(service);
	status = service_run(service);
	/* Its tasks are the loop's. */
	scheduler_free(&queued.scheduler);
	limits_free(&queued.limits, queued.options->providers.n);
	/* From here on there are no options. */
	service_stop(&service);
	clean_up();
	return status;
}
