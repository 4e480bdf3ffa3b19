/* SPDX-License-Identifier: ISC */
/*
 * The Dovecot authentication protocol, the server for clients.
 *
 * Our greeting is for the client's version: mechanisms that bind to TLS are
 * listed to those only that say 1.3, for others take them for mechanisms like
 * any other. But there are some of before 2.4 that wait for DONE before they say
 * anything at all, so they are not waited for long. The client's VERSION and
 * CPID must come before its first request.
 *
 *   AUTH id mechanism [parameter…] [resp=base64]
 *   CONT id base64 [channel_binding=base64]
 *   CANCEL id
 *
 * A CONT of ours with "channel_binding=KIND" asks for the latter.
 *
 * Requests are known by their id and may be many at once; each AUTH is
 * answered by CONT, FAIL or OK with its id. A failure says the same whether
 * the user exists or not.
 *
 * A failure that the guard wants delayed is kept, without its exchange, until
 * the session's timer; meanwhile other requests are answered.
 */
#include "config.h"

#include "auth/auth_session.h"

#include <unistd.h>

#include "auth/guard.h"
#include "auth/login.h"
#include "auth/mechanism.h"
#include "auth/name.h"
#include "proto/peer.h"
#include "base/clock.h"
#include "base/crypto.h"
#include "base/mem.h"
#include "proto/auth_line.h"

enum {
	IN_MAX = AUTH_LINE_MAX,
	OUT_MAX = 256 << 10,
	REQUESTS_MAX = 32,       /* at once in a connection */
	REQUEST_MS = 150 * 1000, /* then it may make room for another */
	MAJOR = 1,
	MINOR = 3,
	MINOR_BINDING = 3, /* from there on a client knows of it */
	PATIENCE_MS = 300, /* with clients that say nothing first */
};

struct request {
	uint32_t id;
	struct login *login;
	int64_t since; /* clock_ms() */
};

struct late_failure {
	uint32_t id;
	int64_t due; /* clock_ms() */
	char user[NAME_SIZE];
};

struct auth_session {
	struct authd *authd;
	struct peer peer;
	struct buf field, decoded, challenge; /* of the line at work; secret */
	bool has_version, has_pid;
	bool has_greeted;
	bool can_bind;       /* it was told of mechanisms that do */
	int64_t greets_by;   /* clock_ms() */
	unsigned connection; /* its number */
	struct request *requests[REQUESTS_MAX]; /* n of them, oldest first */
	size_t n;
	struct late_failure *late; /* the guard bounds their number */
	size_t n_late;
};

/* Requests. */

static void
request_free(struct request **request)
{
	if (*request == NULL)
		return;
	login_free(&(*request)->login);
	mem_free(*request);
	*request = NULL;
}

static size_t
find_request(const struct auth_session *s, uint32_t id)
{
	size_t i = 0;

	while (i < s->n && s->requests[i]->id != id)
		i++;
	return i;
}

static void
forget_request(struct auth_session *s, size_t i)
{
	request_free(&s->requests[i]);
	s->n--;
	memmove(s->requests + i, s->requests + i + 1,
	    (s->n - i) * sizeof *s->requests);
}

/* NULL where there is no room. */
static struct request *
add_request(struct auth_session *s, uint32_t id)
{
	struct request *r;

	if (s->n == REQUESTS_MAX &&
	    clock_ms() - s->requests[0]->since > REQUEST_MS)
		forget_request(s, 0);
	if (s->n == REQUESTS_MAX)
		return NULL;
	r = mem_new(struct request);
	r->id = id;
	r->since = clock_ms();
	r->login = login_new(s->authd, &s->peer.log);
	s->requests[s->n++] = r;
	return r;
}

/* Answers. */

static void
put_fail(
    struct auth_session *s, uint32_t id, const char *user, const char *detail)
{
	struct buf *out = &s->peer.out;

	auth_line_put(out, STR_LIT("FAIL"));
	auth_line_putf(out, "%u", (unsigned)id);
	if (user != NULL && user[0] != '\0')
		auth_line_putf(out, "user=%s", user);
	if (detail != NULL)
		auth_line_put(out, str(detail));
	auth_line_end(out);
}

/* Clients of before 2.3 know only the bare word. */
static void
put_temp_fail(struct auth_session *s, uint32_t id, const char *user)
{
	put_fail(s, id, user, "temp");
	buf_truncate(&s->peer.out, buf_len(&s->peer.out) - 1);
	auth_line_put(&s->peer.out, STR_LIT("code=temp_fail"));
	auth_line_end(&s->peer.out);
}

static void
put_ok(struct auth_session *s, uint32_t id, const char *user)
{
	struct buf *out = &s->peer.out;

	auth_line_put(out, STR_LIT("OK"));
	auth_line_putf(out, "%u", (unsigned)id);
	auth_line_putf(out, "user=%s", user);
	auth_line_end(out);
}

static void
put_challenge(struct auth_session *s, uint32_t id, const char *binding)
{
	struct buf *out = &s->peer.out;

	auth_line_put(out, STR_LIT("CONT"));
	auth_line_putf(out, "%u", (unsigned)id);
	auth_line_put(out, STR_LIT(""));
	crypto_base64_put(out, buf_str(&s->challenge));
	if (binding != NULL)
		auth_line_putf(out, "channel_binding=%s", binding);
	auth_line_end(out);
}

static void
put_greeting(struct auth_session *s)
{
	struct buf *out = &s->peer.out;
	uint8_t cookie[16];

	s->has_greeted = true;
	for (const struct mechanism *m = mechanisms; m->name != NULL; m++) {
		if (sasl_offers(m) && (!m->binds || s->can_bind))
			buf_putf(out, "MECH\t%s%s\n", m->name, m->flags);
	}
	buf_putf(out, "SPID\t%ld\nCUID\t%u\nCOOKIE\t", (long)getpid(),
	    s->connection);
	crypto_random(cookie, sizeof cookie);
	buf_put_hex(out, str_n((const char *)cookie, sizeof cookie));
	buf_puts(out, "\nDONE\n");
}

/* Steps. */

/* Where there are too many of them already, the client is told now. */
static void
put_late_fail(
    struct auth_session *s, uint32_t id, const char *user, int64_t delay)
{
	struct late_failure *l;

	if (delay == 0 || !guard_begin_delay(s->authd->guard)) {
		put_fail(s, id, user, NULL);
		return;
	}
	s->late = mem_resize(s->late, s->n_late + 1, sizeof *s->late);
	l = &s->late[s->n_late++];
	l->id = id;
	l->due = clock_ms() + delay;
	login_put(str(user), l->user, sizeof l->user);
}

static void
forget_late(struct auth_session *s, size_t i)
{
	guard_end_delay(s->authd->guard);
	s->late[i] = s->late[--s->n_late];
}

static size_t
find_late(const struct auth_session *s, uint32_t id)
{
	size_t i = 0;

	while (i < s->n_late && s->late[i].id != id)
		i++;
	return i;
}

/* What is due by then; the timer is set for the rest. */
static void
put_due(struct auth_session *s, int64_t then)
{
	int64_t next = s->has_greeted ? 0 : s->greets_by;
	size_t i = 0;

	while (i < s->n_late) {
		const struct late_failure *l = &s->late[i];

		if (l->due <= then) {
			put_fail(s, l->id, l->user, NULL);
			forget_late(s, i);
			continue;
		}
		if (next == 0 || l->due < next)
			next = l->due;
		i++;
	}
	session_set_timer(s->peer.session, next);
}

/* The exchange's next step; ends the request where it is the last. */
static void
step(struct auth_session *s, size_t i, bool first, bool has_response)
{
	struct request *r = s->requests[i];
	int64_t delay;
	enum sasl_result result = login_step(r->login, first,
	    buf_str(&s->decoded), has_response, &s->challenge, &delay);
	const char *user = login_user(r->login);

	switch (result) {
	case EXCHANGE_CONTINUE:
		put_challenge(
		    s, r->id, sasl_exchange_wants_binding(r->login->exchange));
		return;
	case EXCHANGE_OK:
		put_ok(s, r->id, user);
		break;
	case EXCHANGE_FAILED:
		put_late_fail(s, r->id, user, delay);
		break;
	case EXCHANGE_TEMP:
		put_temp_fail(s, r->id, user);
		break;
	}
	forget_request(s, i);
}

/* Lines. The protocol wants words that are not known to be passed over; what
 * makes no sense in known ones ends the connection. */

static enum session_next
nonsense(const struct auth_session *s, const char *why)
{
	log_warn(&s->peer.log, "protocol error", "protocol", "auth", "reason",
	    why, NULL);
	return SESSION_CLOSE;
}

static bool
take_id(struct auth_session *s, struct str *rest, uint32_t *id)
{
	uint64_t n;

	if (!auth_line_next(rest, &s->field) ||
	    !str_to_u64(buf_str(&s->field), 1, UINT32_MAX, &n))
		return false;
	*id = (uint32_t)n;
	return true;
}

static enum session_next
on_version(struct auth_session *s, struct str rest)
{
	uint64_t minor;

	if (!auth_line_next(&rest, &s->field) ||
	    !str_is(buf_str(&s->field), STR_LIT("1")))
		return nonsense(s, "another version of the protocol");
	s->has_version = true;
	if (s->has_greeted)
		return SESSION_PARK;
	s->can_bind =
	    auth_line_next(&rest, &s->field) &&
	    str_to_u64(buf_str(&s->field), MINOR_BINDING, UINT32_MAX, &minor);
	put_greeting(s);
	return SESSION_PARK;
}

static enum session_next
on_cpid(struct auth_session *s, struct str rest)
{
	uint32_t pid;

	if (!take_id(s, &rest, &pid))
		return nonsense(s, "bad CPID");
	s->has_pid = true;
	return SESSION_PARK;
}

struct parameters {
	bool secured, tls;
	bool has_response;
	bool bad_response;
};

/* What follows the mechanism. The response is the last (whatever stands behind
 * it is not read, so that no client can smuggle a parameter in), and goes into
 * `decoded`. */
static void
take_parameters(struct auth_session *s, struct str rest, struct login *l,
    struct parameters *p)
{
	while (!p->has_response && auth_line_next(&rest, &s->field)) {
		struct str value = buf_str(&s->field);
		struct str key = str_cut(&value, '=');

		if (str_is(key, STR_LIT("secured"))) {
			p->secured = true;
			p->tls = str_is(value, STR_LIT("tls"));
		} else if (str_is(key, STR_LIT("service"))) {
			login_put(value, l->service, sizeof l->service);
		} else if (str_is(key, STR_LIT("rip"))) {
			login_put(value, l->client, sizeof l->client);
		} else if (str_is(key, STR_LIT("session"))) {
			login_put(value, l->session, sizeof l->session);
		} else if (str_is(key, STR_LIT("valid-client-cert"))) {
			l->has_certificate = true;
		} else if (str_is(key, STR_LIT("cert_username"))) {
			/* Half a name is another's. */
			if (!str_copy(
				value, l->certificate, sizeof l->certificate))
				l->certificate[0] = '\0';
		} else if (str_is(key, STR_LIT("resp"))) {
			p->has_response = true;
			p->bad_response =
			    !crypto_base64_take(&s->decoded, value);
		}
	}
}

/* With the request at the list's end. NULL, or what the client is told. */
static const char *
begin(struct auth_session *s, struct login *l, struct str rest)
{
	const struct mechanism *m = NULL;
	struct parameters p = {0};

	if (auth_line_next(&rest, &s->field))
		m = mechanism_find(buf_str(&s->field));
	if (m == NULL || !sasl_offers(m))
		return "reason=Unsupported authentication mechanism";
	login_put(str(m->name), l->mechanism, sizeof l->mechanism);
	take_parameters(s, rest, l, &p);
	if (m->plaintext && !p.secured && !s->authd->options->auth_without_tls)
		return "reason=Plaintext authentication needs TLS";
	if (p.bad_response)
		return "reason=Invalid base64 data";
	sasl_exchange_set_channel(l->exchange, p.tls && s->can_bind);
	step(s, s->n - 1, true, p.has_response);
	return NULL;
}

static enum session_next
on_auth(struct auth_session *s, struct str rest)
{
	const char *trouble;
	struct request *r;
	uint32_t id;

	if (!s->has_version || !s->has_pid)
		return nonsense(s, "AUTH before VERSION and CPID");
	if (!take_id(s, &rest, &id))
		return nonsense(s, "AUTH without an id");
	if (find_request(s, id) < s->n || find_late(s, id) < s->n_late)
		return nonsense(s, "AUTH with an id that is in use");
	r = add_request(s, id);
	if (r == NULL) {
		put_temp_fail(s, id, NULL);
		return SESSION_PARK;
	}
	trouble = begin(s, r->login, rest);
	if (trouble != NULL) {
		put_fail(s, id, NULL, trouble);
		forget_request(s, s->n - 1);
	}
	return SESSION_PARK;
}

/* What the asking server knows of the channel, where we have asked for it. */
static bool
take_binding(struct auth_session *s, struct str rest, struct login *l)
{
	struct buf data;
	bool ok = true;

	buf_init(&data, AUTH_LINE_MAX);
	while (ok && auth_line_next(&rest, &s->field)) {
		struct str value = buf_str(&s->field);

		if (!str_is(str_cut(&value, '='), STR_LIT("channel_binding")) ||
		    sasl_exchange_wants_binding(l->exchange) == NULL)
			continue;
		ok = crypto_base64_take(&data, value) &&
		     sasl_exchange_set_binding(l->exchange, buf_str(&data));
	}
	buf_clear(&data);
	return ok;
}

/* Empty data may stand behind a TAB or not at all. */
static enum session_next
on_cont(struct auth_session *s, struct str rest)
{
	uint32_t id;
	size_t i;

	if (!take_id(s, &rest, &id))
		return nonsense(s, "CONT without an id");
	i = find_request(s, id);
	/* It may have been forgotten, or have failed. */
	if (i == s->n) {
		put_fail(s, id, NULL, NULL);
		return SESSION_PARK;
	}
	if (!auth_line_next(&rest, &s->field))
		buf_reset(&s->field);
	if (!crypto_base64_take(&s->decoded, buf_str(&s->field)) ||
	    !take_binding(s, rest, s->requests[i]->login)) {
		put_fail(s, id, NULL, "reason=Invalid base64 data");
		forget_request(s, i);
		return SESSION_PARK;
	}
	step(s, i, false, true);
	return SESSION_PARK;
}

static enum session_next
on_cancel(struct auth_session *s, struct str rest)
{
	uint32_t id;
	size_t i;

	if (!take_id(s, &rest, &id))
		return nonsense(s, "CANCEL without an id");
	i = find_request(s, id);
	if (i < s->n)
		forget_request(s, i);
	i = find_late(s, id);
	if (i < s->n_late)
		forget_late(s, i);
	return SESSION_PARK;
}

static const struct {
	const char *name;
	enum session_next (*run)(struct auth_session *s, struct str rest);
} words[] = {
    {"VERSION", on_version},
    {"CPID", on_cpid},
    {"AUTH", on_auth},
    {"CONT", on_cont},
    {"CANCEL", on_cancel},
};

static void
wipe_fields(struct auth_session *s)
{
	buf_clear(&s->field);
	buf_clear(&s->decoded);
	buf_clear(&s->challenge);
}

static enum session_next
take_line(struct auth_session *s, struct str line)
{
	enum session_next next = SESSION_PARK;

	if (!auth_line_next(&line, &s->field))
		return SESSION_PARK;
	for (size_t i = 0; i < ARRAY_LEN(words); i++) {
		if (str_is(buf_str(&s->field), str(words[i].name))) {
			next = words[i].run(s, line);
			break;
		}
	}
	wipe_fields(s);
	return next;
}

static enum session_next
take_lines(void *ctx)
{
	struct auth_session *s = ctx;
	struct buf *in = &s->peer.in;
	struct str line;

	while (buf_take_line(in, &line)) {
		if (take_line(s, line) == SESSION_CLOSE)
			return SESSION_CLOSE;
		if (peer_is_full(&s->peer) && peer_flush(&s->peer) < 0)
			return SESSION_CLOSE;
	}
	if (buf_len(in) == in->max)
		return nonsense(s, "line too long");
	/* What has been taken is wiped now, not when the memory is needed. */
	if (buf_len(in) == 0)
		buf_clear(in);
	put_due(s, clock_ms());
	return SESSION_PARK;
}

static enum session_next
on_input(void *state)
{
	struct auth_session *s = state;

	return peer_work(&s->peer, take_lines, s);
}

static enum session_next
on_timer(void *state)
{
	struct auth_session *s = state;

	if (!s->has_greeted && clock_ms() >= s->greets_by)
		put_greeting(s);
	put_due(s, clock_ms());
	return peer_flush(&s->peer) < 0 ? SESSION_CLOSE : SESSION_PARK;
}

/* Nobody is to wait for what will not come any more. */
static void
on_drain(void *state)
{
	struct auth_session *s = state;

	put_due(s, INT64_MAX);
	(void)!peer_flush(&s->peer);
}

static void *
on_open(void *service, struct session *session)
{
	struct auth_session *s = mem_new(struct auth_session);

	s->authd = service;
	peer_init(&s->peer, session, IN_MAX, OUT_MAX,
	    (int64_t)s->authd->options->idle_timeout);
	s->peer.in.secret = true;
	buf_init_secret(&s->field, AUTH_LINE_MAX);
	buf_init_secret(&s->decoded, AUTH_LINE_MAX);
	buf_init_secret(&s->challenge, AUTH_LINE_MAX);
	atomic_fetch_add(&s->authd->counters.connections, 1);
	s->connection = atomic_fetch_add(&s->authd->connection, 1) + 1;
	s->greets_by = clock_ms() + PATIENCE_MS;
	buf_putf(&s->peer.out, "VERSION\t%d\t%d\n", MAJOR, MINOR);
	session_set_timer(session, s->greets_by);
	/* Where this fails, reading will fail too and end the session. */
	(void)!peer_flush(&s->peer);
	return s;
}

static void
on_close(void *state)
{
	struct auth_session *s = state;

	while (s->n > 0)
		forget_request(s, s->n - 1);
	while (s->n_late > 0)
		forget_late(s, s->n_late - 1);
	mem_free(s->late);
	wipe_fields(s);
	peer_clear(&s->peer);
	mem_free(s);
}

const struct session_ops auth_session_ops = {
    .open = on_open,
    .on_input = on_input,
    .on_timer = on_timer,
    .on_drain = on_drain,
    .close = on_close,
};
