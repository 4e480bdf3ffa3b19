/* SPDX-License-Identifier: ISC */
/* mta/queue/methods.h: what the operator sees of the queue, and does to it. */
#include "config.h"

#include "mta/queue/methods.h"

#include <stdio.h>
#include <string.h>

#include "base/crypto.h"
#include "base/log.h"
#include "base/mem.h"
#include "mta/queue/queue.h"
#include "tests/unit/place.h"
#include "tests/unit/unit.h"

static char dir[PLACE_SIZE];
static struct queue_admin admin;

static void
begin(void)
{
	struct queue_conf conf = {.dir = dir, .cache = 4 << 20};
	struct fault f = {0};

	log_open("check_methods", LOG_TARGET_STDERR, LOG_LEVEL_ERROR);
	place_make(dir, "methods");
	admin.queue = queue_open(&conf, &f);
	ck_assert_msg(admin.queue != NULL, "%s", f.text);
}

static void
end(void)
{
	queue_close(&admin.queue);
	place_remove(dir);
}

/* A message whose id is this number; one recipient or two. */
static void
put(struct queue_change *c, unsigned n, const char *to, const char *also,
    unsigned attempts)
{
	const char *from = n == 3 ? "zoe@example.net" : "ann@example.org";
	struct entry_rcpt rcpts[2];
	struct entry e = {.owner = str("ann"), .rcpts = rcpts};
	struct fault f = {0};

	memset(rcpts, 0, sizeof rcpts);
	snprintf(e.id.text, sizeof e.id.text, "%016u", n);
	/* Ages are what tests tell messages apart by, not the clock. */
	e.arrived = 1000000 + n;
	ck_assert_int_eq(address_parse(str(from), &e.mail.reverse_path, &f), 0);
	ck_assert_int_eq(
	    address_parse(str(to), &rcpts[0].to.forward_path, &f), 0);
	e.n_rcpts = 1;
	if (also != NULL) {
		ck_assert_int_eq(
		    address_parse(str(also), &rcpts[1].to.forward_path, &f), 0);
		e.n_rcpts = 2;
	}
	for (size_t i = 0; i < e.n_rcpts; i++) {
		rcpts[i].due = 7;
		rcpts[i].attempts = attempts;
		if (attempts > 0)
			fault_temp(&rcpts[i].fault, "4.2.2", "Mailbox FULL");
	}
	ck_assert_int_eq(queue_change_add(c, &e,
			     STR_LIT("A: b\r\nC: d\r\n\r\nbody\r\n"), NULL, &f),
	    0);
}

static void
commit(struct queue_change *c)
{
	struct fault f = {0};

	ck_assert_msg(queue_commit(admin.queue, &c, &f) == 0, "%s", f.text);
}

static json_t *
try_call(const char *method, const char *text, struct fault *f)
{
	const struct control_method *m = queue_methods;
	json_t *params, *result;

	while (m->name != NULL && strcmp(m->name, method) != 0)
		m++;
	ck_assert_ptr_nonnull(m->name);
	params = json_parse(str(text), f);
	ck_assert_ptr_nonnull(params);
	result = m->call(&admin, params, f);
	json_free(&params);
	return result;
}

static json_t *
call(const char *method, const char *text)
{
	struct fault f = {0};
	json_t *result = try_call(method, text, &f);

	ck_assert_msg(result != NULL, "%s", f.text);
	return result;
}

static void
assert_refused(const char *method, const char *text, const char *dsn)
{
	struct fault f = {0};
	json_t *result = try_call(method, text, &f);

	ck_assert_msg(result == NULL, "%s %s", method, text);
	ck_assert_str_eq(f.dsn, dsn);
}

/* The numbers of the messages that are listed, with a ">" where there is more.
 */
static void
assert_listed(const char *params, const char *want)
{
	json_t *result = call("queue.list", params), *messages;
	struct buf b;

	buf_init(&b, 4096);
	messages = json_get(result, "messages");
	for (size_t i = 0; i < json_len(messages); i++)
		buf_putf(&b, "%s%lu", i > 0 ? " " : "",
		    strtoul(
			json_get_text(json_at(messages, i), "id"), NULL, 10));
	if (json_get_text(result, "next") != NULL)
		buf_putf(&b, ">%lu",
		    strtoul(json_get_text(result, "next"), NULL, 10));
	ck_assert_msg(strcmp(buf_text(&b), want) == 0, "%s: \"%s\", not \"%s\"",
	    params, buf_text(&b), want);
	buf_clear(&b);
	json_free(&result);
}

static void
assert_changed(
    const char *method, const char *params, int64_t messages, int64_t rcpts)
{
	json_t *result = call(method, params);

	ck_assert_msg(json_get_int(result, "messages", -1) == messages &&
			  json_get_int(result, "recipients", -1) == rcpts,
	    "%s %s: %lld messages, %lld recipients", method, params,
	    (long long)json_get_int(result, "messages", -1),
	    (long long)json_get_int(result, "recipients", -1));
	json_free(&result);
}

static void
fill(void)
{
	struct queue_change *c;

	begin();
	c = queue_change_new(admin.queue);
	put(c, 1, "bob@far.example", NULL, 0);
	put(c, 2, "bob@far.example", "c@other.example", 3);
	put(c, 3, "Dan@other.example", NULL, 1);
	commit(c);
}

START_TEST(a_list_has_what_is_selected)
{
	static const struct {
		const char *params;
		const char *want;
	} cases[] = {
	    {"{}", "1 2 3"},
	    {"{\"all\": true}", "1 2 3"},
	    {"{\"id\": \"0000000000000002\"}", "2"},
	    {"{\"id\": \"0000000000000009\"}", ""},
	    {"{\"sender\": \"Ann@example.org\"}", "1 2"},
	    {"{\"sender\": \"@example.net\"}", "3"},
	    {"{\"sender\": \"<>\"}", ""},
	    {"{\"recipient\": \"bob@far.example\"}", "1 2"},
	    {"{\"recipient\": \"@OTHER.example\"}", "2 3"},
	    {"{\"domain\": \"far.example\"}", "1 2"},
	    {"{\"domain\": \"example\"}", ""},
	    {"{\"reason\": \"box full\"}", "2 3"},
	    {"{\"reason\": \"box full\", \"domain\": \"far.example\"}", "2"},
	    {"{\"state\": \"new\"}", "1"},
	    {"{\"state\": \"deferred\"}", "2 3"},
	    {"{\"state\": \"held\"}", ""},
	    {"{\"older\": 3600}", "1 2 3"},
	    {"{\"younger\": 3600}", ""},
	    {"{\"limit\": 2}", "1 2>3"},
	    {"{\"limit\": 2, \"from\": \"0000000000000002\"}", "2 3"},
	    {"{\"limit\": 2, \"from\": \"0000000000000003\"}", "3"},
	};

	fill();
	for (size_t i = 0; i < ARRAY_LEN(cases); i++)
		assert_listed(cases[i].params, cases[i].want);
	end();
}
END_TEST

START_TEST(what_makes_no_sense_is_refused)
{
	static const struct {
		const char *method;
		const char *params;
		const char *dsn;
	} cases[] = {
	    {"queue.list", "{\"limit\": 0}", "5.5.4"},
	    {"queue.list", "{\"limit\": 1000000}", "5.5.4"},
	    {"queue.list", "{\"from\": \"../x\"}", "5.5.4"},
	    {"queue.list", "{\"state\": \"odd\"}", "5.5.4"},
	    {"queue.list", "{\"older\": -1}", "5.5.4"},
	    {"queue.list", "{\"older\": \"1h\"}", "5.5.4"},
	    {"queue.list", "{\"sender\": 1}", "5.5.4"},
	    {"queue.show", "{}", "5.5.4"},
	    {"queue.show", "{\"id\": \"0000000000000009\"}", "5.1.1"},
	    {"queue.body", "{\"id\": \"0000000000000001\", \"offset\": -1}",
		"5.5.4"},
	    {"queue.delete", "{}", "5.5.4"},
	    {"queue.hold", "{\"dry_run\": true}", "5.5.4"},
	    {"queue.redirect", "{\"all\": true}", "5.5.4"},
	    {"queue.redirect", "{\"all\": true, \"to\": \"x\"}", "5.1.3"},
	    {"queue.drain", "{\"all\": true}", "5.5.4"},
	    {"queue.drain", "{\"to\": \"new.example\"}", "5.5.4"},
	    {"queue.drain", "{\"all\": true, \"to\": \"discard\"}", "5.5.4"},
	    {"queue.drain", "{\"all\": true, \"to\": \"error:no\"}", "5.5.4"},
	    {"queue.drain", "{\"all\": true, \"to\": \"mx:\"}", "5.5.4"},
	    {"queue.drain", "{\"all\": true, \"to\": \"a b\"}", "5.5.4"},
	};

	fill();
	for (size_t i = 0; i < ARRAY_LEN(cases); i++)
		assert_refused(cases[i].method, cases[i].params, cases[i].dsn);
	assert_listed("{}", "1 2 3");
	end();
}
END_TEST

START_TEST(show_has_all_recipients_and_the_header)
{
	json_t *o, *rcpt;

	fill();
	o = call("queue.show", "{\"id\": \"0000000000000002\"}");
	ck_assert_str_eq(json_get_text(o, "sender"), "ann@example.org");
	ck_assert_str_eq(json_get_text(o, "header"), "A: b\r\nC: d\r\n");
	ck_assert_int_eq(json_get_int(o, "total", 0), 2);
	rcpt = json_at(json_get(o, "recipients"), 1);
	ck_assert_str_eq(json_get_text(rcpt, "recipient"), "c@other.example");
	ck_assert_str_eq(json_get_text(rcpt, "state"), "waiting");
	ck_assert_str_eq(json_get_text(rcpt, "reason"), "Mailbox FULL");
	ck_assert_str_eq(json_get_text(rcpt, "dsn"), "4.2.2");
	ck_assert_int_eq(json_get_int(rcpt, "attempts", 0), 3);
	json_free(&o);
	end();
}
END_TEST

START_TEST(a_body_comes_in_pieces)
{
	struct buf all;
	char params[100];
	json_t *o;
	int64_t next = 0;

	fill();
	buf_init(&all, 4096);
	do {
		snprintf(params, sizeof params,
		    "{\"id\": \"0000000000000001\", \"offset\": %lld, "
		    "\"limit\": 7}",
		    (long long)next);
		o = call("queue.body", params);
		ck_assert_int_eq(json_get_int(o, "size", 0), 20);
		ck_assert(
		    crypto_base64_take(&all, str(json_get_text(o, "base64"))));
		next = json_get_int(o, "next", 0);
		json_free(&o);
	} while (next > 0);
	ck_assert_str_eq(buf_text(&all), "A: b\r\nC: d\r\n\r\nbody\r\n");
	o = call(
	    "queue.body", "{\"id\": \"0000000000000001\", \"offset\": 1000}");
	ck_assert_str_eq(json_get_text(o, "base64"), "");
	ck_assert_ptr_null(json_get(o, "next"));
	json_free(&o);
	buf_clear(&all);
	end();
}
END_TEST

START_TEST(a_dry_run_counts_and_leaves_all_as_it_was)
{
	fill();
	assert_changed(
	    "queue.delete", "{\"all\": true, \"dry_run\": true}", 3, 4);
	assert_changed("queue.redirect",
	    "{\"domain\": \"far.example\", \"to\": \"x@y.example\", "
	    "\"dry_run\": true}",
	    2, 2);
	assert_listed("{\"domain\": \"far.example\"}", "1 2");
	end();
}
END_TEST

START_TEST(delete_takes_recipients_off_and_messages_that_have_none)
{
	fill();
	assert_changed("queue.delete", "{\"domain\": \"far.example\"}", 2, 2);
	assert_listed("{}", "2 3");
	assert_listed("{\"domain\": \"far.example\"}", "");
	assert_changed("queue.delete", "{\"id\": \"0000000000000002\"}", 1, 1);
	assert_changed("queue.delete", "{\"id\": \"0000000000000002\"}", 0, 0);
	assert_changed("queue.delete", "{\"all\": true}", 1, 1);
	assert_listed("{}", "");
	end();
}
END_TEST

START_TEST(hold_and_release_count_what_they_change)
{
	fill();
	assert_changed("queue.hold", "{\"sender\": \"@example.org\"}", 2, 3);
	assert_changed("queue.hold", "{\"all\": true}", 1, 1);
	assert_listed("{\"state\": \"held\"}", "1 2 3");
	assert_listed("{\"state\": \"waiting\"}", "");
	assert_changed("queue.release", "{\"id\": \"0000000000000001\"}", 1, 1);
	assert_listed("{\"state\": \"held\"}", "2 3");
	end();
}
END_TEST

static int
see_row(void *ctx, const struct queue_lane *lane)
{
	if (str_is(lane->domain, STR_LIT("far.example")))
		*(int64_t *)ctx = lane->due;
	return 0;
}

START_TEST(retry_makes_due_now_what_is_meant)
{
	int64_t due = 0;
	struct fault f;

	fill();
	assert_changed("queue.retry", "{\"domain\": \"far.example\"}", 2, 2);
	ck_assert_int_eq(queue_each_lane(admin.queue, see_row, &due, &f), 0);
	ck_assert_int_gt(due, 1000000000000);
	end();
}
END_TEST

START_TEST(redirect_keeps_the_address_that_was_written_to)
{
	struct ident id = {.text = "0000000000000003"};
	struct arena arena = {0};
	struct fault f;
	struct entry e;

	fill();
	assert_changed("queue.redirect",
	    "{\"id\": \"0000000000000003\", \"to\": \"x@y.example\"}", 1, 1);
	assert_listed("{\"domain\": \"y.example\"}", "3");
	ck_assert_int_eq(queue_get(admin.queue, &id, &arena, &e, &f), 1);
	ck_assert_view_eq(e.rcpts[0].to.orcpt_type, "rfc822");
	ck_assert_view_eq(e.rcpts[0].to.orcpt, "Dan@other.example");
	ck_assert_uint_eq(e.rcpts[0].attempts, 0);
	ck_assert_int_eq(e.rcpts[0].fault.kind, 0);
	/* It is there already. */
	assert_changed("queue.redirect",
	    "{\"id\": \"0000000000000003\", \"to\": \"x@y.example\"}", 0, 0);
	arena_clear(&arena);
	end();
}
END_TEST

static void
assert_via(const char *want)
{
	json_t *o = call("queue.show", "{\"id\": \"0000000000000002\"}");
	const json_t *rcpts = json_get(o, "recipients");
	const char *via = json_get_text(json_at(rcpts, 0), "via");

	ck_assert_str_eq(via == NULL ? "" : via, want);
	ck_assert_ptr_null(json_get(json_at(rcpts, 1), "via"));
	json_free(&o);
}

START_TEST(drain_names_a_next_hop_and_takes_it_back)
{
	fill();
	assert_changed("queue.drain",
	    "{\"domain\": \"far.example\", \"to\": \"new.example\", "
	    "\"dry_run\": true}",
	    2, 2);
	assert_via("");
	assert_changed("queue.drain",
	    "{\"domain\": \"far.example\", \"to\": \"new.example\"}", 2, 2);
	assert_via("new.example");
	assert_changed("queue.drain",
	    "{\"domain\": \"far.example\", "
	    "\"to\": \"lmtp:127.0.0.1:24\"}",
	    2, 2);
	assert_via("lmtp:127.0.0.1:24");
	/* Of the third none was on another way. */
	assert_changed(
	    "queue.drain", "{\"all\": true, \"to\": \"route\"}", 2, 2);
	assert_via("");
	end();
}
END_TEST

/* More than one call does. */
START_TEST(a_large_selection_is_done_in_pieces)
{
	char params[100] = "{\"all\": true}";
	int64_t sum = 0;
	struct queue_change *c;
	unsigned calls = 0;
	json_t *o;

	begin();
	c = queue_change_new(admin.queue);
	for (unsigned i = 1; i <= 1100; i++)
		put(c, i, "bob@far.example", NULL, 0);
	commit(c);
	while (params[0] != '\0') {
		o = call("queue.delete", params);
		sum += json_get_int(o, "messages", 0);
		params[0] = '\0';
		if (json_get_text(o, "next") != NULL)
			snprintf(params, sizeof params,
			    "{\"all\": true, \"from\": \"%s\"}",
			    json_get_text(o, "next"));
		json_free(&o);
		ck_assert_uint_lt(++calls, 50);
	}
	ck_assert_int_eq(sum, 1100);
	ck_assert_uint_gt(calls, 1);
	assert_listed("{}", "");
	end();
}
END_TEST

START_TEST(a_queue_that_is_not_open_yet_is_a_temporary_fault)
{
	admin.queue = NULL;
	assert_refused("queue.list", "{}", "4.3.2");
	assert_refused("queue.delete", "{\"all\": true}", "4.3.2");
}
END_TEST

UNIT_MAIN("methods", a_list_has_what_is_selected,
    what_makes_no_sense_is_refused, show_has_all_recipients_and_the_header,
    a_body_comes_in_pieces, a_dry_run_counts_and_leaves_all_as_it_was,
    delete_takes_recipients_off_and_messages_that_have_none,
    hold_and_release_count_what_they_change, retry_makes_due_now_what_is_meant,
    redirect_keeps_the_address_that_was_written_to,
    drain_names_a_next_hop_and_takes_it_back,
    a_large_selection_is_done_in_pieces,
    a_queue_that_is_not_open_yet_is_a_temporary_fault)
