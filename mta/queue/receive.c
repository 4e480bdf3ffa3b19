/* SPDX-License-Identifier: ISC */
/*
 * Bytes between a socket and the engine. Runs on a worker thread each time that
 * the client has sent something, and parks again. While a message is being made
 * durable the session waits without a thread.
 */
#include "config.h"

#include "mta/queue/receive.h"

#include <unistd.h>

#include "base/clock.h"
#include "base/io.h"
#include "base/mem.h"
#include "mta/queue/receive_private.h"

enum {
	READ_SIZE = 32 << 10,
	IN_MAX = 256 << 10,
	IN_KEPT = 64 << 10, /* while a session waits */
	OUT_MAX = 4 << 20,  /* replies for many recipients */
	WRITE_MS = 30000,
	READS_IN_A_ROW = 64, /* then others get their turn */
	REFUSED_MS = 1,
};

bool
receive_trusts(const struct receiver *receiver, const struct net_peer *peer)
{
	if (!peer->is_unix || peer->uid == 0 || peer->uid == geteuid())
		return true;
	for (size_t i = 0; i < receiver->n_users; i++) {
		if (receiver->users[i] == peer->uid)
			return true;
	}
	return false;
}

static int
flush(struct receive_session *s)
{
	struct io *io = session_io(s->session);
	struct fault f;
	int rc;

	if (buf_len(&s->out) == 0)
		return 0;
	io_set_deadline(io, clock_ms() + WRITE_MS);
	rc = io_flush(io, &s->out, &f);
	if (rc < 0)
		log_debug(&s->log, "cannot write", "reason", f.text, NULL);
	return rc;
}

static void
set_idle(struct receive_session *s)
{
	const struct receiver *r = s->receiver;
	bool body = smtp_server_awaits(s->engine) == AWAITS_BODY;

	session_set_idle(s->session, s->refused ? REFUSED_MS
				     : body     ? r->data_ms
						: r->command_ms);
}

/* Gives the engine all that was read. */
static enum session_next
work(struct receive_session *s)
{
	size_t before;

	do {
		enum smtp_next next;

		before = buf_len(&s->in);
		next = smtp_server_feed(s->engine, &s->in, &s->out);
		/* What was answered before goes out with the answer: each
		 * writing wakes the client. */
		if (next == SMTP_NEXT_WAIT)
			return SESSION_WAIT;
		if (flush(s) < 0 || next == SMTP_NEXT_CLOSE)
			return SESSION_CLOSE;
	} while (buf_len(&s->in) > 0 && buf_len(&s->in) < before);
	return SESSION_PARK;
}

static enum session_next
park(struct receive_session *s)
{
	if (s->in.room > IN_KEPT && buf_len(&s->in) == 0)
		buf_clear(&s->in);
	if (s->out.room > IN_KEPT)
		buf_clear(&s->out);
	set_idle(s);
	return SESSION_PARK;
}

/* The message is durable, or has failed. */
static enum session_next
on_resume(void *state)
{
	struct receive_session *s = state;
	enum session_next next;

	receive_policy_finish(s);
	smtp_server_finish(s->engine, &s->out);
	next = work(s);
	return next == SESSION_PARK ? park(s) : next;
}

static enum session_next
on_input(void *state)
{
	struct receive_session *s = state;
	struct io *io = session_io(s->session);
	enum session_next next;

	if (s->refused)
		return SESSION_CLOSE;
	for (int i = 0; i < READS_IN_A_ROW; i++) {
		size_t had = buf_len(&s->in);
		bool again = false;
		struct fault f;
		int got = io_read_now(io, &s->in, READ_SIZE, &again, &f);
		size_t n = buf_len(&s->in) - had;

		if (got == 0 && again)
			break;
		if (got <= 0)
			return SESSION_CLOSE;
		next = work(s);
		if (next != SESSION_PARK)
			return next;
		/* To ask the kernel for nothing costs as much as a command. */
		if (n < READ_SIZE && !io_has_pending(io))
			break;
	}
	return park(s);
}

static void
greet(struct receive_session *s)
{
	const struct net_peer *peer = session_peer(s->session);
	struct fault refusal;

	s->refused = !receive_trusts(s->receiver, peer);
	if (s->refused) {
		fault_perm(
		    &refusal, "5.7.1", "your user may not hand mail over here");
		log_warn(&s->log, "client refused", "client", peer->address,
		    "uid", LOG_NUM(peer->uid), "reason", refusal.text, NULL);
	}
	smtp_server_greet(s->engine, s->refused ? &refusal : NULL, &s->out);
	/* Where this fails, reading will fail too and end the session. */
	(void)!flush(s);
}

static void *
on_open(void *service, struct session *session)
{
	struct receive_session *s = mem_new(struct receive_session);
	struct receiver *receiver = service;

	s->receiver = receiver;
	s->session = session;
	s->since = clock_ms();
	buf_init(&s->in, IN_MAX);
	buf_init(&s->out, OUT_MAX);
	ident_make_session(s->id);
	s->log.session = s->id;
	s->engine =
	    smtp_server_new(&receiver->engine, &receive_policy, s, false);
	atomic_fetch_add(&receiver->counters.connections, 1);
	greet(s);
	set_idle(s);
	return s;
}

static void
on_deadline(void *state)
{
	struct receive_session *s = state;

	/* It has had its answer. */
	if (s->refused)
		return;
	smtp_server_timeout(s->engine, &s->out);
	(void)!flush(s);
}

static void
on_drain(void *state)
{
	struct receive_session *s = state;

	smtp_server_shutdown(s->engine, &s->out);
	(void)!flush(s);
}

static void
on_close(void *state)
{
	struct receive_session *s = state;

	receive_policy_wait(s);
	smtp_server_free(&s->engine);
	receive_policy.reset(s);
	log_info(&s->log, "disconnected", "client",
	    session_peer(s->session)->address, "protocol", "lmtp", "messages",
	    LOG_NUM(s->messages), "ms", LOG_NUM(clock_ms() - s->since), NULL);
	buf_clear(&s->in);
	buf_clear(&s->out);
	mem_free(s);
}

const struct session_ops receive_session_ops = {
    .open = on_open,
    .on_input = on_input,
    .on_resume = on_resume,
    .on_deadline = on_deadline,
    .on_drain = on_drain,
    .close = on_close,
    .over_limit = "421 4.7.0 too many connections, try later\r\n",
};
