/* SPDX-License-Identifier: ISC */
/* lmtp/quota_session.h: on a real loop, with a real store, and a directory of
 * the test's. */
#include "config.h"

#include "lmtp/quota_session.h"

#include <pthread.h>
#include <stdio.h>

#include "base/clock.h"
#include "base/loop.h"
#include "lmtp/limits.h"
#include "lmtp/session.h"
#include "proto/socketmap.h"
#include "store/store.h"
#include "tests/unit/peer.h"
#include "tests/unit/store/opened.h"
#include "tests/unit/unit.h"

static struct peer directory;
static const struct lmtpd_options options = {.command_timeout = 60000};
static struct lmtpd lmtpd;
static struct loop *loop;
static struct server *server;
static pthread_t thread;
static FILE *client;

/* Everybody may have 1000 bytes. */
static void
serve(struct peer *peer, FILE *in, FILE *out)
{
	size_t len;
	char query[1024];

	(void)peer;
	while (fscanf(in, "%zu:", &len) == 1 && len < sizeof query &&
	       fread(query, 1, len + 1, in) == len + 1) {
		const char *answer = strncmp(query, "quota ann", 9) == 0
					 ? "OK user=ann@example.org bytes=1000"
					 : "NOTFOUND ";

		fprintf(out, "%zu:%s,", strlen(answer), answer);
		fflush(out);
	}
}

static void *
run(void *ctx)
{
	(void)ctx;
	loop_run(loop);
	return NULL;
}

static void
open_store_and_limits(void)
{
	struct socketmap_client_conf map = {.timeout_ms = 10000};
	const struct store_conf conf = opened_conf();
	struct fault f;

	opened_make("quota_session");
	lmtpd = (struct lmtpd){.options = &options};
	lmtpd.store = opened(&conf);
	peer_start(&directory, serve, NULL);
	ck_assert_int_eq(
	    net_parse(str(directory.address), &map.address, &f), 0);
	lmtpd.directory = socketmap_client_new(&map);
	lmtpd.limits = limits_new(lmtpd.directory);
}

static void
begin(void)
{
	const struct server_limits sessions = {0};
	const struct loop_limits threads = {0};
	struct net_address address;
	struct fault f;
	char text[96];
	int fd;

	open_store_and_limits();
	loop = loop_new(&threads, &f);
	server = server_new(loop, &sessions);
	snprintf(text, sizeof text, "unix:%s/sock", dir);
	ck_assert_int_eq(net_parse(str(text), &address, &f), 0);
	fd = net_listen(&address, 0600, &f);
	ck_assert_int_ge(fd, 0);
	server_listen(server, fd, &quota_session_ops, &lmtpd);
	ck_assert_int_eq(pthread_create(&thread, NULL, run, NULL), 0);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	ck_assert_int_eq(
	    connect(fd, (struct sockaddr *)&address.sa, address.len), 0);
	client = fdopen(fd, "r+");
	setvbuf(client, NULL, _IONBF, 0);
}

static void
end(void)
{
	fclose(client);
	server_drain(server, clock_ms() + 10000);
	pthread_join(thread, NULL);
	server_free(&server);
	loop_free(&loop);
	limits_free(&lmtpd.limits);
	socketmap_client_free(&lmtpd.directory);
	store_close(&lmtpd.store);
	peer_stop(&directory);
	peer_clear(&directory);
	place_remove(dir);
}

static void
expect(const char *want)
{
	char line[300] = "";

	ck_assert_ptr_nonnull(fgets(line, sizeof line, client));
	ck_assert_str_eq(line, want);
	ck_assert_ptr_nonnull(fgets(line, sizeof line, client));
	ck_assert_str_eq(line, "\n");
}

START_TEST(requests_are_answered_in_order)
{
	begin();
	fputs("recipient=ann@example.org\nsize=1000\n\n"
	      "size=1001\nrecipient=Ann+x@example.org\nother=x\n\n"
	      "recipient=bob@example.org\nsize=1001\n\n"
	      "recipient=no address\n\n"
	      "size=5\n\n"
	      "recipient=ann@example.org\nsize=many\n\n",
	    client);
	expect("action=DUNNO\n");
	expect("action=552 5.2.2 the message is larger than all that the "
	       "mailbox may hold\n");
	for (int i = 0; i < 4; i++)
		expect("action=DUNNO\n");
	end();
}
END_TEST

START_TEST(what_is_no_request_ends_it_behind_the_answers)
{
	char line[300];

	begin();
	fputs("recipient=ann@example.org\n\nnonsense\n\n", client);
	expect("action=DUNNO\n");
	ck_assert_ptr_null(fgets(line, sizeof line, client));
	end();
}
END_TEST

UNIT_MAIN("quota_session", requests_are_answered_in_order,
    what_is_no_request_ends_it_behind_the_answers)
