/* SPDX-License-Identifier: ISC */
/* A client's session: its stream, and its place in the log. */
#include "config.h"

#include "mta/queue/receive.h"

#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"
#include "mta/queue/receive_private.h"

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

static enum session_next
on_input(void *state)
{
	struct receive_session *s = state;

	return smtp_stream_input(&s->stream);
}

/* The message is durable, or has failed. */
static enum session_next
on_resume(void *state)
{
	struct receive_session *s = state;

	if (!receive_policy_finish(s))
		return SESSION_WAIT;
	return smtp_stream_resume(&s->stream);
}

static void
greet(struct receive_session *s, const struct net_peer *peer)
{
	struct fault refusal;

	if (receive_trusts(s->receiver, peer)) {
		smtp_stream_open(&s->stream, NULL);
		return;
	}
	fault_perm(&refusal, "5.7.1", "your user may not hand mail over here");
	log_warn(&s->log, "client refused", "client", peer->address, "uid",
	    LOG_NUM(peer->uid), "reason", refusal.text, NULL);
	smtp_stream_open(&s->stream, &refusal);
}

static void *
on_open(void *service, struct session *session)
{
	struct receive_session *s = mem_new(struct receive_session);
	struct receiver *receiver = service;

	s->receiver = receiver;
	s->since = clock_ms();
	ident_make_session(s->id);
	s->log.session = s->id;
	s->stream = (struct smtp_stream){
	    .session = session,
	    .engine =
		smtp_server_new(&receiver->engine, &receive_policy, s, false),
	    .log = &s->log,
	    .command_ms = receiver->command_ms,
	    .data_ms = receiver->data_ms,
	};
	atomic_fetch_add(&receiver->counters.connections, 1);
	greet(s, session_peer(session));
	return s;
}

static void
on_deadline(void *state)
{
	struct receive_session *s = state;

	smtp_stream_timeout(&s->stream);
}

static void
on_drain(void *state)
{
	struct receive_session *s = state;

	smtp_stream_shutdown(&s->stream);
}

static void
on_close(void *state)
{
	struct receive_session *s = state;

	receive_policy_wait(s);
	smtp_stream_close(&s->stream);
	receive_policy.reset(s);
	log_info(&s->log, "disconnected", "client",
	    session_peer(s->stream.session)->address, "protocol", "lmtp",
	    "messages", LOG_NUM(s->messages), "ms",
	    LOG_NUM(clock_ms() - s->since), NULL);
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
