/* SPDX-License-Identifier: ISC */
#include "config.h"

#include "mta/send/lmtp_connection.h"

#include "base/clock.h"
#include "base/io.h"
#include "base/mem.h"
#include "base/spool.h"
#include "proto/smtp_client.h"

enum {
	IN_MAX = 1 << 20,
	OUT_MAX = 1 << 20,
	READ_SIZE = 4096,
	WRITE_SIZE = 128 * 1024, /* of a body, at once */
	CONNECT_MS = 5000,
};

void
lmtp_connection_free(struct lmtp_connection **connection)
{
	struct lmtp_connection *c = *connection;

	if (c == NULL)
		return;
	if (c->task.loop != NULL)
		loop_forget(c->task.loop, &c->task);
	smtp_client_free(&c->client);
	io_free(&c->io);
	buf_clear(&c->in);
	buf_clear(&c->out);
	mem_free(c);
	*connection = NULL;
}

void
lmtp_connection_quit(struct lmtp_connection **connection)
{
	struct lmtp_connection *c = *connection;
	struct fault ignored;

	smtp_client_quit(c->client, &c->out);
	io_set_deadline(c->io, clock_ms() + 1);
	if (io_flush(c->io, &c->out, &ignored) < 0)
		buf_reset(&c->out);
	lmtp_connection_free(connection);
}

const struct smtp_peer *
lmtp_connection_peer(const struct lmtp_connection *c)
{
	return smtp_client_peer(c->client);
}

bool
lmtp_connection_knows_ident(const struct lmtp_connection *c)
{
	struct str names = str(smtp_client_peer(c->client)->xforward);

	while (names.len > 0)
		if (str_is_nocase(str_cut(&names, ' '), STR_LIT("IDENT")))
			return true;
	return false;
}

bool
lmtp_connection_is_dead(struct lmtp_connection *c)
{
	struct fault ignored;
	bool again = false;

	return io_read_now(c->io, &c->in, READ_SIZE, &again, &ignored) != 0 ||
	       !again;
}

/* Gives the engine what io_read() has read; got is what that has returned. */
static enum client_next
feed(struct lmtp_connection *c, int got, struct fault *f)
{
	if (got == 0)
		fault_temp(
		    f, "4.4.2", "the delivery service closed the connection");
	if (got <= 0)
		return CLIENT_CLOSED;
	return smtp_client_feed(c->client, &c->in, &c->out, f);
}

/* Does what the engine wants until that is more than writing and reading. */
static enum client_next
drive(struct lmtp_connection *c, enum client_next next, struct fault *f)
{
	while (next == CLIENT_SEND || next == CLIENT_READ) {
		if (buf_len(&c->out) > 0 && io_flush(c->io, &c->out, f) < 0)
			return CLIENT_CLOSED;
		if (io_await(c->io, f) < 0)
			return CLIENT_CLOSED;
		next = feed(c, io_read(c->io, &c->in, READ_SIZE, f), f);
	}
	return next;
}

struct lmtp_connection *
lmtp_connection_open(
    const struct lmtp_pool_conf *conf, int64_t deadline, struct fault *f)
{
	const struct smtp_client_conf client = {
	    .dialect = DIALECT_LMTP,
	    .hostname = conf->hostname,
	};
	int64_t limit = clock_ms() + CONNECT_MS;
	struct lmtp_connection *c;
	enum client_next next;
	int fd;

	fd =
	    net_connect(&conf->address, limit < deadline ? limit : deadline, f);
	if (fd < 0)
		return NULL;
	c = mem_new(struct lmtp_connection);
	c->task.fd = fd;
	c->io = io_new(fd);
	c->client = smtp_client_new(&client);
	buf_init(&c->in, IN_MAX);
	buf_init(&c->out, OUT_MAX);
	io_set_deadline(c->io, deadline);
	next = smtp_client_feed(c->client, &c->in, &c->out, f);
	if (drive(c, next, f) != CLIENT_READY)
		lmtp_connection_free(&c);
	return c;
}

static int
send_piece(void *ctx, struct str bytes, struct fault *f)
{
	struct lmtp_connection *c = ctx;

	while (bytes.len > 0) {
		struct str part = str_head(bytes, WRITE_SIZE);

		smtp_client_body(c->client, part, &c->out);
		bytes = str_from(bytes, part.len);
		if (buf_len(&c->out) >= WRITE_SIZE &&
		    io_flush(c->io, &c->out, f) < 0)
			return -1;
	}
	return 0;
}

/* The message itself. Where it is small, and the server takes chunks, the
 * whole transaction goes out here, by one write. */
static int
send_body(struct lmtp_connection *c, const struct lmtp_message *message,
    struct fault *f)
{
	if (send_piece(c, message->head, f) < 0 ||
	    spool_each(message->body, send_piece, c, f) < 0)
		return -1;
	smtp_client_body_end(c->client, &c->out);
	return io_flush(c->io, &c->out, f);
}

static enum lmtp_result
result_of(const struct lmtp_connection *c, enum client_next next)
{
	if (next == CLIENT_SEND || next == CLIENT_READ)
		return LMTP_AWAITED;
	if (next == CLIENT_DONE)
		return LMTP_ANSWERED;
	return smtp_client_is_in_doubt(c->client) ? LMTP_DOUBTFUL : LMTP_FAILED;
}

enum lmtp_result
lmtp_connection_send(struct lmtp_connection *c,
    const struct lmtp_message *message, int64_t deadline, struct fault *f)
{
	const struct smtp_client_message wire = {
	    .mail = message->mail,
	    .rcpts = message->rcpts,
	    .n_rcpts = message->n_rcpts,
	    .xforward = message->xforward,
	    .size = message->head.len + spool_size(message->body),
	};
	enum client_next next;

	io_set_deadline(c->io, deadline);
	next = drive(c, smtp_client_send(c->client, &wire, &c->out), f);
	if (next != CLIENT_BODY)
		return result_of(c, next);
	/* A write that failed has left out at least the last byte, so the
	 * server cannot have taken the message. */
	return send_body(c, message, f) < 0 ? LMTP_FAILED : LMTP_AWAITED;
}

enum lmtp_result
lmtp_connection_answer(struct lmtp_connection *c, struct fault *f)
{
	bool again = false;
	int got = io_read_now(c->io, &c->in, READ_SIZE, &again, f);
	enum client_next next;

	if (got == 0 && again)
		return LMTP_AWAITED;
	next = feed(c, got, f);
	if (next == CLIENT_SEND && io_flush(c->io, &c->out, f) < 0)
		next = CLIENT_CLOSED;
	return result_of(c, next);
}

enum lmtp_result
lmtp_connection_await(struct lmtp_connection *c, struct fault *f)
{
	return result_of(c, drive(c, CLIENT_READ, f));
}

enum lmtp_result
lmtp_connection_give_up(struct lmtp_connection *c, struct fault *f)
{
	fault_temp(f, "4.4.2", "the delivery service has not answered in time");
	return result_of(c, CLIENT_CLOSED);
}

const struct smtp_outcome *
lmtp_connection_outcomes(const struct lmtp_connection *c)
{
	return smtp_client_outcomes(c->client);
}

void
lmtp_connection_trim(struct lmtp_connection *c)
{
	if (c->out.room > 4 * (size_t)READ_SIZE)
		buf_clear(&c->out);
}
