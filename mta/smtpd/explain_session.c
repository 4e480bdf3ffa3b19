/* SPDX-License-Identifier: ISC */
#include "config.h"

#include "mta/smtpd/explain_session.h"

#include <arpa/inet.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "mta/send/lmtp_pool.h"
#include "mta/smtpd/forward.h"
#include "mta/smtpd/list.h"
#include "mta/smtpd/note.h"
#include "mta/smtpd/policy.h"
#include "mta/smtpd/session.h"
#include "mta/smtpd/trust.h"
#include "proto/reply.h"

enum {
	LINE_MAX_BYTES = 1024,
	REPLIES_MAX = 64 * 1024,
	TEXT_PARAM_MAX = 255,
};

static const char stranger[] = "192.0.2.1";

/* What was asked. */
struct question {
	const char *to, *from, *client, *login, *helo, *listener;
	bool tls;
	int64_t size;
};

struct play {
	struct question q;
	struct smtpd_session session;
	struct smtp_server *engine;
	struct smtp_policy policy; /* the session's, but for AUTH */
	struct notes notes;
	struct net_peer peer;
	json_t *steps;
	int code; /* of the last reply */
};

/* AUTH: who asks is believed, since passwords are another's business. */

static const char *
on_auth_mechanisms(void *ctx, const struct smtp_state *st)
{
	const struct play *p = ctx;

	return st->user.len == 0 && p->session.local == NULL &&
		       (st->tls || p->session.listener->auth_without_tls)
		   ? "LOGIN"
		   : NULL;
}

static enum auth_result
on_auth_step(void *ctx, const struct smtp_state *st, const char *mechanism,
    struct str response, bool has_response, struct buf *challenge,
    struct buf *user)
{
	struct play *p = ctx;

	(void)st;
	(void)mechanism;
	(void)response;
	(void)has_response;
	(void)challenge;
	buf_puts(user, p->q.login);
	note_rule(&p->notes, "log-in", "%s is taken as proved", p->q.login);
	return AUTH_OK;
}

static int
on_mail(void *ctx, const struct smtp_state *st,
    const struct envelope_mail *mail, struct fault *f)
{
	struct play *p = ctx;

	return smtpd_policy.mail(&p->session, st, mail, f);
}

static int
on_rcpt(void *ctx, const struct smtp_state *st,
    const struct envelope_rcpt *rcpt, struct fault *f)
{
	struct play *p = ctx;

	return smtpd_policy.rcpt(&p->session, st, rcpt, f);
}

static void
on_reset(void *ctx)
{
	struct play *p = ctx;

	smtpd_policy.reset(&p->session);
}

/* Questions. */

/* What would end the line that it becomes a part of. */
static int
check_text(const char *name, const char *text, struct fault *f)
{
	if (text == NULL)
		return 0;
	if (strlen(text) > TEXT_PARAM_MAX)
		return fault_perm(f, "5.5.4", "%s is too long", name);
	for (; *text != '\0'; text++)
		if ((unsigned char)*text < ' ' || *text == 127)
			return fault_perm(
			    f, "5.5.4", "%s holds a control character", name);
	return 0;
}

static int
read_question(const json_t *params, struct question *q, struct fault *f)
{
	*q = (struct question){
	    .to = json_get_text(params, "to"),
	    .from = json_get_text(params, "from"),
	    .client = json_get_text(params, "client"),
	    .login = json_get_text(params, "login"),
	    .helo = json_get_text(params, "helo"),
	    .listener = json_get_text(params, "listener"),
	    .tls = json_get_bool(params, "tls", false),
	    .size = json_get_int(params, "size", 0),
	};
	if (q->to == NULL)
		return fault_perm(f, "5.5.4", "to: to which address?");
	if (q->login != NULL && q->login[0] == '\0')
		return fault_perm(f, "5.5.4", "login: an empty name");
	if (q->size < 0)
		return fault_perm(f, "5.5.4", "size: a number of bytes");
	if (check_text("to", q->to, f) < 0 ||
	    check_text("from", q->from, f) < 0 ||
	    check_text("client", q->client, f) < 0 ||
	    check_text("login", q->login, f) < 0 ||
	    check_text("helo", q->helo, f) < 0)
		return -1;
	if (q->from == NULL || strcmp(q->from, "<>") == 0)
		q->from = "";
	if (q->client == NULL)
		q->client = stranger;
	if (q->helo == NULL)
		q->helo = "client.example";
	return 0;
}

static bool
is_submission(const struct smtpd_listener *l)
{
	return l->protocol == SMTPD_SUBMISSION ||
	       l->protocol == SMTPD_SUBMISSIONS;
}

static bool
is_meant(const struct smtpd_listener *l, const struct question *q)
{
	if (q->listener != NULL)
		return strcmp(q->listener, l->options->title) == 0 ||
		       strcmp(q->listener, smtpd_protocol_name(l->protocol)) ==
			   0;
	return q->login != NULL ? is_submission(l) : l->protocol == SMTPD_SMTP;
}

static struct smtpd_listener *
find_listener(struct smtpd *smtpd, const struct question *q, struct fault *f)
{
	for (size_t i = 0; i < smtpd->n_listeners; i++)
		if (is_meant(&smtpd->listeners[i], q))
			return &smtpd->listeners[i];
	if (q->listener == NULL && smtpd->n_listeners > 0)
		return &smtpd->listeners[0];
	fault_perm(f, "5.5.4", "there is no listener \"%.100s\"",
	    q->listener == NULL ? "" : q->listener);
	return NULL;
}

static int
set_client(struct play *p, struct fault *f)
{
	struct sockaddr_in *in = (void *)&p->peer.sa;
	struct sockaddr_in6 *in6 = (void *)&p->peer.sa;

	if (inet_pton(AF_INET, p->q.client, &in->sin_addr) == 1)
		in->sin_family = AF_INET;
	else if (inet_pton(AF_INET6, p->q.client, &in6->sin6_addr) == 1)
		in6->sin6_family = AF_INET6;
	else
		return fault_perm(
		    f, "5.5.4", "client: \"%s\" is no IP address", p->q.client);
	snprintf(p->peer.address, sizeof p->peer.address, "%s", p->q.client);
	return 0;
}

static int
set_local_user(struct play *p, struct fault *f)
{
	struct smtpd_session *s = &p->session;
	struct passwd entry, *found = NULL;
	char text[4096];

	if (p->q.login == NULL)
		return fault_perm(
		    f, "5.5.4", "login: which user of this machine?");
	if (getpwnam_r(p->q.login, &entry, text, sizeof text, &found) != 0 ||
	    found == NULL)
		return fault_perm(f, "5.5.4",
		    "login: this machine has no user \"%s\"", p->q.login);
	s->local = local_user_new(&s->smtpd->local, found->pw_uid);
	note_rule(&p->notes, "local user", "%s, uid %u", s->local->name,
	    (unsigned)s->local->uid);
	return 0;
}

/* Who the client is to us, as when a connection comes. */
static int
connect_client(struct play *p, struct fault *f)
{
	struct smtpd_session *s = &p->session;
	const struct smtpd *smtpd = s->smtpd;

	if (s->listener->protocol == SMTPD_LOCAL)
		return set_local_user(p, f);
	if (set_client(p, f) < 0)
		return -1;
	s->trusted = trust_has(smtpd->trusted, smtpd->n_trusted, &p->peer);
	note_option(&p->notes, "relay_from", "%s is %s", p->q.client,
	    s->trusted ? "in it: a known client" : "not in it");
	return 0;
}

/* The session. */

static void
add_step(struct play *p, const char *command, const struct smtp_reply *r)
{
	json_t *step = json_new_object();

	if (command != NULL)
		json_put_text(step, "command", command);
	json_put_int(step, "code", r->code);
	json_put_text(step, "dsn", r->dsn);
	json_put_text(step, "text", buf_text(&r->text));
	json_put(step, "rules", p->notes.rules);
	p->notes.rules = json_new_array();
	json_add(p->steps, step);
}

/* The rules of the engine, which keeps no notes. */
static void
note_engine(struct play *p, const struct smtp_reply *r)
{
	const struct smtpd_listener *l = p->session.listener;

	if (r->code == 552 && str_is(str(r->dsn), STR_LIT("5.3.4")))
		note_option(&p->notes, "max_size", "%llu bytes",
		    (unsigned long long)l->engine.max_size);
	else if (r->code == 530)
		note_rule(&p->notes, "listener", "%s (%s)",
		    smtpd_protocol_name(l->protocol), l->options->where);
}

/* Takes the reply that the engine has put; a second one, as of an engine that
 * has had enough, would be of no interest. */
static void
take_reply(struct play *p, const char *command, struct buf *out)
{
	struct smtp_reply r;

	reply_init(&r);
	if (reply_take(out, &r) == REPLY_OK) {
		note_engine(p, &r);
		add_step(p, command, &r);
		p->code = r.code;
	}
	reply_clear(&r);
	buf_reset(out);
}

static void
say(struct play *p, const char *command)
{
	struct buf in, out;

	buf_init(&in, LINE_MAX_BYTES);
	buf_init(&out, REPLIES_MAX);
	buf_putf(&in, "%s\r\n", command);
	(void)smtp_server_feed(p->engine, &in, &out);
	take_reply(p, command, &out);
	buf_clear(&in);
	buf_clear(&out);
}

static bool
is_ok(const struct play *p)
{
	return p->code >= 200 && p->code < 300;
}

static bool
has_8bit(const char *text)
{
	for (; *text != '\0'; text++)
		if ((unsigned char)*text > 127)
			return true;
	return false;
}

static void
say_mail(struct play *p)
{
	char line[LINE_MAX_BYTES], size[40] = "";

	if (p->q.size > 0)
		snprintf(size, sizeof size, " SIZE=%lld", (long long)p->q.size);
	snprintf(line, sizeof line, "MAIL FROM:<%s>%s%s", p->q.from, size,
	    has_8bit(p->q.from) || has_8bit(p->q.to) ? " SMTPUTF8" : "");
	say(p, line);
}

static void
say_all(struct play *p)
{
	char line[LINE_MAX_BYTES];
	struct buf out;

	buf_init(&out, REPLIES_MAX);
	smtp_server_greet(p->engine, NULL, &out);
	take_reply(p, NULL, &out);
	buf_clear(&out);
	snprintf(line, sizeof line, "EHLO %s", p->q.helo);
	say(p, line);
	if (is_ok(p) && p->q.login != NULL && p->session.local == NULL)
		say(p, "AUTH LOGIN");
	if (is_ok(p))
		say_mail(p);
	if (!is_ok(p))
		return;
	snprintf(line, sizeof line, "RCPT TO:<%s>", p->q.to);
	say(p, line);
}

/* What comes of the recipient. */

static json_t *
explain_mailbox(struct play *p, size_t i)
{
	static const char *const ways[] = {
	    [WAY_LOCAL] = "local",
	    [WAY_QUEUE] = "queue",
	    [WAY_FORWARD] = "forward",
	    [WAY_GROUP] = "group",
	};
	struct smtpd_session *s = &p->session;
	const struct recipients *r = &s->message->recipients;
	struct envelope_mail mail = *smtp_server_state(p->engine)->mail;
	json_t *next = json_new_object();
	char text[ADDRESS_TEXT_SIZE];
	struct fault f;

	address_format(&r->mailboxes[i].forward_path, text);
	json_put_text(next, "to", text);
	json_put_text(next, "way", ways[r->ways[i]]);
	if (r->ways[i] == WAY_FORWARD && forward_set_sender(s, &mail, &f) < 0)
		json_put_text(next, "text", f.text);
	if (r->ways[i] == WAY_GROUP && list_owner(&r->mailboxes[i].forward_path,
					   &mail.reverse_path, &f) < 0)
		json_put_text(next, "text", f.text);
	address_format(&mail.reverse_path, text);
	json_put_text(next, "from", text);
	json_put(next, "rules", p->notes.rules);
	p->notes.rules = json_new_array();
	return next;
}

static json_t *
explain_mailboxes(struct play *p)
{
	json_t *all = json_new_array();

	for (size_t i = 0; is_ok(p) && i < p->session.message->recipients.n;
	     i++)
		json_add(all, explain_mailbox(p, i));
	return all;
}

static json_t *
explain_listener(const struct smtpd_listener *l)
{
	json_t *o = json_new_object();

	json_put_text(o, "address", l->options->title);
	json_put_text(o, "protocol", smtpd_protocol_name(l->protocol));
	json_put_text(o, "where", l->options->where);
	return o;
}

static json_t *
play(struct play *p, struct fault *f)
{
	struct smtpd_session *s = &p->session;
	bool tls = p->q.tls || s->listener->protocol == SMTPD_SUBMISSIONS ||
		   (p->q.login != NULL && !s->listener->auth_without_tls &&
		       s->listener->protocol != SMTPD_LOCAL);
	json_t *result;

	if (connect_client(p, f) < 0)
		return NULL;
	if (tls && s->smtpd->tls == NULL) {
		fault_perm(f, "5.5.4",
		    "there is no certificate, so no client can have TLS");
		return NULL;
	}
	if (tls)
		note_rule(&p->notes, "TLS", "is taken as done");
	p->engine = smtp_server_new(&s->listener->engine, &p->policy, p, tls);
	s->engine = p->engine;
	say_all(p);
	result = json_new_object();
	json_put_text(
	    result, "client", s->local != NULL ? "unix" : p->q.client);
	json_put(result, "listener", explain_listener(s->listener));
	json_put(result, "steps", p->steps);
	p->steps = NULL;
	json_put_bool(result, "accepted", is_ok(p));
	json_put(result, "next", explain_mailboxes(p));
	smtp_server_free(&p->engine);
	return result;
}

static json_t *
on_explain(void *ctx, const json_t *params, struct fault *f)
{
	struct smtpd *smtpd = ctx;
	struct play *p = mem_new(struct play);
	json_t *result = NULL;

	p->policy = (struct smtp_policy){
	    .auth_mechanisms = on_auth_mechanisms,
	    .auth_step = on_auth_step,
	    .mail = on_mail,
	    .rcpt = on_rcpt,
	    .reset = on_reset,
	};
	p->notes = (struct notes){
	    .conf = smtpd->conf,
	    .rules = json_new_array(),
	};
	p->steps = json_new_array();
	p->session.smtpd = smtpd;
	p->session.notes = &p->notes;
	p->session.peer = &p->peer;
	if (read_question(params, &p->q, f) == 0)
		p->session.listener = find_listener(smtpd, &p->q, f);
	if (p->session.listener != NULL)
		result = play(p, f);
	mem_free(p->session.refused_from);
	mem_free(p->session.refused_to);
	local_user_free(&p->session.local);
	json_free(&p->notes.rules);
	json_free(&p->steps);
	mem_free(p);
	return result;
}

const struct control_method explain_session_methods[] = {
    {"smtp.explain", on_explain},
    {0},
};
