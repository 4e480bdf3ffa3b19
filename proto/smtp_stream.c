/* SPDX-License-Identifier: ISC */
#include "config.h"

#include "proto/smtp_stream.h"

#include "base/clock.h"
#include "base/io.h"
#include "base/log.h"

enum {
	READ_SIZE = 32 << 10,
	IN_MAX = 256 << 10,
	IN_KEPT = 64 << 10, /* while a session waits */
	OUT_MAX = 4 << 20,  /* replies for many recipients */
	WRITE_MS = 30000,
	READS_IN_A_ROW = 64, /* then others get their turn */
	REFUSED_MS = 1,
};

static int
flush(struct smtp_stream *s)
{
	struct io *io = session_io(s->session);
	struct fault f;
	int rc;

	if (buf_len(&s->out) == 0)
		return 0;
	io_set_deadline(io, clock_ms() + WRITE_MS);
	rc = io_flush(io, &s->out, &f);
	if (rc < 0)
		log_debug(s->log, "cannot write", "reason", f.text, NULL);
	return rc;
}

static void
set_idle(struct smtp_stream *s)
{
	bool body = smtp_server_awaits(s->engine) == AWAITS_BODY;

	session_set_idle(s->session, body ? s->data_ms : s->command_ms);
}

void
smtp_stream_open(struct smtp_stream *s, const struct fault *refusal)
{
	buf_init(&s->in, IN_MAX);
	buf_init(&s->out, OUT_MAX);
	smtp_server_greet(s->engine, refusal, &s->out);
	/* Where this fails, reading will fail too and end the session. */
	(void)!flush(s);
	if (refusal == NULL) {
		set_idle(s);
		return;
	}
	/* It has had its answer. */
	smtp_server_free(&s->engine);
	session_set_idle(s->session, REFUSED_MS);
}

void
smtp_stream_close(struct smtp_stream *s)
{
	smtp_server_free(&s->engine);
	buf_clear(&s->in);
	buf_clear(&s->out);
}

/* Gives the engine all that was read. What was answered before a message that
 * waits goes out with its answer: each writing wakes the client. */
static enum session_next
work(struct smtp_stream *s)
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
park(struct smtp_stream *s)
{
	if (s->in.room > IN_KEPT && buf_len(&s->in) == 0)
		buf_clear(&s->in);
	if (s->out.room > IN_KEPT)
		buf_clear(&s->out);
	set_idle(s);
	return SESSION_PARK;
}

enum session_next
smtp_stream_input(struct smtp_stream *s)
{
	struct io *io = session_io(s->session);
	enum session_next next;

	if (s->engine == NULL)
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

enum session_next
smtp_stream_resume(struct smtp_stream *s)
{
	enum session_next next;

	smtp_server_finish(s->engine, &s->out);
	next = work(s);
	return next == SESSION_PARK ? park(s) : next;
}

void
smtp_stream_timeout(struct smtp_stream *s)
{
	if (s->engine == NULL)
		return;
	smtp_server_timeout(s->engine, &s->out);
	(void)!flush(s);
}

void
smtp_stream_shutdown(struct smtp_stream *s)
{
	if (s->engine == NULL)
		return;
	smtp_server_shutdown(s->engine, &s->out);
	(void)!flush(s);
}
