/* SPDX-License-Identifier: ISC */
/* Streams, plain and TLS: all bytes, deadlines, ends. */
#include "config.h"

#include "base/io.h"

#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <sys/socket.h>

#include "base/clock.h"
#include "tests/unit/base/certificate.h"

enum { VOLUME = 5 << 20, PATIENCE_MS = 50000 };

static char dir[64];
static struct certificate pair;
static struct tls_server *server;
static struct tls_client *client;
static struct io *near, *far;

static void
open_plain(void)
{
	int fds[2];

	signal(SIGPIPE, SIG_IGN);
	ck_assert_int_eq(
	    socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds), 0);
	near = io_new(fds[0]);
	far = io_new(fds[1]);
	ck_assert_int_eq(io_fd(near), fds[0]);
	io_set_deadline(near, clock_ms() + PATIENCE_MS);
	io_set_deadline(far, clock_ms() + PATIENCE_MS);
	ck_assert_ptr_null(io_tls(near));
}

static void *
shake_hands(void *ctx)
{
	const struct tls_demand demand = {
	    .proof = TLS_PROOF_NAME, .name = "mail.example"};
	struct fault *f = ctx;

	return (void *)(intptr_t)io_start_tls_client(far, client, &demand, f);
}

static void
make_tls(void)
{
	struct tls_certificate files;
	struct fault f;

	snprintf(dir, sizeof dir, "/tmp/check_io.XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(dir));
	certificate_make(&pair, dir, "a", "DNS:mail.example", NULL, 86400);
	files = (struct tls_certificate){pair.chain, pair.key};
	server = tls_server_new(&files, 1, &f);
	ck_assert_msg(server != NULL, "%s", f.text);
	client = tls_client_new(pair.chain, &f);
	ck_assert_msg(client != NULL, "%s", f.text);
}

static void
open_tls(void)
{
	pthread_t thread;
	struct fault f, theirs;
	void *rc;

	open_plain();
	make_tls();
	ck_assert_int_eq(
	    pthread_create(&thread, NULL, shake_hands, &theirs), 0);
	ck_assert_msg(io_start_tls_server(near, server, &f) == 0, "%s", f.text);
	ck_assert_int_eq(pthread_join(thread, &rc), 0);
	ck_assert_msg(rc == NULL, "%s", theirs.text);
	ck_assert_str_eq(io_tls(near)->sni, "mail.example");
	ck_assert_str_eq(io_tls(far)->version, "TLSv1.3");
}

static void
close_tls(void)
{
	io_free(&near);
	io_free(&far);
	tls_server_free(&server);
	tls_client_free(&client);
	certificate_remove(&pair);
	ck_assert_int_eq(rmdir(dir), 0);
}

static char
byte_at(size_t i)
{
	return (char)(i * 7 + i / 253);
}

static void *
write_volume(void *ctx)
{
	struct buf b;
	struct fault f;
	int rc;

	(void)ctx;
	buf_init(&b, VOLUME);
	for (size_t i = 0; i < VOLUME; i++)
		buf_putc(&b, byte_at(i));
	rc = io_flush(far, &b, &f);
	rc = rc == 0 && buf_len(&b) == 0 ? 0 : -1;
	buf_clear(&b);
	shutdown(io_fd(far), SHUT_WR);
	return (void *)(intptr_t)rc;
}

/* Through a socket that holds far less than all of it. */
static void
check_volume(void)
{
	pthread_t thread;
	struct fault f;
	struct buf b;
	size_t at = 0;
	void *rc;
	int got;

	ck_assert_int_eq(pthread_create(&thread, NULL, write_volume, NULL), 0);
	buf_init(&b, 100000);
	while ((got = io_read(near, &b, 70000, &f)) > 0) {
		struct str bytes = buf_str(&b);
		bool same = true;

		for (size_t i = 0; i < bytes.len; i++)
			same = bytes.at[i] == byte_at(at++) && same;
		ck_assert(same);
		buf_consume(&b, bytes.len);
	}
	ck_assert_int_eq(got, 0);
	ck_assert_uint_eq(at, VOLUME);
	ck_assert_int_eq(pthread_join(thread, &rc), 0);
	ck_assert_ptr_null(rc);
	buf_clear(&b);
}

START_TEST(all_bytes_come_through_in_order)
{
	open_plain();
	check_volume();
	io_free(&near);
	io_free(&far);
	ck_assert_ptr_null(far);
}
END_TEST

START_TEST(all_bytes_come_through_tls_in_order)
{
	open_tls();
	check_volume();
	close_tls();
}
END_TEST

/* Nothing is there; then something; then the end. */
static void
check_reading(void)
{
	struct fault f;
	struct buf b;
	bool again;

	buf_init(&b, 100);
	ck_assert_int_eq(io_read_now(near, &b, 100, &again, &f), 0);
	ck_assert(again);
	ck_assert_int_eq(io_write(far, STR_LIT("hello"), &f), 0);
	ck_assert_int_eq(io_read(near, &b, 2, &f), 1);
	ck_assert_str_eq(buf_text(&b), "he");
	ck_assert(io_has_pending(near) == (io_tls(near) != NULL));
	ck_assert_int_eq(io_read_now(near, &b, 100, &again, &f), 1);
	ck_assert_str_eq(buf_text(&b), "hello");
	ck_assert(!io_has_pending(near));
	io_free(&far);
	ck_assert_int_eq(io_read(near, &b, 100, &f), 0);
	ck_assert_int_eq(io_read_now(near, &b, 100, &again, &f), 0);
	ck_assert(!again);
	buf_clear(&b);
}

START_TEST(nothing_something_and_the_end_are_told_apart)
{
	open_plain();
	check_reading();
	io_free(&near);
}
END_TEST

START_TEST(nothing_something_and_the_end_are_told_apart_in_tls)
{
	open_tls();
	check_reading();
	close_tls();
}
END_TEST

/* Reads from a peer that says nothing, writes to one that reads nothing. */
static void
check_deadlines(void)
{
	static char much[4 << 20];
	struct fault f;
	struct buf b;
	int64_t due = clock_ms() + 50;

	buf_init(&b, 100);
	io_set_deadline(near, due);
	ck_assert_int_eq(io_read(near, &b, 100, &f), -1);
	ck_assert_str_eq(f.dsn, "4.4.2");
	ck_assert_int_ge(clock_ms(), due);
	due = clock_ms() + 50;
	io_set_deadline(near, due);
	ck_assert_int_eq(io_write(near, str_n(much, sizeof much), &f), -1);
	ck_assert_str_eq(f.dsn, "4.4.2");
	ck_assert_int_ge(clock_ms(), due);
	buf_clear(&b);
}

START_TEST(what_blocks_past_the_deadline_fails)
{
	open_plain();
	check_deadlines();
	io_free(&near);
	io_free(&far);
}
END_TEST

START_TEST(what_blocks_past_the_deadline_fails_in_tls)
{
	open_tls();
	check_deadlines();
	close_tls();
}
END_TEST

START_TEST(a_peer_that_drips_does_not_move_the_deadline)
{
	struct fault f;
	struct buf b;
	int got = 1;

	open_plain();
	buf_init(&b, 100000);
	io_set_deadline(near, clock_ms() + 100);
	for (int i = 0; got > 0 && i < 90000; i++) {
		if (clock_ms() % 10 == 0)
			ck_assert_int_eq(io_write(far, STR_LIT("x"), &f), 0);
		got = io_read(near, &b, 1, &f);
	}
	ck_assert_int_eq(got, -1);
	ck_assert_str_eq(f.dsn, "4.4.2");
	buf_clear(&b);
	io_free(&near);
	io_free(&far);
}
END_TEST

START_TEST(writing_to_a_peer_that_is_gone_is_a_fault_not_a_signal)
{
	struct fault f;

	open_plain();
	signal(SIGPIPE, SIG_DFL);
	io_free(&far);
	ck_assert_int_eq(io_write(near, STR_LIT("x"), &f), -1);
	ck_assert_int_eq(f.kind, FAULT_TEMP);
	ck_assert_str_eq(f.dsn, "4.4.2");
	io_free(&near);
}
END_TEST

START_TEST(a_buffer_that_is_full_is_a_fault_and_loses_nothing)
{
	struct fault f;
	struct buf b;

	open_plain();
	buf_init(&b, 4);
	ck_assert_int_eq(io_write(far, STR_LIT("123456"), &f), 0);
	ck_assert_int_eq(io_read(near, &b, 100, &f), 1);
	ck_assert_str_eq(buf_text(&b), "1234");
	ck_assert_int_eq(io_read(near, &b, 100, &f), -1);
	ck_assert_int_eq(f.kind, FAULT_PERM);
	buf_consume(&b, 4);
	ck_assert_int_eq(io_read(near, &b, 100, &f), 1);
	ck_assert_str_eq(buf_text(&b), "56");
	buf_clear(&b);
	io_free(&near);
	io_free(&far);
}
END_TEST

START_TEST(a_handshake_with_a_silent_client_ends_at_the_deadline)
{
	struct fault f;

	open_plain();
	make_tls();
	io_set_deadline(near, clock_ms() + 50);
	ck_assert_int_eq(io_start_tls_server(near, server, &f), -1);
	ck_assert_str_eq(f.dsn, "4.4.2");
	close_tls();
}
END_TEST

START_TEST(a_handshake_in_steps_holds_no_thread)
{
	pthread_t thread;
	struct fault f, theirs;
	void *failed;
	int rc = 0;

	open_plain();
	make_tls();
	ck_assert_int_eq(io_start_tls_server_now(near, server, &f), 0);
	ck_assert_ptr_null(io_tls(near));
	ck_assert_int_eq(
	    pthread_create(&thread, NULL, shake_hands, &theirs), 0);
	for (int64_t due = clock_ms() + PATIENCE_MS;
	     rc == 0 && clock_ms() < due;)
		rc = io_start_tls_server_now(near, server, &f);
	ck_assert_int_eq(rc, 1);
	ck_assert_int_eq(pthread_join(thread, &failed), 0);
	ck_assert_ptr_null(failed);
	ck_assert_ptr_nonnull(io_tls(near));
	close_tls();
}
END_TEST

START_TEST(a_client_that_speaks_no_tls_is_a_fault)
{
	struct fault f;

	open_plain();
	make_tls();
	ck_assert_int_eq(
	    io_write(far, STR_LIT("EHLO client.example\r\n"), &f), 0);
	ck_assert_int_eq(io_start_tls_server(near, server, &f), -1);
	ck_assert_int_eq(strncmp(f.text, "TLS: ", 5), 0);
	/* Nor is anything said in the clear from now on. */
	ck_assert_int_eq(io_write(near, STR_LIT("250 secret\r\n"), &f), -1);
	close_tls();
}
END_TEST

UNIT_MAIN("io", all_bytes_come_through_in_order,
    all_bytes_come_through_tls_in_order,
    nothing_something_and_the_end_are_told_apart,
    nothing_something_and_the_end_are_told_apart_in_tls,
    what_blocks_past_the_deadline_fails,
    what_blocks_past_the_deadline_fails_in_tls,
    a_peer_that_drips_does_not_move_the_deadline,
    writing_to_a_peer_that_is_gone_is_a_fault_not_a_signal,
    a_buffer_that_is_full_is_a_fault_and_loses_nothing,
    a_handshake_with_a_silent_client_ends_at_the_deadline,
    a_handshake_in_steps_holds_no_thread,
    a_client_that_speaks_no_tls_is_a_fault)
