/* SPDX-License-Identifier: ISC */
#include "config.h"

#include "proto/socketmap.h"

#include <stdatomic.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/netstring.h"
#include "tests/unit/peer.h"
#include "tests/unit/unit.h"

/* What the server of the tests does with a query, and what it has seen. */
struct script {
	struct str raw;    /* sent in place of an answer, if not empty */
	bool byte_by_byte; /* each byte of an answer by itself */
	unsigned lives;    /* answers before a connection dies; 0: many */
	bool hangs_up;     /* it dies after the answer, not before one */
	bool silent;       /* never answers */
	atomic_uint queries;
};

static struct peer server;
static struct script script;
static struct socketmap_client *client;
static struct buf value;
static struct fault f;

static void
send_bytes(struct str bytes, FILE *out)
{
	for (size_t i = 0; i < bytes.len; i++) {
		putc(bytes.at[i], out);
		if (script.byte_by_byte)
			fflush(out);
	}
	fflush(out);
}

/* In the map "names" KEY has the value "value of KEY"; "no…" has none. */
static void
answer(struct str map, struct str key, FILE *out)
{
	struct buf text, wire;

	buf_init(&text, SOCKETMAP_REPLY_MAX);
	buf_init(&wire, SOCKETMAP_REPLY_MAX + 16);
	buf_puts(&text, str_is(map, str("names")) ? "value of " : "other ");
	buf_put_str(&text, key);
	if (str_starts(key, str("no")))
		socketmap_put_reply(&wire, SOCKETMAP_NOTFOUND, str(""));
	else
		socketmap_put_reply(&wire, SOCKETMAP_OK, buf_str(&text));
	send_bytes(script.raw.len > 0 ? script.raw : buf_str(&wire), out);
	buf_clear(&text);
	buf_clear(&wire);
}

/* The next query off the stream; false at its end. */
static bool
read_query(FILE *in, struct buf *query, struct str *map, struct str *key)
{
	struct str payload;
	size_t used;
	int c;

	buf_reset(query);
	while ((c = getc(in)) != EOF) {
		buf_putc(query, (char)c);
		if (netstring_take(buf_str(query), SOCKETMAP_QUERY_MAX,
			&payload, &used) == NETSTRING_OK) {
			ck_assert(socketmap_parse_query(payload, map, key));
			return true;
		}
	}
	return false;
}

static void
serve(struct peer *peer, FILE *in, FILE *out)
{
	struct buf query;
	struct str map, key;
	unsigned n = 0;

	(void)peer;
	buf_init(&query, 2 * SOCKETMAP_QUERY_MAX);
	while (read_query(in, &query, &map, &key)) {
		atomic_fetch_add(&script.queries, 1);
		if (script.silent)
			continue;
		if (script.lives > 0 && n == script.lives)
			break;
		answer(map, key, out);
		n++;
		if (script.hangs_up && n == script.lives)
			break;
	}
	buf_clear(&query);
	/* peer.h closes the descriptor a little later. */
	shutdown(fileno(out), SHUT_RDWR);
}

/* How long the map "names" is known not to have something. */
static int64_t missing_ms;

static void
set_up_client(int64_t timeout_ms, int64_t cache_ms, size_t entries)
{
	struct socketmap_client_conf conf = {
	    .timeout_ms = timeout_ms,
	    .cache_ms = cache_ms,
	    .cache_entries = entries,
	    .missing_map = missing_ms > 0 ? "names" : NULL,
	    .missing_ms = missing_ms,
	};

	memset(&script, 0, sizeof script);
	peer_start(&server, serve, NULL);
	ck_assert_int_eq(net_parse(str(server.address), &conf.address, &f), 0);
	client = socketmap_client_new(&conf);
	buf_init(&value, SOCKETMAP_REPLY_MAX);
}

static void
tear_down(void)
{
	socketmap_client_free(&client);
	ck_assert_ptr_null(client);
	buf_clear(&value);
	peer_clear(&server);
}

static int
look_up(const char *key)
{
	return socketmap_look_up(client, "names", str(key), &value, &f);
}

START_TEST(a_query_is_a_map_and_a_key)
{
	static const struct {
		const char *payload;
		bool good;
		const char *map, *key;
	} queries[] = {
	    {"mailbox ann@example.org", true, "mailbox", "ann@example.org"},
	    {"m key with blanks", true, "m", "key with blanks"},
	    {"m  k", true, "m", " k"},
	    {"m ", true, "m", ""},
	    {"m", false, "", ""},
	    {"", false, "", ""},
	    {" k", false, "", ""},
	};
	struct str map, key;

	for (size_t i = 0; i < ARRAY_LEN(queries); i++) {
		ck_assert_int_eq(
		    socketmap_parse_query(str(queries[i].payload), &map, &key),
		    queries[i].good);
		if (!queries[i].good)
			continue;
		ck_assert_view_eq(map, queries[i].map);
		ck_assert_view_eq(key, queries[i].key);
	}
}
END_TEST

START_TEST(a_reply_has_its_word_in_front)
{
	static const struct {
		enum socketmap_status status;
		const char *text, *wire;
	} replies[] = {
	    {SOCKETMAP_OK, "local", "8:OK local,"},
	    {SOCKETMAP_OK, "", "3:OK ,"},
	    {SOCKETMAP_NOTFOUND, "", "9:NOTFOUND ,"},
	    {SOCKETMAP_TEMP, "ill", "8:TEMP ill,"},
	    {SOCKETMAP_PERM, "5.2.1 shut", "15:PERM 5.2.1 shut,"},
	};
	struct buf out;

	buf_init(&out, 1000);
	for (size_t i = 0; i < ARRAY_LEN(replies); i++) {
		buf_reset(&out);
		socketmap_put_reply(
		    &out, replies[i].status, str(replies[i].text));
		ck_assert_str_eq(buf_text(&out), replies[i].wire);
	}
	buf_clear(&out);
}
END_TEST

START_TEST(a_reply_that_no_client_would_take_is_not_sent)
{
	struct buf out;
	char *text = mem_zeroed(SOCKETMAP_REPLY_MAX, 1);
	size_t fits = SOCKETMAP_REPLY_MAX - 3;

	memset(text, 'x', SOCKETMAP_REPLY_MAX);
	buf_init(&out, 2 * SOCKETMAP_REPLY_MAX);
	socketmap_put_reply(&out, SOCKETMAP_OK, str_n(text, fits));
	ck_assert(str_starts(buf_str(&out), str("100000:OK xxx")));
	buf_reset(&out);
	socketmap_put_reply(&out, SOCKETMAP_OK, str_n(text, fits + 1));
	ck_assert_str_eq(buf_text(&out), "27:PERM the answer is too long,");
	buf_clear(&out);
	mem_free(text);
}
END_TEST

#define RAW(lit)                     \
	{                            \
		lit, sizeof(lit) - 1 \
	}

static const struct {
	struct str raw;
	int rc;
	enum fault_kind kind;
	const char *dsn, *text; /* the value, or the fault's text */
} answers[] = {
    {RAW("4:OK x,"), 1, 0, "", "x"},
    {RAW("3:OK ,"), 1, 0, "", ""},
    {RAW("9:NOTFOUND ,"), 0, 0, "", ""},
    {RAW("8:NOTFOUND,"), 0, 0, "", ""},
    {RAW("8:TEMP ill,"), -1, FAULT_TEMP, "4.3.0", "ill"},
    {RAW("12:TIMEOUT long,"), -1, FAULT_TEMP, "4.3.0", "long"},
    {RAW("5:TEMP ,"), -1, FAULT_TEMP, "4.3.0", "no reason given"},
    {RAW("15:PERM 5.2.1 shut,"), -1, FAULT_PERM, "5.3.0", "5.2.1 shut"},
    {RAW("8:PERM a\nb,"), -1, FAULT_PERM, "5.3.0", "a b"},
    {RAW("4:ok x,"), -1, FAULT_TEMP, "4.3.0", NULL},
    {RAW("0:,"), -1, FAULT_TEMP, "4.3.0", NULL},
    {RAW("4:OK x;"), -1, FAULT_TEMP, "4.3.0", NULL},
    {RAW("OK x\n"), -1, FAULT_TEMP, "4.3.0", NULL},
    {RAW("100001:OK "), -1, FAULT_TEMP, "4.3.0", NULL},
    {RAW("99999999999999999999:"), -1, FAULT_TEMP, "4.3.0", NULL},
};

START_TEST(each_answer_means_one_thing)
{
	set_up_client(20000, 0, 0);
	for (size_t i = 0; i < 2 * ARRAY_LEN(answers); i++) {
		size_t n = i / 2;

		script.byte_by_byte = i % 2 == 1;
		script.raw = answers[n].raw;
		ck_assert_msg(look_up("x") == answers[n].rc, "%.*s",
		    STR_ARG(answers[n].raw));
		if (answers[n].rc > 0)
			ck_assert_str_eq(buf_text(&value), answers[n].text);
		if (answers[n].rc >= 0)
			continue;
		ck_assert_int_eq(f.kind, answers[n].kind);
		ck_assert_str_eq(f.dsn, answers[n].dsn);
		if (answers[n].text != NULL)
			ck_assert_str_eq(f.text, answers[n].text);
		else
			ck_assert_ptr_nonnull(strstr(f.text, server.address));
	}
	tear_down();
}
END_TEST

START_TEST(one_connection_serves_look_up_after_look_up)
{
	set_up_client(20000, 0, 0);
	for (int i = 0; i < 5; i++) {
		ck_assert_int_eq(look_up("ann"), 1);
		ck_assert_str_eq(buf_text(&value), "value of ann");
	}
	ck_assert_uint_eq(script.queries, 5);
	ck_assert_uint_eq(peer_connections(&server), 1);
	tear_down();
}
END_TEST

START_TEST(what_is_found_is_kept_and_what_is_not_is_asked_again)
{
	set_up_client(20000, 60000, 100);
	for (int i = 0; i < 3; i++) {
		ck_assert_int_eq(look_up("ann"), 1);
		ck_assert_str_eq(buf_text(&value), "value of ann");
	}
	ck_assert_uint_eq(script.queries, 1);
	for (int i = 0; i < 3; i++)
		ck_assert_int_eq(look_up("nobody"), 0);
	ck_assert_uint_eq(script.queries, 4);
	script.raw = str("8:TEMP ill,");
	for (int i = 0; i < 3; i++)
		ck_assert_int_eq(look_up("bob"), -1);
	ck_assert_uint_eq(script.queries, 7);
	ck_assert_int_eq(look_up("ann"), 1);
	tear_down();
}
END_TEST

START_TEST(what_was_kept_grows_old)
{
	int64_t since = clock_ms();

	set_up_client(20000, 30, 100);
	while (script.queries < 3) {
		ck_assert_int_eq(look_up("ann"), 1);
		ck_assert_int_lt(clock_ms() - since, 20000);
	}
	ck_assert_int_ge(clock_ms() - since, 60);
	tear_down();
}
END_TEST

START_TEST(what_one_map_has_not_is_remembered_where_that_is_wished)
{
	missing_ms = 60000;
	set_up_client(20000, 60000, 100);
	ck_assert(!socketmap_is_missing(client, str("nobody")));
	ck_assert_int_eq(
	    socketmap_look_up(client, "other", str("nobody"), &value, &f), 0);
	ck_assert(!socketmap_is_missing(client, str("nobody")));
	/* Whoever looks it up gets the newest answer all the same. */
	for (unsigned i = 0; i < 3; i++) {
		ck_assert_int_eq(look_up("nobody"), 0);
		ck_assert(socketmap_is_missing(client, str("nobody")));
		ck_assert_uint_eq(script.queries, 2 + i);
	}
	ck_assert_int_eq(look_up("ann"), 1);
	ck_assert(!socketmap_is_missing(client, str("ann")));
	tear_down();
	missing_ms = 0;
	set_up_client(20000, 60000, 100);
	ck_assert_int_eq(look_up("nobody"), 0);
	ck_assert(!socketmap_is_missing(client, str("nobody")));
	tear_down();
}
END_TEST

START_TEST(what_is_missing_does_not_stay_so)
{
	int64_t since = clock_ms();

	missing_ms = 30;
	set_up_client(20000, 60000, 100);
	ck_assert_int_eq(look_up("nobody"), 0);
	while (socketmap_is_missing(client, str("nobody")))
		ck_assert_int_lt(clock_ms() - since, 20000);
	ck_assert_int_ge(clock_ms() - since, 30);
	missing_ms = 0;
	tear_down();
}
END_TEST

START_TEST(the_cache_holds_no_more_than_it_may)
{
	char key[16];
	unsigned before;

	set_up_client(20000, 60000, 20);
	for (int i = 0; i < 1000; i++) {
		snprintf(key, sizeof key, "user%d", i);
		ck_assert_int_eq(look_up(key), 1);
	}
	before = script.queries;
	ck_assert_uint_eq(before, 1000);
	/* From the newest on: finding one asks the server for none. */
	for (int i = 999; i >= 0; i--) {
		snprintf(key, sizeof key, "user%d", i);
		ck_assert_int_eq(look_up(key), 1);
	}
	ck_assert_uint_ge(script.queries - before, 1000 - 20);
	ck_assert_uint_lt(script.queries - before, 1000);
	tear_down();
}
END_TEST

START_TEST(the_same_key_in_another_map_is_another)
{
	set_up_client(20000, 60000, 100);
	ck_assert_int_eq(look_up("ann"), 1);
	ck_assert_int_eq(
	    socketmap_look_up(client, "other", str("ann"), &value, &f), 1);
	ck_assert_str_eq(buf_text(&value), "other ann");
	ck_assert_int_eq(look_up("ann"), 1);
	ck_assert_str_eq(buf_text(&value), "value of ann");
	tear_down();
}
END_TEST

START_TEST(a_kept_connection_that_was_closed_is_replaced)
{
	set_up_client(20000, 0, 0);
	script.lives = 1;
	script.hangs_up = true;
	for (int i = 0; i < 5; i++)
		ck_assert_int_eq(look_up("ann"), 1);
	ck_assert_uint_eq(peer_connections(&server), 5);
	tear_down();
}
END_TEST

START_TEST(a_kept_connection_that_dies_of_the_query_is_replaced_once)
{
	set_up_client(20000, 0, 0);
	script.lives = 1;
	for (int i = 0; i < 3; i++)
		ck_assert_int_eq(look_up("ann"), 1);
	ck_assert_uint_eq(peer_connections(&server), 3);
	tear_down();
}
END_TEST

START_TEST(a_new_connection_that_dies_is_a_fault)
{
	set_up_client(20000, 0, 0);
	script.raw = str("4:OK");
	script.lives = 1;
	script.hangs_up = true;
	ck_assert_int_eq(look_up("ann"), -1);
	ck_assert_int_eq(f.kind, FAULT_TEMP);
	ck_assert_str_eq(f.dsn, "4.4.3");
	ck_assert_uint_eq(peer_connections(&server), 1);
	tear_down();
}
END_TEST

START_TEST(a_server_that_never_answers_is_given_up)
{
	int64_t since = clock_ms();

	set_up_client(200, 0, 0);
	script.silent = true;
	ck_assert_int_eq(look_up("ann"), -1);
	ck_assert_int_eq(f.kind, FAULT_TEMP);
	ck_assert_str_eq(f.dsn, "4.4.3");
	ck_assert_int_ge(clock_ms() - since, 200);
	ck_assert_uint_eq(peer_connections(&server), 1);
	script.silent = false;
	ck_assert_int_eq(look_up("ann"), 1);
	tear_down();
}
END_TEST

START_TEST(a_late_second_answer_is_never_taken_for_the_next)
{
	set_up_client(20000, 0, 0);
	script.raw = str("4:OK x,4:OK y,");
	ck_assert_int_eq(look_up("ann"), -1);
	ck_assert_int_eq(f.kind, FAULT_TEMP);
	script.raw = str("");
	ck_assert_int_eq(look_up("ann"), 1);
	ck_assert_str_eq(buf_text(&value), "value of ann");
	tear_down();
}
END_TEST

START_TEST(a_server_that_is_not_there_is_temporary)
{
	set_up_client(20000, 0, 0);
	peer_stop(&server);
	ck_assert_int_eq(look_up("ann"), -1);
	ck_assert_int_eq(f.kind, FAULT_TEMP);
	ck_assert_str_eq(f.dsn, "4.4.3");
	ck_assert_ptr_nonnull(strstr(f.text, server.address));
	peer_listen(&server);
	ck_assert_int_eq(look_up("ann"), 1);
	/* Started again, while a connection was kept. */
	peer_stop(&server);
	peer_listen(&server);
	ck_assert_int_eq(look_up("ann"), 1);
	tear_down();
}
END_TEST

START_TEST(lengths_are_bounded)
{
	char *key = mem_zeroed(SOCKETMAP_QUERY_MAX + 1, 1);

	set_up_client(20000, 60000, 100);
	memset(key, 'k', SOCKETMAP_QUERY_MAX);
	ck_assert_int_eq(look_up(key), -1);
	ck_assert_int_eq(f.kind, FAULT_PERM);
	ck_assert_uint_eq(script.queries, 0);
	key[SOCKETMAP_QUERY_MAX - 6] = '\0';
	ck_assert_int_eq(look_up(key), 1);
	/* A value that the caller has no room for, fresh and kept. */
	ck_assert_int_eq(look_up("ann"), 1);
	buf_clear(&value);
	buf_init(&value, 5);
	for (int i = 0; i < 2; i++) {
		ck_assert_int_eq(look_up("ann"), -1);
		ck_assert_int_eq(f.kind, FAULT_TEMP);
	}
	mem_free(key);
	tear_down();
}
END_TEST

static void *
look_up_much(void *arg)
{
	struct buf mine;
	struct fault fault;
	char key[16], expected[32];

	(void)arg;
	buf_init(&mine, SOCKETMAP_REPLY_MAX);
	for (int i = 0; i < 500; i++) {
		snprintf(key, sizeof key, "user%d", i * 7 % 30);
		snprintf(expected, sizeof expected, "value of %s", key);
		ck_assert_int_eq(
		    socketmap_look_up(client, "names", str(key), &mine, &fault),
		    1);
		ck_assert_str_eq(buf_text(&mine), expected);
	}
	buf_clear(&mine);
	return NULL;
}

START_TEST(many_threads_get_each_its_own_answer)
{
	pthread_t threads[8];

	set_up_client(20000, 1, 16);
	for (size_t i = 0; i < ARRAY_LEN(threads); i++)
		pthread_create(&threads[i], NULL, look_up_much, NULL);
	for (size_t i = 0; i < ARRAY_LEN(threads); i++)
		pthread_join(threads[i], NULL);
	ck_assert_uint_le(peer_connections(&server), ARRAY_LEN(threads));
	tear_down();
}
END_TEST

UNIT_MAIN("socketmap", a_query_is_a_map_and_a_key,
    a_reply_has_its_word_in_front,
    a_reply_that_no_client_would_take_is_not_sent, each_answer_means_one_thing,
    one_connection_serves_look_up_after_look_up,
    what_is_found_is_kept_and_what_is_not_is_asked_again,
    what_was_kept_grows_old,
    what_one_map_has_not_is_remembered_where_that_is_wished,
    what_is_missing_does_not_stay_so, the_cache_holds_no_more_than_it_may,
    the_same_key_in_another_map_is_another,
    a_kept_connection_that_was_closed_is_replaced,
    a_kept_connection_that_dies_of_the_query_is_replaced_once,
    a_new_connection_that_dies_is_a_fault,
    a_server_that_never_answers_is_given_up,
    a_late_second_answer_is_never_taken_for_the_next,
    a_server_that_is_not_there_is_temporary, lengths_are_bounded,
    many_threads_get_each_its_own_answer)
