/* SPDX-License-Identifier: ISC */
/*
 * One request, one answer, and the end: for two protocols that differ only in
 * how either looks. A refusal that the guard wants delayed is kept as the one
 * thing that the session waits for.
 */
#include "config.h"

#include "auth/door_session.h"

#include "auth/directory_quota.h"
#include "auth/guard.h"
#include "auth/home.h"
#include "auth/login.h"
#include "auth/name.h"
#include "proto/peer.h"
#include "base/clock.h"
#include "base/mem.h"
#include "proto/authdaemon.h"
#include "proto/saslauthd.h"

enum {
	OUT_MAX = 8 << 10,
	SILENT_MS = 30000, /* without having asked */
	LOGIN_SIZE = 2 * NAME_SIZE,
};

enum take { TAKE_OK, TAKE_MORE, TAKE_BAD };

struct request {
	enum {
		REQUEST_CHECK,
		REQUEST_LOOK_UP,
		REQUEST_LIST,
		REQUEST_NONSENSE
	} what;
	struct str user, realm, password, service, client;
};

struct codec {
	const char *protocol;
	size_t in_max;
	enum take (*take)(struct str in, struct request *r, size_t *used);
	void (*put_ok)(
	    struct buf *out, const struct authd *authd, const char *user);
	void (*put_no)(struct buf *out);
};

struct door_session {
	struct authd *authd;
	const struct codec *codec;
	struct peer peer;
	bool has_asked;
	bool is_late; /* a refusal is being kept back */
};

/* saslauthd. */

static enum take
take_saslauthd(struct str in, struct request *r, size_t *used)
{
	struct saslauthd_request got;

	switch (saslauthd_take(in, &got, used)) {
	case SASLAUTHD_MORE:
		return TAKE_MORE;
	case SASLAUTHD_BAD:
		return TAKE_BAD;
	case SASLAUTHD_OK:
		break;
	}
	*r = (struct request){
	    .what = REQUEST_CHECK,
	    .user = got.user,
	    .realm = got.realm,
	    .password = got.password,
	    .service = got.service,
	    .client = got.client,
	};
	return TAKE_OK;
}

static void
put_saslauthd_ok(struct buf *out, const struct authd *authd, const char *user)
{
	(void)authd;
	(void)user;
	saslauthd_put_answer(out, true);
}

static void
put_saslauthd_no(struct buf *out)
{
	saslauthd_put_answer(out, false);
}

static const struct codec saslauthd = {
    .protocol = "saslauthd",
    .in_max = SASLAUTHD_REQUEST_MAX,
    .take = take_saslauthd,
    .put_ok = put_saslauthd_ok,
    .put_no = put_saslauthd_no,
};

/* authdaemond. */

static enum take
take_authdaemon(struct str in, struct request *r, size_t *used)
{
	static const int asked[] = {
	    [AUTHDAEMON_PRE] = REQUEST_LOOK_UP,
	    [AUTHDAEMON_AUTH] = REQUEST_CHECK,
	    [AUTHDAEMON_ENUMERATE] = REQUEST_LIST,
	    [AUTHDAEMON_OTHER] = REQUEST_NONSENSE,
	};
	struct authdaemon_request got;

	switch (authdaemon_take(in, &got, used)) {
	case AUTHDAEMON_MORE:
		return TAKE_MORE;
	case AUTHDAEMON_BAD:
		return TAKE_BAD;
	case AUTHDAEMON_OK:
		break;
	}
	*r = (struct request){
	    .what = asked[got.verb],
	    .user = got.user,
	    .password = got.password,
	    .service = got.service,
	    .client = got.client,
	};
	return TAKE_OK;
}

/* As the first line of maildirsize. Who cannot be asked now has none. */
static void
put_quota(struct buf *out, const struct authd *authd, const char *name)
{
	struct directory_user user;
	struct quota_value value;
	struct buf quota;
	struct fault f;

	if (directory_quota_get(
		authd->directory, str(name), &user, &value, &f) <= 0)
		return;
	buf_init(&quota, 64);
	quota_value_put_maildir(&quota, &value);
	if (buf_len(&quota) > 0)
		authdaemon_put(out, "QUOTA", buf_str(&quota));
	buf_clear(&quota);
}

static void
put_authdaemon_ok(struct buf *out, const struct authd *authd, const char *user)
{
	struct home home;

	/* Where the mailbox is has been configured, and a name that is in the
	 * directory is a path (name.h). */
	if (!home_find(&authd->homes, str(user), &home)) {
		authdaemon_put_fail(out);
		return;
	}
	buf_putf(out, "UID=%lu\nGID=%lu\n", (unsigned long)home.uid,
	    (unsigned long)home.gid);
	authdaemon_put(out, "HOME", str(home.path));
	authdaemon_put(out, "ADDRESS", str(user));
	authdaemon_put(out, "MAILDIR", str(home.path));
	put_quota(out, authd, user);
	authdaemon_put_end(out);
}

static const struct codec authdaemon = {
    .protocol = "authdaemon",
    .in_max = AUTHDAEMON_REQUEST_MAX,
    .take = take_authdaemon,
    .put_ok = put_authdaemon_ok,
    .put_no = authdaemon_put_fail,
};

/* Answers. */

static enum session_next
refuse(struct door_session *s, int64_t delay)
{
	if (delay == 0 || !guard_begin_delay(s->authd->guard)) {
		s->codec->put_no(&s->peer.out);
		return SESSION_CLOSE;
	}
	s->is_late = true;
	/* From now on only the timer, or the client's end, is waited for. */
	s->peer.idle_ms = 0;
	session_set_timer(s->peer.session, clock_ms() + delay);
	return SESSION_PARK;
}

/* A realm completes what is no address yet. */
static struct str
full_name(const struct request *r, char name[LOGIN_SIZE])
{
	struct buf b;
	bool ok;

	if (r->realm.len == 0 || str_has(r->user, '@'))
		return r->user;
	buf_init(&b, LOGIN_SIZE - 1);
	buf_put_str(&b, r->user);
	buf_putc(&b, '@');
	buf_put_str(&b, r->realm);
	ok = !buf_is_full(&b) && str_copy(buf_str(&b), name, LOGIN_SIZE);
	buf_clear(&b);
	return ok ? str(name) : r->user;
}

static enum session_next
check(struct door_session *s, const struct request *r)
{
	struct login *login = login_new(s->authd, &s->peer.log);
	enum session_next next = SESSION_CLOSE;
	char name[LOGIN_SIZE];
	int64_t delay;

	login_put(r->service, login->service, sizeof login->service);
	login_put(r->client, login->client, sizeof login->client);
	switch (login_check(login, full_name(r, name), r->password, &delay)) {
	case EXCHANGE_OK:
		s->codec->put_ok(&s->peer.out, s->authd, login_user(login));
		break;
	case EXCHANGE_CONTINUE:
	case EXCHANGE_FAILED:
		next = refuse(s, delay);
		break;
	case EXCHANGE_TEMP:
		break;
	}
	login_free(&login);
	return next;
}

static void
look_up(struct door_session *s, const struct request *r)
{
	struct directory_user user;
	struct fault f;
	int rc = directory_user_get(s->authd->directory, r->user, &user, &f);

	mem_wipe(user.hash, sizeof user.hash);
	if (rc > 0 && !user.disabled)
		s->codec->put_ok(&s->peer.out, s->authd, user.name);
	else if (rc >= 0)
		s->codec->put_no(&s->peer.out);
	else
		log_error(&s->peer.log, "look-up failed", "protocol",
		    s->codec->protocol, "reason", f.text, NULL);
}

struct listing {
	struct door_session *session;
	char last[NAME_SIZE];
};

/* 1 where there is enough to be written. */
static int
list_one(void *ctx, const struct directory_user *user)
{
	struct listing *l = ctx;
	struct buf *out = &l->session->peer.out;
	struct home home;

	memcpy(l->last, user->name, sizeof l->last);
	if (!user->disabled &&
	    home_find(&l->session->authd->homes, str(user->name), &home))
		authdaemon_put_user(out, str(user->name),
		    (unsigned long)home.uid, (unsigned long)home.gid,
		    home.path);
	return buf_len(out) > OUT_MAX / 2;
}

/* All users, as fast as the client reads. */
static void
list_users(struct door_session *s)
{
	struct listing l = {.session = s};
	struct fault f;
	int rc;

	do {
		rc = directory_each_user(s->authd->directory, str(""),
		    str(l.last), list_one, &l, &f);
	} while (rc > 0 && peer_flush(&s->peer) == 0);
	if (rc == 0)
		authdaemon_put_end(&s->peer.out);
	else if (rc < 0)
		log_error(&s->peer.log, "look-up failed", "protocol",
		    s->codec->protocol, "reason", f.text, NULL);
}

static enum session_next
answer(struct door_session *s, const struct request *r)
{
	switch (r->what) {
	case REQUEST_CHECK:
		return check(s, r);
	case REQUEST_LOOK_UP:
		look_up(s, r);
		break;
	case REQUEST_LIST:
		list_users(s);
		break;
	case REQUEST_NONSENSE:
		s->codec->put_no(&s->peer.out);
		break;
	}
	return SESSION_CLOSE;
}

static enum session_next
take_request(void *ctx)
{
	struct door_session *s = ctx;
	struct buf *in = &s->peer.in;
	enum session_next next = SESSION_CLOSE;
	struct request r;
	size_t used;

	/* More than one request is not asked. */
	if (s->has_asked) {
		buf_clear(in);
		return SESSION_PARK;
	}
	switch (s->codec->take(buf_str(in), &r, &used)) {
	case TAKE_MORE:
		return SESSION_PARK;
	case TAKE_BAD:
		log_warn(&s->peer.log, "protocol error", "protocol",
		    s->codec->protocol, "reason", "too long, or nonsense",
		    NULL);
		s->codec->put_no(&s->peer.out);
		break;
	case TAKE_OK:
		s->has_asked = true;
		next = answer(s, &r);
		break;
	}
	buf_clear(in);
	return next;
}

static enum session_next
on_input(void *state)
{
	struct door_session *s = state;

	return peer_work(&s->peer, take_request, s);
}

static void
put_late(struct door_session *s)
{
	if (!s->is_late)
		return;
	s->codec->put_no(&s->peer.out);
	/* Nobody is left who could be told that this did not arrive. */
	(void)!peer_flush(&s->peer);
}

static enum session_next
on_timer(void *state)
{
	put_late(state);
	return SESSION_CLOSE;
}

static void
on_drain(void *state)
{
	put_late(state);
}

static void *
open_door(struct authd *authd, struct session *session, const struct codec *c)
{
	struct door_session *s = mem_new(struct door_session);

	s->authd = authd;
	s->codec = c;
	peer_init(&s->peer, session, c->in_max, OUT_MAX, SILENT_MS);
	s->peer.in.secret = true;
	atomic_fetch_add(&authd->counters.connections, 1);
	return s;
}

static void *
open_saslauthd(void *service, struct session *session)
{
	return open_door(service, session, &saslauthd);
}

static void *
open_authdaemon(void *service, struct session *session)
{
	return open_door(service, session, &authdaemon);
}

static void
on_close(void *state)
{
	struct door_session *s = state;

	if (s->is_late)
		guard_end_delay(s->authd->guard);
	peer_clear(&s->peer);
	mem_free(s);
}

const struct session_ops saslauthd_session_ops = {
    .open = open_saslauthd,
    .on_input = on_input,
    .on_timer = on_timer,
    .on_drain = on_drain,
    .close = on_close,
};

const struct session_ops authdaemon_session_ops = {
    .open = open_authdaemon,
    .on_input = on_input,
    .on_timer = on_timer,
    .on_drain = on_drain,
    .close = on_close,
};
