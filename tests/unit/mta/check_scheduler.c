/* SPDX-License-Identifier: ISC */
/*
 * The scheduler and the notifier with a real queue and a real loop; the way out
 * is played: routes, targets and next hops do what domains and local parts say.
 */
#include "config.h"

#include "mta/queue/scheduler.h"

#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/loop.h"
#include "base/mem.h"
#include "mta/queue/notifier.h"
#include "mta/queue/queue.h"
#include "mta/send/sender.h"
#include "tests/unit/place.h"
#include "tests/unit/unit.h"

enum { SENT_MAX = 4000, TEXT_SIZE = 8000, WAIT_S = 20 };

struct sent {
	char from[ADDRESS_TEXT_SIZE], to[ADDRESS_TEXT_SIZE];
	char key[64];
	char text[TEXT_SIZE];
	size_t n_rcpts;
	int64_t at;
	bool ok;
};

static char dir[PLACE_SIZE];
static struct queue *queue;
static struct loop *loop;
static struct notifier *notifier;
static struct scheduler *scheduler;
static struct scheduler_conf conf;
static pthread_t thread;

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
static struct sent *sent;
static size_t n_sent;
static bool down; /* the hosts "down.example" and below */

/* The way out. */

static int
find(void *ctx, const struct address *from, const struct address *to,
    struct route *route, struct fault *f)
{
	(void)ctx;
	(void)from;
	memset(route, 0, sizeof *route);
	route->kind = ROUTE_MX;
	snprintf(route->host, sizeof route->host, "%s", to->domain);
	if (strcmp(to->local, "elsewhere") == 0)
		snprintf(route->host, sizeof route->host, "elsewhere.example");
	if (strcmp(to->domain, "discard.example") == 0)
		route->kind = ROUTE_DISCARD;
	if (strcmp(to->domain, "error.example") == 0) {
		route->kind = ROUTE_ERROR;
		(void)fault_perm(&route->fault, "5.1.2", "we do not write");
	}
	if (strcmp(to->domain, "nomap.example") == 0)
		return fault_temp(f, "4.4.3", "the map does not answer");
	return 0;
}

static int
find_via(void *ctx, struct str hop, struct route *route, struct fault *f)
{
	(void)ctx;
	(void)f;
	memset(route, 0, sizeof *route);
	route->kind = ROUTE_MX;
	snprintf(route->host, sizeof route->host, "%.*s", STR_ARG(hop));
	return 0;
}

static int
resolve(void *ctx, const struct route *route, struct str domain,
    struct target *target, struct fault *f)
{
	(void)ctx;
	(void)domain;
	memset(target, 0, sizeof *target);
	if (strcmp(route->host, "nowhere.example") == 0)
		return fault_perm(f, "5.1.2", "there is no such domain");
	target->route = *route;
	snprintf(target->key, sizeof target->key, "mx:%s", route->host);
	snprintf(target->provider, sizeof target->provider, "%s", route->host);
	target->until = clock_ms() + 60000;
	return 0;
}

static int
keep_piece(void *ctx, struct str bytes, struct fault *f)
{
	struct sent *s = ctx;
	size_t had = strlen(s->text), room = sizeof s->text - 1 - had;

	(void)f;
	memcpy(s->text + had, bytes.at, bytes.len < room ? bytes.len : room);
	return 0;
}

static void
answer(const struct envelope_rcpt *to, struct send_outcome *o)
{
	const char *local = to->forward_path.local;

	*o = (struct send_outcome){.ok = true};
	if (str_starts(str(local), str("perm"))) {
		o->ok = false;
		(void)fault_perm(&o->fault, "5.1.1", "no such user");
	} else if (str_starts(str(local), str("temp"))) {
		o->ok = false;
		(void)fault_temp(&o->fault, "4.2.0", "not now");
	}
}

/* What the operator does while the message is being sent. */
static const char *drain_to;

static bool
drain(void *ctx, struct entry *e, struct arena *a)
{
	(void)ctx;
	e->via = arena_str(a, str(drain_to));
	e->rcpts[0].goes_via = true;
	e->rcpts[0].due = clock_unix_us() / 1000;
	return true;
}

static void
drain_now(const struct ident *id)
{
	struct queue_change *c = queue_change_new(queue);
	struct fault f;

	queue_change_edit(c, id, drain, NULL);
	ck_assert_int_eq(queue_commit(queue, &c, &f), 0);
	drain_to = NULL;
}

static struct ident last_id;

static void
give(void *ctx, const struct target *target, const struct send_message *m,
    struct send_outcome *outcomes, struct send_report *report)
{
	struct sent s = {.at = clock_ms(), .n_rcpts = m->n_rcpts, .ok = true};
	struct fault f;

	(void)ctx;
	memset(report, 0, sizeof *report);
	snprintf(report->host, sizeof report->host, "%s", target->route.host);
	report->has_dsn = strcmp(target->route.host, "dsn.example") == 0;
	address_format(&m->mail->reverse_path, s.from);
	address_format(&m->rcpts[0].forward_path, s.to);
	snprintf(s.key, sizeof s.key, "%.60s", target->key);
	ck_assert_int_eq(m->each(m->ctx, keep_piece, &s, &f), 0);
	if (drain_to != NULL)
		drain_now(&last_id);
	pthread_mutex_lock(&mutex);
	if (down && strstr(target->key, "down.example") != NULL) {
		s.ok = false;
		report->reach = SEND_UNREACHED;
		(void)fault_temp(&report->fault, "4.4.1", "nobody there");
	}
	for (size_t i = 0; i < m->n_rcpts; i++) {
		answer(&m->rcpts[i], &outcomes[i]);
		outcomes[i].host = str(target->route.host);
		if (!s.ok) {
			outcomes[i].ok = false;
			outcomes[i].fault = report->fault;
		}
	}
	if (n_sent < SENT_MAX)
		sent[n_sent++] = s;
	pthread_cond_broadcast(&changed);
	pthread_mutex_unlock(&mutex);
}

/* Around it. */

static void *
run_loop(void *ctx)
{
	loop_run(ctx);
	return NULL;
}

static void
start(void)
{
	const struct scheduler_ops ops = {
	    find, find_via, resolve, give, NULL, NULL};
	const struct queue_conf queue_conf = {.dir = dir, .cache = 4 << 20};
	const struct notifier_conf notices = {
	    .hostname = "mail.example.org",
	    .postmaster = "postmaster@example.org",
	    .max_age_ms = 100000,
	};
	const struct loop_limits limits = {.busy = 2, .max = 40};
	struct fault f;

	queue = queue_open(&queue_conf, &f);
	ck_assert_msg(queue != NULL, "%s", f.text);
	loop = loop_new(&limits, &f);
	ck_assert_ptr_nonnull(loop);
	notifier = notifier_new(&notices, queue, &f);
	ck_assert_msg(notifier != NULL, "%s", f.text);
	scheduler = scheduler_new(&conf, &ops, queue, notifier, loop);
	ck_assert_int_eq(scheduler_start(scheduler, &f), 0);
	ck_assert_int_eq(pthread_create(&thread, NULL, run_loop, loop), 0);
}

static void
stop(void)
{
	scheduler_stop(scheduler);
	loop_stop(loop);
	pthread_join(thread, NULL);
	scheduler_free(&scheduler);
	notifier_free(&notifier);
	queue_close(&queue);
	loop_free(&loop);
}

static void
begin(void)
{
	place_make(dir, "scheduler");
	conf =
	    (struct scheduler_conf){.retry_min_ms = 100, .retry_max_ms = 400};
	sent = mem_zeroed(SENT_MAX, sizeof *sent);
	n_sent = 0;
	down = false;
}

static void
end(void)
{
	stop();
	mem_free(sent);
	place_remove(dir);
}

struct example {
	struct entry e;
	struct entry_rcpt rcpts[200];
};

static void
set_reverse(struct example *x, const char *from)
{
	struct fault f;

	memset(&x->e.mail.reverse_path, 0, sizeof x->e.mail.reverse_path);
	x->e.mail.reverse_path.host = ADDRESS_NO_HOST;
	if (from[0] != '\0')
		ck_assert_int_eq(
		    address_parse(str(from), &x->e.mail.reverse_path, &f), 0);
}

static void
make(struct example *x, const char *to)
{
	struct str rest = str(to);
	struct fault f;

	memset(x, 0, sizeof *x);
	ident_make(&x->e.id);
	x->e.arrived = clock_unix_us() / 1000;
	x->e.expires = x->e.arrived + 1000000;
	set_reverse(x, "ann@sender.example");
	x->e.owner = str("ann");
	x->e.rcpts = x->rcpts;
	while (rest.len > 0) {
		struct entry_rcpt *r = &x->rcpts[x->e.n_rcpts++];

		ck_assert_int_eq(
		    address_parse(str_cut(&rest, ' '), &r->to.forward_path, &f),
		    0);
		r->due = x->e.arrived;
	}
}

static void
add(struct example *x)
{
	struct queue_change *c = queue_change_new(queue);
	struct str body = STR_LIT("Subject: hello\r\n\r\nthis is the body\r\n");
	struct fault f = {0};

	ck_assert_msg(
	    queue_change_add(c, &x->e, body, NULL, &f) == 0, "%s", f.text);
	ck_assert_msg(queue_commit(queue, &c, &f) == 0, "%s", f.text);
}

static void
queue_for(const char *to)
{
	struct example x;

	make(&x, to);
	add(&x);
}

/* Waits until so many were sent; the last of them. */
static const struct sent *
await_sent(size_t n)
{
	struct timespec until;
	int rc = 0;

	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_sec += WAIT_S;
	pthread_mutex_lock(&mutex);
	while (n_sent < n && rc == 0)
		rc = pthread_cond_timedwait(&changed, &mutex, &until);
	pthread_mutex_unlock(&mutex);
	ck_assert_msg(rc == 0, "%zu sent, not %zu", n_sent, n);
	return &sent[n - 1];
}

/* To an address, the last; NULL. */
static const struct sent *
find_sent(const char *to)
{
	const struct sent *found = NULL;

	pthread_mutex_lock(&mutex);
	for (size_t i = 0; i < n_sent; i++)
		if (strcmp(sent[i].to, to) == 0)
			found = &sent[i];
	pthread_mutex_unlock(&mutex);
	return found;
}

static void
await_empty(void)
{
	int64_t until = clock_ms() + WAIT_S * 1000;
	uint64_t messages = 1, bytes;

	while (messages > 0 && clock_ms() < until) {
		queue_count(queue, &messages, &bytes);
		if (messages > 0)
			usleep(1000);
	}
	ck_assert_uint_eq(messages, 0);
}

START_TEST(a_message_is_handed_over_and_leaves_the_queue)
{
	const struct sent *s;

	begin();
	start();
	queue_for("bob@example.net");
	s = await_sent(1);
	ck_assert_str_eq(s->from, "ann@sender.example");
	ck_assert_str_eq(s->to, "bob@example.net");
	ck_assert_str_eq(s->key, "mx:example.net");
	ck_assert_ptr_nonnull(strstr(s->text, "this is the body"));
	await_empty();
	ck_assert_uint_eq(n_sent, 1);
	end();
}
END_TEST

START_TEST(many_messages_are_each_handed_over_once)
{
	char to[64];

	begin();
	start();
	for (unsigned i = 0; i < 600; i++) {
		snprintf(to, sizeof to, "u%u@d%u.example", i, i % 7);
		queue_for(to);
	}
	await_sent(600);
	await_empty();
	ck_assert_uint_eq(n_sent, 600);
	for (unsigned i = 0; i < 600; i++) {
		snprintf(to, sizeof to, "u%u@d%u.example", i, i % 7);
		ck_assert_ptr_nonnull(find_sent(to));
	}
	end();
}
END_TEST

START_TEST(recipients_share_transactions_up_to_a_maximum)
{
	char to[200 * 24] = "";
	size_t n = 0;

	begin();
	conf.max_rcpts = 30;
	start();
	for (unsigned i = 0; i < 100; i++)
		snprintf(to + strlen(to), sizeof to - strlen(to),
		    "%su%u@example.net", i > 0 ? " " : "", i);
	queue_for(to);
	await_sent(4);
	await_empty();
	ck_assert_uint_eq(n_sent, 4);
	for (size_t i = 0; i < 4; i++)
		n += sent[i].n_rcpts;
	ck_assert_uint_eq(n, 100);
	end();
}
END_TEST

START_TEST(a_temporary_failure_is_tried_again_until_its_time_is_over)
{
	struct example x;
	const struct sent *notice;

	begin();
	start();
	make(&x, "temp@example.net good@example.net");
	x.e.expires = x.e.arrived + 1000;
	add(&x);
	await_empty();
	notice = find_sent("ann@sender.example");
	ck_assert_ptr_nonnull(notice);
	ck_assert_str_eq(notice->from, "");
	ck_assert_ptr_nonnull(strstr(notice->text, "Status: 4.4.7"));
	ck_assert_ptr_nonnull(strstr(notice->text, "not now"));
	ck_assert_ptr_null(strstr(notice->text, "good@example.net"));
	ck_assert_uint_ge(n_sent, 4);
	ck_assert_uint_le(n_sent, 9);
	for (size_t i = 1; i < n_sent; i++)
		ck_assert_uint_eq(sent[i].n_rcpts, 1);
	end();
}
END_TEST

START_TEST(a_permanent_failure_is_told_to_the_sender)
{
	struct example x;
	const struct sent *s;

	begin();
	start();
	make(&x, "perm@example.net");
	x.e.mail.envid = str("env+1");
	x.rcpts[0].to.orcpt_type = str("rfc822");
	x.rcpts[0].to.orcpt = str("first@example.net");
	add(&x);
	s = await_sent(2);
	await_empty();
	ck_assert_str_eq(s->from, "");
	ck_assert_str_eq(s->to, "ann@sender.example");
	ck_assert_ptr_nonnull(strstr(s->text, "Status: 5.1.1"));
	ck_assert_ptr_nonnull(strstr(s->text, "first@example.net"));
	ck_assert_ptr_nonnull(strstr(s->text, "env+1"));
	ck_assert_ptr_nonnull(strstr(s->text, "Action: failed"));
	ck_assert_ptr_nonnull(strstr(s->text, "this is the body"));
	end();
}
END_TEST

START_TEST(what_a_rule_decides_is_not_sent)
{
	static const struct {
		const char *to, *status;
	} cases[] = {
	    {"bob@error.example", "Status: 5.1.2"},
	    {"bob@nowhere.example", "Status: 5.1.2"},
	    {"bob@discard.example", NULL},
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		begin();
		start();
		queue_for(cases[i].to);
		await_empty();
		ck_assert_uint_eq(n_sent, cases[i].status != NULL);
		if (cases[i].status != NULL)
			ck_assert_ptr_nonnull(
			    strstr(sent[0].text, cases[i].status));
		end();
	}
}
END_TEST

START_TEST(a_dead_hop_is_left_alone_and_comes_back)
{
	char to[64];

	begin();
	conf.retry_min_ms = 500;
	conf.retry_max_ms = 500;
	conf.hop_start = 2;
	start();
	down = true;
	for (unsigned i = 0; i < 30; i++) {
		snprintf(to, sizeof to, "u%u@down.example", i);
		queue_for(to);
	}
	queue_for("elsewhere@down.example");
	/* Two at first, the other that goes elsewhere, and probes. */
	await_sent(5);
	ck_assert_ptr_nonnull(find_sent("elsewhere@down.example"));
	pthread_mutex_lock(&mutex);
	ck_assert_uint_le(n_sent, 8);
	down = false;
	pthread_mutex_unlock(&mutex);
	await_empty();
	for (unsigned i = 0; i < 30; i++) {
		const struct sent *s;

		snprintf(to, sizeof to, "u%u@down.example", i);
		s = find_sent(to);
		ck_assert(s != NULL && s->ok);
	}
	end();
}
END_TEST

START_TEST(what_waits_at_a_dead_hop_is_late_and_expires)
{
	struct example x;
	struct arena arena = {0};
	struct entry e;
	struct fault f;

	begin();
	conf.retry_min_ms = 1500;
	conf.retry_max_ms = 100000;
	conf.warn_ms = 200;
	start();
	down = true;
	make(&x, "first@down.example");
	add(&x);
	await_sent(1);
	/* Its hop is dead for longer than it lives. */
	make(&x, "second@down.example");
	x.e.expires = x.e.arrived + 2500;
	add(&x);
	while (find_sent("ann@sender.example") == NULL)
		usleep(1000);
	while (queue_get(queue, &x.e.id, &arena, &e, &f) > 0) {
		arena_clear(&arena);
		usleep(10000);
	}
	for (size_t i = 0; i < 100 && n_sent < 2; i++)
		usleep(1000);
	while (strstr(find_sent("ann@sender.example")->text, "4.4.7") == NULL)
		usleep(1000);
	end();
}
END_TEST

static bool
has_notice(const char *part)
{
	bool found = false;

	pthread_mutex_lock(&mutex);
	for (size_t i = 0; i < n_sent; i++)
		found |= sent[i].from[0] == '\0' &&
			 strstr(sent[i].text, part) != NULL;
	pthread_mutex_unlock(&mutex);
	return found;
}

START_TEST(a_delay_is_told_once)
{
	struct example x;
	unsigned n = 0;

	begin();
	conf.warn_ms = 300;
	start();
	make(&x, "temp@example.net");
	x.e.expires = x.e.arrived + 2000;
	add(&x);
	await_empty();
	for (size_t i = 0; i < n_sent; i++)
		n += strstr(sent[i].text, "Action: delayed") != NULL;
	ck_assert_uint_eq(n, 1);
	ck_assert(has_notice("Action: failed"));
	end();
}
END_TEST

START_TEST(notify_decides_who_is_told)
{
	static const struct {
		const char *to;
		unsigned notify;
		const char *action; /* NULL: nobody is told */
	} cases[] = {
	    {"perm@example.net", NOTIFY_UNSET, "Action: failed"},
	    {"perm@example.net", NOTIFY_FAILURE, "Action: failed"},
	    {"perm@example.net", NOTIFY_NEVER, NULL},
	    {"perm@example.net", NOTIFY_SUCCESS | NOTIFY_DELAY, NULL},
	    {"bob@example.net", NOTIFY_UNSET, NULL},
	    {"bob@example.net", NOTIFY_FAILURE, NULL},
	    {"bob@example.net", NOTIFY_SUCCESS, "Action: relayed"},
	    /* Whoever has it tells, and not we too. */
	    {"bob@dsn.example", NOTIFY_SUCCESS, NULL},
	    {"perm@dsn.example", NOTIFY_UNSET, "Action: failed"},
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct example x;

		begin();
		start();
		make(&x, cases[i].to);
		x.rcpts[0].to.notify = cases[i].notify;
		add(&x);
		await_empty();
		ck_assert_uint_eq(n_sent, cases[i].action != NULL ? 2 : 1);
		if (cases[i].action != NULL)
			ck_assert(has_notice(cases[i].action));
		end();
	}
}
END_TEST

START_TEST(a_notice_that_fails_is_the_postmasters_and_no_more)
{
	struct example x;

	begin();
	start();
	make(&x, "perm@example.net");
	set_reverse(&x, "perm@sender.example");
	add(&x);
	await_empty();
	ck_assert_uint_eq(n_sent, 3);
	ck_assert_str_eq(sent[1].to, "perm@sender.example");
	ck_assert_str_eq(sent[2].to, "postmaster@example.org");
	ck_assert_str_eq(sent[2].from, "");
	/* Of what came without a sender, nobody is told. */
	make(&x, "perm@example.net");
	set_reverse(&x, "");
	add(&x);
	await_empty();
	ck_assert_uint_eq(n_sent, 4);
	end();
}
END_TEST

START_TEST(what_waits_is_sent_after_a_restart)
{
	begin();
	conf.retry_min_ms = 300;
	start();
	down = true;
	queue_for("bob@down.example");
	await_sent(1);
	stop();
	down = false;
	start();
	await_sent(2);
	await_empty();
	ck_assert(sent[1].ok);
	end();
}
END_TEST

START_TEST(a_paused_domain_waits_over_a_restart)
{
	struct fault f;

	begin();
	start();
	ck_assert_int_eq(
	    scheduler_pause(scheduler, str("example.net"), true, &f), 0);
	queue_for("bob@example.net");
	stop();
	start();
	queue_for("bob@example.com");
	await_sent(1);
	ck_assert_str_eq(sent[0].to, "bob@example.com");
	ck_assert_int_eq(
	    scheduler_pause(scheduler, str("example.net"), false, &f), 0);
	await_sent(2);
	ck_assert_str_eq(sent[1].to, "bob@example.net");
	await_empty();
	end();
}
END_TEST

START_TEST(a_flush_makes_all_due_and_revives_a_dead_hop)
{
	begin();
	conf.retry_min_ms = 60000;
	conf.retry_max_ms = 60000;
	start();
	down = true;
	queue_for("bob@down.example");
	await_sent(1);
	down = false;
	/* Only what became durable is flushed. */
	while (scheduler_flush(scheduler, str("down.example"), NULL) == 0)
		usleep(1000);
	await_sent(2);
	await_empty();
	end();
}
END_TEST

static void
queue_by(const char *hop, const char *to)
{
	struct example x;

	make(&x, to);
	x.e.via = str(hop);
	x.e.rcpts[0].goes_via = true;
	add(&x);
}

START_TEST(what_the_operator_sends_elsewhere_asks_no_route)
{
	begin();
	start();
	queue_by("new.example", "bob@error.example");
	ck_assert_str_eq(await_sent(1)->key, "mx:new.example");
	await_empty();
	ck_assert_uint_eq(n_sent, 1);
	end();
}
END_TEST

/* Somebody else's "relay access denied" returns nobody's mail. */
START_TEST(what_is_refused_there_goes_by_the_routes_again)
{
	begin();
	start();
	queue_by("new.example", "perm@far.example");
	ck_assert_str_eq(await_sent(1)->key, "mx:new.example");
	ck_assert_str_eq(await_sent(2)->key, "mx:far.example");
	/* There it is refused for good. */
	ck_assert_str_eq(await_sent(3)->to, "ann@sender.example");
	await_empty();
	end();
}
END_TEST

/* The other recipients of the message keep their routes. */
START_TEST(only_recipients_that_are_meant_go_there)
{
	begin();
	start();
	queue_by("new.example", "bob@far.example joe@near.example");
	await_sent(2);
	await_empty();
	ck_assert_str_eq(find_sent("bob@far.example")->key, "mx:new.example");
	ck_assert_str_eq(find_sent("joe@near.example")->key, "mx:near.example");
	end();
}
END_TEST

START_TEST(what_is_sent_elsewhere_during_an_attempt_goes_at_once)
{
	struct example x;

	begin();
	conf.retry_min_ms = conf.retry_max_ms = 1000000;
	start();
	make(&x, "bob@down.example");
	last_id = x.e.id;
	drain_to = "new.example";
	down = true;
	add(&x);
	ck_assert_str_eq(await_sent(1)->key, "mx:down.example");
	ck_assert_str_eq(await_sent(2)->key, "mx:new.example");
	await_empty();
	end();
}
END_TEST

UNIT_MAIN("scheduler", what_is_sent_elsewhere_during_an_attempt_goes_at_once,
    what_the_operator_sends_elsewhere_asks_no_route,
    what_is_refused_there_goes_by_the_routes_again,
    only_recipients_that_are_meant_go_there,
    a_message_is_handed_over_and_leaves_the_queue,
    many_messages_are_each_handed_over_once,
    recipients_share_transactions_up_to_a_maximum,
    a_temporary_failure_is_tried_again_until_its_time_is_over,
    a_permanent_failure_is_told_to_the_sender, what_a_rule_decides_is_not_sent,
    a_dead_hop_is_left_alone_and_comes_back,
    what_waits_at_a_dead_hop_is_late_and_expires, a_delay_is_told_once,
    notify_decides_who_is_told,
    a_notice_that_fails_is_the_postmasters_and_no_more,
    what_waits_is_sent_after_a_restart, a_paused_domain_waits_over_a_restart,
    a_flush_makes_all_due_and_revives_a_dead_hop)
