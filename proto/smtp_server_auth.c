/* SPDX-License-Identifier: ISC */
/*
 * AUTH (RFC 4954): base64 and the dialogue. What the exchange says is between
 * the client and the policy.
 */
#include "config.h"

#include "base/crypto.h"
#include "base/mem.h"
#include "proto/smtp_server_private.h"

enum {
	MECHANISM_MAX = 20, /* RFC 4422 3.1 */
	RESPONSE_MAX = 12288,
	CHALLENGE_MAX = REPLY_TEXT_MAX / 4 * 3,
	USER_MAX = 1024,
};

const char *
smtp_server_auth_mechanisms(const struct smtp_server *s)
{
	if (s->policy->auth_step == NULL ||
	    s->policy->auth_mechanisms == NULL || s->st.user.len > 0 ||
	    (!s->st.tls && !s->conf->auth_plain_ok))
		return NULL;
	return s->policy->auth_mechanisms(s->ctx, &s->st);
}

void
smtp_server_auth_abort(struct smtp_server *s)
{
	if (s->input != INPUT_AUTH)
		return;
	s->input = INPUT_COMMAND;
	if (s->policy->auth_abort != NULL)
		s->policy->auth_abort(s->ctx);
}

static void
challenge_client(
    struct smtp_server *s, const struct buf *challenge, struct smtp_reply *r)
{
	struct buf text;

	buf_init(&text, REPLY_TEXT_MAX);
	crypto_base64_put(&text, buf_str(challenge));
	s->input = INPUT_AUTH;
	if (buf_is_full(challenge) || buf_is_full(&text)) {
		smtp_server_auth_abort(s);
		reply_set(r, 454, "4.7.0", "challenge too long");
	} else {
		reply_set(r, 334, NULL, "%s", buf_text(&text));
	}
	buf_clear(&text);
}

static void
set_user(struct smtp_server *s, struct str user)
{
	mem_free(s->user);
	s->user = str_dup(user);
	s->st.user = str_n(s->user, user.len);
}

static void
finish(struct smtp_server *s, enum auth_result result, const struct buf *user,
    struct smtp_reply *r)
{
	s->input = INPUT_COMMAND;
	if (result == AUTH_OK && buf_len(user) > 0 && !buf_is_full(user)) {
		set_user(s, buf_str(user));
		reply_set(r, 235, "2.7.0", "authentication succeeded");
	} else if (result == AUTH_FAILED) {
		reply_set(r, 535, "5.7.8",
		    "authentication failed: wrong user name or password");
	} else {
		reply_set(r, 454, "4.7.0",
		    "authentication is not possible now, try later");
	}
}

/* What is waited for ends with the session, as a dialogue does. */
static void
conclude(struct smtp_server *s, enum auth_result result,
    const struct buf *challenge, const struct buf *user, struct smtp_reply *r)
{
	if (result == AUTH_WAIT) {
		s->input = INPUT_AUTH;
		smtp_server_enter(s, PHASE_PROVING);
	} else if (result == AUTH_CONTINUE) {
		challenge_client(s, challenge, r);
	} else {
		finish(s, result, user, r);
	}
}

static void
run_step(struct smtp_server *s, const char *mechanism, struct str response,
    bool has_response, struct smtp_reply *r)
{
	struct buf challenge, user;
	enum auth_result result;

	buf_init_secret(&challenge, CHALLENGE_MAX);
	buf_init(&user, USER_MAX);
	result = s->policy->auth_step(s->ctx, &s->st, mechanism, response,
	    has_response, &challenge, &user);
	conclude(s, result, &challenge, &user, r);
	buf_clear(&challenge);
	buf_clear(&user);
}

void
smtp_server_auth_finish(struct smtp_server *s, struct smtp_reply *r)
{
	struct buf challenge, user;
	enum auth_result result;

	smtp_server_enter(s, PHASE_READY);
	buf_init_secret(&challenge, CHALLENGE_MAX);
	buf_init(&user, USER_MAX);
	result = s->policy->auth_finish(s->ctx, &challenge, &user);
	conclude(s, result, &challenge, &user, r);
	buf_clear(&challenge);
	buf_clear(&user);
}

/* mechanism is NULL for all steps but the first. */
static void
step_with(struct smtp_server *s, const char *mechanism, struct str text,
    struct smtp_reply *r)
{
	struct buf response;

	buf_init_secret(&response, RESPONSE_MAX);
	if (crypto_base64_take(&response, text)) {
		run_step(s, mechanism, buf_str(&response), true, r);
	} else {
		smtp_server_auth_abort(s);
		reply_set(r, 501, "5.5.2", "bad base64");
	}
	buf_clear(&response);
}

/* In upper case, if it is among those that are offered. */
static bool
take_mechanism(
    const char *offered, struct str text, char name[MECHANISM_MAX + 1])
{
	struct str rest = str(offered);

	while (rest.len > 0) {
		struct str one = str_cut(&rest, ' ');

		if (one.len > 0 && str_is_nocase(one, text))
			return str_copy(one, name, MECHANISM_MAX + 1);
	}
	return false;
}

static void
refuse_auth(const struct smtp_server *s, struct smtp_reply *r)
{
	if (s->st.user.len > 0)
		reply_set(r, 503, "5.5.1", "already authenticated");
	else if (!s->st.tls && s->conf->starttls &&
		 s->policy->auth_step != NULL)
		reply_set(r, 538, "5.7.11",
		    "encryption is needed to authenticate: STARTTLS first");
	else
		reply_set(r, 502, "5.5.1", "AUTH is not offered");
}

void
smtp_server_auth_begin(
    struct smtp_server *s, struct str args, struct smtp_reply *r)
{
	const char *offered = smtp_server_auth_mechanisms(s);
	struct str response = args, text = str_cut(&response, ' ');
	bool has_response = response.at != NULL;
	char mechanism[MECHANISM_MAX + 1];

	response = str_trim(response);
	if (offered == NULL)
		refuse_auth(s, r);
	else if (text.len == 0 || str_has(response, ' '))
		reply_set(r, 501, "5.5.4", "syntax: AUTH mechanism [response]");
	else if (!take_mechanism(offered, text, mechanism))
		reply_set(r, 504, "5.5.4", "mechanism is not offered");
	else if (!has_response)
		run_step(s, mechanism, (struct str){0}, false, r);
	else if (str_is(response, STR_LIT("=")))
		run_step(s, mechanism, (struct str){0}, true, r);
	else
		step_with(s, mechanism, response, r);
}

void
smtp_server_auth_line(
    struct smtp_server *s, struct str line, struct smtp_reply *r)
{
	if (str_is(line, STR_LIT("*"))) {
		smtp_server_auth_abort(s);
		reply_set(r, 501, "5.7.0", "authentication cancelled");
		return;
	}
	step_with(s, NULL, line, r);
}
