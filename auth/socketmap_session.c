/* SPDX-License-Identifier: ISC */
/*
 * Socketmap, the server: queries are answered in order, as many in one write
 * as came in one read.
 */
#include "config.h"

#include "auth/socketmap_session.h"

#include "auth/authd.h"
#include "auth/directory.h"
#include "auth/directory_group.h"
#include "auth/directory_quota.h"
#include "auth/name.h"
#include "proto/peer.h"
#include "auth/recent.h"
#include "base/clock.h"
#include "base/mem.h"
#include "base/net.h"
#include "base/netstring.h"
#include "proto/socketmap.h"

enum {
	IN_MAX = 64 << 10,
	OUT_MAX = 256 << 10, /* far more than a full peer and one reply */
	VALUE_MAX = SOCKETMAP_REPLY_MAX - 16,
};

struct socketmap_session {
	struct authd *authd;
	struct peer peer;
	struct buf value;
};

/* Maps. Each: 1 with the value, 0 not found, -1. */

typedef int map_call(
    struct directory *d, struct str key, struct buf *value, struct fault *f);

static int
look_up_domain(
    struct directory *d, struct str key, struct buf *value, struct fault *f)
{
	char name[NAME_SIZE];
	int rc;

	if (!name_domain_key(key, name))
		return 0;
	rc = directory_domain_get(d, str(name), f);
	if (rc > 0)
		buf_puts(value, name);
	return rc;
}

static int
look_up_mailbox(
    struct directory *d, struct str key, struct buf *value, struct fault *f)
{
	struct directory_user user;
	int rc = directory_find_mailbox(d, key, &user, f);

	if (rc <= 0)
		return rc;
	if (user.disabled || user.no_receive)
		return fault_perm(f, "5.2.1", "this mailbox is disabled");
	buf_puts(value, user.name);
	return 1;
}

/* As proto/quota_value.h has it. */
static int
look_up_quota(
    struct directory *d, struct str key, struct buf *value, struct fault *f)
{
	struct directory_user user;
	struct quota_value v;
	int rc = directory_quota_get(d, key, &user, &v, f);

	if (rc > 0)
		quota_value_put(value, &v);
	return rc;
}

/* The user whose mailbox it is; a fault while that is on its way to another
 * node. */
static int
find_kept(struct directory *d, struct str key, struct directory_user *user,
    struct fault *f)
{
	int rc = directory_find_mailbox(d, key, user, f);

	if (rc > 0 && user->moving)
		return fault_temp(f, "4.2.0", "this mailbox is being moved");
	return rc > 0 ? user->node[0] != '\0' : rc;
}

static int
look_up_node(
    struct directory *d, struct str key, struct buf *value, struct fault *f)
{
	struct directory_user user;
	int rc = find_kept(d, key, &user, f);

	if (rc > 0)
		buf_puts(value, user.node);
	return rc;
}

/* In the words of Postfix: "lmtp:inet:192.0.2.7:24", "lmtp:unix:/path". */
static int
look_up_transport(const struct authd *authd, struct str key, struct buf *value,
    struct fault *f)
{
	const struct node_options *node;
	struct directory_user user;
	struct net_address address;
	int rc;

	/* What is no address is a domain, of whose mailboxes each has a node
	 * of its own. */
	if (!str_has(key, '@'))
		return 0;
	rc = find_kept(authd->directory, key, &user, f);
	if (rc <= 0)
		return rc;
	node = authd_options_node(authd->options, user.node);
	if (node == NULL)
		return fault_temp(f, "4.3.5",
		    "the configuration has no node \"%s\"", user.node);
	if (net_parse(str(node->lmtp), &address, f) < 0)
		return -1;
	buf_putf(value, "lmtp:%s%s",
	    net_is_unix(&address) ? "" : "inet:", node->lmtp);
	return 1;
}

/* "verp=no from=keep id=team.example.org unsubscribe=URI title=The Team" */
static int
look_up_group(
    struct directory *d, struct str key, struct buf *value, struct fault *f)
{
	struct directory_group *g = mem_new(struct directory_group);
	int rc = directory_group_get(d, key, g, f);

	if (rc > 0)
		buf_putf(value, "verp=%s from=%s id=%s unsubscribe=%s title=%s",
		    g->verp ? "yes" : "no",
		    g->rewrites_from ? "rewrite" : "keep", g->list_id,
		    g->unsubscribe, g->title);
	mem_free(g);
	return rc;
}

/* "GROUP" or "GROUP AFTER" */
static int
look_up_members(
    struct directory *d, struct str key, struct buf *value, struct fault *f)
{
	struct str after = key, group = str_cut(&after, ' ');

	return directory_group_mailboxes(d, group, after, value, f);
}

/* "GROUP - SENDER", "GROUP trusted SENDER" or "GROUP LOGIN SENDER" */
static int
look_up_post(
    struct directory *d, struct str key, struct buf *value, struct fault *f)
{
	struct str rest = key, group = str_cut(&rest, ' ');
	struct str client = str_cut(&rest, ' ');
	bool stranger = str_is(client, STR_LIT("-"));
	struct directory_poster who = {
	    .sender = rest,
	    .trusted = !stranger,
	};
	int rc;

	if (client.len == 0)
		return fault_perm(
		    f, "5.5.4", "a key is a group, a client and a sender");
	if (!stranger && !str_is(client, STR_LIT("trusted")))
		who.login = client;
	rc = directory_group_may_post(d, group, &who, f);
	if (rc > 0)
		buf_put_str(value, group);
	return rc;
}

static const struct {
	const char *name;
	map_call *look_up;
} maps[] = {
    {"recipient", directory_resolve},
    {"mailbox", look_up_mailbox},
    {"domain", look_up_domain},
    {"sender", directory_senders},
    {"alias", directory_find_alias},
    {"forward", directory_srs_forward},
    {"reverse", directory_srs_reverse},
    {"group", look_up_group},
    {"members", look_up_members},
    {"post", look_up_post},
    {"quota", look_up_quota},
    {"node", look_up_node},
};

static map_call *
find_map(struct str name)
{
	for (size_t i = 0; i < ARRAY_LEN(maps); i++) {
		if (str_is(name, str(maps[i].name)))
			return maps[i].look_up;
	}
	return NULL;
}

/* Queries. */

static int
look_up(struct socketmap_session *s, struct str query, struct fault *f)
{
	struct str map, key;
	map_call *call;

	buf_reset(&s->value);
	if (!socketmap_parse_query(query, &map, &key))
		return fault_perm(f, "5.5.2", "a query is a map and a key");
	if (str_is(map, STR_LIT("login")))
		return recent_logins_get(
		    s->authd->recent, key, clock_ms(), &s->value);
	if (str_is(map, STR_LIT("transport")))
		return look_up_transport(s->authd, key, &s->value, f);
	call = find_map(map);
	if (call == NULL)
		return fault_perm(f, "5.5.4", "there is no map \"%.*s\"",
		    STR_ARG(str_head(map, 40)));
	return call(s->authd->directory, key, &s->value, f);
}

static enum socketmap_status
status_of(int rc, const struct fault *f)
{
	if (rc >= 0)
		return rc > 0 ? SOCKETMAP_OK : SOCKETMAP_NOTFOUND;
	return f->kind == FAULT_TEMP ? SOCKETMAP_TEMP : SOCKETMAP_PERM;
}

static void
count(struct authd_counters *c, int rc)
{
	atomic_fetch_add_explicit(&c->lookups, 1, memory_order_relaxed);
	if (rc > 0)
		atomic_fetch_add_explicit(
		    &c->lookups_found, 1, memory_order_relaxed);
	if (rc < 0)
		atomic_fetch_add_explicit(
		    &c->lookups_failed, 1, memory_order_relaxed);
}

/* A fault that is the directory's own is for the operator. */
static void
note(struct socketmap_session *s, struct str query, int rc,
    const struct fault *f)
{
	char text[200];

	if (!(rc < 0 && f->kind == FAULT_TEMP) && !log_is_on(LOG_LEVEL_DEBUG))
		return;
	if (!str_copy(str_head(query, sizeof text - 1), text, sizeof text))
		text[0] = '\0';
	if (rc < 0 && f->kind == FAULT_TEMP)
		log_error(&s->peer.log, "look-up failed", "query", text,
		    "reason", f->text, NULL);
	else
		log_debug(&s->peer.log, "look-up", "query", text, "found",
		    LOG_NUM(rc > 0), "reason", rc < 0 ? f->text : NULL, NULL);
}

static void
answer(struct socketmap_session *s, struct str query)
{
	struct fault f;
	int rc = look_up(s, query, &f);

	count(&s->authd->counters, rc);
	note(s, query, rc, &f);
	if (rc < 0) {
		buf_reset(&s->value);
		buf_putf(&s->value, "%s %s", f.dsn, f.text);
	}
	socketmap_put_reply(
	    &s->peer.out, status_of(rc, &f), buf_str(&s->value));
}

static enum session_next
take_queries(void *ctx)
{
	struct socketmap_session *s = ctx;
	struct buf *in = &s->peer.in;

	for (;;) {
		struct str query;
		size_t used;

		switch (netstring_take(
		    buf_str(in), SOCKETMAP_QUERY_MAX, &query, &used)) {
		case NETSTRING_OK:
			break;
		case NETSTRING_MORE:
			return SESSION_PARK;
		case NETSTRING_BAD:
			log_warn(&s->peer.log, "no netstring", "protocol",
			    "socketmap", NULL);
			return SESSION_CLOSE;
		}
		answer(s, query);
		buf_consume(in, used);
		if (peer_is_full(&s->peer) && peer_flush(&s->peer) < 0)
			return SESSION_CLOSE;
	}
}

static enum session_next
on_input(void *state)
{
	struct socketmap_session *s = state;

	return peer_work(&s->peer, take_queries, s);
}

static void *
on_open(void *service, struct session *session)
{
	struct socketmap_session *s = mem_new(struct socketmap_session);

	s->authd = service;
	peer_init(&s->peer, session, IN_MAX, OUT_MAX,
	    (int64_t)s->authd->options->idle_timeout);
	buf_init(&s->value, VALUE_MAX);
	atomic_fetch_add(&s->authd->counters.connections, 1);
	return s;
}

static void
on_close(void *state)
{
	struct socketmap_session *s = state;

	peer_clear(&s->peer);
	buf_clear(&s->value);
	mem_free(s);
}

const struct session_ops socketmap_session_ops = {
    .open = on_open,
    .on_input = on_input,
    .close = on_close,
};
