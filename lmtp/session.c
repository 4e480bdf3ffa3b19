/* SPDX-License-Identifier: ISC */
/* A client's session: its stream, and its place in the log. */
#include "config.h"

#include "lmtp/session.h"

#include "base/clock.h"
#include "base/mem.h"
#include "lmtp/policy.h"

static enum session_next
on_input(void *state)
{
	struct lmtp_session *s = state;

	return smtp_stream_input(&s->stream);
}

/* The message is durable, or has failed. */
static enum session_next
on_resume(void *state)
{
	struct lmtp_session *s = state;

	lmtp_policy_finish(s);
	return smtp_stream_resume(&s->stream);
}

static void *
on_open(void *service, struct session *session)
{
	struct lmtp_session *s = mem_new(struct lmtp_session);
	struct lmtpd *lmtpd = service;
	bool trusted = lmtp_policy_trusts(lmtpd, session_peer(session));

	s->lmtpd = lmtpd;
	s->since = clock_ms();
	ident_make_session(s->id);
	s->log.session = s->id;
	s->stream = (struct smtp_stream){
	    .session = session,
	    .engine = smtp_server_new(
		trusted ? &lmtpd->engine_trusted : &lmtpd->engine, &lmtp_policy,
		s, false),
	    .log = &s->log,
	    .command_ms = (int64_t)lmtpd->options->command_timeout,
	    .data_ms = (int64_t)lmtpd->options->data_timeout,
	};
	atomic_fetch_add(&lmtpd->counters.connections, 1);
	smtp_stream_open(&s->stream, NULL);
	return s;
}

static void
on_deadline(void *state)
{
	struct lmtp_session *s = state;

	smtp_stream_timeout(&s->stream);
}

static void
on_drain(void *state)
{
	struct lmtp_session *s = state;

	smtp_stream_shutdown(&s->stream);
}

static void
on_close(void *state)
{
	struct lmtp_session *s = state;

	smtp_stream_close(&s->stream);
	lmtp_policy.reset(s);
	log_info(&s->log, "disconnected", "client",
	    session_peer(s->stream.session)->address, "protocol", "lmtp",
	    "messages", LOG_NUM(s->messages), "ms",
	    LOG_NUM(clock_ms() - s->since), NULL);
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
