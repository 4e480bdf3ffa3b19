/* SPDX-License-Identifier: ISC */
/*
 * Bytes between a socket and the engine. Runs on a worker thread each time
 * that the client has sent something, and parks again.
 */
#include "config.h"

#include "mta/smtpd/session.h"

#include "base/clock.h"
#include "base/io.h"
#include "base/mem.h"
#include "base/tls.h"
#include "mta/smtpd/policy.h"
#include "mta/smtpd/trust.h"
#include "proto/auth_client.h"
#include "proto/reply.h"

enum {
	/* With the NUL behind it, each fills a block of its size. */
	READ_SIZE = 4 * 1024 - 1,
	BODY_READ_SIZE = 16 * 1024 - 1,
	LARGE_READ_SIZE = 64 * 1024 - 1,
	IN_MAX = 128 * 1024,
	OUT_MAX = 1 << 20,
	/* A client that reads no answers holds a thread for so long. */
	WRITE_MS = 30000,
	HANDSHAKE_MS = 30000,
	/* Then others get their turn. */
	READS_IN_A_ROW = 64,
};

/* From now on. */
static void
expect_handshake(struct smtpd_session *s)
{
	int64_t ms = (int64_t)s->smtpd->options->command_timeout;

	s->handshake_ends =
	    clock_ms() + (ms < HANDSHAKE_MS ? ms : HANDSHAKE_MS);
}

static int
flush(struct smtpd_session *s)
{
	struct io *io = session_io(s->session);
	struct fault f;
	int rc;

	if (buf_len(&s->out) == 0)
		return 0;
	s->idle_ends = 0;
	io_set_deadline(io, clock_ms() + WRITE_MS);
	rc = io_flush(io, &s->out, &f);
	if (rc < 0)
		log_debug(&s->log, "cannot write", "reason", f.text, NULL);
	return rc;
}

/* The engine's life begins, and the client is greeted. */
static int
greet(struct smtpd_session *s, bool tls_already)
{
	s->engine = smtp_server_new(
	    &s->listener->engine, &smtpd_policy, s, tls_already);
	smtp_server_greet(s->engine, NULL, &s->out);
	return flush(s);
}

/* One step of the handshake; the client may need several. */
static enum session_next
shake_hands(struct smtpd_session *s)
{
	struct io *io = session_io(s->session);
	struct fault f;
	int rc;

	io_set_deadline(io, clock_ms() + WRITE_MS);
	rc = io_start_tls_server_now(io, s->listener->tls, &f);
	if (rc < 0)
		log_info(&s->log, "TLS failed", "client", s->peer->address,
		    "reason", f.text, NULL);
	if (rc <= 0)
		return rc < 0 ? SESSION_CLOSE : SESSION_PARK;
	s->handshake_ends = 0;
	log_debug(&s->log, "TLS", "version", io_tls(io)->version, "cipher",
	    io_tls(io)->cipher, NULL);
	if (s->engine == NULL)
		return greet(s, true) < 0 ? SESSION_CLOSE : SESSION_PARK;
	smtp_server_tls_done(s->engine);
	return SESSION_PARK;
}

/* A command that comes byte by byte gets no time for each of them: what ends
 * the wait is our answer. */
static void
set_idle(struct smtpd_session *s)
{
	const struct smtpd_options *o = s->smtpd->options;
	int64_t now = clock_ms(), ends = s->handshake_ends;

	if (ends == 0 && smtp_server_awaits(s->engine) == AWAITS_BODY) {
		s->idle_ends = 0;
		ends = now + (int64_t)o->data_timeout;
	} else if (ends == 0) {
		if (s->idle_ends == 0)
			s->idle_ends = now + (int64_t)o->command_timeout;
		ends = s->idle_ends;
	}
	session_set_idle(s->session, ends > now ? ends - now : 1);
}

/* A session that waits keeps no memory but what it needs. */
static enum session_next
park(struct smtpd_session *s)
{
	struct str rest = buf_str(&s->in);

	if (rest.len == 0) {
		buf_clear(&s->in);
	} else if (rest.len < s->in.room / 4) {
		struct buf small;

		buf_init_secret(&small, IN_MAX);
		buf_put_str(&small, rest);
		buf_clear(&s->in);
		s->in = small;
	}
	buf_clear(&s->out);
	set_idle(s);
	return SESSION_PARK;
}

static enum session_next
hang_up(struct smtpd_session *s)
{
	struct smtp_reply r;

	reply_init(&r);
	reply_set(
	    &r, 421, "4.7.0", "%s too many failed log-ins", s->smtpd->hostname);
	reply_put(&s->out, &r);
	reply_clear(&r);
	(void)!flush(s);
	return SESSION_CLOSE;
}

/* Gives the engine all that was read. */
static enum session_next
work(struct smtpd_session *s)
{
	size_t before;

	do {
		enum smtp_next next;

		before = buf_len(&s->in);
		next = smtp_server_feed(s->engine, &s->in, &s->out);
		if (s->hang_up)
			return hang_up(s);
		/* What was answered before goes out with the answer. */
		if (next == SMTP_NEXT_WAIT)
			return SESSION_WAIT;
		if (flush(s) < 0 || next == SMTP_NEXT_CLOSE)
			return SESSION_CLOSE;
		if (next == SMTP_NEXT_STARTTLS) {
			expect_handshake(s);
			return shake_hands(s);
		}
	} while (buf_len(&s->in) > 0 && buf_len(&s->in) < before);
	return SESSION_PARK;
}

/* How much to read: a body that fills what it was given will go on. */
static size_t
read_size(const struct smtpd_session *s, size_t last)
{
	if (smtp_server_awaits(s->engine) != AWAITS_BODY)
		return READ_SIZE;
	return last < BODY_READ_SIZE ? BODY_READ_SIZE : LARGE_READ_SIZE;
}

/* Reads once and works. *more: there is surely more to read; to ask the kernel
 * for nothing costs as much as a command. */
static enum session_next
read_and_work(struct smtpd_session *s, size_t *last, bool *more)
{
	struct io *io = session_io(s->session);
	size_t room, had = buf_len(&s->in), want = read_size(s, *last);
	enum session_next next;
	bool again = false;
	struct fault f;
	int got;

	*more = false;
	/* The engine never leaves so much that nothing fits behind it. */
	if (buf_space(&s->in, want, &room) == NULL)
		return SESSION_CLOSE;
	got = io_read_now(io, &s->in, want, &again, &f);
	if (got == 0 && again)
		return SESSION_PARK;
	if (got <= 0)
		return SESSION_CLOSE;
	*last = buf_len(&s->in) - had;
	next = work(s);
	*more = *last >= want && s->handshake_ends == 0;
	return next;
}

static enum session_next
on_input(void *state)
{
	struct smtpd_session *s = state;
	struct io *io = session_io(s->session);
	enum session_next next;
	size_t last = 0;
	bool more;

	if (s->handshake_ends != 0 && shake_hands(s) == SESSION_CLOSE)
		return SESSION_CLOSE;
	more = s->handshake_ends == 0;
	for (int i = 0; more && i < READS_IN_A_ROW; i++) {
		next = read_and_work(s, &last, &more);
		if (next != SESSION_PARK)
			return next;
		/* What TLS has decrypted wakes nobody. */
		if (s->handshake_ends == 0 && io_has_pending(io)) {
			more = true;
			i = 0;
		}
	}
	return park(s);
}

/* lmtpd, the queue or authd has answered, or will not. What has come meanwhile is read when the
 * session is parked. */
static enum session_next
on_resume(void *state)
{
	struct smtpd_session *s = state;
	enum session_next next;

	if (!s->is_proving && !smtpd_policy_finish(s))
		return SESSION_WAIT;
	s->is_proving = false;
	smtp_server_finish(s->engine, &s->out);
	next = work(s);
	return next == SESSION_PARK ? park(s) : next;
}

struct str
smtpd_session_user(const struct smtpd_session *s, const struct smtp_state *st)
{
	return s->local != NULL ? str(s->local->login) : st->user;
}

static void *
open_session(void *service, struct session *session)
{
	struct smtpd_session *s = mem_new(struct smtpd_session);

	s->listener = service;
	s->smtpd = s->listener->smtpd;
	s->session = session;
	s->peer = session_peer(session);
	/* Passwords pass through it. */
	buf_init_secret(&s->in, IN_MAX);
	buf_init(&s->out, OUT_MAX);
	ident_make_session(s->id);
	s->log.session = s->id;
	s->trusted = trust_has(s->smtpd->trusted, s->smtpd->n_trusted, s->peer);
	if (s->listener->protocol == SMTPD_LOCAL)
		s->local = local_user_new(&s->smtpd->local, s->peer->uid);
	s->since = clock_ms();
	atomic_fetch_add(&s->smtpd->counters.connections, 1);
	log_info(&s->log, "connected", "client", s->peer->address, "port",
	    LOG_NUM(s->peer->port), "protocol",
	    smtpd_protocol_name(s->listener->protocol), "user",
	    s->local == NULL ? NULL : s->local->name, NULL);
	return s;
}

static void *
on_open_tls(void *service, struct session *session)
{
	struct smtpd_session *s = open_session(service, session);

	expect_handshake(s);
	set_idle(s);
	return s;
}

static void *
on_open(void *service, struct session *session)
{
	struct smtpd_session *s = open_session(service, session);

	/* Where this fails, reading will fail too and end the session. */
	(void)!greet(s, false);
	(void)!park(s);
	return s;
}

static void
on_deadline(void *state)
{
	struct smtpd_session *s = state;

	/* In the middle of a handshake there is no way to say anything. */
	if (s->handshake_ends != 0)
		return;
	smtp_server_timeout(s->engine, &s->out);
	(void)!flush(s);
}

static void
on_drain(void *state)
{
	struct smtpd_session *s = state;

	if (s->handshake_ends != 0)
		return;
	smtp_server_shutdown(s->engine, &s->out);
	(void)!flush(s);
}

static void
on_close(void *state)
{
	struct smtpd_session *s = state;
	const struct tls_info *tls = io_tls(session_io(s->session));

	smtp_server_free(&s->engine);
	smtpd_policy.reset(s);
	auth_exchange_free(&s->exchange);
	local_user_free(&s->local);
	mem_free(s->refused_from);
	mem_free(s->refused_to);
	log_info(&s->log, "disconnected", "client", s->peer->address,
	    "protocol", smtpd_protocol_name(s->listener->protocol), "tls",
	    tls == NULL ? NULL : tls->version, "messages", LOG_NUM(s->messages),
	    "ms", LOG_NUM(clock_ms() - s->since), NULL);
	buf_clear(&s->in);
	buf_clear(&s->out);
	mem_free(s);
}

const struct session_ops smtpd_session_ops = {
    .open = on_open,
    .on_input = on_input,
    .on_resume = on_resume,
    .on_deadline = on_deadline,
    .on_drain = on_drain,
    .close = on_close,
    .over_limit = "421 4.7.0 too many connections, try later\r\n",
};

/* The client speaks first; a line in the clear would only confuse it. */
const struct session_ops smtpd_session_tls_ops = {
    .open = on_open_tls,
    .on_input = on_input,
    .on_resume = on_resume,
    .on_deadline = on_deadline,
    .on_drain = on_drain,
    .close = on_close,
};
