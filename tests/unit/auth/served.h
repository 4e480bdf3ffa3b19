/* SPDX-License-Identifier: ISC */
/* A loop in a thread that serves one protocol at a unix socket, over a
 * directory with ann, bob (disabled) and some aliases; and a client. */
#ifndef TESTS_UNIT_AUTH_SERVED_H
#define TESTS_UNIT_AUTH_SERVED_H

#include <poll.h>
#include <pthread.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "auth/authd.h"
#include "auth/guard.h"
#include "auth/password.h"
#include "auth/recent.h"
#include "base/clock.h"
#include "base/loop.h"
#include "base/net.h"
#include "base/server.h"
#include "tests/unit/auth/place.h"

static struct authd_options options;
static struct authd authd;
static struct guard_conf guard_conf; /* of zeros: it does nothing */
static struct loop *loop;
static struct server *server;
static pthread_t worker;
static char socket_path[128];

static inline void *
run_loop(void *ctx)
{
	loop_run(ctx);
	return NULL;
}

static inline void
fill_directory(struct directory *d)
{
	char hash[PASSWORD_HASH_SIZE];
	struct fault f;

	add_domain(d, "example.org");
	add_domain(d, "catch.example");
	ck_assert_int_eq(password_hash(STR_LIT("correct horse"), hash, &f), 0);
	add_user(d, "ann@example.org", hash);
	add_user(d, "bob@example.org", hash);
	add_user(d, "carl@catch.example", NULL);
	add_alias(d, "team@example.org", "ann@example.org carl@catch.example");
	add_alias(d, "@catch.example", "ann+catch@example.org");
	ck_assert_int_eq(
	    directory_user_set_disabled(d, str("bob@example.org"), true, &f),
	    0);
}

static inline void
serve(const struct session_ops *ops)
{
	static const struct server_limits none;
	static const struct loop_limits few = {.max = 8};
	struct net_address address;
	struct fault f = {.text = ""};
	char text[160];
	int fd;

	authd.options = &options;
	authd.directory = new_directory();
	authd.guard = guard_new(&guard_conf);
	authd.recent = recent_logins_new(100, 60000);
	fill_directory(authd.directory);
	snprintf(socket_path, sizeof socket_path, "%s/x.sock", place);
	snprintf(text, sizeof text, "unix:%s", socket_path);
	ck_assert_int_eq(net_parse(str(text), &address, &f), 0);
	fd = net_listen(&address, 0600, &f);
	ck_assert_msg(fd >= 0, "%s", f.text);
	loop = loop_new(&few, &f);
	ck_assert_ptr_nonnull(loop);
	server = server_new(loop, &none);
	server_listen(server, fd, ops, &authd);
	ck_assert_int_eq(pthread_create(&worker, NULL, run_loop, loop), 0);
}

static inline void
end_serving(void)
{
	loop_stop(loop);
	pthread_join(worker, NULL);
	server_free(&server);
	loop_free(&loop);
	unlink(socket_path);
	guard_free(&authd.guard);
	recent_logins_free(&authd.recent);
	end_directory(&authd.directory);
}

static inline int
dial(void)
{
	struct sockaddr_un sa = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	ck_assert_int_ge(fd, 0);
	memcpy(sa.sun_path, socket_path, strlen(socket_path) + 1);
	ck_assert_int_eq(
	    connect(fd, (const struct sockaddr *)&sa, sizeof sa), 0);
	return fd;
}

static inline void
say(int fd, struct str bytes)
{
	while (bytes.len > 0) {
		ssize_t n = send(fd, bytes.at, bytes.len, MSG_NOSIGNAL);

		/* The other end may have had enough. */
		if (n < 0)
			return;
		bytes = str_from(bytes, (size_t)n);
	}
}

/* Reads until `until` ends what has come (NULL: until the end of the stream),
 * into b. */
static inline void
hear(int fd, const char *until, struct buf *b)
{
	buf_reset(b);
	while (until == NULL || !str_ends(buf_str(b), str(until))) {
		struct pollfd p = {.fd = fd, .events = POLLIN};
		char bytes[4096];
		ssize_t n;

		ck_assert_msg(
		    poll(&p, 1, 30000) == 1, "after \"%s\"", buf_text(b));
		n = recv(fd, bytes, sizeof bytes, 0);
		if (n <= 0 && until == NULL)
			return;
		ck_assert_msg(n > 0, "closed after \"%s\"", buf_text(b));
		buf_put(b, bytes, (size_t)n);
	}
}

#endif
