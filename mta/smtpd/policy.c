/* SPDX-License-Identifier: ISC */
/*
 * The rules of smtpd. Strangers may send to recipients that the directory
 * knows. Who has logged in, or is a user of this machine, may send anywhere,
 * but only as an own address.
 */
#include "config.h"

#include "mta/smtpd/policy.h"

#include "base/io.h"
#include "base/mem.h"
#include "base/spool.h"
#include "base/tls.h"
#include "mta/smtpd/deliver.h"
#include "mta/smtpd/etrn.h"
#include "mta/smtpd/note.h"
#include "mta/smtpd/sender.h"
#include "mta/smtpd/session.h"
#include "proto/auth_client.h"
#include "proto/socketmap.h"

enum {
	IN_MEMORY = 256 * 1024,
	/* While so many bodies are held at once, further ones go to their file
	 * early: memory stays bounded however many clients send. */
	BODIES_IN_MEMORY = 256,
	IN_MEMORY_THEN = 64 * 1024,
};

static const char *
peer_text(const struct smtpd_session *s)
{
	return s->peer->address;
}

static bool
may_auth(const struct smtpd_session *s, const struct smtp_state *st)
{
	return st->user.len == 0 && s->local == NULL &&
	       (st->tls || s->listener->auth_without_tls);
}

/* The address in the client's certificate; NULL: none. */
static const char *
certificate_name(const struct smtpd_session *s)
{
	const struct tls_info *tls = io_tls(session_io(s->session));

	return tls == NULL || tls->client[0] == '\0' ? NULL : tls->client;
}

/* EXTERNAL needs something to prove a name with, and what ends in -PLUS a TLS
 * connection to bind to. */
static bool
is_of_use(
    const struct smtpd_session *s, const struct smtp_state *st, struct str name)
{
	if (str_is_nocase(name, STR_LIT("EXTERNAL")))
		return certificate_name(s) != NULL;
	return st->tls || !str_ends(name, STR_LIT("-PLUS"));
}

static const char *
offer(struct smtpd_session *s, const struct smtp_state *st, const char *names)
{
	struct str rest = str(names);
	struct buf list;

	buf_init(&list, sizeof s->mechanisms - 1);
	while (rest.len > 0) {
		struct str name = str_cut(&rest, ' ');

		if (!is_of_use(s, st, name))
			continue;
		if (buf_len(&list) > 0)
			buf_putc(&list, ' ');
		buf_put_str(&list, name);
	}
	if (!str_copy(buf_str(&list), s->mechanisms, sizeof s->mechanisms))
		s->mechanisms[0] = '\0';
	buf_clear(&list);
	return s->mechanisms[0] == '\0' ? NULL : s->mechanisms;
}

static const char *
on_auth_mechanisms(void *ctx, const struct smtp_state *st)
{
	struct smtpd_session *s = ctx;
	const char *names;
	struct fault f;

	if (!may_auth(s, st))
		return NULL;
	names = auth_client_mechanisms(s->smtpd->auth, &f);
	if (names != NULL)
		return offer(s, st, names);
	log_warn(&s->log, "no authentication service", "reason", f.text, NULL);
	/* AUTH then answers 454, which clients try again; were it not offered,
	 * they would tell their user that the password is of no use. */
	return "PLAIN LOGIN";
}

static bool
get_binding(void *ctx, const char *type, struct buf *data)
{
	const struct smtpd_session *s = ctx;

	return io_tls_binding(session_io(s->session), type, data);
}

static void
on_proven(void *ctx)
{
	session_resume(ctx);
}

static void
start_exchange(
    struct smtpd_session *s, const struct smtp_state *st, const char *mechanism)
{
	const struct net_peer *peer = s->peer;
	const struct auth_facts facts = {
	    .remote = peer->is_unix ? NULL : peer->address,
	    .remote_port = peer->port,
	    .session = s->id,
	    .secured = st->tls || s->listener->auth_without_tls,
	    .certificate = certificate_name(s),
	    .tls = st->tls,
	    .binding = get_binding,
	    .binding_ctx = s,
	    .loop = s->smtpd->loop,
	    .done = on_proven,
	    .done_ctx = s->session,
	};

	auth_exchange_free(&s->exchange);
	s->exchange = auth_exchange_new(s->smtpd->auth, &facts);
	if (!str_copy(str(mechanism), s->mechanism, sizeof s->mechanism))
		s->mechanism[0] = '\0';
}

static void
note_auth(struct smtpd_session *s, enum auth_result result, struct str user,
    const struct fault *f)
{
	char *name;

	switch (result) {
	case AUTH_CONTINUE:
	case AUTH_WAIT:
		return;
	case AUTH_OK:
		name = str_dup(user);
		log_info(&s->log, "authenticated", "client", peer_text(s),
		    "mechanism", s->mechanism, "user", name, NULL);
		mem_free(name);
		break;
	case AUTH_FAILED:
		s->auth_failures++;
		atomic_fetch_add(&s->smtpd->counters.auth_failures, 1);
		log_info(&s->log, "authentication failed", "client",
		    peer_text(s), "mechanism", s->mechanism, "reason", f->text,
		    NULL);
		break;
	case AUTH_TEMP:
		log_warn(&s->log, "authentication not possible", "client",
		    peer_text(s), "reason", f->text, NULL);
		break;
	}
	auth_exchange_free(&s->exchange);
}

static enum auth_result
end_step(struct smtpd_session *s, enum auth_result result, struct str user,
    const struct fault *f)
{
	note_auth(s, result, user, f);
	if (s->auth_failures >= s->smtpd->options->max_auth_failures)
		s->hang_up = true;
	return result;
}

static enum auth_result
on_auth_step(void *ctx, const struct smtp_state *st, const char *mechanism,
    struct str response, bool has_response, struct buf *challenge,
    struct buf *user)
{
	struct smtpd_session *s = ctx;
	enum auth_result result;
	struct fault f = {.text = ""};

	/* What was sent in advance gets no further guess. */
	if (s->hang_up)
		return AUTH_TEMP;
	if (mechanism != NULL)
		start_exchange(s, st, mechanism);
	if (s->exchange == NULL)
		return AUTH_TEMP;
	/* It may be resumed before the step has returned. */
	s->is_proving = true;
	result = auth_exchange_step(s->exchange, mechanism, response,
	    has_response, challenge, user, &f);
	if (result == AUTH_WAIT)
		return result;
	s->is_proving = false;
	return end_step(s, result, buf_str(user), &f);
}

static enum auth_result
on_auth_finish(void *ctx, struct buf *challenge, struct buf *user)
{
	struct smtpd_session *s = ctx;
	struct fault f = {.text = ""};
	enum auth_result result =
	    auth_exchange_finish(s->exchange, challenge, user, &f);

	return end_step(s, result, buf_str(user), &f);
}

static void
on_auth_abort(void *ctx)
{
	struct smtpd_session *s = ctx;

	auth_exchange_free(&s->exchange);
}

/* The engine has forgotten the address by the time that it is logged. */
static void
keep_text(char **text, const struct address *a)
{
	char copy[ADDRESS_TEXT_SIZE];

	address_format(a, copy);
	mem_free(*text);
	*text = mem_dup(copy);
}

/* POP before SMTP. What cannot be known now makes nobody known. */
static void
ask_for_login(struct smtpd_session *s, const struct smtp_state *st)
{
	struct fault why = {.text = ""};
	struct buf user;
	int found;

	if (!s->smtpd->options->relay_after_login || s->trusted ||
	    s->asked_login || smtpd_session_user(s, st).len > 0)
		return;
	s->asked_login = true;
	buf_init(&user, SOCKETMAP_REPLY_MAX);
	found = socketmap_look_up(
	    s->smtpd->directory, "login", str(peer_text(s)), &user, &why);
	note_option(s->notes, "relay_after_login", "on");
	note_look_up(
	    s->notes, "login", str(peer_text(s)), found, buf_str(&user), &why);
	if (found > 0) {
		s->trusted = true;
		log_info(&s->log, "known by a log-in", "client", peer_text(s),
		    "user", buf_text(&user), NULL);
	} else if (found < 0) {
		log_warn(&s->log, "no directory", "reason", why.text, NULL);
	}
	buf_clear(&user);
}

static int
on_mail(void *ctx, const struct smtp_state *st,
    const struct envelope_mail *mail, struct fault *f)
{
	struct smtpd_session *s = ctx;

	ask_for_login(s, st);
	if (sender_check(s, st, &mail->reverse_path, f) < 0) {
		keep_text(&s->refused_from, &mail->reverse_path);
		return -1;
	}
	s->message = message_new();
	s->log.message = s->message->ident.text;
	return 0;
}

static int
on_rcpt(void *ctx, const struct smtp_state *st,
    const struct envelope_rcpt *rcpt, struct fault *f)
{
	struct smtpd_session *s = ctx;
	const struct recipient_rules rules = {
	    .directory = s->smtpd->directory,
	    .postmaster = &s->smtpd->postmaster,
	    .known_client = smtpd_session_user(s, st).len > 0 || s->trusted,
	    .login = smtpd_session_user(s, st),
	    .sender = &st->mail->reverse_path,
	    .has_queue = s->smtpd->queue != NULL,
	    .relay_domains = &s->smtpd->relay_domains,
	    .relay_recipients = s->smtpd->relay_recipients,
	    .nodes = s->smtpd->nodes,
	    .quota = s->smtpd->quota,
	    .size = st->mail->size,
	    .notes = s->notes,
	};
	struct fault why;

	if (recipient_add(&s->message->recipients, &rules, rcpt, &why, f) == 0)
		return 0;
	if (f->kind == FAULT_TEMP && why.text[0] != '\0')
		log_warn(&s->log, "no directory", "reason", why.text, NULL);
	keep_text(&s->refused_to, &rcpt->forward_path);
	return -1;
}

static int
on_body_open(void *ctx, const struct smtp_state *st, struct fault *f)
{
	struct smtpd_session *s = ctx;
	unsigned bodies = atomic_fetch_add(&s->smtpd->counters.bodies, 1);

	(void)st;
	(void)f;
	message_open_body(s->message, s->smtpd->options->spool_dir,
	    bodies < BODIES_IN_MEMORY ? IN_MEMORY : IN_MEMORY_THEN);
	return 0;
}

static int
on_body_write(
    void *ctx, const struct smtp_state *st, struct str bytes, struct fault *f)
{
	struct smtpd_session *s = ctx;

	(void)st;
	return message_write(s->message, bytes, f);
}

static void
put_words(struct smtpd_session *s)
{
	buf_putf(s->words, "%s %s", s->message->ident.text,
	    s->message->was_queued ? "queued" : "delivered");
	s->words = NULL;
}

bool
smtpd_policy_finish(struct smtpd_session *s)
{
	if (!deliver_message(s, smtp_server_state(s->engine)))
		return false;
	put_words(s);
	return true;
}

static int
on_body_close(void *ctx, const struct smtp_state *st,
    struct smtp_outcome *outcomes, struct buf *words, struct fault *f)
{
	struct smtpd_session *s = ctx;

	if (sender_check_authors(s, st, f) < 0)
		return -1;
	s->words = words;
	if (!deliver_begin(s, st, outcomes))
		return 1;
	put_words(s);
	return 0;
}

static void
on_reset(void *ctx)
{
	struct smtpd_session *s = ctx;

	deliver_drop(s);
	s->words = NULL;
	if (s->message == NULL)
		return;
	if (s->message->body != NULL)
		atomic_fetch_sub(&s->smtpd->counters.bodies, 1);
	message_free(&s->message);
	s->log.message = NULL;
}

static void
on_refused(void *ctx, const struct smtp_state *st, const char *verb,
    const struct smtp_reply *r)
{
	struct smtpd_session *s = ctx;
	bool has_body = s->message != NULL && s->message->body != NULL;
	char id[MESSAGE_ID_SIZE];
	bool has_id = has_body && message_get_id(s->message, id);

	if (st->mail != NULL)
		keep_text(&s->refused_from, &st->mail->reverse_path);
	/* Of a message that is refused whole, the first recipient. */
	if (has_body && st->n_rcpts > 0)
		keep_text(&s->refused_to, &st->rcpts[0].forward_path);
	log_info(&s->log, "refused", "client", peer_text(s), "verb", verb,
	    "code", LOG_NUM(r->code), "dsn", r->dsn, "reason",
	    buf_text(&r->text), "from", s->refused_from, "to", s->refused_to,
	    "message_id", has_id ? id : NULL, NULL);
	mem_free(s->refused_from);
	mem_free(s->refused_to);
	s->refused_from = s->refused_to = NULL;
}

const struct smtp_policy smtpd_policy = {
    .auth_mechanisms = on_auth_mechanisms,
    .auth_step = on_auth_step,
    .auth_finish = on_auth_finish,
    .auth_abort = on_auth_abort,
    .mail = on_mail,
    .etrn = etrn_start,
    .rcpt = on_rcpt,
    .body_open = on_body_open,
    .body_write = on_body_write,
    .body_close = on_body_close,
    .reset = on_reset,
    .refused = on_refused,
};
