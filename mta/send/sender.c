/* SPDX-License-Identifier: ISC */
/*
 * One message to one target: over a wire that is kept, or a new one to the first
 * of its hosts that takes a session. What a server says to the message is an
 * answer, and final for this time; where no session comes about, or it ends
 * before the message was begun, the next host is tried.
 */
#include "config.h"

#include "mta/send/sender.h"

#include <stdio.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/tls.h"
#include "mta/send/connect.h"
#include "mta/send/pool.h"
#include "mta/send/slow_down.h"
#include "mta/send/tls_broken.h"
#include "mta/send/wire.h"

enum {
	/* One batch of RCPTs is written without reading the answers, which
	 * must therefore fit into the socket's buffers. */
	GROUP_MAX = 100,
	DNS_MS = 30000,
	SMTP_PORT = 25,
};

struct sender {
	struct sender_conf conf;
	struct pool *pool;
	struct tls_broken *broken;
	struct tls_client *anyone;   /* encryption only */
	struct tls_client *verified; /* by name */
};

/* What one call is about. */
struct delivery {
	struct sender *sender;
	const struct target *target;
	struct send_message message; /* one group of the recipients */
	struct smtp_outcome *outcomes;
	struct send_report *report;
	char key[POOL_KEY_SIZE];
	unsigned tries;
	bool was_cut; /* a session was, before the message was begun */
};

static void
set_defaults(struct sender_conf *conf)
{
	if (conf->max_idle == 0)
		conf->max_idle = 100;
	if (conf->idle_ms == 0)
		conf->idle_ms = 5000;
	if (conf->max_messages == 0)
		conf->max_messages = 1000;
	if (conf->max_hosts == 0)
		conf->max_hosts = 5;
	if (conf->connect_ms == 0)
		conf->connect_ms = 30000;
	if (conf->port == 0)
		conf->port = SMTP_PORT;
}

struct sender *
sender_new(const struct sender_conf *conf, struct fault *f)
{
	struct sender *s = mem_new(struct sender);

	s->conf = *conf;
	set_defaults(&s->conf);
	s->pool = pool_new(s->conf.max_idle, s->conf.idle_ms);
	s->broken = tls_broken_new();
	s->anyone = tls_client_new(false, NULL, f);
	if (s->anyone != NULL)
		s->verified = tls_client_new(true, conf->ca_file, f);
	if (s->verified == NULL)
		sender_free(&s);
	return s;
}

void
sender_free(struct sender **sender)
{
	struct sender *s = *sender;

	if (s == NULL)
		return;
	pool_free(&s->pool);
	tls_broken_free(&s->broken);
	tls_client_free(&s->anyone);
	tls_client_free(&s->verified);
	mem_free(s);
	*sender = NULL;
}

void
sender_tidy(struct sender *s)
{
	pool_tidy(s->pool);
}

unsigned
sender_idle(struct sender *s)
{
	return pool_idle(s->pool);
}

/* Addresses. */

static uint16_t
port_of(const struct delivery *d)
{
	const struct route *route = &d->target->route;

	if (route->port != 0)
		return route->port;
	return route->kind == ROUTE_MX ? d->sender->conf.port : SMTP_PORT;
}

/* "[192.0.2.1]" or "[IPv6:2001:db8::1]": false where name is no literal. */
static bool
parse_literal(const char *name, struct net_address *address)
{
	struct str s = str(name);
	char text[DNS_NAME_SIZE + 8];
	struct fault ignored;

	if (s.len < 3 || s.at[0] != '[' || s.at[s.len - 1] != ']')
		return false;
	s = str_n(s.at + 1, s.len - 2);
	if (str_starts_nocase(s, STR_LIT("IPv6:")))
		snprintf(
		    text, sizeof text, "[%.*s]:0", STR_ARG(str_from(s, 5)));
	else
		snprintf(text, sizeof text, "%.*s:0", STR_ARG(s));
	return net_parse(str(text), address, &ignored) == 0;
}

static int
find_addresses(struct delivery *d, const struct target_host *host,
    struct connect *c, struct fault *f)
{
	const struct sender_conf *conf = &d->sender->conf;
	struct net_address found[DNS_RECORDS_MAX];
	struct dns_answer answer = {.n = 1};

	if (d->target->route.kind == ROUTE_LMTP)
		found[0] = d->target->route.lmtp;
	else if (!parse_literal(host->name, &found[0]) &&
		 dns_addresses(conf->dns, host->name, clock_ms() + DNS_MS,
		     &answer, found, NULL, f) < 0)
		return -1;
	if (answer.n == 0)
		return fault_temp(f, "4.4.4", "%s has no address", host->name);
	if (d->target->route.kind == ROUTE_LMTP) {
		c->addresses[0] = found[0];
		c->n = 1;
		c->next = 0;
	} else {
		connect_init(c, found, answer.n, port_of(d));
	}
	c->limit_ms = conf->connect_ms;
	c->bind4 = conf->bind4;
	c->bind6 = conf->bind6;
	return 0;
}

/* A session: greeting, EHLO, TLS, AUTH. */

/* At least encryption where there is a password to show. */
static enum route_tls
level_of(const struct delivery *d)
{
	const struct route *route = &d->target->route;

	if (route->kind == ROUTE_LMTP && net_is_unix(&route->lmtp))
		return ROUTE_TLS_NONE;
	if (route->tls < ROUTE_TLS_ENCRYPT &&
	    (route->user != NULL || route->implicit_tls))
		return ROUTE_TLS_ENCRYPT;
	return route->tls;
}

/* STARTTLS as far as it is wanted. *failed: the handshake was tried. */
static int
encrypt(struct delivery *d, struct wire *wire, const char *name,
    enum route_tls level, bool *failed, struct fault *f)
{
	struct sender *s = d->sender;
	bool offered = (wire_peer(wire)->extensions & EXT_STARTTLS) != 0;
	int rc;

	*failed = false;
	if (level == ROUTE_TLS_NONE || (level == ROUTE_TLS_MAY && !offered))
		return 0;
	if (!offered)
		return fault_temp(f, "4.7.10",
		    "TLS is required, and %s does not offer it", name);
	rc = wire_starttls(
	    wire, level == ROUTE_TLS_VERIFY ? s->verified : s->anyone, name, f);
	*failed = rc < 0;
	/* Refused: the session may go on in the clear. */
	if (rc == 1 && level == ROUTE_TLS_MAY)
		return 0;
	return rc == 0 ? 0 : -1;
}

static int
open_session(struct delivery *d, struct wire *wire, const char *name,
    enum route_tls level, bool *tls_failed, struct fault *f)
{
	const struct route *route = &d->target->route;
	struct sender *s = d->sender;

	*tls_failed = false;
	if (route->implicit_tls) {
		if (wire_tls_first(wire,
			level == ROUTE_TLS_VERIFY ? s->verified : s->anyone,
			name, f) < 0 ||
		    wire_greet(wire, f) < 0)
			return -1;
	} else if (wire_greet(wire, f) < 0 ||
		   encrypt(d, wire, name, level, tls_failed, f) < 0) {
		return -1;
	}
	if (route->user == NULL ||
	    wire_auth(wire, route->user, route->password, f) == 0)
		return 0;
	log_warn(NULL, "authentication to the next hop failed", "host", name,
	    "dsn", f->dsn, "reason", f->text, NULL);
	return -1;
}

static struct wire *
new_wire(const struct delivery *d, int fd)
{
	const struct wire_conf conf = {
	    .dialect = d->target->route.kind == ROUTE_LMTP ? DIALECT_LMTP
							   : DIALECT_SMTP,
	    .hostname = d->sender->conf.hostname,
	    .haste = d->sender->conf.haste,
	};

	return wire_new(fd, &conf);
}

/* One more connection to an address that was just reached. */
static int
connect_again(
    struct delivery *d, const struct net_address *address, struct fault *f)
{
	struct connect c = {
	    .addresses = {*address},
	    .n = 1,
	    .limit_ms = d->sender->conf.connect_ms,
	    .bind4 = d->sender->conf.bind4,
	    .bind6 = d->sender->conf.bind6,
	};
	struct net_address reached;

	return connect_next(&c, &reached, f);
}

/* Where opportunistic TLS fails, the same address gets another session, in
 * the clear. */
static int
open_wire(struct delivery *d, struct pool_wire *w, int fd,
    const struct net_address *address, struct fault *f)
{
	struct tls_broken *broken = d->sender->broken;
	enum route_tls level = level_of(d);
	bool tls_failed;

	if (level == ROUTE_TLS_MAY && tls_broken_is_known(broken, w->address))
		level = ROUTE_TLS_NONE;
	w->wire = new_wire(d, fd);
	if (open_session(d, w->wire, w->host, level, &tls_failed, f) == 0)
		return 0;
	wire_free(&w->wire);
	if (!tls_failed || level != ROUTE_TLS_MAY)
		return -1;
	log_info(NULL, "TLS failed, sending in the clear", "host", w->host,
	    "address", w->address, "reason", f->text, NULL);
	tls_broken_note(broken, w->address);
	fd = connect_again(d, address, f);
	if (fd < 0)
		return -1;
	w->wire = new_wire(d, fd);
	level = ROUTE_TLS_NONE;
	if (open_session(d, w->wire, w->host, level, &tls_failed, f) == 0)
		return 0;
	wire_free(&w->wire);
	return -1;
}

/* The message. */

static void
report_wire(struct send_report *r, const struct pool_wire *w)
{
	const struct tls_info *tls = wire_tls(w->wire);

	memcpy(r->host, w->host, sizeof r->host);
	memcpy(r->address, w->address, sizeof r->address);
	r->has_dsn = (wire_peer(w->wire)->extensions & EXT_DSN) != 0;
	r->tls_version[0] = r->tls_cipher[0] = '\0';
	r->is_tls_verified = false;
	if (tls == NULL)
		return;
	memcpy(r->tls_version, tls->version, sizeof r->tls_version);
	memcpy(r->tls_cipher, tls->cipher, sizeof r->tls_cipher);
	r->is_tls_verified = tls->is_verified;
}

static void
give_back(struct delivery *d, struct pool_wire *w)
{
	unsigned max = wire_peer(w->wire)->mail_max;
	unsigned messages = wire_messages(w->wire);

	if (wire_is_open(w->wire) && messages < d->sender->conf.max_messages &&
	    (max == 0 || messages < max))
		pool_put(d->sender->pool, w);
	else
		wire_free(&w->wire);
}

static void
fail_all(struct delivery *d, enum send_reach reach)
{
	struct fault *f = &d->report->fault;

	d->report->reach = reach;
	f->kind = FAULT_TEMP;
	if (f->dsn[0] != '4')
		f->dsn[0] = '4';
	for (size_t i = 0; i < d->message.n_rcpts; i++)
		d->outcomes[i] = (struct smtp_outcome){.fault = *f};
}

/* Takes the wire. True where that settles the matter for this time. */
static bool
converse(struct delivery *d, struct pool_wire *w, bool was_kept)
{
	struct fault *f = &d->report->fault;
	enum wire_result result;

	report_wire(d->report, w);
	d->report->was_kept = was_kept;
	result = wire_send(w->wire, &d->message, d->outcomes, f);
	if (result == WIRE_ANSWERED) {
		give_back(d, w);
		d->report->reach = SEND_ANSWERED;
		return true;
	}
	wire_free(&w->wire);
	switch (result) {
	case WIRE_DOUBTFUL:
		fail_all(d, SEND_DOUBTFUL);
		return true;
	case WIRE_UNREAD:
		/* Nobody's fault but ours: the hop is not to suffer. */
		fail_all(d, SEND_ANSWERED);
		return true;
	default:
		break;
	}
	if (was_kept) {
		/* It was about to end anyway, and so are its like. */
		pool_drop(d->sender->pool, d->key);
		return false;
	}
	d->was_cut = true;
	if (result == WIRE_BROKEN)
		fail_all(d, SEND_BROKEN);
	return result == WIRE_BROKEN;
}

static bool
try_kept(struct delivery *d)
{
	struct pool_wire w;

	while (pool_take(d->sender->pool, d->key, &w))
		if (converse(d, &w, true))
			return true;
	return false;
}

static bool
try_host(struct delivery *d, const struct target_host *host)
{
	struct fault *f = &d->report->fault;
	struct connect c = {.n = 0};
	bool reached = false;

	memcpy(d->report->host, host->name, sizeof d->report->host);
	d->report->address[0] = '\0';
	if (find_addresses(d, host, &c, f) < 0) {
		d->tries++;
		return false;
	}
	while (d->tries < d->sender->conf.max_hosts &&
	       (c.next < c.n || !reached)) {
		struct pool_wire w = {.wire = NULL};
		struct net_address address;
		int fd = connect_next(&c, &address, f);

		d->tries++;
		reached = true;
		if (fd < 0)
			return false;
		memcpy(w.key, d->key, sizeof w.key);
		memcpy(w.host, host->name, sizeof w.host);
		net_format(&address, w.address, sizeof w.address);
		memcpy(d->report->address, w.address, sizeof w.address);
		if (open_wire(d, &w, fd, &address, f) == 0 &&
		    converse(d, &w, false))
			return true;
	}
	return false;
}

static void
send_group(struct delivery *d)
{
	const struct target *target = d->target;

	fault_temp(&d->report->fault, "4.4.4", "there is no host to send to");
	if (try_kept(d))
		return;
	for (size_t i = 0; i < target->n_hosts; i++) {
		if (d->tries >= d->sender->conf.max_hosts)
			break;
		if (try_host(d, &target->hosts[i]))
			return;
	}
	fail_all(d, d->was_cut ? SEND_BROKEN : SEND_UNREACHED);
}

static void
note_slow_down(
    struct send_report *r, const struct smtp_outcome *outcomes, size_t n)
{
	if (r->reach != SEND_ANSWERED)
		r->slow_down = slow_down_is_meant(&r->fault);
	for (size_t i = 0; i < n && !r->slow_down; i++)
		r->slow_down =
		    !outcomes[i].ok && slow_down_is_meant(&outcomes[i].fault);
}

void
sender_send(struct sender *s, const struct target *target,
    const struct send_message *message, struct smtp_outcome *outcomes,
    struct send_report *report)
{
	struct delivery d = {
	    .sender = s,
	    .target = target,
	    .message = *message,
	    .outcomes = outcomes,
	    .report = report,
	};

	*report = (struct send_report){.reach = SEND_ANSWERED};
	snprintf(d.key, sizeof d.key, "%s", target->key);
	send_group(&d);
	note_slow_down(report, outcomes, message->n_rcpts);
}
