/* SPDX-License-Identifier: ISC */
/* The board, with messages, hops and a clock that are only numbers. */
#include "config.h"

#include "mta/queue/board.h"

#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "mta/queue/scheduler.h"
#include "tests/unit/unit.h"

enum {
	MESSAGES = 60000,
	JOBS = 300,
	SECOND = 1000,
	MINUTE = 60 * SECOND,
};

struct message {
	char domain[24];
	uint64_t owner;
	char hop[32]; /* the key of where it goes */
	struct ident id;
	int64_t due;
	bool gone;
	unsigned starts;
	int64_t first_start, first_end;
};

struct running {
	struct board_job job;
	struct message *m;
	int64_t end;
};

/* How long an attempt takes, and how it ends. */
struct manner {
	int64_t takes;
	enum board_verdict verdict;
	bool slow_down;
};

static struct message messages[MESSAGES];
static size_t n_messages, first_alive;
static struct running running[JOBS];
static size_t n_running, most_running;
static struct board *board;
static int64_t now;
static struct manner (*manner_of)(const struct message *m);
static unsigned n_started;

static struct manner
well(const struct message *m)
{
	(void)m;
	return (struct manner){100, BOARD_ANSWERED, false};
}

static void
begin_with(const struct board_limit *limits, size_t n)
{
	struct board_conf conf = {
	    .max_deliveries = 100,
	    .max_lookups = 20,
	    .window = {.start = 5,
		.max = 20,
		.dead = {5 * MINUTE, 240 * MINUTE}},
	    .limits = limits,
	    .n_limits = n,
	    .seed = 7,
	};

	memset(messages, 0, sizeof messages);
	n_messages = n_running = most_running = first_alive = 0;
	n_started = 0;
	now = 1000000;
	manner_of = well;
	board = board_new(&conf);
}

static void
begin(void)
{
	begin_with(NULL, 0);
}

static void
end(void)
{
	board_free(&board);
}

static struct message *
queue_at(const char *domain, uint64_t owner, const char *hop, int64_t due)
{
	struct message *m = &messages[n_messages++];

	snprintf(m->domain, sizeof m->domain, "%s", domain);
	snprintf(m->hop, sizeof m->hop, "%s", hop);
	m->owner = owner;
	m->due = due;
	snprintf(m->id.text, sizeof m->id.text, "%016zu", n_messages);
	board_change(board, str(domain), owner, 1, due, now);
	return m;
}

static struct message *
queue(const char *domain, uint64_t owner)
{
	return queue_at(domain, owner, domain, now);
}

static int
by_due(const void *one, const void *other)
{
	const struct board_row *a = one, *b = other;
	int order = (a->due > b->due) - (a->due < b->due);

	return order != 0 ? order : strcmp(a->id.text, b->id.text);
}

static void
fill(const struct board_job *job)
{
	static struct board_row rows[MESSAGES];
	size_t n = 0;

	while (first_alive < n_messages && messages[first_alive].gone)
		first_alive++;
	for (size_t i = first_alive; i < n_messages; i++) {
		const struct message *m = &messages[i];

		if (m->gone || m->owner != job->owner || m->due < job->from ||
		    !str_is(job->domain, str(m->domain)))
			continue;
		rows[n++] = (struct board_row){m->id, m->due};
	}
	qsort(rows, n, sizeof *rows, by_due);
	board_fill(
	    board, job, rows, n < job->max_rows ? n : job->max_rows, now);
}

static struct message *
message_of(const struct ident *id)
{
	return &messages[strtoul(id->text, NULL, 10) - 1];
}

static void
move_row(struct message *m, int64_t due)
{
	m->due = due;
	board_change(board, str(m->domain), m->owner, 0, due, now);
}

/* "mx@example.org" is one of example.org's hops; else a hop is by itself. */
static const char *
provider_of(const char *hop)
{
	const char *at = strchr(hop, '@');

	return at != NULL ? at + 1 : hop;
}

/* True where the attempt goes on. */
static bool
find_hop(struct board_job *job, struct message *m)
{
	const char *provider = provider_of(m->hop);
	int64_t until;

	if (strcmp(job->key, m->hop) == 0)
		return true;
	switch (board_move(board, job, m->hop, provider, now, &until)) {
	case BOARD_HERE:
		return true;
	case BOARD_THERE:
		return false;
	case BOARD_DEAD:
		break;
	}
	board_report(board, job, BOARD_NO_VERDICT, false, NULL, now);
	if (until != 0)
		move_row(m, until + 1);
	board_release(board, &job->leg, false, now);
	return false;
}

static void
begin_attempt(struct board_job *job)
{
	struct message *m = message_of(&job->id);

	ck_assert(!m->gone);
	ck_assert_int_le(m->due, now);
	if (!find_hop(job, m))
		return;
	n_started++;
	if (m->starts++ == 0)
		m->first_start = now;
	ck_assert_uint_lt(n_running, JOBS);
	running[n_running++] =
	    (struct running){*job, m, now + manner_of(m).takes};
	if (n_running > most_running)
		most_running = n_running;
}

static void
end_attempt(struct running *r)
{
	struct manner manner = manner_of(r->m);

	board_report(
	    board, &r->job, manner.verdict, manner.slow_down, NULL, now);
	if (manner.verdict == BOARD_ANSWERED) {
		r->m->gone = true;
		r->m->first_end = now;
		board_change(board, str(r->m->domain), r->m->owner, -1, 0, now);
	} else {
		move_row(r->m, now + 10 * MINUTE);
	}
	board_release(board, &r->job.leg, false, now);
}

static void
take_all(void)
{
	struct board_job job;

	while (board_take(board, now, &job)) {
		if (job.work == BOARD_FILL)
			fill(&job);
		else
			begin_attempt(&job);
	}
}

static void
end_due(void)
{
	for (size_t i = 0; i < n_running;) {
		struct running r = running[i];

		if (r.end > now) {
			i++;
			continue;
		}
		running[i] = running[--n_running];
		end_attempt(&r);
	}
}

static void
run_until(int64_t until)
{
	for (;;) {
		int64_t next = board_next(board);

		take_all();
		next = board_next(board);
		for (size_t i = 0; i < n_running; i++)
			if (running[i].end < next)
				next = running[i].end;
		if (next > until)
			break;
		now = next > now ? next : now;
		end_due();
	}
	now = until;
}

START_TEST(a_message_leaves_at_once)
{
	struct message *m;

	begin();
	m = queue("example.org", 1);
	take_all();
	ck_assert_uint_eq(m->starts, 1);
	ck_assert_int_eq(m->first_start, now);
	run_until(now + SECOND);
	ck_assert(m->gone);
	ck_assert(!board_has_work(board));
	ck_assert_int_eq(board_next(board), BOARD_NEVER);
	end();
}
END_TEST

START_TEST(a_letter_is_not_delayed_by_a_mailing_to_the_same_hop)
{
	struct message *letter;

	begin();
	for (size_t i = 0; i < 50000; i++)
		queue("example.org", 1);
	run_until(now + MINUTE);
	letter = queue("example.org", 2);
	run_until(now + SECOND);
	/* A place is free after one attempt. */
	ck_assert(letter->gone);
	ck_assert_int_le(letter->first_end - letter->due, 250);
	end();
}
END_TEST

static struct manner
hangs_but_for_2(const struct message *m)
{
	if (m->owner == 2)
		return well(m);
	return (struct manner){5 * MINUTE, BOARD_UNREACHED, false};
}

START_TEST(a_mailing_that_hangs_everywhere_leaves_room_for_a_letter)
{
	struct message *letter;
	char domain[24];

	begin();
	manner_of = hangs_but_for_2;
	for (unsigned i = 0; i < 3000; i++) {
		snprintf(domain, sizeof domain, "d%u.example", i);
		queue(domain, 1);
	}
	run_until(now + MINUTE);
	ck_assert_uint_ge(most_running, 70);
	ck_assert_uint_le(most_running, 80);
	letter = queue("example.org", 2);
	take_all();
	ck_assert_uint_eq(letter->starts, 1);
	end();
}
END_TEST

START_TEST(a_first_attempt_does_not_wait_for_retries_of_its_lane)
{
	struct message *m;

	begin();
	for (size_t i = 0; i < 5000; i++)
		queue_at("example.org", 1, "example.org", now - MINUTE);
	run_until(now + SECOND);
	m = queue("example.org", 1);
	run_until(now + SECOND);
	ck_assert(m->gone);
	ck_assert_int_le(m->first_end - m->due, 500);
	end();
}
END_TEST

START_TEST(concurrency_begins_low_and_grows_to_the_maximum)
{
	begin();
	for (size_t i = 0; i < 2000; i++)
		queue("example.org", 1);
	take_all();
	ck_assert_uint_eq(n_running, 5);
	run_until(now + 10 * SECOND);
	ck_assert_uint_eq(most_running, 20);
	end();
}
END_TEST

static bool down;

static struct manner
as_it_is_up(const struct message *m)
{
	return down ? (struct manner){30 * SECOND, BOARD_UNREACHED, false}
		    : well(m);
}

START_TEST(a_dead_hop_is_probed_and_not_hammered)
{
	begin();
	manner_of = as_it_is_up;
	down = true;
	for (size_t i = 0; i < 1000; i++)
		queue("example.org", i % 10);
	run_until(now + 5 * SECOND);
	ck_assert_uint_eq(n_started, 5);
	run_until(now + 10 * 60 * MINUTE);
	/* Five at first, then about 5, 10, 20, 40… minutes apart. */
	ck_assert_uint_ge(n_started, 9);
	ck_assert_uint_le(n_started, 14);
	down = false;
	run_until(now + 6 * 60 * MINUTE);
	for (size_t i = 0; i < n_messages; i++)
		ck_assert(messages[i].gone);
	end();
}
END_TEST

START_TEST(a_dead_hop_is_tried_at_once_where_the_operator_asks)
{
	unsigned before;

	begin();
	manner_of = as_it_is_up;
	down = true;
	for (size_t i = 0; i < 100; i++)
		queue("example.org", 1);
	run_until(now + MINUTE);
	before = n_started;
	down = false;
	board_revive(board, str("example.org"), now);
	run_until(now + MINUTE);
	ck_assert_uint_ge(n_started, before + 90);
	end();
}
END_TEST

static void
count_lane(void *ctx, struct str domain, uint64_t owner, uint64_t rows)
{
	uint64_t *n = ctx;

	(void)domain;
	(void)owner;
	*n += rows;
}

START_TEST(a_domain_with_a_dot_means_all_below_it)
{
	static const struct {
		const char *domain;
		uint64_t rows;
	} meant[] = {
	    {"example.org", 1},
	    {".example.org", 5},
	    {".a.example.org", 0},
	    {"", 13},
	};

	begin();
	queue("example.org", 1);
	for (size_t i = 0; i < 2; i++)
		queue("a.example.org", 1);
	for (size_t i = 0; i < 3; i++)
		queue("b.example.org", 1);
	for (size_t i = 0; i < 7; i++)
		queue("notexample.org", 1);
	for (size_t i = 0; i < ARRAY_LEN(meant); i++) {
		uint64_t n = 0;

		board_each_lane(board, str(meant[i].domain), count_lane, &n);
		ck_assert_uint_eq(n, meant[i].rows);
	}
	end();
}
END_TEST

static struct manner
only_b_is_up(const struct message *m)
{
	if (strcmp(m->hop, "b") == 0)
		return well(m);
	return (struct manner){SECOND, BOARD_UNREACHED, false};
}

START_TEST(what_goes_elsewhere_does_not_wait_for_a_dead_hop)
{
	struct message *first, *second, *newcomer;

	begin();
	manner_of = only_b_is_up;
	for (size_t i = 0; i < 20; i++)
		queue_at("example.org", 1, "a", now);
	run_until(now + MINUTE);
	first = queue_at("example.org", 1, "b", now);
	run_until(now + SECOND);
	ck_assert(first->gone);
	/* One that is retried is found too, now that both are known. */
	second = queue_at("example.org", 1, "b", now + 2 * SECOND);
	for (size_t i = 0; i < 20; i++)
		queue_at("example.org", 1, "a", now + SECOND);
	newcomer = queue_at("example.org", 1, "b", now);
	run_until(now + MINUTE);
	ck_assert(second->gone);
	ck_assert(newcomer->gone);
	end();
}
END_TEST

/* One recipient's attempt is recorded when another one's time has come: the
 * message's row is read, and its leg is not free yet. */
START_TEST(a_row_that_is_read_during_its_attempt_is_not_forgotten)
{
	struct message *m;
	struct board_job job;

	begin();
	m = queue("example.org", 1);
	take_all();
	ck_assert_uint_eq(n_running, 1);
	job = running[--n_running].job;
	board_report(board, &job, BOARD_ANSWERED, false, NULL, now);
	now += 10;
	move_row(m, now - 5);
	take_all();
	ck_assert_uint_eq(n_running, 0);
	board_release(board, &job.leg, false, now);
	take_all();
	ck_assert_uint_eq(n_running, 1);
	run_until(now + MINUTE);
	ck_assert(m->gone);
	end();
}
END_TEST

static void
send_elsewhere(struct message *m)
{
	snprintf(m->hop, sizeof m->hop, "b");
	move_row(m, now);
}

static void
end_unreached(struct board_job *job)
{
	ck_assert(board_report(board, job, BOARD_UNREACHED, false, NULL, now));
	board_release(board, &job->leg, false, now);
}

/* The operator sends elsewhere what is under way to a hop that then dies. */
START_TEST(what_is_changed_during_its_attempt_does_not_wait_for_a_dead_hop)
{
	struct message *m;
	struct board_job attempt, reading;

	/* Its row is read before the attempt has ended, */
	begin();
	manner_of = only_b_is_up;
	m = queue_at("example.org", 1, "a", now);
	take_all();
	ck_assert_uint_eq(n_running, 1);
	attempt = running[--n_running].job;
	now += 10;
	send_elsewhere(m);
	take_all();
	end_unreached(&attempt);
	run_until(now + SECOND);
	ck_assert(m->gone);
	end();
	/* or while it ends, and others come. */
	begin();
	manner_of = only_b_is_up;
	m = queue_at("example.org", 1, "a", now);
	take_all();
	attempt = running[--n_running].job;
	now += 10;
	send_elsewhere(m);
	ck_assert(board_take(board, now, &reading));
	ck_assert_int_eq(reading.work, BOARD_FILL);
	queue_at("example.org", 1, "a", now);
	end_unreached(&attempt);
	fill(&reading);
	run_until(now + SECOND);
	ck_assert(m->gone);
	end();
}
END_TEST

START_TEST(what_stands_at_a_dead_hop_can_be_sent_elsewhere)
{
	struct message *m = NULL;

	begin();
	manner_of = only_b_is_up;
	for (size_t i = 0; i < 40; i++)
		m = queue_at("example.org", 1, "a", now);
	run_until(now + MINUTE);
	ck_assert_uint_eq(m->starts, 0);
	send_elsewhere(m);
	run_until(now + SECOND);
	ck_assert(m->gone);
	end();
}
END_TEST

START_TEST(rows_that_could_not_be_read_are_read_again)
{
	struct message *m;
	struct board_job job;

	begin();
	m = queue("example.org", 1);
	ck_assert(board_take(board, now, &job));
	ck_assert_int_eq(job.work, BOARD_FILL);
	board_fill_failed(board, &job, now + SECOND, now);
	take_all();
	ck_assert_uint_eq(n_started, 0);
	ck_assert_int_eq(board_next(board), now + SECOND);
	run_until(now + MINUTE);
	ck_assert(m->gone);
	end();
}
END_TEST

START_TEST(what_is_under_way_is_known)
{
	struct message *m;
	struct leg *leg;

	begin();
	m = queue("example.org", 1);
	ck_assert(!board_is_under_way(board, str("example.org"), 1, &m->id));
	leg = board_claim(board, str("example.org"), 1, &m->id, now);
	ck_assert(board_is_under_way(board, str("example.org"), 1, &m->id));
	take_all();
	ck_assert_uint_eq(n_running, 0);
	board_release(board, &leg, true, now);
	ck_assert(!board_is_under_way(board, str("example.org"), 1, &m->id));
	take_all();
	ck_assert_uint_eq(n_running, 1);
	ck_assert(board_is_under_way(board, str("example.org"), 1, &m->id));
	ck_assert(!board_is_under_way(board, str("example.org"), 2, &m->id));
	run_until(now + MINUTE);
	ck_assert(m->gone);
	end();
}
END_TEST

START_TEST(a_provider_gets_no_more_than_is_allowed)
{
	static char name[] = "example.org";
	static const struct board_limit limit = {
	    name, {.max = 2, .gap_ms = 10 * SECOND}};

	begin_with(&limit, 1);
	for (size_t i = 0; i < 100; i++)
		queue("example.org", 1);
	run_until(now + 10 * MINUTE - 1);
	ck_assert_uint_eq(n_started, 60);
	end();
}
END_TEST

START_TEST(a_rate_is_shared_by_the_hops_of_a_provider)
{
	static char all[] = "*", other[] = "other.example";
	static const struct board_limit limits[] = {
	    {all, {.rate = 30, .period_ms = MINUTE}},
	    {other, {.max = 1}},
	};

	begin_with(limits, 2);
	for (size_t i = 0; i < 60; i++) {
		queue_at("a.example", 1, "mx1@example.org", now);
		queue_at("b.example", 2, "mx2@example.org", now);
	}
	run_until(now + MINUTE / 2);
	ck_assert_uint_eq(n_started, 30);
	run_until(now + 2 * MINUTE);
	ck_assert_uint_ge(n_started, 60);
	ck_assert_uint_le(n_started, 90);
	end();
	/* Those that have a section of their own, and mailboxes, do not count. */
	begin_with(limits, 2);
	for (size_t i = 0; i < 100; i++) {
		queue_at("c.example", 1, "mx@other.example", now);
		queue_at("d.example", 2, "lmtp:unix:/x", now);
	}
	run_until(now + MINUTE / 2);
	ck_assert_uint_eq(n_started, 200);
	end();
}
END_TEST

static struct manner
slow_at_first(const struct message *m)
{
	(void)m;
	return (struct manner){100, BOARD_ANSWERED, now < 1000000 + MINUTE};
}

START_TEST(a_provider_that_asks_for_it_gets_mail_slowly_for_a_time)
{
	unsigned soon;

	begin();
	manner_of = slow_at_first;
	for (size_t i = 0; i < 20000; i++)
		queue("example.org", 1);
	run_until(now + MINUTE);
	soon = n_started;
	ck_assert_uint_le(soon, 15);
	run_until(now + 3 * 60 * MINUTE);
	ck_assert_uint_ge(n_started, 15000);
	end();
}
END_TEST

START_TEST(what_is_paused_waits)
{
	struct message *m, *other;

	begin();
	board_pause(board, str("example.org"), true, now);
	m = queue("example.org", 1);
	other = queue("example.net", 1);
	run_until(now + MINUTE);
	ck_assert(!m->gone);
	ck_assert(other->gone);
	board_pause(board, str("example.org"), false, now);
	run_until(now + MINUTE);
	ck_assert(m->gone);
	board_pause(board, str("a"), true, now);
	m = queue_at("example.org", 1, "a", now);
	run_until(now + MINUTE);
	ck_assert_uint_eq(m->starts, 0);
	board_pause(board, str("a"), false, now);
	run_until(now + MINUTE);
	ck_assert(m->gone);
	end();
}
END_TEST

START_TEST(a_message_is_under_way_once)
{
	struct message *m, *waiting;
	struct leg *leg;

	begin();
	m = queue("example.org", 1);
	take_all();
	ck_assert_ptr_null(
	    board_claim(board, str("example.org"), 1, &m->id, now));
	waiting = queue_at("example.org", 1, "example.org", now + MINUTE);
	leg = board_claim(board, str("example.org"), 1, &waiting->id, now);
	ck_assert_ptr_nonnull(leg);
	run_until(now + 10 * MINUTE);
	ck_assert(m->gone);
	ck_assert_uint_eq(waiting->starts, 0);
	board_release(board, &leg, false, now);
	move_row(waiting, now);
	run_until(now + MINUTE);
	ck_assert(waiting->gone);
	end();
}
END_TEST

static void
count_hop(void *ctx, const struct scheduler_hop *hop)
{
	unsigned *n = ctx;

	++*n;
	ck_assert_str_eq(hop->key, "example.org");
	ck_assert_uint_eq(hop->waiting, 5);
	ck_assert_int_gt(hop->dead_until, now);
	ck_assert_str_eq(hop->last->text, "no answer");
}

START_TEST(a_hop_tells_what_waits_for_it_and_is_forgotten_later)
{
	struct board_job job;
	struct fault f;
	unsigned n = 0;

	begin();
	(void)fault_temp(&f, "4.4.1", "no answer");
	for (size_t i = 0; i < 5; i++)
		queue("example.org", 1);
	while (board_take(board, now, &job)) {
		struct message *m;

		if (job.work == BOARD_FILL) {
			fill(&job);
			continue;
		}
		m = message_of(&job.id);
		if (!find_hop(&job, m))
			continue;
		board_report(board, &job, BOARD_UNREACHED, false, &f, now);
		board_release(board, &job.leg, true, now);
	}
	board_each_hop(board, now, count_hop, &n);
	ck_assert_uint_eq(n, 1);
	board_change(board, str("example.org"), 1, -5, 0, now);
	board_tidy(board, now + 24 * 60 * MINUTE);
	run_until(now + 24 * 60 * MINUTE);
	board_tidy(board, now + 24 * 60 * MINUTE);
	board_each_hop(board, now, count_hop, &n);
	ck_assert_uint_eq(n, 1);
	end();
}
END_TEST

UNIT_MAIN("board", a_message_leaves_at_once,
    a_letter_is_not_delayed_by_a_mailing_to_the_same_hop,
    a_mailing_that_hangs_everywhere_leaves_room_for_a_letter,
    a_first_attempt_does_not_wait_for_retries_of_its_lane,
    concurrency_begins_low_and_grows_to_the_maximum,
    a_dead_hop_is_probed_and_not_hammered,
    a_dead_hop_is_tried_at_once_where_the_operator_asks,
    a_domain_with_a_dot_means_all_below_it,
    what_goes_elsewhere_does_not_wait_for_a_dead_hop,
    a_row_that_is_read_during_its_attempt_is_not_forgotten,
    what_is_changed_during_its_attempt_does_not_wait_for_a_dead_hop,
    what_stands_at_a_dead_hop_can_be_sent_elsewhere,
    rows_that_could_not_be_read_are_read_again, what_is_under_way_is_known,
    a_provider_gets_no_more_than_is_allowed,
    a_rate_is_shared_by_the_hops_of_a_provider,
    a_provider_that_asks_for_it_gets_mail_slowly_for_a_time,
    what_is_paused_waits, a_message_is_under_way_once,
    a_hop_tells_what_waits_for_it_and_is_forgotten_later)
