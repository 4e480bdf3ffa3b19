/* SPDX-License-Identifier: ISC */
/*
 * A log-in from its first step to its line in the log.
 *
 * The guard has the last word, when the work is done: what is locked costs the
 * same time as what is wrong.
 */
#include "config.h"

#include "auth/login.h"

#include "auth/guard.h"
#include "auth/recent.h"
#include "base/clock.h"
#include "base/mem.h"

enum { RESPONSE_MAX = 4096 };

struct login *
login_new(struct authd *authd, const struct log_ctx *log)
{
	struct login *l = mem_new(struct login);

	l->authd = authd;
	l->log = log;
	l->exchange = sasl_exchange_new(authd->directory);
	return l;
}

void
login_free(struct login **login)
{
	if (*login == NULL)
		return;
	sasl_exchange_free(&(*login)->exchange);
	mem_free(*login);
	*login = NULL;
}

void
login_put(struct str text, char *to, size_t size)
{
	if (!str_copy(str_head(text, size - 1), to, size))
		to[0] = '\0';
}

const char *
login_user(const struct login *l)
{
	return sasl_exchange_user(l->exchange);
}

/* The log. */

static const char *
or_null(const char *text)
{
	return text[0] == '\0' ? NULL : text;
}

/* The client comes first, where filters look for it: all that stands behind it
 * is of its own making. */
static void
note(const struct login *l, enum sasl_result result, const char *why)
{
	struct authd_counters *c = &l->authd->counters;
	const char *user = login_user(l);

	if (result == EXCHANGE_TEMP) {
		atomic_fetch_add(&c->logins_failed, 1);
		log_warn(l->log, "login not possible", "client",
		    or_null(l->client), "user", user, "mechanism", l->mechanism,
		    "service", or_null(l->service), "session",
		    or_null(l->session), "reason", why, NULL);
		return;
	}
	atomic_fetch_add(
	    result == EXCHANGE_OK ? &c->logins : &c->logins_refused, 1);
	if (result == EXCHANGE_OK)
		recent_logins_put(
		    l->authd->recent, str(l->client), str(user), clock_ms());
	log_info(l->log, result == EXCHANGE_OK ? "logged in" : "login refused",
	    "client", or_null(l->client), "user", user, "mechanism",
	    l->mechanism, "service", or_null(l->service), "session",
	    or_null(l->session), "reason", why, NULL);
}

static void
note_locks(const struct login *l, const struct guard_verdict *v)
{
	if (v->locks_account)
		log_warn(l->log, "account locked", "client", or_null(l->client),
		    "user", login_user(l), NULL);
	if (v->locks_network)
		log_warn(l->log, "network locked", "client", or_null(l->client),
		    NULL);
}

/* The end. */

static enum sasl_result
judge(struct login *l, enum sasl_result result, struct str proof,
    struct fault *f, int64_t *delay)
{
	const struct guard_login about = {
	    .user = str(login_user(l)),
	    .client = str(l->client),
	    .proof = proof,
	    .is_right = result == EXCHANGE_OK,
	    .is_strong =
		result == EXCHANGE_OK && sasl_exchange_is_strong(l->exchange),
	};
	struct guard_verdict v =
	    guard_judge(l->authd->guard, &about, clock_ms());

	if (v.is_locked) {
		atomic_fetch_add(&l->authd->counters.logins_locked, 1);
		fault_perm(f, "5.7.8", "%s",
		    about.is_right ? "locked, though all was right" : "locked");
		result = EXCHANGE_FAILED;
	}
	note_locks(l, &v);
	*delay = v.delay;
	return result;
}

/* The client has seen the server's proof, and has nothing to add. */
static enum sasl_result
end(struct login *l, struct str response, struct buf *challenge)
{
	enum sasl_result result =
	    response.len == 0 ? EXCHANGE_OK : EXCHANGE_FAILED;

	buf_reset(challenge);
	note(l, result,
	    result == EXCHANGE_OK ? NULL : "more than was asked for");
	return result;
}

static void
begin(struct login *l)
{
	sasl_exchange_set_service(l->exchange, l->service);
	if (l->has_certificate)
		sasl_exchange_set_certificate(l->exchange, l->certificate);
}

enum sasl_result
login_step(struct login *l, bool first, struct str response, bool has_response,
    struct buf *challenge, int64_t *delay)
{
	struct fault f = {.text = ""};
	enum sasl_result result;

	*delay = 0;
	if (l->is_proven)
		return end(l, response, challenge);
	if (first)
		begin(l);
	result = sasl_exchange_step(l->exchange, first ? l->mechanism : NULL,
	    response, has_response, challenge, &f);
	if (result == EXCHANGE_CONTINUE)
		return result;
	if (result != EXCHANGE_TEMP)
		result = judge(l, result, response, &f, delay);
	/* The last message says that all was right: not before the guard. */
	if (result == EXCHANGE_OK && buf_len(challenge) > 0) {
		l->is_proven = true;
		return EXCHANGE_CONTINUE;
	}
	buf_reset(challenge);
	note(l, result, result == EXCHANGE_OK ? NULL : f.text);
	return result;
}

enum sasl_result
login_check(
    struct login *l, struct str user, struct str password, int64_t *delay)
{
	struct buf response, challenge;
	enum sasl_result result;

	buf_init_secret(&response, RESPONSE_MAX);
	buf_init_secret(&challenge, RESPONSE_MAX);
	login_put(STR_LIT("PLAIN"), l->mechanism, sizeof l->mechanism);
	buf_putc(&response, '\0');
	buf_put_str(&response, user);
	buf_putc(&response, '\0');
	buf_put_str(&response, password);
	/* A NUL within either makes it another response, which is refused. */
	result =
	    login_step(l, true, buf_str(&response), true, &challenge, delay);
	buf_clear(&response);
	buf_clear(&challenge);
	return result == EXCHANGE_CONTINUE ? EXCHANGE_FAILED : result;
}
