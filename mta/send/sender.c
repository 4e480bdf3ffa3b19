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
#include "base/mem.h"
#include "base/tls.h"
#include "mta/send/connect.h"
#include "mta/send/convert.h"
#include "mta/send/opening.h"
#include "mta/send/pool.h"
#include "mta/send/slow_down.h"
#include "mta/send/tls_broken.h"
#include "mta/send/tls_policy.h"
#include "mta/send/tls_watch.h"
#include "mta/send/wire.h"
#include "proto/reply.h"

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
	struct tls_client *tls;
};

/* What one call is about. */
struct delivery {
	struct sender *sender;
	const struct target *target;
	struct send_message message; /* one group of the recipients */
	struct send_outcome *outcomes;
	struct send_report *report;
	struct buf words; /* by which a server has refused the last session */
	struct tls_watch watch;
	char key[POOL_KEY_SIZE];
	unsigned tries;
	bool was_cut;   /* a session was, before the message was begun */
	bool lacks_tls; /* a host has none, or no proof */
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
	s->tls = tls_client_new(conf->ca_file, f);
	if (s->tls == NULL)
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
	tls_client_free(&s->tls);
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

/* One host, on the way to a session. */
struct place {
	const struct target_host *host;
	struct connect connect;
	struct tls_policy policy;
	char canonical[DNS_NAME_SIZE];
	bool secure; /* its addresses */
};

static int
find_addresses(struct delivery *d, struct place *p, struct fault *f)
{
	const struct sender_conf *conf = &d->sender->conf;
	const char *name = p->host->name;
	struct net_address found[DNS_RECORDS_MAX];
	struct dns_answer answer = {.n = 1};

	if (d->target->route.kind == ROUTE_LMTP) {
		p->connect.addresses[0] = d->target->route.lmtp;
		p->connect.n = 1;
	} else {
		if (!parse_literal(name, &found[0]) &&
		    dns_addresses(conf->dns, name, clock_ms() + DNS_MS, &answer,
			found, p->canonical, f) < 0)
			return -1;
		if (answer.n == 0)
			return fault_temp(
			    f, "4.4.4", "%s has no address", name);
		connect_init(&p->connect, found, answer.n, port_of(d));
	}
	p->secure = answer.secure;
	p->connect.limit_ms = conf->connect_ms;
	p->connect.bind4 = conf->bind4;
	p->connect.bind6 = conf->bind6;
	return 0;
}

static int
find_policy(struct delivery *d, struct place *p, struct fault *f)
{
	const struct tls_host host = {
	    .target = d->target,
	    .host = p->host,
	    .canonical = p->canonical,
	    .secure = p->secure,
	    .port = port_of(d),
	    .requiretls = d->message.mail->requiretls,
	    .tls_optional = d->message.tls_optional,
	    .sts = &d->watch.found,
	};

	return tls_policy_find(
	    &p->policy, d->sender->conf.dns, &host, clock_ms() + DNS_MS, f);
}

static struct wire *
open_wire(struct delivery *d, struct place *p, int fd,
    const struct net_address *address, struct fault *f)
{
	struct opening_tls tls;
	struct net_address from;
	struct fault ignored;
	struct tls_watch_session session = {
	    .policy = &p->policy,
	    .host = p->host->name,
	    .address = d->report->address,
	    .to = address,
	    .tls = &tls,
	};
	struct wire *wire;
	const struct opening opening = {
	    .wire = {.dialect = d->target->route.kind == ROUTE_LMTP
				    ? DIALECT_LMTP
				    : DIALECT_SMTP,
		.hostname = d->sender->conf.hostname,
		.reply_ms = d->sender->conf.reply_ms},
	    .tls = d->sender->tls,
	    .broken = d->sender->broken,
	    .connect = &p->connect,
	    .route = &d->target->route,
	    .policy = &p->policy,
	    .host = p->host->name,
	    .address = d->report->address,
	    .words = &d->words,
	};

	if (net_local(fd, &from, &ignored) == 0)
		session.from = &from;
	wire = opening_run(&opening, fd, address, &tls, f);
	tls_watch_note(&d->watch, &session);
	if (wire == NULL) {
		d->lacks_tls = d->lacks_tls || tls_watch_is_meant(f);
		tls_watch_refuse(&d->watch, &p->policy, f);
	}
	return wire;
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

/* What is said of a host must outlive its wire. */
static void
keep_outcomes(struct delivery *d)
{
	struct arena *arena = d->message.arena;
	struct str host = arena_str(arena, str(d->report->host));
	struct str address = arena_str(arena, str(d->report->address));
	struct str from = {0}, kept = {0};

	for (size_t i = 0; i < d->message.n_rcpts; i++) {
		struct send_outcome *o = &d->outcomes[i];

		/* Most have the same one. */
		if (o->reply.len > 0 && o->reply.at != from.at) {
			from = o->reply;
			kept = arena_str(arena, from);
		}
		if (o->reply.len > 0)
			o->reply = kept;
		o->host = host;
		o->address = address;
	}
}

/* What the report says of those that have no answer. */
static struct send_outcome
make_failure(const struct delivery *d)
{
	struct arena *arena = d->message.arena;

	return (struct send_outcome){
	    .fault = d->report->fault,
	    .reply = arena_str(arena, buf_str(&d->words)),
	    .host = arena_str(arena, str(d->report->host)),
	    .address = arena_str(arena, str(d->report->address)),
	};
}

/* All that have no answer. */
static void
fail_rest(struct delivery *d, enum send_reach reach)
{
	struct fault *f = &d->report->fault;
	struct send_outcome failure;

	d->report->reach = reach;
	f->kind = FAULT_TEMP;
	if (f->dsn[0] != '4')
		f->dsn[0] = '4';
	failure = make_failure(d);
	for (size_t i = 0; i < d->message.n_rcpts; i++)
		if (!d->outcomes[i].is_answer)
			d->outcomes[i] = failure;
}

/* All get our own words. */
static void
answer_all(struct delivery *d, const struct fault *f)
{
	for (size_t i = 0; i < d->message.n_rcpts; i++)
		d->outcomes[i] =
		    (struct send_outcome){.is_answer = true, .fault = *f};
}

/* RFC 9422: the rest goes by a further transaction. */
static void
limit_rcpts(struct delivery *d, unsigned max)
{
	if (max > 0 && d->message.n_rcpts > max)
		d->message.n_rcpts = max;
}

/* One transaction, of the message as the server can take it. */
static enum wire_result
send_suited(struct delivery *d, struct wire *wire, struct fault *f)
{
	const struct smtp_peer *peer = wire_peer(wire);
	struct send_message converted;
	struct convert convert;
	enum wire_result result = WIRE_ANSWERED;

	if (d->target->route.kind == ROUTE_LMTP ||
	    !convert_is_needed(d->message.mail, peer))
		return wire_send(wire, &d->message, true, d->outcomes, f);
	if (convert_begin(&convert, &d->message, peer, &converted, f) == 0)
		result = wire_send(wire, &converted, false, d->outcomes, f);
	else if (f->kind == FAULT_TEMP)
		result = WIRE_UNREAD;
	else
		answer_all(d, f);
	convert_clear(&convert);
	return result;
}

/* Takes the wire. True where that settles the matter for this time. */
static bool
converse(struct delivery *d, struct pool_wire *w, bool was_kept)
{
	struct fault *f = &d->report->fault;
	enum wire_result result;

	report_wire(d->report, w);
	d->report->was_kept = was_kept;
	limit_rcpts(d, wire_peer(w->wire)->rcpt_max);
	result = send_suited(d, w->wire, f);
	keep_outcomes(d);
	buf_reset(&d->words);
	if (result != WIRE_UNREAD)
		buf_put_str(&d->words, wire_last_words(w->wire));
	if (result == WIRE_ANSWERED) {
		give_back(d, w);
		d->report->reach = SEND_ANSWERED;
		return true;
	}
	wire_free(&w->wire);
	switch (result) {
	case WIRE_DOUBTFUL:
		fail_rest(d, SEND_DOUBTFUL);
		return true;
	case WIRE_UNREAD:
		/* Nobody's fault but ours: the hop is not to suffer. */
		fail_rest(d, SEND_ANSWERED);
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
		fail_rest(d, SEND_BROKEN);
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

/* One session after the other with the host's addresses. */
static bool
try_addresses(struct delivery *d, struct place *p)
{
	struct fault *f = &d->report->fault;

	do {
		struct pool_wire w = {.wire = NULL};
		struct net_address address;
		int fd;

		buf_reset(&d->words);
		fd = connect_next(&p->connect, &address, f);
		d->tries++;
		if (fd < 0)
			return false;
		memcpy(w.key, d->key, sizeof w.key);
		memcpy(w.host, p->host->name, sizeof w.host);
		net_format(&address, w.address, sizeof w.address);
		memcpy(d->report->address, w.address, sizeof w.address);
		w.wire = open_wire(d, p, fd, &address, f);
		if (w.wire != NULL && converse(d, &w, false))
			return true;
	} while (d->tries < d->sender->conf.max_hosts &&
		 p->connect.next < p->connect.n);
	return false;
}

static bool
try_host(struct delivery *d, const struct target_host *host)
{
	struct fault *f = &d->report->fault;
	struct place place = {.host = host};
	bool done;

	memcpy(d->report->host, host->name, sizeof d->report->host);
	d->report->address[0] = '\0';
	buf_reset(&d->words);
	if (find_addresses(d, &place, f) < 0 || find_policy(d, &place, f) < 0) {
		tls_watch_note_host(&d->watch, &place.policy, host->name);
		tls_watch_refuse(&d->watch, &place.policy, f);
		d->tries++;
		return false;
	}
	done = try_addresses(d, &place);
	tls_policy_clear(&place.policy);
	return done;
}

/* RFC 8689 4.2.1: no host can do what the message needs. */
static void
refuse_requiretls(struct delivery *d)
{
	struct fault f;

	fault_perm(&f, "5.7.30", "no host of the next hop can prove its name");
	d->report->reach = SEND_ANSWERED;
	answer_all(d, &f);
}

static void
send_group(struct delivery *d)
{
	const struct target *target = d->target;

	fault_temp(&d->report->fault, "4.4.4", "there is no host to send to");
	d->tries = 0;
	d->was_cut = d->lacks_tls = false;
	buf_reset(&d->words);
	memset(d->outcomes, 0, d->message.n_rcpts * sizeof *d->outcomes);
	if (try_kept(d))
		return;
	for (size_t i = 0; i < target->n_hosts; i++) {
		if (d->tries >= d->sender->conf.max_hosts)
			break;
		if (try_host(d, &target->hosts[i]))
			return;
	}
	if (d->lacks_tls && d->message.mail->requiretls)
		refuse_requiretls(d);
	else
		fail_rest(d, d->was_cut ? SEND_BROKEN : SEND_UNREACHED);
}

static void
note_slow_down(
    struct send_report *r, const struct send_outcome *outcomes, size_t n)
{
	if (r->reach != SEND_ANSWERED)
		r->slow_down = slow_down_is_meant(&r->fault);
	for (size_t i = 0; i < n && !r->slow_down; i++)
		r->slow_down =
		    !outcomes[i].ok && slow_down_is_meant(&outcomes[i].fault);
}

static bool
is_one_too_many(const struct send_outcome *o)
{
	return !o->ok && strcmp(o->fault.dsn, "4.5.3") == 0;
}

/* After an answer: who stays for the next transaction. Where the server took
 * nobody, more of the same would lead nowhere. */
static void
keep_surplus(const struct delivery *d, bool *pending)
{
	bool taken = false;

	for (size_t i = 0; i < d->message.n_rcpts; i++)
		taken = taken || d->outcomes[i].ok;
	for (size_t i = 0; i < d->message.n_rcpts; i++)
		pending[i] = taken && is_one_too_many(&d->outcomes[i]);
}

/* As many transactions as it takes, each for recipients that stand in a row. */
static void
send_groups(struct delivery *d, const struct send_message *message,
    struct send_outcome *outcomes)
{
	size_t n = message->n_rcpts, at = 0;
	bool *pending = mem_zeroed(n + 1, sizeof *pending);
	struct send_outcome failure;

	memset(pending, true, n);
	for (;;) {
		size_t max = n - at < GROUP_MAX ? n - at : GROUP_MAX, k = 0;

		while (k < max && pending[at + k])
			k++;
		if (k == 0)
			break;
		d->message.rcpts = message->rcpts + at;
		d->message.n_rcpts = k;
		d->outcomes = outcomes + at;
		send_group(d);
		if (d->report->reach != SEND_ANSWERED)
			break;
		keep_surplus(d, pending + at);
		for (at = 0; at < n && !pending[at];)
			at++;
	}
	failure = make_failure(d);
	for (size_t i = 0; i < n; i++)
		if (pending[i] && (i < at || i >= at + d->message.n_rcpts))
			outcomes[i] = failure;
	mem_free(pending);
}

/* A wire that was opened under weaker rules is not taken for stricter ones. */
static void
make_key(struct delivery *d)
{
	const struct target *t = d->target;
	char watched[TLS_WATCH_KEY_SIZE];

	tls_watch_key(&d->watch, watched);
	snprintf(d->key, sizeof d->key, "%s%s%s%s", t->key,
	    t->n_hosts > 0 && t->hosts[0].secure ? " secure" : "",
	    d->message.mail->requiretls ? " requiretls" : "", watched);
}

void
sender_send(struct sender *s, const struct target *target,
    const struct send_message *message, struct send_outcome *outcomes,
    struct send_report *report)
{
	struct delivery d = {
	    .sender = s,
	    .target = target,
	    .message = *message,
	    .outcomes = outcomes,
	    .report = report,
	    .watch = {.sts = s->conf.sts,
		.stats = s->conf.stats,
		.is_optional = message->tls_optional},
	};

	*report = (struct send_report){.reach = SEND_ANSWERED};
	buf_init(&d.words, REPLY_LINE_MAX);
	tls_watch_begin(&d.watch, target);
	make_key(&d);
	send_groups(&d, message, outcomes);
	tls_watch_clear(&d.watch);
	buf_clear(&d.words);
	note_slow_down(report, outcomes, message->n_rcpts);
}
