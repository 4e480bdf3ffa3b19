/* SPDX-License-Identifier: ISC */
/* lmtp/session.h: the daemon's sessions on a real loop, with a real store. */
#include "config.h"

#include "lmtp/session.h"

#include <dirent.h>
#include <pthread.h>
#include <stdio.h>
#include <sys/socket.h>

#include "base/clock.h"
#include "base/loop.h"
#include "base/net.h"
#include "store/store.h"
#include "tests/unit/store/opened.h"
#include "tests/unit/unit.h"

static const char *const domains[] = {"b.example"};
static struct lmtpd_options options;
static struct lmtpd lmtpd;
static struct loop *loop;
static struct server *server;
static pthread_t thread;
static struct net_address address;

static void *
run(void *ctx)
{
	(void)ctx;
	loop_run(loop);
	return NULL;
}

static struct smtp_server_conf
engine_conf(bool trusted)
{
	return (struct smtp_server_conf){
	    .dialect = DIALECT_LMTP,
	    .hostname = "mx.b.example",
	    .max_size = 1 << 20,
	    .max_rcpts = 100,
	    .max_errors = 100,
	    .max_hops = 1000,
	    .xforward = trusted,
	};
}

static void
set_up(void)
{
	options = (struct lmtpd_options){
	    .separator = "+",
	    .directory = LMTPD_NONE,
	    .command_timeout = 60000,
	    .data_timeout = 60000,
	};
	lmtpd = (struct lmtpd){
	    .options = &options,
	    .hostname = "mx.b.example",
	    .engine = engine_conf(false),
	    .engine_trusted = engine_conf(true),
	    .domains = (const char **)(uintptr_t)domains,
	    .n_domains = 1,
	};
}

static void
begin(void)
{
	const struct server_limits sessions = {0};
	const struct loop_limits threads = {0};
	struct store_conf store = opened_conf();
	struct fault f = {.text = ""};
	char text[96];
	int fd;

	opened_make("session");
	snprintf(text, sizeof text, "unix:%s/sock", dir);
	set_up();
	store.hostname = "mx.b.example";
	lmtpd.store = opened(&store);
	loop = loop_new(&threads, &f);
	ck_assert_ptr_nonnull(loop);
	server = server_new(loop, &sessions);
	ck_assert_int_eq(net_parse(str(text), &address, &f), 0);
	fd = net_listen(&address, 0600, &f);
	ck_assert_int_ge(fd, 0);
	server_listen(server, fd, &lmtp_session_ops, &lmtpd);
	ck_assert_int_eq(pthread_create(&thread, NULL, run, NULL), 0);
}

static void
end(void)
{
	server_drain(server, clock_ms() + 10000);
	pthread_join(thread, NULL);
	server_free(&server);
	loop_free(&loop);
	store_close(&lmtpd.store);
	place_remove(dir);
}

static FILE *
open_client(void)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	FILE *c;

	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(
	    connect(fd, (struct sockaddr *)&address.sa, address.len), 0);
	c = fdopen(fd, "r+");
	ck_assert_ptr_nonnull(c);
	setvbuf(c, NULL, _IONBF, 0);
	return c;
}

/* The last line of the next reply begins so. */
static void
expect(FILE *c, const char *want)
{
	char line[600] = "";

	do
		ck_assert_msg(fgets(line, sizeof line, c) != NULL,
		    "the end, not %s", want);
	while (line[3] == '-');
	ck_assert_msg(
	    strncmp(line, want, strlen(want)) == 0, "%s is not %s", line, want);
}

static void
say(FILE *c, const char *text, const char *want)
{
	fputs(text, c);
	expect(c, want);
}

static FILE *
greet(void)
{
	FILE *c = open_client();

	expect(c, "220 mx.b.example");
	say(c, "LHLO client.example\r\n", "250");
	return c;
}

/* The number of messages, and what one of them holds. */
static unsigned
read_new(const char *user, char *text, size_t size)
{
	char path[200];
	struct dirent *e;
	unsigned n = 0;
	DIR *d;

	snprintf(path, sizeof path, "%s/mail/b.example/%s/new", dir, user);
	d = opendir(path);
	while (d != NULL && (e = readdir(d)) != NULL) {
		char file[500];
		FILE *in;

		if (e->d_name[0] == '.')
			continue;
		n++;
		snprintf(file, sizeof file, "%s/%s", path, e->d_name);
		in = fopen(file, "r");
		ck_assert_ptr_nonnull(in);
		text[fread(text, 1, size - 1, in)] = '\0';
		fclose(in);
	}
	if (d != NULL)
		closedir(d);
	return n;
}

START_TEST(each_recipient_has_a_reply_and_the_message)
{
	FILE *c;

	begin();
	c = greet();
	say(c, "MAIL FROM:<x@y.example>\r\n", "250");
	say(c, "RCPT TO:<ann@b.example>\r\n", "250");
	say(c, "RCPT TO:<ann@elsewhere.example>\r\n", "550 5.1.1");
	say(c, "RCPT TO:<Bob+none@B.example>\r\n", "250");
	say(c, "DATA\r\n", "354");
	say(c, "Subject: x\r\n\r\n..\r\n.\r\n", "250 2");
	expect(c, "250 2");
	fclose(c);
	end();
	ck_assert_uint_eq(atomic_load(&lmtpd.counters.messages), 1);
	ck_assert_uint_eq(atomic_load(&lmtpd.counters.stored), 2);
}
END_TEST

START_TEST(trace_fields_go_on_top_and_name_only_one_recipient)
{
	char text[2000];
	FILE *c;

	begin();
	c = greet();
	say(c, "MAIL FROM:<x@y.example>\r\n", "250");
	say(c, "RCPT TO:<ann@b.example>\r\n", "250");
	say(c, "DATA\r\n", "354");
	say(c, "Subject: x\r\n\r\nhello\r\n.\r\n", "250 2");
	say(c, "MAIL FROM:<>\r\n", "250");
	say(c, "RCPT TO:<bob@b.example>\r\n", "250");
	say(c, "RCPT TO:<carl@b.example>\r\n", "250");
	say(c, "DATA\r\n", "354");
	/* No header section: its first line is not a part of ours. */
	say(c, " folded\r\n.\r\n", "250 2");
	expect(c, "250 2");
	ck_assert_uint_eq(read_new("ann", text, sizeof text), 1);
	ck_assert_msg(str_starts(str(text),
			  STR_LIT("Return-Path: <x@y.example>\n"
				  "Delivered-To: ann@b.example\nReceived: ")),
	    "%s", text);
	ck_assert(str_ends(str(text), STR_LIT("\nSubject: x\n\nhello\n")));
	ck_assert_uint_eq(read_new("bob", text, sizeof text), 1);
	ck_assert(str_starts(str(text), STR_LIT("Return-Path: <>\nRec")));
	ck_assert_ptr_null(strstr(text, "b.example>"));
	ck_assert(str_ends(str(text), STR_LIT("\n\n folded\n")));
	fclose(c);
	end();
}
END_TEST

static void
send_with_id(FILE *c, const char *ident)
{
	fprintf(c, "XFORWARD IDENT=%s\r\n", ident);
	expect(c, "250");
	say(c, "MAIL FROM:<x@y.example>\r\n", "250");
	say(c, "RCPT TO:<ann@b.example>\r\n", "250");
	say(c, "DATA\r\n", "354");
	say(c, "Subject: x\r\n\r\n.\r\n", "250 2");
}

START_TEST(an_id_that_a_trusted_peer_gives_makes_a_repeat)
{
	char text[2000];
	FILE *c;

	begin();
	c = greet();
	send_with_id(c, "00112233445566zz");
	send_with_id(c, "00112233445566zz");
	send_with_id(c, "00112233445566zy");
	fclose(c);
	ck_assert_uint_eq(read_new("ann", text, sizeof text), 2);
	end();
	ck_assert_uint_eq(atomic_load(&lmtpd.counters.repeated), 1);
}
END_TEST

START_TEST(pipelined_commands_are_answered_in_order)
{
	char text[2000];
	FILE *c;

	begin();
	c = greet();
	fputs("MAIL FROM:<x@y.example>\r\nRCPT TO:<ann@b.example>\r\n"
	      "RCPT TO:<\"a/b\"@b.example>\r\nDATA\r\n",
	    c);
	expect(c, "250");
	expect(c, "250");
	expect(c, "5");
	expect(c, "354");
	fputs("x\r\n.\r\nNOOP\r\nQUIT\r\n", c);
	expect(c, "250 2");
	expect(c, "250");
	expect(c, "221");
	ck_assert_int_eq(fgetc(c), EOF);
	fclose(c);
	ck_assert_uint_eq(read_new("ann", text, sizeof text), 1);
	end();
}
END_TEST

START_TEST(who_hangs_up_in_the_middle_leaves_nothing)
{
	char text[2000];
	FILE *c;

	begin();
	c = greet();
	say(c, "MAIL FROM:<x@y.example>\r\n", "250");
	say(c, "RCPT TO:<ann@b.example>\r\n", "250");
	say(c, "DATA\r\n", "354");
	fputs("Subject: half of it\r\n", c);
	fclose(c);
	ck_assert_uint_eq(read_new("ann", text, sizeof text), 0);
	end();
	ck_assert_uint_eq(atomic_load(&lmtpd.counters.messages), 0);
}
END_TEST

START_TEST(an_idle_session_is_told_that_the_daemon_stops)
{
	FILE *c;

	begin();
	c = greet();
	end();
	expect(c, "421 4.3.2");
	ck_assert_int_eq(fgetc(c), EOF);
	fclose(c);
}
END_TEST

UNIT_MAIN("session", each_recipient_has_a_reply_and_the_message,
    trace_fields_go_on_top_and_name_only_one_recipient,
    an_id_that_a_trusted_peer_gives_makes_a_repeat,
    pipelined_commands_are_answered_in_order,
    who_hangs_up_in_the_middle_leaves_nothing,
    an_idle_session_is_told_that_the_daemon_stops)
