/* SPDX-License-Identifier: ISC */
#include "config.h"

#include "proto/peer.h"

#include "base/clock.h"
#include "base/io.h"

enum {
	READS_IN_A_ROW = 64, /* then others get their turn */
	READ_SIZE = 64 << 10,
	WRITE_MS = 30000,
	REQUEST_MS = 30000, /* from its first byte to its last */
	OUT_FULL = 32 << 10,
	KEPT = 16 << 10, /* while a session waits */
};

void
peer_init(struct peer *p, struct session *session, size_t in_max,
    size_t out_max, int64_t idle_ms)
{
	p->session = session;
	p->idle_ms = idle_ms;
	p->begun = 0;
	buf_init(&p->in, in_max);
	buf_init(&p->out, out_max);
	ident_make_session(p->id);
	p->log = (struct log_ctx){.session = p->id};
	session_set_idle(session, idle_ms);
}

void
peer_clear(struct peer *p)
{
	buf_clear(&p->in);
	buf_clear(&p->out);
}

bool
peer_is_full(const struct peer *p)
{
	return buf_len(&p->out) >= OUT_FULL;
}

int
peer_flush(struct peer *p)
{
	struct io *io = session_io(p->session);
	struct fault f;
	int rc;

	if (buf_len(&p->out) == 0)
		return 0;
	io_set_deadline(io, clock_ms() + WRITE_MS);
	rc = io_flush(io, &p->out, &f);
	if (rc < 0)
		log_debug(&p->log, "cannot write", "reason", f.text, NULL);
	return rc;
}

/* An idle client may wait for long; one in the middle of a request may not,
 * however slowly it sends. */
static void
set_idle(struct peer *p)
{
	int64_t now = clock_ms(), left;

	if (buf_len(&p->in) == 0) {
		p->begun = 0;
		session_set_idle(p->session, p->idle_ms);
		return;
	}
	if (p->begun == 0)
		p->begun = now;
	left = p->begun + REQUEST_MS - now;
	session_set_idle(p->session, left > 0 ? left : 1);
}

enum session_next
peer_work(struct peer *p, enum session_next (*take)(void *ctx), void *ctx)
{
	struct io *io = session_io(p->session);

	for (int i = 0; i < READS_IN_A_ROW; i++) {
		size_t had = buf_len(&p->in), room = p->in.max - had;
		enum session_next next;
		bool again = false;
		struct fault f;
		int got;

		if (room > READ_SIZE)
			room = READ_SIZE;
		got = io_read_now(io, &p->in, room, &again, &f);
		if (got == 0 && again)
			break;
		if (got <= 0)
			return SESSION_CLOSE;
		got = (int)(buf_len(&p->in) - had);
		next = take(ctx);
		/* What was answered before it went wrong is still sent. */
		if (peer_flush(p) < 0 || next == SESSION_CLOSE)
			return SESSION_CLOSE;
		/* A request that was ended starts the next one's time. */
		if (buf_len(&p->in) < had + (size_t)got)
			p->begun = 0;
		if ((size_t)got < room)
			break;
	}
	if (buf_len(&p->in) == 0 && p->in.room > KEPT)
		buf_clear(&p->in);
	if (p->out.room > KEPT)
		buf_clear(&p->out);
	set_idle(p);
	return SESSION_PARK;
}
