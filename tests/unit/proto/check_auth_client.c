/* SPDX-License-Identifier: ISC */
#include "config.h"

#include "proto/auth_client.h"

#include <stdatomic.h>

#include "base/clock.h"
#include "base/crypto.h"
#include "base/loop.h"
#include "base/mem.h"
#include "tests/unit/peer.h"
#include "tests/unit/unit.h"

enum { LINE_SIZE = 20000, TEXT_SIZE = 30000 };

static const char usual[] = "VERSION\t1\t2\nMECH\tPLAIN\tplaintext\n"
			    "MECH\tLOGIN\tplaintext\nSPID\t77\nCUID\t5\n"
			    "COOKIE\t0123456789abcdef0123456789abcdef\nDONE\n";

/* What the server of the tests does, and what it has seen. %ID% in an answer
 * becomes the request's number. */
struct script {
	const char *handshake;
	bool waits; /* says nothing before it has heard VERSION */
	bool byte_by_byte;
	const char *answers[4]; /* to the lines of an exchange, in turn */
	unsigned lives;         /* answers before a connection dies; 0: many */
	char lines[4][LINE_SIZE]; /* as they came */
	atomic_uint n_lines;
};

static struct peer server;
static struct script script;
static struct auth_client *client;
static struct auth_exchange *exchange;
static struct buf challenge, user;
static struct fault f;

static void
send_text(const char *text, const char *id, FILE *out)
{
	while (*text != '\0') {
		if (strncmp(text, "%ID%", 4) == 0) {
			fputs(id, out);
			text += 4;
			continue;
		}
		putc(*text++, out);
		if (script.byte_by_byte)
			fflush(out);
	}
	fflush(out);
}

static void
answer(const char *line, unsigned step, FILE *out)
{
	char id[16] = "";
	struct str rest = str(line);

	ck_assert_uint_lt(step, ARRAY_LEN(script.answers));
	ck_assert_ptr_nonnull(script.answers[step]);
	snprintf(script.lines[step], LINE_SIZE, "%s", line);
	atomic_fetch_add(&script.n_lines, 1);
	str_cut(&rest, '\t');
	rest = str_head(rest, strcspn(rest.at, "\t\n"));
	ck_assert(str_copy(rest, id, sizeof id));
	send_text(script.answers[step], id, out);
}

static bool
shake_hands(FILE *in, FILE *out)
{
	char line[LINE_SIZE];

	if (!script.waits)
		send_text(script.handshake, "", out);
	if (fgets(line, sizeof line, in) == NULL)
		return false;
	ck_assert_str_eq(line, "VERSION\t1\t3\n");
	if (script.waits)
		send_text(script.handshake, "", out);
	if (fgets(line, sizeof line, in) == NULL)
		return false;
	ck_assert(str_starts(str(line), str("CPID\t")));
	return true;
}

static void
serve(struct peer *peer, FILE *in, FILE *out)
{
	char line[LINE_SIZE];
	unsigned step = 0, n = 0;

	(void)peer;
	if (!shake_hands(in, out))
		return;
	while (fgets(line, sizeof line, in) != NULL) {
		if (script.lives > 0 && n++ == script.lives)
			break;
		step = strncmp(line, "AUTH\t", 5) == 0 ? 0 : step + 1;
		answer(line, step, out);
	}
	shutdown(fileno(out), SHUT_RDWR);
}

static void
set_up_client(int64_t timeout_ms)
{
	struct net_address address;

	memset(&script, 0, sizeof script);
	script.handshake = usual;
	script.answers[0] = "OK\t%ID%\tuser=ann@example.org\n";
	peer_start(&server, serve, NULL);
	ck_assert_int_eq(net_parse(str(server.address), &address, &f), 0);
	client = auth_client_new(&address, "smtp", timeout_ms);
	buf_init(&challenge, 1000);
	buf_init(&user, 300);
}

static void
tear_down(void)
{
	auth_exchange_free(&exchange);
	auth_client_free(&client);
	ck_assert_ptr_null(client);
	buf_clear(&challenge);
	buf_clear(&user);
	peer_clear(&server);
}

static const struct auth_facts facts = {
    .remote = "192.0.2.7",
    .remote_port = 4711,
    .local = "198.51.100.1",
    .local_port = 465,
    .session = "abcd1234",
    .secured = true,
};

static enum auth_result
step(const char *mechanism, struct str response, bool has_response)
{
	if (mechanism != NULL) {
		auth_exchange_free(&exchange);
		exchange = auth_exchange_new(client, &facts);
	}
	memset(&f, 0, sizeof f);
	return auth_exchange_step(
	    exchange, mechanism, response, has_response, &challenge, &user, &f);
}

static enum auth_result
plain(void)
{
	return step("PLAIN", str_n("\0ann\0secret", 11), true);
}

START_TEST(plain_is_one_line_and_one_answer)
{
	set_up_client(20000);
	ck_assert_int_eq(plain(), AUTH_OK);
	ck_assert_str_eq(buf_text(&user), "ann@example.org");
	ck_assert_str_eq(script.lines[0],
	    "AUTH\t1\tPLAIN\tservice=smtp\tnologin\tlip=198.51.100.1\t"
	    "lport=465\trip=192.0.2.7\trport=4711\tsession=abcd1234\tsecured\t"
	    "resp=AGFubgBzZWNyZXQ=\n");
	tear_down();
}
END_TEST

START_TEST(what_is_not_known_is_not_said)
{
	static const struct auth_facts none = {.session = "a\tb\nc"};

	set_up_client(20000);
	exchange = auth_exchange_new(client, &none);
	ck_assert_int_eq(auth_exchange_step(exchange, "PLAIN", str(""), false,
			     &challenge, &user, &f),
	    AUTH_OK);
	ck_assert_str_eq(script.lines[0],
	    "AUTH\t1\tPLAIN\tservice=smtp\tnologin\t"
	    "session=a\001tb\001nc\n");
	auth_exchange_free(&exchange);
	exchange = auth_exchange_new(client, &none);
	ck_assert_int_eq(auth_exchange_step(exchange, "PLAIN", str(""), true,
			     &challenge, &user, &f),
	    AUTH_OK);
	ck_assert(str_ends(str(script.lines[0]), str("\tresp=\n")));
	tear_down();
}
END_TEST

START_TEST(login_is_a_dialogue)
{
	set_up_client(20000);
	script.answers[0] = "CONT\t%ID%\tVXNlcm5hbWU6\n";
	script.answers[1] = "CONT\t%ID%\tUGFzc3dvcmQ6\n";
	script.answers[2] = "OK\t%ID%\tfoo\tuser=ann@example.org\tbar=1\n";
	ck_assert_int_eq(step("LOGIN", str(""), false), AUTH_CONTINUE);
	ck_assert_str_eq(buf_text(&challenge), "Username:");
	ck_assert_int_eq(step(NULL, str("ann"), true), AUTH_CONTINUE);
	ck_assert_str_eq(buf_text(&challenge), "Password:");
	ck_assert_int_eq(step(NULL, str(""), true), AUTH_OK);
	ck_assert_str_eq(buf_text(&user), "ann@example.org");
	ck_assert_str_eq(script.lines[1], "CONT\t1\tYW5u\n");
	ck_assert_str_eq(script.lines[2], "CONT\t1\t\n");
	/* There is nothing left to go on with. */
	ck_assert_int_eq(step(NULL, str("x"), true), AUTH_TEMP);
	tear_down();
}
END_TEST

static bool
get_binding(void *ctx, const char *type, struct buf *data)
{
	if (strcmp(type, "tls-exporter") != 0)
		return false;
	buf_put_str(data, str(ctx));
	return true;
}

static enum auth_result
bound(const char *wanted, const char *known)
{
	struct auth_facts told = {
	    .secured = true,
	    .tls = true,
	    .binding = known == NULL ? NULL : get_binding,
	    .binding_ctx = (void *)(uintptr_t)known,
	};
	char answer[100];
	enum auth_result result;

	snprintf(answer, sizeof answer, "CONT\t%%ID%%\tYQ==%s\n", wanted);
	script.answers[0] = answer;
	script.answers[1] = "OK\t%ID%\tuser=ann@example.org\n";
	auth_exchange_free(&exchange);
	exchange = auth_exchange_new(client, &told);
	result = auth_exchange_step(
	    exchange, "PLAIN", str("x"), true, &challenge, &user, &f);
	if (result == AUTH_CONTINUE)
		result = step(NULL, str("y"), true);
	return result;
}

START_TEST(a_server_that_asks_for_the_channel_is_told)
{
	set_up_client(20000);
	ck_assert_int_eq(
	    bound("\tx=1\tchannel_binding=tls-exporter", "abc"), AUTH_OK);
	ck_assert_str_eq(script.lines[0],
	    "AUTH\t1\tPLAIN\tservice=smtp\tnologin\tsecured=tls\tresp=eA==\n");
	ck_assert_str_eq(
	    script.lines[1], "CONT\t1\teQ==\tchannel_binding=YWJj\n");
	/* Only who asks is. */
	ck_assert_int_eq(bound("", "abc"), AUTH_OK);
	ck_assert_str_eq(script.lines[1], "CONT\t2\teQ==\n");
	ck_assert_int_eq(bound("\tchannel_binding=", "abc"), AUTH_OK);
	ck_assert_int_eq(bound("\tchannel_binding=other", "abc"), AUTH_FAILED);
	ck_assert_int_eq(
	    bound("\tchannel_binding=tls-exporter", NULL), AUTH_FAILED);
	ck_assert_int_eq(
	    bound("\tchannel_binding=tls-exporter", ""), AUTH_FAILED);
	ck_assert_int_eq(
	    bound("\tchannel_binding=01234567890123456789012345678901234567890",
		"abc"),
	    AUTH_TEMP);
	tear_down();
}
END_TEST

START_TEST(what_binds_to_tls_may_be_listed_another_time)
{
	set_up_client(20000);
	ck_assert_int_eq(step("SCRAM-SHA-256-PLUS", str("x"), true), AUTH_TEMP);
	ck_assert_int_eq(step("SCRAM-SHA-256", str("x"), true), AUTH_FAILED);
	tear_down();
}
END_TEST

/* Waiting without a thread. */

static struct {
	struct loop *loop;
	pthread_t worker;
	pthread_mutex_t mutex;
	pthread_cond_t come;
	unsigned done;
} waiting = {
    .mutex = PTHREAD_MUTEX_INITIALIZER,
    .come = PTHREAD_COND_INITIALIZER,
};

static void *
run_loop(void *ctx)
{
	loop_run(ctx);
	return NULL;
}

static void
on_done(void *ctx)
{
	ck_assert_ptr_eq(ctx, &waiting);
	pthread_mutex_lock(&waiting.mutex);
	waiting.done++;
	pthread_cond_signal(&waiting.come);
	pthread_mutex_unlock(&waiting.mutex);
}

static void
begin_loop(void)
{
	static const struct loop_limits few = {.max = 4};

	waiting.loop = loop_new(&few, &f);
	ck_assert_ptr_nonnull(waiting.loop);
	ck_assert_int_eq(
	    pthread_create(&waiting.worker, NULL, run_loop, waiting.loop), 0);
}

static void
end_loop(void)
{
	loop_stop(waiting.loop);
	pthread_join(waiting.worker, NULL);
	auth_exchange_free(&exchange);
	auth_client_quit(client);
	loop_free(&waiting.loop);
}

static void
new_waiting(void)
{
	const struct auth_facts told = {
	    .loop = waiting.loop,
	    .done = on_done,
	    .done_ctx = &waiting,
	};

	auth_exchange_free(&exchange);
	exchange = auth_exchange_new(client, &told);
	waiting.done = 0;
}

/* A step that does not end at once. */
static enum auth_result
slow_step(const char *mechanism, const char *response)
{
	unsigned had = waiting.done;

	ck_assert_int_eq(auth_exchange_step(exchange, mechanism, str(response),
			     true, &challenge, &user, &f),
	    AUTH_WAIT);
	pthread_mutex_lock(&waiting.mutex);
	while (waiting.done == had)
		pthread_cond_wait(&waiting.come, &waiting.mutex);
	pthread_mutex_unlock(&waiting.mutex);
	return auth_exchange_finish(exchange, &challenge, &user, &f);
}

START_TEST(answers_can_be_waited_for_without_a_thread)
{
	set_up_client(20000);
	begin_loop();
	script.answers[0] = "CONT\t%ID%\tVXNlcm5hbWU6\n";
	script.answers[1] = "OK\t%ID%\tuser=ann@example.org\n";
	for (int i = 0; i < 3; i++) {
		new_waiting();
		ck_assert_int_eq(slow_step("LOGIN", "x"), AUTH_CONTINUE);
		ck_assert_str_eq(buf_text(&challenge), "Username:");
		ck_assert_int_eq(slow_step(NULL, "y"), AUTH_OK);
		ck_assert_str_eq(buf_text(&user), "ann@example.org");
		ck_assert_uint_eq(waiting.done, 2);
	}
	ck_assert_uint_eq(peer_connections(&server), 1);
	script.answers[0] = "FAIL\t%ID%\n";
	new_waiting();
	ck_assert_int_eq(slow_step("PLAIN", "x"), AUTH_FAILED);
	end_loop();
	tear_down();
}
END_TEST

START_TEST(a_kept_connection_that_has_died_is_replaced_meanwhile)
{
	set_up_client(20000);
	begin_loop();
	script.lives = 1;
	for (int i = 0; i < 4; i++) {
		new_waiting();
		ck_assert_int_eq(slow_step("PLAIN", "x"), AUTH_OK);
	}
	end_loop();
	tear_down();
}
END_TEST

START_TEST(a_server_that_does_not_answer_is_not_waited_for_any_longer)
{
	set_up_client(300);
	begin_loop();
	script.answers[0] = "";
	new_waiting();
	ck_assert_int_eq(slow_step("PLAIN", "x"), AUTH_TEMP);
	/* Who gives up before has nothing to wait for. */
	new_waiting();
	ck_assert_int_eq(auth_exchange_step(exchange, "PLAIN", str("x"), true,
			     &challenge, &user, &f),
	    AUTH_WAIT);
	end_loop();
	ck_assert_uint_le(waiting.done, 1);
	tear_down();
}
END_TEST

static const struct {
	const char *line;
	enum auth_result result;
	const char *text; /* in the fault */
} answers[] = {
    {"OK\t%ID%\tuser=ann@example.org\n", AUTH_OK, ""},
    {"OK\t%ID%\tuser=a\001tb\n", AUTH_OK, ""},
    {"NEWS\t9\nOK\t%ID%\tuser=ann\n", AUTH_OK, ""},
    {"\nOK\t%ID%\tuser=ann\n", AUTH_OK, ""},
    {"FAIL\t%ID%\n", AUTH_FAILED, "bad credentials"},
    {"FAIL\t%ID%\tuser=ann\treason=why\n", AUTH_FAILED, "why"},
    {"FAIL\t%ID%\tcode=user_disabled\n", AUTH_FAILED, "user_disabled"},
    {"FAIL\t%ID%\tcode=pass_expired\n", AUTH_FAILED, "pass_expired"},
    {"FAIL\t%ID%\tauthz\tcode=authz_fail\n", AUTH_FAILED, "authz_fail"},
    {"FAIL\t%ID%\treason\tcode\n", AUTH_FAILED, "bad credentials"},
    {"FAIL\t%ID%\ttemp\n", AUTH_TEMP, "temporary failure"},
    {"FAIL\t%ID%\tuser=a\tcode=temp_fail\treason=db\n", AUTH_TEMP, "db"},
    {"OK\t%ID%\n", AUTH_TEMP, "proper"},
    {"OK\t%ID%\tuser=\n", AUTH_TEMP, "proper"},
    {"OK\n", AUTH_TEMP, "proper"},
    {"OK\t0\tuser=ann\n", AUTH_TEMP, "proper"},
    {"OK\t4711\tuser=mallory\n", AUTH_TEMP, "proper"},
    {"OK\t%ID%x\tuser=ann\n", AUTH_TEMP, "proper"},
    {"FAIL\t4711\n", AUTH_TEMP, "proper"},
    {"CONT\t%ID%\t!!!!\n", AUTH_TEMP, "proper"},
    {"CONT\t%ID%\n", AUTH_TEMP, "proper"},
};

START_TEST(each_answer_means_one_thing)
{
	set_up_client(20000);
	for (size_t i = 0; i < 2 * ARRAY_LEN(answers); i++) {
		size_t n = i / 2;

		script.byte_by_byte = i % 2 == 1;
		script.answers[0] = answers[n].line;
		ck_assert_msg(plain() == answers[n].result, "%s: %s",
		    answers[n].line, f.text);
		ck_assert_msg(strstr(f.text, answers[n].text) != NULL,
		    "\"%s\" has no \"%s\"", f.text, answers[n].text);
		ck_assert_int_eq(
		    buf_len(&user) > 0, answers[n].result == AUTH_OK);
		buf_reset(&user);
		if (answers[n].result == AUTH_OK)
			continue;
		ck_assert_str_eq(
		    f.dsn, answers[n].result == AUTH_TEMP ? "4.7.0" : "5.7.8");
		ck_assert_ptr_null(strstr(f.text, "secret"));
	}
	tear_down();
}
END_TEST

START_TEST(sound_connections_are_kept_and_others_are_not)
{
	set_up_client(20000);
	for (int i = 0; i < 3; i++)
		ck_assert_int_eq(plain(), AUTH_OK);
	script.answers[0] = "FAIL\t%ID%\n";
	ck_assert_int_eq(plain(), AUTH_FAILED);
	script.answers[0] = "FAIL\t%ID%\ttemp\n";
	ck_assert_int_eq(plain(), AUTH_TEMP);
	ck_assert_uint_eq(peer_connections(&server), 1);
	ck_assert(str_starts(str(script.lines[0]), str("AUTH\t5\t")));
	script.answers[0] = "OK\t4711\tuser=mallory\n";
	ck_assert_int_eq(plain(), AUTH_TEMP);
	script.answers[0] = "OK\t%ID%\tuser=ann\nOK\t2\tuser=mallory\n";
	ck_assert_int_eq(plain(), AUTH_OK);
	ck_assert_str_eq(buf_text(&user), "ann");
	ck_assert_uint_eq(peer_connections(&server), 2);
	script.answers[0] = "CONT\t%ID%\t\n";
	ck_assert_int_eq(plain(), AUTH_CONTINUE);
	ck_assert_uint_eq(peer_connections(&server), 3);
	/* One that is given up in the middle is not for the next. */
	ck_assert_int_eq(plain(), AUTH_CONTINUE);
	ck_assert_uint_eq(peer_connections(&server), 4);
	tear_down();
}
END_TEST

START_TEST(a_kept_connection_that_died_is_replaced)
{
	set_up_client(20000);
	script.lives = 1;
	for (int i = 0; i < 3; i++)
		ck_assert_int_eq(plain(), AUTH_OK);
	ck_assert_uint_eq(peer_connections(&server), 3);
	script.lives = 0;
	peer_stop(&server);
	peer_listen(&server);
	ck_assert_int_eq(plain(), AUTH_OK);
	tear_down();
}
END_TEST

START_TEST(a_connection_that_dies_within_a_dialogue_means_later)
{
	set_up_client(20000);
	script.lives = 1;
	script.answers[0] = "CONT\t%ID%\t\n";
	ck_assert_int_eq(step("LOGIN", str(""), false), AUTH_CONTINUE);
	ck_assert_int_eq(step(NULL, str("ann"), true), AUTH_TEMP);
	ck_assert_str_eq(f.dsn, "4.7.0");
	ck_assert_ptr_nonnull(strstr(f.text, server.address));
	tear_down();
}
END_TEST

static const struct {
	const char *handshake;
	bool good;
	const char *mechanisms; /* or what stands in the fault */
} handshakes[] = {
    {usual, true, "PLAIN LOGIN"},
    {"VERSION\t1\t99\nNEW\tx\n\nMECH\tPLAIN\nDONE\n", true, "PLAIN"},
    {"MECH\tPLAIN\nVERSION\t1\t0\nDONE\n", true, "PLAIN"},
    {"VERSION\t1\t2\nMECH\tANONYMOUS\tanonymous\nMECH\tPLAIN\tplaintext\n"
     "MECH\tX-SECRET\tprivate\nMECH\tSCRAM-SHA-256\tmutual-auth\n"
     "MECH\tSCRAM-SHA-256-PLUS\tmutual-auth\tchannel-binding\nDONE\n",
	true, "PLAIN SCRAM-SHA-256 SCRAM-SHA-256-PLUS"},
    {"VERSION\t1\t2\nMECH\tPLAIN LOGIN\nMECH\t\nMECH\n"
     "MECH\tFAR-TOO-LONG-TO-BE-A-NAME\nMECH\tlower\nMECH\tLOGIN\nDONE\n",
	true, "LOGIN"},
    {"VERSION\t2\t0\nMECH\tPLAIN\nDONE\n", false, "version"},
    {"MECH\tPLAIN\nDONE\n", false, "no authentication service"},
    {"VERSION\t1\t0\nSPID\t1\nDONE\n", false, "no mechanisms"},
};

START_TEST(the_handshake_says_which_mechanisms_there_are)
{
	for (size_t i = 0; i < 4 * ARRAY_LEN(handshakes); i++) {
		const char *names;
		size_t n = i / 4;

		set_up_client(20000);
		script.waits = i % 2 == 1;
		script.byte_by_byte = i / 2 % 2 == 1;
		script.handshake = handshakes[n].handshake;
		names = auth_client_mechanisms(client, &f);
		if (handshakes[n].good) {
			ck_assert_ptr_nonnull(names);
			ck_assert_str_eq(names, handshakes[n].mechanisms);
			ck_assert_ptr_eq(
			    auth_client_mechanisms(client, &f), names);
			ck_assert_uint_eq(peer_connections(&server), 1);
		} else {
			ck_assert_ptr_null(names);
			ck_assert_int_eq(f.kind, FAULT_TEMP);
			ck_assert_msg(
			    strstr(f.text, handshakes[n].mechanisms) != NULL,
			    "%s", f.text);
		}
		tear_down();
	}
}
END_TEST

START_TEST(a_new_connection_brings_a_new_list)
{
	const char *before, *after;

	set_up_client(20000);
	before = auth_client_mechanisms(client, &f);
	ck_assert_str_eq(before, "PLAIN LOGIN");
	script.handshake = "VERSION\t1\t2\nMECH\tPLAIN\nDONE\n";
	peer_stop(&server);
	peer_listen(&server);
	ck_assert_int_eq(plain(), AUTH_OK);
	after = auth_client_mechanisms(client, &f);
	ck_assert_str_eq(after, "PLAIN");
	ck_assert_str_eq(before, "PLAIN LOGIN");
	/* What it does not know it is not asked. */
	ck_assert_int_eq(step("LOGIN", str(""), false), AUTH_FAILED);
	ck_assert_uint_eq(script.n_lines, 1);
	tear_down();
}
END_TEST

START_TEST(a_service_that_is_not_there_means_later)
{
	set_up_client(20000);
	peer_stop(&server);
	ck_assert_ptr_null(auth_client_mechanisms(client, &f));
	ck_assert_str_eq(f.dsn, "4.7.0");
	ck_assert_int_eq(plain(), AUTH_TEMP);
	ck_assert_ptr_nonnull(strstr(f.text, server.address));
	peer_listen(&server);
	ck_assert_int_eq(plain(), AUTH_OK);
	tear_down();
}
END_TEST

START_TEST(a_service_that_never_answers_is_given_up)
{
	int64_t since = clock_ms();

	set_up_client(200);
	script.handshake = "VERSION\t1\t2\n";
	ck_assert_ptr_null(auth_client_mechanisms(client, &f));
	script.handshake = usual;
	script.answers[0] = "";
	ck_assert_int_eq(plain(), AUTH_TEMP);
	ck_assert_int_ge(clock_ms() - since, 400);
	ck_assert_int_lt(clock_ms() - since, 20000);
	tear_down();
}
END_TEST

START_TEST(lengths_are_bounded)
{
	char *text = mem_zeroed(TEXT_SIZE + 1, 1);

	memset(text, 'x', TEXT_SIZE);
	set_up_client(20000);
	/* A credential that no line holds. */
	ck_assert_int_eq(step("PLAIN", str(text), true), AUTH_FAILED);
	ck_assert_uint_eq(script.n_lines, 0);
	text[9000] = '\0';
	ck_assert_int_eq(step("PLAIN", str(text), true), AUTH_OK);
	/* Lines that never end. */
	text[9000] = 'x';
	script.answers[0] = text;
	ck_assert_int_eq(plain(), AUTH_TEMP);
	script.handshake = text;
	ck_assert_int_eq(plain(), AUTH_TEMP);
	/* Lines without end. */
	for (int i = 0; i < 10000; i += 2)
		memcpy(text + i, "x\n", 2);
	ck_assert_int_eq(plain(), AUTH_TEMP);
	script.handshake = usual;
	ck_assert_int_eq(plain(), AUTH_TEMP);
	memset(text, 'x', TEXT_SIZE);
	/* A name that is too long for the caller. */
	text[400] = '\0';
	memcpy(text, "OK\t%ID%\tuser=", 13);
	text[399] = '\n';
	ck_assert_int_eq(plain(), AUTH_TEMP);
	ck_assert_uint_eq(buf_len(&user), 0);
	/* The server may still be sending it. */
	tear_down();
	mem_free(text);
}
END_TEST

static void *
log_in_often(void *arg)
{
	struct buf mine, unused;
	struct fault fault;

	(void)arg;
	buf_init(&mine, 300);
	buf_init(&unused, 300);
	for (int i = 0; i < 100; i++) {
		struct auth_exchange *x = auth_exchange_new(client, &facts);

		ck_assert_int_eq(
		    auth_exchange_step(x, "PLAIN", str_n("\0a\0b", 4), true,
			&unused, &mine, &fault),
		    AUTH_OK);
		ck_assert_str_eq(buf_text(&mine), "ann@example.org");
		auth_exchange_free(&x);
	}
	buf_clear(&mine);
	buf_clear(&unused);
	return NULL;
}

START_TEST(many_threads_have_each_a_connection)
{
	pthread_t threads[8];

	set_up_client(20000);
	for (size_t i = 0; i < ARRAY_LEN(threads); i++)
		pthread_create(&threads[i], NULL, log_in_often, NULL);
	for (size_t i = 0; i < ARRAY_LEN(threads); i++)
		pthread_join(threads[i], NULL);
	ck_assert_uint_le(peer_connections(&server), ARRAY_LEN(threads));
	tear_down();
}
END_TEST

UNIT_MAIN("auth_client", plain_is_one_line_and_one_answer,
    what_is_not_known_is_not_said, login_is_a_dialogue,
    answers_can_be_waited_for_without_a_thread,
    a_kept_connection_that_has_died_is_replaced_meanwhile,
    a_server_that_does_not_answer_is_not_waited_for_any_longer,
    a_server_that_asks_for_the_channel_is_told,
    what_binds_to_tls_may_be_listed_another_time, each_answer_means_one_thing,
    sound_connections_are_kept_and_others_are_not,
    a_kept_connection_that_died_is_replaced,
    a_connection_that_dies_within_a_dialogue_means_later,
    the_handshake_says_which_mechanisms_there_are,
    a_new_connection_brings_a_new_list, a_service_that_is_not_there_means_later,
    a_service_that_never_answers_is_given_up, lengths_are_bounded,
    many_threads_have_each_a_connection)
