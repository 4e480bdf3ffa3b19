/* SPDX-License-Identifier: ISC */
#include "config.h"

#include "mta/send/lmtp_pool.h"

#include <pthread.h>
#include <semaphore.h>
#include <string.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/loop.h"
#include "base/mem.h"
#include "base/spool.h"
#include "tests/unit/peer.h"
#include "tests/unit/unit.h"

/* What the LMTP server of the tests is told to do, and what it has seen. */
struct script {
	const char *ehlo;           /* lines of its answer to LHLO */
	unsigned die_before_answer; /* so many messages get no answer */
	bool hang_up_after;         /* closes after each message */
	const char *refuse;         /* a recipient that gets 550 */
	bool silent;                /* takes messages and never answers */
	unsigned together;          /* so many messages are answered at once */
	const char *late;    /* a recipient that gets 452 after the body */
	unsigned messages;   /* that were received whole */
	unsigned most_rcpts; /* in one transaction */
	char idents[8][64];  /* of the first messages */
	char body[4096];     /* of the last one, as it came */
	size_t body_len;
};

static pthread_barrier_t together;

struct transaction {
	char ident[64];
	char late[64]; /* '1' for a recipient that is refused after all */
	unsigned rcpts;
};

static void
take_xforward(struct transaction *t, const char *line)
{
	const char *at = strstr(line, "IDENT=");

	t->ident[0] = '\0';
	if (at == NULL)
		return;
	at += 6;
	ck_assert(str_copy(str_head(str(at), strcspn(at, " \r\n")), t->ident,
	    sizeof t->ident));
}

static void
take_rcpt(struct script *s, struct transaction *t, const char *line, FILE *out)
{
	if (s->refuse != NULL && strstr(line, s->refuse) != NULL) {
		fputs("550 5.1.1 no\r\n", out);
		return;
	}
	if (t->rcpts < sizeof t->late)
		t->late[t->rcpts] =
		    s->late != NULL && strstr(line, s->late) != NULL;
	t->rcpts++;
	fputs("250 2.1.5 ok\r\n", out);
}

/* After the body; false where the connection is to end. */
static bool
answer_body(struct script *s, struct transaction *t, FILE *out)
{
	if (s->messages < ARRAY_LEN(s->idents))
		memcpy(s->idents[s->messages], t->ident, sizeof t->ident);
	s->messages++;
	if (t->rcpts > s->most_rcpts)
		s->most_rcpts = t->rcpts;
	if (s->messages <= s->die_before_answer)
		return false;
	if (s->silent)
		return true;
	if (s->together > 0)
		pthread_barrier_wait(&together);
	for (unsigned i = 0; i < t->rcpts; i++)
		fputs(i < sizeof t->late && t->late[i] ? "452 4.2.2 full\r\n"
						       : "250 2.0.0 stored\r\n",
		    out);
	t->rcpts = 0;
	fflush(out);
	return !s->hang_up_after;
}

static void
read_chunk(struct script *s, const char *line, FILE *in)
{
	size_t size = (size_t)strtoul(line + 5, NULL, 10);

	s->body_len = 0;
	for (size_t i = 0; i < size; i++) {
		int c = getc(in);

		if (c == EOF)
			return;
		if (s->body_len < sizeof s->body)
			s->body[s->body_len++] = (char)c;
	}
}

static void
read_dotted(struct script *s, FILE *in, FILE *out)
{
	char line[2000];

	fputs("354 go on\r\n", out);
	fflush(out);
	s->body_len = 0;
	while (fgets(line, sizeof line, in) != NULL &&
	       strcmp(line, ".\r\n") != 0) {
		size_t len = strlen(line);

		ck_assert_uint_lt(s->body_len + len, sizeof s->body);
		memcpy(s->body + s->body_len, line, len);
		s->body_len += len;
	}
}

static void
serve_lmtp(struct peer *peer, FILE *in, FILE *out)
{
	struct script *s = peer->ctx;
	struct transaction t = {.rcpts = 0};
	char line[2000];

	fputs("220 lmtp.example ready\r\n", out);
	fflush(out);
	while (fgets(line, sizeof line, in) != NULL) {
		if (strncmp(line, "LHLO", 4) == 0) {
			fprintf(out, "%s", s->ehlo);
		} else if (strncmp(line, "RCPT", 4) == 0) {
			take_rcpt(s, &t, line, out);
		} else if (strncmp(line, "DATA", 4) == 0) {
			if (t.rcpts == 0) {
				fputs("503 5.5.1 no recipients\r\n", out);
			} else {
				read_dotted(s, in, out);
				if (!answer_body(s, &t, out))
					return;
			}
		} else if (strncmp(line, "BDAT", 4) == 0) {
			read_chunk(s, line, in);
			if (t.rcpts == 0)
				fputs("503 5.5.1 no recipients\r\n", out);
			else if (!answer_body(s, &t, out))
				return;
		} else if (strncmp(line, "QUIT", 4) == 0) {
			return;
		} else {
			if (strncmp(line, "XFORWARD", 8) == 0)
				take_xforward(&t, line);
			fputs("250 2.0.0 ok\r\n", out);
		}
		fflush(out);
	}
}

static const char full[] = "250-lmtp.example\r\n250-PIPELINING\r\n"
			   "250-CHUNKING\r\n250-8BITMIME\r\n"
			   "250-ENHANCEDSTATUSCODES\r\n"
			   "250 XFORWARD NAME ADDR PORT PROTO HELO IDENT "
			   "SOURCE\r\n";
static const char plain[] = "250-lmtp.example\r\n250-PIPELINING\r\n"
			    "250 8BITMIME\r\n";

static struct peer server;
static struct script script;
static struct lmtp_pool *pool;
static struct spool *body;
static struct envelope_mail mail;
static struct envelope_rcpt rcpts[400];
static struct smtp_outcome outcomes[400];
static struct loop *loop;
static pthread_t loop_thread;
static sem_t answered;
static bool waits;

static void *
run_loop(void *ctx)
{
	loop_run(ctx);
	return NULL;
}

/* One thread, so that nothing but the pool's way of waiting helps. */
static void
start_loop(void)
{
	const struct loop_limits one = {.busy = 1, .max = 1};
	struct fault f;

	loop = loop_new(&one, &f);
	ck_assert_ptr_nonnull(loop);
	ck_assert_int_eq(pthread_create(&loop_thread, NULL, run_loop, loop), 0);
	sem_init(&answered, 0, 0);
}

/* way: 0 blocks, 1 waits without a thread; all must be the same. */
static void
set_up(int way, const char *ehlo)
{
	struct lmtp_pool_conf conf = {.hostname = "t.example", .max_idle = 4};
	struct fault f;

	waits = way == 1;
	start_loop();
	conf.loop = loop;
	memset(&script, 0, sizeof script);
	script.ehlo = ehlo;
	peer_start(&server, serve_lmtp, &script);
	ck_assert_int_eq(net_parse(str(server.address), &conf.address, &f), 0);
	pool = lmtp_pool_new(&conf);
	body = spool_new("/tmp", 1 << 16);
	ck_assert_int_eq(
	    spool_put(body, str("Subject: x\r\n\r\n.dot\r\n"), &f), 0);
	ck_assert_int_eq(
	    address_parse(str("me@example.org"), &mail.reverse_path, &f), 0);
	for (size_t i = 0; i < ARRAY_LEN(rcpts); i++) {
		char text[64];

		snprintf(text, sizeof text, "u%zu@example.org", i);
		ck_assert_int_eq(
		    address_parse(str(text), &rcpts[i].forward_path, &f), 0);
	}
}

static void
tear_down(void)
{
	loop_stop(loop);
	pthread_join(loop_thread, NULL);
	lmtp_pool_free(&pool);
	loop_free(&loop);
	spool_free(&body);
	peer_clear(&server);
}

static void
on_done(void *ctx)
{
	sem_post(ctx);
}

static const struct envelope_xforward xforward = {.ident = STR_LIT("id-1")};

static struct lmtp_message
message_to(size_t n)
{
	return (struct lmtp_message){
	    .mail = &mail,
	    .rcpts = rcpts,
	    .n_rcpts = n,
	    .xforward = &xforward,
	    .head = STR_LIT("Received: here\r\n"),
	    .body = body,
	};
}

static bool
send_to(size_t n, int64_t ms)
{
	const struct lmtp_message message = message_to(n);
	struct lmtp_wait *wait = NULL;

	memset(outcomes, 0, sizeof outcomes);
	if (waits)
		wait = lmtp_pool_begin(
		    pool, &message, clock_ms() + ms, on_done, &answered);
	if (wait == NULL)
		return lmtp_pool_send(
		    pool, &message, clock_ms() + ms, outcomes);
	if (!lmtp_wait_is_over(wait))
		sem_wait(&answered);
	return lmtp_wait_finish(&wait, outcomes);
}

START_TEST(lmtp_pool_hands_over_and_keeps_the_connection)
{
	set_up(_i, full);
	for (int i = 0; i < 3; i++) {
		ck_assert(!send_to(1, 20000));
		ck_assert(outcomes[0].ok);
	}
	ck_assert_uint_eq(peer_connections(&server), 1);
	ck_assert_uint_eq(lmtp_pool_idle(pool), 1);
	ck_assert_str_eq(script.idents[2], "id-1");
	ck_assert_view_eq(str_n(script.body, script.body_len),
	    "Received: here\r\nSubject: x\r\n\r\n.dot\r\n");
	tear_down();
}
END_TEST

START_TEST(lmtp_pool_speaks_to_servers_without_chunks)
{
	set_up(_i, plain);
	ck_assert(!send_to(2, 20000));
	ck_assert(outcomes[0].ok && outcomes[1].ok);
	ck_assert_view_eq(str_n(script.body, script.body_len),
	    "Received: here\r\nSubject: x\r\n\r\n..dot\r\n");
	tear_down();
}
END_TEST

START_TEST(lmtp_pool_tells_the_fate_of_each_recipient)
{
	set_up(_i, full);
	script.refuse = "u1@";
	script.late = "u2@";
	ck_assert(!send_to(4, 20000));
	ck_assert(outcomes[0].ok && outcomes[3].ok);
	ck_assert(!outcomes[1].ok && !outcomes[2].ok);
	ck_assert_int_eq(outcomes[1].fault.kind, FAULT_PERM);
	ck_assert_str_eq(outcomes[1].fault.dsn, "5.1.1");
	ck_assert_int_eq(outcomes[2].fault.kind, FAULT_TEMP);
	ck_assert_str_eq(outcomes[2].fault.dsn, "4.2.2");
	tear_down();
}
END_TEST

START_TEST(lmtp_pool_goes_on_after_all_recipients_were_refused)
{
	set_up(_i, full);
	script.refuse = "u0@";
	ck_assert(!send_to(1, 20000));
	ck_assert(!outcomes[0].ok);
	script.refuse = NULL;
	ck_assert(!send_to(1, 20000));
	ck_assert(outcomes[0].ok);
	tear_down();
}
END_TEST

START_TEST(lmtp_pool_sends_many_recipients_in_groups)
{
	set_up(_i, full);
	ck_assert(!send_to(ARRAY_LEN(rcpts), 20000));
	for (size_t i = 0; i < ARRAY_LEN(rcpts); i++)
		ck_assert(outcomes[i].ok);
	ck_assert_uint_gt(script.messages, 1);
	ck_assert_uint_le(script.most_rcpts, 100);
	tear_down();
}
END_TEST

START_TEST(lmtp_pool_replaces_a_kept_connection_that_has_died)
{
	set_up(_i, full);
	script.hang_up_after = true;
	for (int i = 0; i < 3; i++) {
		ck_assert(!send_to(1, 20000));
		ck_assert(outcomes[0].ok);
	}
	tear_down();
}
END_TEST

START_TEST(lmtp_pool_sends_again_with_the_same_id_when_in_doubt)
{
	set_up(_i, full);
	script.die_before_answer = 2;
	ck_assert(!send_to(1, 20000));
	ck_assert(outcomes[0].ok);
	ck_assert_uint_eq(script.messages, 3);
	for (int i = 0; i < 3; i++)
		ck_assert_str_eq(script.idents[i], "id-1");
	tear_down();
}
END_TEST

START_TEST(lmtp_pool_says_that_doubt_remains)
{
	set_up(_i, full);
	script.die_before_answer = 1;
	script.late = "u0@";
	ck_assert(send_to(1, 20000));
	ck_assert(!outcomes[0].ok);
	ck_assert_int_eq(outcomes[0].fault.kind, FAULT_TEMP);
	tear_down();
}
END_TEST

START_TEST(lmtp_pool_does_not_repeat_to_a_server_that_knows_no_ids)
{
	set_up(_i, plain);
	script.die_before_answer = 1;
	ck_assert(send_to(1, 20000));
	ck_assert(!outcomes[0].ok);
	ck_assert_int_eq(outcomes[0].fault.kind, FAULT_TEMP);
	ck_assert_uint_eq(script.messages, 1);
	tear_down();
}
END_TEST

START_TEST(lmtp_pool_gives_up_at_the_deadline)
{
	int64_t since;

	set_up(_i, full);
	script.die_before_answer = UINT32_MAX;
	since = clock_ms();
	ck_assert(send_to(1, 300));
	ck_assert_int_ge(clock_ms() - since, 50);
	ck_assert(!outcomes[0].ok);
	ck_assert_int_eq(outcomes[0].fault.kind, FAULT_TEMP);
	tear_down();
}
END_TEST

START_TEST(lmtp_pool_fails_at_once_where_nothing_listens)
{
	set_up(_i, full);
	peer_stop(&server);
	ck_assert(!send_to(2, 20000));
	ck_assert(!outcomes[0].ok && !outcomes[1].ok);
	ck_assert_int_eq(outcomes[1].fault.kind, FAULT_TEMP);
	peer_listen(&server);
	ck_assert(!send_to(2, 20000));
	ck_assert(outcomes[0].ok && outcomes[1].ok);
	tear_down();
}
END_TEST

START_TEST(lmtp_pool_gives_up_a_server_that_says_nothing)
{
	set_up(_i, full);
	script.silent = true;
	ck_assert(send_to(1, 300));
	ck_assert(!outcomes[0].ok);
	ck_assert_int_eq(outcomes[0].fault.kind, FAULT_TEMP);
	ck_assert_str_eq(outcomes[0].fault.dsn, "4.4.2");
	tear_down();
}
END_TEST

START_TEST(lmtp_pool_waits_for_many_answers_without_a_thread)
{
	struct lmtp_wait *waiting[4];
	struct lmtp_message message;

	set_up(1, full);
	message = message_to(1);
	script.together = ARRAY_LEN(waiting);
	pthread_barrier_init(&together, NULL, script.together);
	for (size_t i = 0; i < ARRAY_LEN(waiting); i++) {
		waiting[i] = lmtp_pool_begin(
		    pool, &message, clock_ms() + 20000, on_done, &answered);
		ck_assert_ptr_nonnull(waiting[i]);
	}
	/* As many as the pool may have. */
	ck_assert_ptr_null(lmtp_pool_begin(
	    pool, &message, clock_ms() + 20000, on_done, &answered));
	for (size_t i = 0; i < ARRAY_LEN(waiting); i++)
		sem_wait(&answered);
	for (size_t i = 0; i < ARRAY_LEN(waiting); i++) {
		ck_assert(!lmtp_wait_finish(&waiting[i], outcomes));
		ck_assert(outcomes[0].ok);
	}
	ck_assert_uint_eq(lmtp_pool_idle(pool), ARRAY_LEN(waiting));
	tear_down();
	pthread_barrier_destroy(&together);
}
END_TEST

START_TEST(lmtp_pool_drops_what_is_waited_for)
{
	struct lmtp_wait *wait;
	struct lmtp_message message;

	set_up(1, full);
	message = message_to(1);
	script.silent = true;
	wait = lmtp_pool_begin(
	    pool, &message, clock_ms() + 20000, on_done, &answered);
	ck_assert_ptr_nonnull(wait);
	ck_assert(!lmtp_wait_is_over(wait));
	loop_stop(loop);
	pthread_join(loop_thread, NULL);
	lmtp_wait_drop(&wait);
	ck_assert_ptr_null(wait);
	ck_assert_uint_eq(lmtp_pool_idle(pool), 0);
	lmtp_pool_free(&pool);
	loop_free(&loop);
	spool_free(&body);
	peer_clear(&server);
}
END_TEST

UNIT_MAIN_TIMES("lmtp_pool", 2, lmtp_pool_hands_over_and_keeps_the_connection,
    lmtp_pool_speaks_to_servers_without_chunks,
    lmtp_pool_tells_the_fate_of_each_recipient,
    lmtp_pool_goes_on_after_all_recipients_were_refused,
    lmtp_pool_sends_many_recipients_in_groups,
    lmtp_pool_replaces_a_kept_connection_that_has_died,
    lmtp_pool_sends_again_with_the_same_id_when_in_doubt,
    lmtp_pool_says_that_doubt_remains,
    lmtp_pool_does_not_repeat_to_a_server_that_knows_no_ids,
    lmtp_pool_gives_up_at_the_deadline,
    lmtp_pool_fails_at_once_where_nothing_listens,
    lmtp_pool_gives_up_a_server_that_says_nothing,
    lmtp_pool_waits_for_many_answers_without_a_thread,
    lmtp_pool_drops_what_is_waited_for)
