/* SPDX-License-Identifier: ISC */
/*
 * LMTP connections that are kept and taken again, newest first, so that under
 * little load the others grow old and are closed.
 */
#include "config.h"

#include "mta/send/lmtp_pool.h"

#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/io.h"
#include "base/loop.h"
#include "base/mem.h"
#include "base/spool.h"
#include "proto/smtp_client.h"

enum {
	/* One batch of RCPTs is written without reading the answers, which
	 * must therefore fit into the socket's buffers. */
	GROUP_MAX = 100,
	IN_MAX = 1 << 20,
	OUT_MAX = 1 << 20,
	READ_SIZE = 4096,
	WRITE_SIZE = 128 * 1024, /* of a body, at once */
	CONNECT_MS = 5000,
	TRUSTED_MS = 1000, /* idle no longer than this: surely alive */
	OLD_MS = 60000,
	PAUSE_MS = 50,
	PAUSE_MAX_MS = 1000,
};

struct connection {
	struct io *io;
	struct smtp_client *client;
	struct buf in, out;
	bool used;         /* was idle before this message */
	unsigned messages; /* that it has carried */
	int64_t idle_since;
};

struct lmtp_pool {
	struct lmtp_pool_conf conf;
	atomic_uint group;        /* recipients at once */
	pthread_mutex_t mutex;    /* guards what follows */
	struct connection **idle; /* oldest first */
	unsigned n;
};

/* How one try went. */
enum try_result {
	TRY_ANSWERED, /* outcomes are the server's own */
	TRY_FAILED,   /* the server has not got the message */
	TRY_DOUBTFUL, /* it may have got it */
};

struct attempt {
	struct lmtp_message message; /* one group of the recipients */
	int64_t deadline;
	bool resolvable; /* the doubt is one that IDENT resolves */
	struct smtp_outcome *outcomes;
	struct fault fault; /* of the last try that failed */
};

struct lmtp_pool *
lmtp_pool_new(const struct lmtp_pool_conf *conf)
{
	struct lmtp_pool *pool = mem_new(struct lmtp_pool);

	pool->conf = *conf;
	if (pool->conf.max_idle == 0)
		pool->conf.max_idle = 1;
	pool->idle = mem_zeroed(pool->conf.max_idle, sizeof *pool->idle);
	atomic_init(&pool->group, GROUP_MAX);
	pthread_mutex_init(&pool->mutex, NULL);
	return pool;
}

static void
connection_free(struct connection **connection)
{
	struct connection *c = *connection;

	if (c == NULL)
		return;
	smtp_client_free(&c->client);
	io_free(&c->io);
	buf_clear(&c->in);
	buf_clear(&c->out);
	mem_free(c);
	*connection = NULL;
}

/* A polite end, as far as it does not take time. */
static void
connection_quit(struct connection **connection)
{
	struct connection *c = *connection;
	struct fault ignored;

	smtp_client_quit(c->client, &c->out);
	io_set_deadline(c->io, clock_ms() + 1);
	if (io_flush(c->io, &c->out, &ignored) < 0)
		buf_reset(&c->out);
	connection_free(connection);
}

void
lmtp_pool_free(struct lmtp_pool **pool_at)
{
	struct lmtp_pool *pool = *pool_at;

	if (pool == NULL)
		return;
	while (pool->n > 0)
		connection_quit(&pool->idle[--pool->n]);
	mem_free(pool->idle);
	pthread_mutex_destroy(&pool->mutex);
	mem_free(pool);
	*pool_at = NULL;
}

unsigned
lmtp_pool_idle(struct lmtp_pool *pool)
{
	unsigned n;

	pthread_mutex_lock(&pool->mutex);
	n = pool->n;
	pthread_mutex_unlock(&pool->mutex);
	return n;
}

static bool
knows_ident(const struct connection *c)
{
	struct str names = str(smtp_client_peer(c->client)->xforward);

	while (names.len > 0)
		if (str_is_nocase(str_cut(&names, ' '), STR_LIT("IDENT")))
			return true;
	return false;
}

/* Whether the server has closed an idle connection, or has something to say
 * that nobody asked for, which comes to the same. */
static bool
is_dead(struct connection *c)
{
	struct fault ignored;
	bool again = false;

	return io_read_now(c->io, &c->in, READ_SIZE, &again, &ignored) != 0 ||
	       !again;
}

static struct connection *
take_idle(struct lmtp_pool *pool, int64_t now)
{
	for (;;) {
		struct connection *c = NULL;

		pthread_mutex_lock(&pool->mutex);
		if (pool->n > 0)
			c = pool->idle[--pool->n];
		pthread_mutex_unlock(&pool->mutex);
		if (c == NULL)
			return NULL;
		/* Looking costs a system call. It is spared where a mistake
		 * costs no more than sending again. */
		if ((knows_ident(c) && now - c->idle_since < TRUSTED_MS) ||
		    !is_dead(c)) {
			c->used = true;
			return c;
		}
		connection_free(&c);
	}
}

static void
put_idle(struct lmtp_pool *pool, struct connection *c, int64_t now)
{
	struct connection *surplus = NULL;

	c->idle_since = now;
	pthread_mutex_lock(&pool->mutex);
	if (pool->n > 0 && (pool->n == pool->conf.max_idle ||
			       now - pool->idle[0]->idle_since > OLD_MS)) {
		surplus = pool->idle[0];
		memmove(&pool->idle[0], &pool->idle[1],
		    (pool->n - 1) * sizeof pool->idle[0]);
		pool->n--;
	}
	pool->idle[pool->n++] = c;
	pthread_mutex_unlock(&pool->mutex);
	if (surplus != NULL)
		connection_quit(&surplus);
}

/* After one kept connection was found dead the others are not worth a try. */
static void
drop_idle(struct lmtp_pool *pool)
{
	for (;;) {
		struct connection *c = NULL;

		pthread_mutex_lock(&pool->mutex);
		if (pool->n > 0)
			c = pool->idle[--pool->n];
		pthread_mutex_unlock(&pool->mutex);
		if (c == NULL)
			return;
		connection_free(&c);
	}
}

/* Does what the engine wants until that is more than writing and reading. */
static enum client_next
drive(struct connection *c, enum client_next next, struct fault *f)
{
	while (next == CLIENT_SEND || next == CLIENT_READ) {
		int got;

		if (buf_len(&c->out) > 0 && io_flush(c->io, &c->out, f) < 0)
			return CLIENT_CLOSED;
		if (io_await(c->io, f) < 0)
			return CLIENT_CLOSED;
		got = io_read(c->io, &c->in, READ_SIZE, f);
		if (got == 0)
			fault_temp(f, "4.4.2",
			    "the delivery service closed the connection");
		if (got <= 0)
			return CLIENT_CLOSED;
		next = smtp_client_feed(c->client, &c->in, &c->out, f);
	}
	return next;
}

/* RFC 9422: a server may take fewer recipients at once than we would send. */
static void
note_limits(struct lmtp_pool *pool, const struct smtp_peer *peer)
{
	unsigned max = peer->rcpt_max;

	atomic_store(
	    &pool->group, max == 0 || max > GROUP_MAX ? GROUP_MAX : max);
}

static struct connection *
open_connection(struct lmtp_pool *pool, int64_t deadline, struct fault *f)
{
	const struct smtp_client_conf conf = {
	    .dialect = DIALECT_LMTP,
	    .hostname = pool->conf.hostname,
	};
	int64_t limit = clock_ms() + CONNECT_MS;
	struct connection *c;
	enum client_next next;
	int fd;

	fd = net_connect(
	    &pool->conf.address, limit < deadline ? limit : deadline, f);
	if (fd < 0)
		return NULL;
	c = mem_new(struct connection);
	c->io = io_new(fd);
	c->client = smtp_client_new(&conf);
	buf_init(&c->in, IN_MAX);
	buf_init(&c->out, OUT_MAX);
	io_set_deadline(c->io, deadline);
	next = smtp_client_feed(c->client, &c->in, &c->out, f);
	if (drive(c, next, f) != CLIENT_READY) {
		connection_free(&c);
		return NULL;
	}
	note_limits(pool, smtp_client_peer(c->client));
	return c;
}

static int
send_piece(void *ctx, struct str bytes, struct fault *f)
{
	struct connection *c = ctx;

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
send_body(
    struct connection *c, const struct lmtp_message *message, struct fault *f)
{
	if (send_piece(c, message->head, f) < 0 ||
	    spool_each(message->body, send_piece, c, f) < 0)
		return -1;
	smtp_client_body_end(c->client, &c->out);
	return io_flush(c->io, &c->out, f);
}

static enum try_result
converse(struct connection *c, const struct lmtp_message *message,
    struct smtp_outcome *outcomes, struct fault *f)
{
	const struct smtp_client_message wire = {
	    .mail = message->mail,
	    .rcpts = message->rcpts,
	    .n_rcpts = message->n_rcpts,
	    .xforward = message->xforward,
	    .size = message->head.len + spool_size(message->body),
	};
	enum client_next next;

	next = drive(c, smtp_client_send(c->client, &wire, &c->out), f);
	if (next == CLIENT_BODY) {
		/* A write that failed has left out at least the last byte,
		 * so the server cannot have taken the message. */
		if (send_body(c, message, f) < 0)
			return TRY_FAILED;
		next = drive(c, CLIENT_READ, f);
	}
	if (next != CLIENT_DONE)
		return smtp_client_is_in_doubt(c->client) ? TRY_DOUBTFUL
							  : TRY_FAILED;
	memcpy(outcomes, smtp_client_outcomes(c->client),
	    message->n_rcpts * sizeof *outcomes);
	return TRY_ANSWERED;
}

static void
give_back(struct lmtp_pool *pool, struct connection *c)
{
	unsigned max = smtp_client_peer(c->client)->mail_max;

	if (max > 0 && ++c->messages >= max) {
		connection_quit(&c);
		return;
	}
	/* A connection that carried much gives its memory back. */
	if (c->out.room > 4 * (size_t)READ_SIZE)
		buf_clear(&c->out);
	put_idle(pool, c, clock_ms());
}

/*
 * One try by one connection. *again says whether another makes sense: after a
 * kept connection that turned out dead, and in doubt that can be resolved.
 */
static enum try_result
try_once(struct lmtp_pool *pool, struct attempt *a, bool *again)
{
	struct connection *c = take_idle(pool, clock_ms());
	enum try_result result = TRY_FAILED;

	*again = false;
	if (c == NULL)
		c = open_connection(pool, a->deadline, &a->fault);
	if (c == NULL)
		return TRY_FAILED;
	io_set_deadline(c->io, a->deadline);
	result = converse(c, &a->message, a->outcomes, &a->fault);
	if (result == TRY_ANSWERED) {
		give_back(pool, c);
		return result;
	}
	*again = result == TRY_DOUBTFUL ? knows_ident(c) : c->used;
	connection_free(&c);
	drop_idle(pool);
	return result;
}

static void
pause_ms(int64_t ms)
{
	loop_blocking_begin();
	poll(NULL, 0, (int)ms);
	loop_blocking_end();
}

static bool
is_all_ok(const struct smtp_outcome *outcomes, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (!outcomes[i].ok)
			return false;
	return true;
}

/* One group of recipients. True where doubt remains. */
static bool
send_group(struct lmtp_pool *pool, struct attempt *a)
{
	int64_t wait = 0;
	bool doubt = false;

	for (;;) {
		bool again;
		enum try_result result = try_once(pool, a, &again);

		if (result == TRY_ANSWERED)
			return doubt &&
			       !is_all_ok(a->outcomes, a->message.n_rcpts);
		doubt = doubt || result == TRY_DOUBTFUL;
		/* In doubt, a server that is down is worth waiting for. */
		if (!again && !(doubt && a->resolvable))
			break;
		a->resolvable = a->resolvable || result == TRY_DOUBTFUL;
		if (clock_ms() + wait >= a->deadline)
			break;
		if (wait > 0)
			pause_ms(wait);
		wait = wait == 0 ? PAUSE_MS : 2 * wait;
		if (wait > PAUSE_MAX_MS)
			wait = PAUSE_MAX_MS;
	}
	a->fault.kind = FAULT_TEMP;
	for (size_t i = 0; i < a->message.n_rcpts; i++)
		a->outcomes[i] = (struct smtp_outcome){.fault = a->fault};
	return doubt;
}

bool
lmtp_pool_send(struct lmtp_pool *pool, const struct lmtp_message *message,
    int64_t deadline, struct smtp_outcome *outcomes)
{
	bool doubt = false;

	for (size_t done = 0; done < message->n_rcpts;) {
		size_t max = atomic_load(&pool->group);
		struct attempt a = {.message = *message, .deadline = deadline};

		a.message.rcpts += done;
		a.message.n_rcpts -= done;
		if (a.message.n_rcpts > max)
			a.message.n_rcpts = max;
		a.outcomes = outcomes + done;
		doubt = send_group(pool, &a) || doubt;
		done += a.message.n_rcpts;
	}
	return doubt;
}
