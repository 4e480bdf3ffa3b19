/* SPDX-License-Identifier: ISC */
/*
 * The body, by DATA (RFC 5321 4.1.1.4) or BDAT (RFC 3030).
 *
 * Whatever is wrong with a body is remembered in `late` and said when it has
 * ended: all of it is taken off the wire first, so that no byte of a message
 * can ever be read as a command.
 */
#include "config.h"

#include <inttypes.h>

#include "proto/smtp_server_private.h"

enum {
	PIECE_MAX = 64 << 10, /* decoded at once */
	WORDS_MAX = 500,
};

static bool
has_failed(const struct smtp_server *s)
{
	return s->late.code != 0;
}

static void
check_limits(struct smtp_server *s)
{
	const struct smtp_server_conf *c = s->conf;

	if (c->max_size != 0 && s->size > c->max_size)
		reply_set(&s->late, 552, "5.3.4",
		    "message too big: the limit is %" PRIu64 " bytes",
		    c->max_size);
	else if (c->max_header_size != 0 && s->scan.size > c->max_header_size)
		reply_set(&s->late, 552, "5.3.4",
		    "header section too big: the limit is %" PRIu64 " bytes",
		    c->max_header_size);
	else if (c->max_hops != 0 && s->scan.received > c->max_hops)
		reply_set(&s->late, 554, "5.4.6",
		    "too many Received fields: the message is in a loop");
	else if (s->dot.bare)
		reply_set(&s->late, 554, "5.6.0",
		    "message has a bare CR or LF: lines must end in CR LF");
}

static void
take_bytes(struct smtp_server *s, struct str bytes)
{
	struct fault f;

	if (has_failed(s))
		return;
	s->size += bytes.len;
	if (!s->scan.done)
		header_scan_feed(&s->scan, bytes);
	check_limits(s);
	if (has_failed(s) || bytes.len == 0 || s->policy->body_write == NULL)
		return;
	if (s->policy->body_write(s->ctx, &s->st, bytes, &f) < 0)
		reply_set_fault(&s->late, &f);
}

static void
open_body(struct smtp_server *s)
{
	struct fault f;

	dot_init(&s->dot);
	header_scan_init(&s->scan);
	s->size = 0;
	reply_clear(&s->late);
	smtp_server_enter(s, PHASE_BODY);
	if (s->policy->body_open != NULL &&
	    s->policy->body_open(s->ctx, &s->st, &f) < 0)
		reply_set_fault(&s->late, &f);
}

/* Moves the refusal that waits to r. */
static void
take_late(struct smtp_server *s, struct smtp_reply *r)
{
	reply_clear(r);
	*r = s->late;
	reply_init(&s->late);
}

void
smtp_server_body_refuse(struct smtp_server *s, struct smtp_reply *r)
{
	reply_clear(&s->late);
	s->late = *r;
	reply_init(r);
}

/* LMTP: the same for each recipient. */
static void
refuse_all(struct smtp_server *s, struct buf *out, struct smtp_reply *r)
{
	size_t n = s->conf->dialect == DIALECT_LMTP ? s->st.n_rcpts : 1;

	take_late(s, r);
	while (n-- > 1)
		reply_put(out, r);
	smtp_server_say(s, r, out);
	smtp_server_end_transaction(s);
}

static void
set_outcome(
    struct smtp_reply *r, const struct smtp_outcome *o, const struct buf *words)
{
	if (o->ok)
		reply_set(r, 250, "2.0.0", "%s",
		    buf_len(words) == 0 ? "delivered" : buf_text(words));
	else
		reply_set_fault(r, &o->fault);
}

/* What the one reply of SMTP is about: the first temporary fault, else the
 * first fault, else any success. */
static const struct smtp_outcome *
fold(const struct smtp_outcome *o, size_t n)
{
	const struct smtp_outcome *worst = o;

	for (size_t i = 0; i < n; i++) {
		if (!o[i].ok && o[i].fault.kind == FAULT_TEMP)
			return &o[i];
		if (!o[i].ok && worst->ok)
			worst = &o[i];
	}
	return worst;
}

void
smtp_server_body_answer(
    struct smtp_server *s, struct buf *out, struct smtp_reply *r)
{
	const struct smtp_outcome *o = s->outcomes;
	size_t n = s->st.n_rcpts;
	bool any = false;

	for (size_t i = 0; i < n; i++)
		any = any || o[i].ok;
	if (s->conf->dialect == DIALECT_SMTP) {
		o = fold(o, n);
		n = 1;
	}
	for (size_t i = 0; i < n; i++) {
		set_outcome(r, &o[i], &s->words);
		reply_put(out, r);
	}
	smtp_server_end_transaction(s);
	if (any)
		s->errors = 0;
	else
		smtp_server_count_error(s, r, out);
}

/* The message is whole and nothing is wrong with it. */
static void
close_body(struct smtp_server *s, struct buf *out, struct smtp_reply *r)
{
	static const struct fault none = {
	    .kind = FAULT_TEMP, .dsn = "4.3.0", .text = "not delivered"};
	size_t n = s->st.n_rcpts;
	struct smtp_outcome *o = arena_take(&s->arena, n * sizeof *o);
	struct fault f = none;
	int rc = 0;

	for (size_t i = 0; i < n; i++)
		o[i] = (struct smtp_outcome){
		    .ok = s->policy->body_close == NULL, .fault = none};
	s->outcomes = o;
	if (s->policy->body_close != NULL)
		rc = s->policy->body_close(s->ctx, &s->st, o, &s->words, &f);
	if (rc > 0) {
		smtp_server_enter(s, PHASE_PENDING);
		return;
	}
	for (size_t i = 0; rc < 0 && i < n; i++)
		o[i] = (struct smtp_outcome){.fault = f};
	smtp_server_body_answer(s, out, r);
}

static void
end_body(struct smtp_server *s, struct buf *out, struct smtp_reply *r)
{
	if (has_failed(s))
		refuse_all(s, out, r);
	else
		close_body(s, out, r);
}

void
smtp_server_body_init(struct smtp_server *s)
{
	buf_init(&s->words, WORDS_MAX);
}

void
smtp_server_body_data(
    struct smtp_server *s, struct str args, struct smtp_reply *r)
{
	(void)args;
	if (s->st.mail->body == BODY_BINARYMIME) {
		reply_set(r, 503, "5.5.1", "BINARYMIME needs BDAT");
		return;
	}
	open_body(s);
	if (has_failed(s)) {
		take_late(s, r);
		s->is_over = true;
		return;
	}
	s->input = INPUT_DATA;
	reply_set(r, 354, NULL, "end data with <CR><LF>.<CR><LF>");
}

bool
smtp_server_body_expect(
    struct smtp_server *s, struct str args, struct smtp_reply *r)
{
	struct str last = args, size = str_cut(&last, ' ');

	last = str_trim(last);
	s->is_last = str_is_nocase(last, STR_LIT("LAST"));
	if (!str_to_u64(size, 0, UINT64_MAX, &s->chunk) ||
	    (last.len > 0 && !s->is_last)) {
		reply_set(r, 501, "5.5.4", "syntax: BDAT size [LAST]");
		r->hang_up = true;
		return false;
	}
	s->input = INPUT_CHUNK;
	return true;
}

void
smtp_server_body_chunk(
    struct smtp_server *s, struct str args, struct smtp_reply *r)
{
	(void)args;
	(void)r;
	if (s->phase != PHASE_BODY)
		open_body(s);
}

static void
end_chunk(struct smtp_server *s, struct buf *out, struct smtp_reply *r)
{
	s->input = INPUT_COMMAND;
	if (s->phase != PHASE_BODY) {
		/* It was refused, and changes nothing. */
		take_late(s, r);
		smtp_server_say(s, r, out);
		return;
	}
	if (s->is_last) {
		if (s->st.mail->body != BODY_BINARYMIME)
			dot_check_end(&s->dot);
		take_bytes(s, (struct str){0});
		end_body(s, out, r);
	} else if (has_failed(s)) {
		/* One reply a chunk, in LMTP too: only the last one stands for
		 * the recipients. */
		take_late(s, r);
		smtp_server_say(s, r, out);
		smtp_server_end_transaction(s);
	} else {
		reply_set(r, 250, "2.0.0", "%" PRIu64 " bytes so far", s->size);
		smtp_server_say(s, r, out);
	}
}

static bool
feed_chunk(struct smtp_server *s, struct buf *in, struct buf *out,
    struct smtp_reply *r)
{
	struct str bytes = buf_str(in);

	if (bytes.len > s->chunk)
		bytes.len = (size_t)s->chunk;
	if (bytes.len == 0 && s->chunk > 0)
		return false;
	if (s->phase == PHASE_BODY) {
		if (s->st.mail->body != BODY_BINARYMIME)
			dot_check(&s->dot, bytes);
		take_bytes(s, bytes);
	}
	s->chunk -= bytes.len;
	buf_consume(in, bytes.len);
	if (s->chunk == 0)
		end_chunk(s, out, r);
	return true;
}

static bool
feed_data(struct smtp_server *s, struct buf *in, struct buf *out,
    struct smtp_reply *r)
{
	struct str piece = str_head(buf_str(in), PIECE_MAX), rest = piece;
	enum dot_result result;
	struct buf decoded;
	size_t room;

	if (piece.len == 0)
		return false;
	/* A little may have been held back. */
	buf_init(&decoded, PIECE_MAX + 8);
	buf_space(&decoded, piece.len + 8, &room);
	result = dot_decode(&s->dot, &rest, &decoded);
	take_bytes(s, buf_str(&decoded));
	buf_clear(&decoded);
	buf_consume(in, piece.len - rest.len);
	if (result == DOT_END) {
		s->input = INPUT_COMMAND;
		s->late.hang_up = s->dot.doubtful;
		end_body(s, out, r);
	}
	return true;
}

bool
smtp_server_body_feed(struct smtp_server *s, struct buf *in, struct buf *out,
    struct smtp_reply *r)
{
	if (s->input == INPUT_CHUNK)
		return feed_chunk(s, in, out, r);
	return feed_data(s, in, out, r);
}
