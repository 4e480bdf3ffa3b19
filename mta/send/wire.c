/* SPDX-License-Identifier: ISC */
/*
 * The driver of the client engine: writes what it says, reads what it wants to
 * hear, and sets a deadline for each reply as a whole, so that a server which
 * sends a byte a minute gains nothing.
 */
#include "config.h"

#include "mta/send/wire.h"

#include "base/buf.h"
#include "base/clock.h"
#include "base/io.h"
#include "base/mem.h"

enum {
	IN_MAX = 1 << 16,
	OUT_MAX = 1 << 20,
	READ_SIZE = 4096,
	WRITE_SIZE = 128 * 1024, /* of a body, at once */
	QUIT_MS = 1,
	/* A message that is no bigger goes out before its recipients are
	 * answered for: a round trip is saved, and little lost where the
	 * server wants none of them. */
	EAGER_MAX = 32 << 10,
};

struct wire {
	struct io *io;
	struct smtp_client *client;
	struct buf in, out;
	enum smtp_dialect dialect;
	int64_t reply_ms;
	int64_t deadline;
	unsigned messages;
	bool open; /* the session can take another command */
};

struct wire *
wire_new(int fd, const struct wire_conf *conf)
{
	const struct smtp_client_conf engine = {
	    .dialect = conf->dialect,
	    .hostname = conf->hostname,
	};
	struct wire *w = mem_new(struct wire);

	w->io = io_new(fd);
	w->dialect = conf->dialect;
	w->client = smtp_client_new(&engine);
	w->reply_ms = conf->reply_ms;
	buf_init(&w->in, IN_MAX);
	buf_init(&w->out, OUT_MAX);
	return w;
}

void
wire_free(struct wire **wire)
{
	struct wire *w = *wire;
	struct fault ignored;

	if (w == NULL)
		return;
	if (w->open) {
		buf_reset(&w->out);
		smtp_client_quit(w->client, &w->out);
		io_set_deadline(w->io, clock_ms() + QUIT_MS);
		if (io_flush(w->io, &w->out, &ignored) < 0)
			buf_reset(&w->out);
	}
	smtp_client_free(&w->client);
	io_free(&w->io);
	buf_clear(&w->in);
	buf_clear(&w->out);
	mem_free(w);
	*wire = NULL;
}

static void
set_deadline(struct wire *w)
{
	int64_t ms = smtp_client_timeout(w->client);

	if (w->reply_ms > 0 && w->reply_ms < ms)
		ms = w->reply_ms;
	w->deadline = clock_ms() + ms;
	io_set_deadline(w->io, w->deadline);
}

static int
write_out(struct wire *w, struct fault *f)
{
	if (buf_len(&w->out) == 0)
		return 0;
	set_deadline(w);
	return io_flush(w->io, &w->out, f);
}

static int
read_in(struct wire *w, struct fault *f)
{
	int got;

	if (io_await(w->io, f) < 0)
		return -1;
	got = io_read(w->io, &w->in, READ_SIZE, f);
	if (got == 0)
		return fault_temp(
		    f, "4.4.2", "the server closed the connection");
	return got < 0 ? -1 : 0;
}

/* Does what the engine wants until that is more than writing and reading. */
static enum client_next
drive(struct wire *w, enum client_next next, struct fault *f)
{
	uint64_t heard = smtp_client_heard(w->client);

	w->open = false;
	set_deadline(w);
	while (next == CLIENT_SEND || next == CLIENT_READ) {
		struct fault lost;
		int written = write_out(w, &lost);

		if (heard != smtp_client_heard(w->client)) {
			heard = smtp_client_heard(w->client);
			set_deadline(w);
		}
		/* A server that hangs up often says why: that is read even
		 * where nothing can be written any more. */
		if (read_in(w, f) < 0) {
			if (written < 0)
				*f = lost;
			return CLIENT_CLOSED;
		}
		next = smtp_client_feed(w->client, &w->in, &w->out, f);
	}
	w->open = (next == CLIENT_READY || next == CLIENT_DONE) &&
		  !smtp_client_is_dead(w->client);
	return next;
}

int
wire_tls_first(struct wire *w, struct tls_client *client,
    const struct tls_demand *demand, struct fault *f)
{
	set_deadline(w);
	return io_start_tls_client(w->io, client, demand, f);
}

int
wire_greet(struct wire *w, struct fault *f)
{
	enum client_next next = smtp_client_feed(w->client, &w->in, &w->out, f);

	return drive(w, next, f) == CLIENT_READY ? 0 : -1;
}

int
wire_starttls(struct wire *w, struct tls_client *client,
    const struct tls_demand *demand, struct fault *f)
{
	enum client_next next;

	smtp_client_starttls(w->client, &w->out);
	next = drive(w, CLIENT_SEND, f);
	if (next == CLIENT_READY)
		return 1;
	if (next != CLIENT_STARTTLS)
		return -1;
	set_deadline(w);
	if (io_start_tls_client(w->io, client, demand, f) < 0)
		return -1;
	smtp_client_tls_done(w->client, &w->out);
	return drive(w, CLIENT_SEND, f) == CLIENT_READY ? 0 : -1;
}

int
wire_auth(
    struct wire *w, const char *user, const char *password, struct fault *f)
{
	char text[sizeof f->text];

	if (io_tls(w->io) == NULL)
		return fault_temp(f, "4.7.11",
		    "no password is shown to a server without TLS");
	if (!smtp_client_auth(w->client, str(user), str(password), &w->out))
		return fault_temp(
		    f, "4.7.4", "the server offers neither PLAIN nor LOGIN");
	if (drive(w, CLIENT_SEND, f) == CLIENT_READY)
		return 0;
	memcpy(text, f->text, sizeof text);
	return fault_temp(f, "4.7.8", "authentication failed: %s", text);
}

/* "253 2.0.0 OK, 5 pending messages for node…" (RFC 1985 5.2). */
static int64_t
count_started(struct str words)
{
	uint64_t n;

	str_cut(&words, ' ');
	while (words.len > 0)
		if (str_to_u64(str_cut(&words, ' '), 1, INT64_MAX, &n))
			return (int64_t)n;
	return -1;
}

int
wire_etrn(struct wire *w, struct str node, int64_t *started, struct fault *f)
{
	struct str words, rest;
	uint64_t code;

	if ((wire_peer(w)->extensions & EXT_ETRN) == 0)
		return fault_perm(f, "5.5.1", "the server does not offer ETRN");
	smtp_client_etrn(w->client, node, &w->out);
	if (drive(w, CLIENT_SEND, f) != CLIENT_READY)
		return -1;
	words = rest = smtp_client_last_words(w->client);
	if (!str_to_u64(str_cut(&rest, ' '), 250, 253, &code))
		return -1;
	*started = code == 251 ? 0 : code == 253 ? count_started(words) : -1;
	return 0;
}

struct str
wire_last_words(const struct wire *w)
{
	return smtp_client_last_words(w->client);
}

const struct smtp_peer *
wire_peer(const struct wire *w)
{
	return smtp_client_peer(w->client);
}

const struct tls_info *
wire_tls(const struct wire *w)
{
	return io_tls(w->io);
}

enum tls_flaw
wire_tls_flaw(const struct wire *w)
{
	return io_tls_flaw(w->io);
}

unsigned
wire_messages(const struct wire *w)
{
	return w->messages;
}

/* Whether the server has hung up, or has answered what it has not seen the end
 * of: there is no telling what it would make of the rest. */
static bool
is_unwilling(struct wire *w)
{
	struct fault ignored;
	bool again = false;

	if (!smtp_client_body_is_silent(w->client))
		return false;
	return buf_len(&w->in) > 0 ||
	       io_read_now(w->io, &w->in, READ_SIZE, &again, &ignored) != 0 ||
	       !again;
}

/* The body on its way to the wire. */
struct pour {
	struct wire *wire;
	bool lost; /* the connection is, not the message */
};

static int
pour_piece(void *ctx, struct str bytes, struct fault *f)
{
	struct pour *p = ctx;
	struct wire *w = p->wire;

	while (bytes.len > 0) {
		struct str part = str_head(bytes, WRITE_SIZE);

		smtp_client_body(w->client, part, &w->out);
		bytes = str_from(bytes, part.len);
		if (buf_len(&w->out) < WRITE_SIZE)
			continue;
		p->lost = is_unwilling(w) || write_out(w, f) < 0;
		if (p->lost)
			return -1;
	}
	return 0;
}

/* A write that failed has left out at least the last byte, so the server cannot
 * have taken the message. */
static enum wire_result
pour_body(struct wire *w, const struct send_message *m, struct fault *f)
{
	struct pour pour = {.wire = w};

	if (pour_piece(&pour, m->head, f) < 0 ||
	    (m->each != NULL && m->each(m->ctx, pour_piece, &pour, f) < 0))
		return pour.lost ? WIRE_BROKEN : WIRE_UNREAD;
	if (is_unwilling(w))
		return WIRE_BROKEN;
	smtp_client_body_end(w->client, &w->out);
	return write_out(w, f) < 0 ? WIRE_BROKEN : WIRE_ANSWERED;
}

/* The server takes no more of the message: what it says instead. */
static enum client_next
hear_why(struct wire *w, struct fault *f)
{
	struct fault ignored;
	enum client_next next;

	/* It said nothing for so long: it will say nothing now. */
	if (clock_ms() >= w->deadline)
		return CLIENT_CLOSED;
	smtp_client_body_cut(w->client);
	buf_reset(&w->out);
	next = smtp_client_feed(w->client, &w->in, &w->out, &ignored);
	next = drive(w, next, &ignored);
	if (next == CLIENT_CLOSED && smtp_client_is_dead(w->client))
		*f = ignored;
	return next;
}

static bool
is_eager(const struct wire *w, uint64_t size)
{
	return w->dialect == DIALECT_LMTP || size <= EAGER_MAX;
}

/* Whether all have an answer. */
static bool
take_outcomes(const struct wire *w, size_t n, struct send_outcome *outcomes)
{
	const struct smtp_outcome *from = smtp_client_outcomes(w->client);
	bool all = true;

	for (size_t i = 0; i < n; i++) {
		outcomes[i] = (struct send_outcome){
		    .ok = from[i].ok,
		    .is_answer = smtp_client_is_answered(w->client, i),
		    .fault = from[i].fault,
		    .reply = smtp_client_said(w->client, i),
		};
		all = all && outcomes[i].is_answer;
	}
	return all;
}

enum wire_result
wire_send(struct wire *w, const struct send_message *m, bool is_exact,
    struct send_outcome *outcomes, struct fault *f)
{
	const struct tls_info *tls = io_tls(w->io);
	uint64_t size = m->head.len + m->size;
	struct envelope_mail mail = *m->mail;
	const struct smtp_client_message message = {
	    .mail = &mail,
	    .rcpts = m->rcpts,
	    .n_rcpts = m->n_rcpts,
	    .xforward = m->xforward,
	    .size = is_exact && is_eager(w, size) ? size : 0,
	    .is_tls_verified = tls != NULL && tls->is_verified,
	};
	enum wire_result result = WIRE_ENDED;
	enum client_next next;

	w->messages++;
	mail.size = size;
	fault_temp(f, "4.4.2", "the server has ended the session");
	next = drive(w, smtp_client_send(w->client, &message, &w->out), f);
	if (next == CLIENT_BODY) {
		result = pour_body(w, m, f);
		if (result == WIRE_BROKEN)
			next = hear_why(w, f);
		else if (result == WIRE_ANSWERED)
			next = drive(w, CLIENT_READ, f);
		else
			return result;
		result = WIRE_BROKEN;
	}
	/* A server may hang up when all is said. */
	if (take_outcomes(w, m->n_rcpts, outcomes) || next == CLIENT_DONE)
		result = WIRE_ANSWERED;
	else if (smtp_client_is_in_doubt(w->client))
		result = WIRE_DOUBTFUL;
	/* A wire that carried much gives its memory back. */
	if (w->out.room > 4 * (size_t)READ_SIZE)
		buf_clear(&w->out);
	return result;
}

bool
wire_is_open(const struct wire *w)
{
	return w->open;
}

bool
wire_is_dead(struct wire *w)
{
	struct fault ignored;
	bool again = false;

	return !w->open ||
	       io_read_now(w->io, &w->in, READ_SIZE, &again, &ignored) != 0 ||
	       !again;
}
