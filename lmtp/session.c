/* SPDX-License-Identifier: ISC */
/*
 * Bytes between a socket and the engine. Runs on a worker thread each time
 * that the client has sent something, and parks again. Clients are few and
 * busy, so unlike smtpd's they keep their buffers while they wait.
 */
#include "config.h"

#include "lmtp/session.h"

#include "base/clock.h"
#include "base/io.h"
#include "base/mem.h"
#include "lmtp/policy.h"

enum {
	READ_SIZE = 32 << 10,
	IN_MAX = 256 << 10,
	IN_KEPT = 64 << 10, /* while a session waits */
	OUT_MAX = 4 << 20,  /* replies for many recipients */
	WRITE_MS = 30000,
	READS_IN_A_ROW = 64, /* then others get their turn */
};

static int
flush(struct lmtp_session *s)
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
set_idle(struct lmtp_session *s)
{
	const struct lmtpd_options *o = s->lmtpd->options;
	bool body = smtp_server_awaits(s->engine) == AWAITS_BODY;

	session_set_idle(
	    s->session, (int64_t)(body ? o->data_timeout : o->command_timeout));
}

/* Gives the engine all that was read. What was answered before a message that
 * waits goes out with its answer: each writing wakes the client. */
static enum session_next
work(struct lmtp_session *s)
{
	size_t before;

	do {
		enum smtp_next next;

		before = buf_len(&s->in);
		next = smtp_server_feed(s->engine, &s->in, &s->out);
		if (next == SMTP_NEXT_WAIT)
			return SESSION_WAIT;
		if (flush(s) < 0 || next == SMTP_NEXT_CLOSE)
			return SESSION_CLOSE;
	} while (buf_len(&s->in) > 0 && buf_len(&s->in) < before);
	return SESSION_PARK;
}

static enum session_next
park(struct lmtp_session *s)
{
	if (s->in.room > IN_KEPT && buf_len(&s->in) == 0)
		buf_clear(&s->in);
	if (s->out.room > IN_KEPT)
		buf_clear(&s->out);
	set_idle(s);
	return SESSION_PARK;
}

static enum session_next
on_input(void *state)
{
	struct lmtp_session *s = state;
	struct io *io = session_io(s->session);
	enum session_next next;

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

/* The message is durable, or has failed. */
static enum session_next
on_resume(void *state)
{
	struct lmtp_session *s = state;
	enum session_next next;

	lmtp_policy_finish(s);
	smtp_server_finish(s->engine, &s->out);
	next = work(s);
	return next == SESSION_PARK ? park(s) : next;
}

static void *
on_open(void *service, struct session *session)
{
	struct lmtp_session *s = mem_new(struct lmtp_session);
	struct lmtpd *lmtpd = service;
	bool trusted = lmtp_policy_trusts(lmtpd, session_peer(session));

	s->lmtpd = lmtpd;
	s->session = session;
	s->since = clock_ms();
	buf_init(&s->in, IN_MAX);
	buf_init(&s->out, OUT_MAX);
	ident_make_session(s->id);
	s->log.session = s->id;
	s->engine =
	    smtp_server_new(trusted ? &lmtpd->engine_trusted : &lmtpd->engine,
		&lmtp_policy, s, false);
	atomic_fetch_add(&lmtpd->counters.connections, 1);
	smtp_server_greet(s->engine, NULL, &s->out);
	/* Where this fails, reading will fail too and end the session. */
	(void)!flush(s);
	set_idle(s);
	return s;
}

static void
on_deadline(void *state)
{
	struct lmtp_session *s = state;

	smtp_server_timeout(s->engine, &s->out);
	(void)!flush(s);
}

static void
on_drain(void *state)
{
	struct lmtp_session *s = state;

	smtp_server_shutdown(s->engine, &s->out);
	(void)!flush(s);
}

static void
on_close(void *state)
{
	struct lmtp_session *s = state;

	smtp_server_free(&s->engine);
	lmtp_policy.reset(s);
	log_info(&s->log, "disconnected", "client",
	    session_peer(s->session)->address, "protocol", "lmtp", "messages",
	    LOG_NUM(s->messages), "ms", LOG_NUM(clock_ms() - s->since), NULL);
	buf_clear(&s->in);
	buf_clear(&s->out);
	mem_free(s);
}

const struct session_ops lmtp_session_ops = {
    .open = on_open,
    .on_input = on_input,
    .on_resume = on_resume,
    .on_deadline = on_deadline,
    .on_drain = on_drain,
    .close = on_close,
    .over_limit = "421 4.7.0 too many connections, try later\r\n",
};
