/* SPDX-License-Identifier: ISC */
/*
 * The life of a session, and what comes between its lines and their handlers:
 * the dispatcher checks phase, TLS, authentication and arguments once, by the
 * table of verbs, and no handler asks "am I allowed". Flags permit, so a verb
 * that forgets its flags is refused.
 */
#include "config.h"

#include "proto/smtp_server.h"

#include "base/mem.h"
#include "proto/smtp_server_private.h"

enum {
	/* RFC 5321 4.5.3.1.4 has 512, to which extensions add; the longest is
	 * MAIL with AUTH=, ENVID= and all others, 1192. */
	LINE_MAX_BYTES = 2048,
	AUTH_LINE_MAX_BYTES = 12288, /* RFC 4954 4 */
	/* Answers that have gathered are to be sent before more is done. */
	OUT_ENOUGH = 32 << 10,
};

void
smtp_server_enter(struct smtp_server *s, enum smtp_phase phase)
{
	s->phase = phase;
}

static bool
is_in_transaction(const struct smtp_server *s)
{
	return s->phase == PHASE_MAIL || s->phase == PHASE_RCPT ||
	       s->phase == PHASE_BODY || s->phase == PHASE_PENDING;
}

/* Also drops what XFORWARD said for a transaction that never began. */
void
smtp_server_end_transaction(struct smtp_server *s)
{
	if (is_in_transaction(s)) {
		if (s->policy->reset != NULL)
			s->policy->reset(s->ctx);
		smtp_server_enter(s, PHASE_READY);
	}
	s->input = INPUT_COMMAND;
	s->st.mail = NULL;
	s->st.rcpts = NULL;
	s->st.n_rcpts = 0;
	s->st.xforward = (struct envelope_xforward){0};
	mem_free(s->rcpts);
	s->rcpts = NULL;
	s->rcpts_room = 0;
	s->rcpt_refused = false;
	s->xforward = NULL;
	s->outcomes = NULL;
	buf_clear(&s->words);
	reply_clear(&s->late);
	arena_clear(&s->arena);
}

static void
close_session(struct smtp_server *s)
{
	smtp_server_auth_abort(s);
	smtp_server_end_transaction(s);
	smtp_server_enter(s, PHASE_CLOSED);
}

static void
put(const struct smtp_reply *r, struct buf *out)
{
	/* Challenges may be longer than the 512 bytes of a reply. */
	if (r->code == 334)
		buf_putf(out, "334 %s\r\n", buf_text(&r->text));
	else
		reply_put(out, r);
}

static void
note_refusal(struct smtp_server *s, const struct smtp_reply *r)
{
	if (r->code >= 400 && s->policy->refused != NULL)
		s->policy->refused(s->ctx, &s->st, s->verb, r);
}

static void
set_goodbye(const struct smtp_server *s, struct smtp_reply *r, const char *dsn,
    const char *why)
{
	reply_set(r, 421, dsn, "%s %s", s->conf->hostname, why);
	r->hang_up = true;
}

void
smtp_server_count_error(
    struct smtp_server *s, struct smtp_reply *r, struct buf *out)
{
	bool forgiven = s->forgiven;

	s->forgiven = false;
	if (forgiven || s->phase == PHASE_CLOSED || s->conf->max_errors == 0 ||
	    ++s->errors < s->conf->max_errors)
		return;
	set_goodbye(s, r, "4.7.0", "too many errors, closing");
	smtp_server_say(s, r, out);
}

void
smtp_server_say(struct smtp_server *s, struct smtp_reply *r, struct buf *out)
{
	bool is_error = r->code >= 400;

	put(r, out);
	note_refusal(s, r);
	if (r->hang_up)
		close_session(s);
	else if (is_error)
		smtp_server_count_error(s, r, out);
}

static void
set_out_of_order(const struct smtp_server *s, const struct smtp_verb *verb,
    struct smtp_reply *r)
{
	bool lmtp = s->conf->dialect == DIALECT_LMTP;
	const char *text = "send MAIL first";
	int code = 503;

	if (s->phase == PHASE_GREETED) {
		text = lmtp ? "send LHLO first" : "send EHLO first";
	} else if (s->phase == PHASE_BODY) {
		text = "the message has begun: BDAT or RSET";
	} else if (verb->phases == 1u << PHASE_READY &&
		   s->phase != PHASE_READY) {
		text = "not within a transaction";
	} else if (s->phase == PHASE_MAIL) {
		/* RFC 2033 4.2 has 503 where RFC 5321 3.3 has 554. */
		code = s->rcpt_refused && !lmtp ? 554 : 503;
		text =
		    s->rcpt_refused ? "no valid recipients" : "send RCPT first";
	}
	reply_set(r, code, "5.5.1", "%s", text);
}

/* All of what a command needs besides its own arguments. */
static bool
may_run(const struct smtp_server *s, const struct smtp_verb *verb,
    struct str args, struct smtp_reply *r)
{
	if ((verb->flags & VERB_TAKES_ARGS) == 0 && args.len > 0) {
		reply_set(r, 501, "5.5.4", "%s takes no arguments", verb->name);
	} else if ((verb->phases & 1u << s->phase) == 0) {
		set_out_of_order(s, verb, r);
	} else if (s->conf->tls_required && !s->st.tls &&
		   (verb->flags & VERB_PRE_TLS) == 0) {
		reply_set(r, 530, "5.7.0", "send STARTTLS first");
	} else if (s->conf->auth_required && s->st.user.len == 0 &&
		   (verb->flags & VERB_PRE_AUTH) == 0) {
		reply_set(r, 530, "5.7.0", "authentication is required");
	} else {
		return true;
	}
	return false;
}

/* more: there is input behind the command. */
static void
run_command(
    struct smtp_server *s, struct str line, bool more, struct smtp_reply *r)
{
	struct str args = line, name = str_cut(&args, ' ');
	const struct smtp_verb *verb = smtp_server_find_verb(s, name);

	args = str_trim(args);
	s->verb = verb == NULL ? NULL : verb->name;
	s->commands++;
	if (s->conf->max_commands != 0 && s->commands > s->conf->max_commands) {
		set_goodbye(s, r, "4.7.0", "too many commands, closing");
		return;
	}
	if (verb == NULL) {
		reply_set(r, 500, "5.5.2", "unknown command");
		return;
	}
	if ((verb->flags & VERB_HAS_CHUNK) != 0 &&
	    !smtp_server_body_expect(s, args, r))
		return;
	if (may_run(s, verb, args, r))
		verb->run(s, args, r);
	if ((verb->flags & VERB_ENDS_BATCH) != 0 && more && r->code < 400) {
		reply_set(
		    r, 503, "5.5.1", "input behind %s, closing", verb->name);
		r->hang_up = true;
	}
}

enum line {
	LINE_NONE,
	LINE_GOOD,
	LINE_LONG,
	LINE_BAD, /* not ended by CR LF, or with CR or NUL in it */
};

/*
 * Looks for a line; *taken is what it has with its end. What is too long is
 * dropped as it comes, until its end.
 */
static enum line
find_line(
    struct smtp_server *s, struct buf *in, struct str *line, size_t *taken)
{
	struct str all = buf_str(in);
	size_t max =
	    s->input == INPUT_AUTH || str_starts_nocase(all, STR_LIT("AUTH "))
		? AUTH_LINE_MAX_BYTES
		: LINE_MAX_BYTES;
	size_t end = s->searched + str_find(str_from(all, s->searched), '\n');

	s->searched = 0;
	*taken = end + 1;
	*line = str_head(all, end);
	if (end == all.len) {
		if (!s->skipping && all.len < max) {
			s->searched = all.len;
			return LINE_NONE;
		}
		s->skipping = true;
		buf_consume(in, all.len);
		return LINE_NONE;
	}
	if (s->skipping || *taken > max) {
		s->skipping = false;
		return LINE_LONG;
	}
	if (!str_ends(*line, STR_LIT("\r")))
		return LINE_BAD;
	line->len--;
	return str_has(*line, '\r') || str_has(*line, '\0') ? LINE_BAD
							    : LINE_GOOD;
}

static void
refuse_line(struct smtp_server *s, enum line kind, struct smtp_reply *r)
{
	bool auth = s->input == INPUT_AUTH;

	s->verb = NULL;
	smtp_server_auth_abort(s);
	if (kind == LINE_LONG)
		reply_set(r, 500, auth ? "5.5.6" : "5.5.2", "line is too long");
	else
		reply_set(r, 500, "5.5.2",
		    "lines must end in CR LF and have no other CR, LF or NUL");
}

/* Takes one line off in; false where there is none. */
static bool
feed_line(struct smtp_server *s, struct buf *in, struct buf *out,
    struct smtp_reply *r)
{
	struct str line;
	size_t taken;
	enum line kind = find_line(s, in, &line, &taken);

	if (kind == LINE_NONE)
		return false;
	r->code = 0;
	if (kind != LINE_GOOD)
		refuse_line(s, kind, r);
	else if (s->input == INPUT_AUTH)
		smtp_server_auth_line(s, line, r);
	else
		run_command(s, line, taken < buf_len(in), r);
	buf_consume(in, taken);
	if (s->input == INPUT_CHUNK) {
		/* BDAT is answered behind its chunk. */
		if (r->code != 0)
			smtp_server_body_refuse(s, r);
		return true;
	}
	if (s->phase == PHASE_PROVING)
		return true;
	smtp_server_say(s, r, out);
	if (s->is_over)
		smtp_server_end_transaction(s);
	s->is_over = false;
	return true;
}

static bool
takes_input(const struct smtp_server *s)
{
	return s->phase != PHASE_PENDING && s->phase != PHASE_PROVING &&
	       s->phase != PHASE_TLS && s->phase != PHASE_CLOSED;
}

enum smtp_next
smtp_server_feed(struct smtp_server *s, struct buf *in, struct buf *out)
{
	struct smtp_reply r;
	bool more = true;

	reply_init(&r);
	while (more && takes_input(s) && buf_len(out) < OUT_ENOUGH) {
		if (s->input == INPUT_COMMAND || s->input == INPUT_AUTH)
			more = feed_line(s, in, out, &r);
		else
			more = smtp_server_body_feed(s, in, out, &r);
	}
	reply_clear(&r);
	/* The client would take the next answer for the one that is missing. */
	if (buf_is_full(out))
		close_session(s);
	switch (s->phase) {
	case PHASE_CLOSED:
		return SMTP_NEXT_CLOSE;
	case PHASE_TLS:
		return SMTP_NEXT_STARTTLS;
	case PHASE_PENDING:
	case PHASE_PROVING:
		return SMTP_NEXT_WAIT;
	default:
		return SMTP_NEXT_INPUT;
	}
}

void
smtp_server_finish(struct smtp_server *s, struct buf *out)
{
	struct smtp_reply r;

	reply_init(&r);
	if (s->phase == PHASE_PROVING) {
		smtp_server_auth_finish(s, &r);
		smtp_server_say(s, &r, out);
	} else if (s->phase == PHASE_PENDING) {
		smtp_server_body_answer(s, out, &r);
	} else {
		die_bug("an answer to no message");
	}
	reply_clear(&r);
	if (buf_is_full(out))
		close_session(s);
}

struct smtp_server *
smtp_server_new(const struct smtp_server_conf *conf,
    const struct smtp_policy *policy, void *ctx, bool tls_already)
{
	struct smtp_server *s = mem_new(struct smtp_server);

	s->conf = conf;
	s->policy = policy;
	s->ctx = ctx;
	s->st.tls = tls_already;
	s->st.arena = &s->arena;
	arena_init(&s->arena);
	reply_init(&s->late);
	smtp_server_body_init(s);
	return s;
}

void
smtp_server_free(struct smtp_server **server)
{
	struct smtp_server *s = *server;

	if (s == NULL)
		return;
	close_session(s);
	mem_free(s->helo);
	mem_free(s->user);
	mem_free(s);
	*server = NULL;
}

void
smtp_server_greet(
    struct smtp_server *s, const struct fault *refusal, struct buf *out)
{
	bool lmtp = s->conf->dialect == DIALECT_LMTP;
	struct smtp_reply r;

	reply_init(&r);
	if (refusal == NULL) {
		reply_set(&r, 220, NULL, "%s %s Posthouse", s->conf->hostname,
		    lmtp ? "LMTP" : "ESMTP");
	} else {
		reply_set(&r, refusal->kind == FAULT_TEMP ? 421 : 554,
		    refusal->dsn, "%s %s", s->conf->hostname, refusal->text);
		r.hang_up = true;
	}
	smtp_server_say(s, &r, out);
	reply_clear(&r);
}

void
smtp_server_tls_done(struct smtp_server *s)
{
	smtp_server_end_transaction(s);
	mem_free(s->helo);
	mem_free(s->user);
	s->helo = s->user = NULL;
	s->st.helo = s->st.user = (struct str){0};
	s->st.esmtp = false;
	s->st.tls = true;
	smtp_server_enter(s, PHASE_GREETED);
}

static void
say_goodbye(
    struct smtp_server *s, const char *dsn, const char *why, struct buf *out)
{
	struct smtp_reply r;

	if (s->phase == PHASE_CLOSED)
		return;
	reply_init(&r);
	s->verb = NULL;
	set_goodbye(s, &r, dsn, why);
	smtp_server_say(s, &r, out);
	reply_clear(&r);
}

void
smtp_server_timeout(struct smtp_server *s, struct buf *out)
{
	say_goodbye(s, "4.4.2", "timeout, closing", out);
}

void
smtp_server_shutdown(struct smtp_server *s, struct buf *out)
{
	say_goodbye(s, "4.3.2", "is shutting down", out);
}

enum smtp_awaits
smtp_server_awaits(const struct smtp_server *s)
{
	static const enum smtp_awaits awaits[] = {
	    [INPUT_COMMAND] = AWAITS_COMMAND,
	    [INPUT_AUTH] = AWAITS_AUTH,
	    [INPUT_DATA] = AWAITS_BODY,
	    [INPUT_CHUNK] = AWAITS_BODY,
	};

	return awaits[s->input];
}

const struct smtp_state *
smtp_server_state(const struct smtp_server *s)
{
	return &s->st;
}
