/* SPDX-License-Identifier: ISC */
/*
 * libunbound, asked by many threads at once.
 *
 * Its blocking call knows no deadline. So questions go to its own thread, which
 * works on all of them together; a thread of ours takes the answers out and
 * wakes who waits. Whoever's deadline passes leaves the question behind, to be
 * freed when its answer comes: libunbound gives up on silent servers by itself,
 * and the answer that came too late is in its cache for the next attempt.
 */
#include "config.h"

#include "mta/send/dns.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unbound.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/loop.h"
#include "base/mem.h"
#include "mta/send/dns_record.h"

enum {
	TYPE_A = 1,
	TYPE_MX = 15,
	TYPE_TXT = 16,
	TYPE_AAAA = 28,
	TYPE_TLSA = 52,
	CLASS_IN = 1,
	RCODE_NXDOMAIN = 3,
	QUESTIONS_MAX = 2,
	TTL_MAX = 3600,
};

/* One question to libunbound. */
struct question {
	struct lookup *lookup;
	struct ub_result *result;
	int error;
};

/* Those that one caller waits for. */
struct lookup {
	struct dns *dns;
	struct lookup *prev, *next;
	pthread_cond_t changed;
	unsigned waiting; /* questions without an answer */
	bool is_left;     /* nobody waits any more */
	size_t n;
	struct question questions[QUESTIONS_MAX];
};

struct dns {
	struct ub_ctx *ctx;
	int stop; /* an eventfd */
	pthread_t taker;
	bool has_taker;
	pthread_mutex_t mutex;  /* guards what follows, and all lookups */
	struct lookup *lookups; /* of which an answer is to come */
};

/* Lookups. With the mutex held, except in lookup_new(). */

static struct lookup *
lookup_new(struct dns *dns, size_t n)
{
	struct lookup *l = mem_new(struct lookup);
	pthread_condattr_t attr;

	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&l->changed, &attr);
	pthread_condattr_destroy(&attr);
	l->dns = dns;
	l->n = n;
	for (size_t i = 0; i < n; i++)
		l->questions[i].lookup = l;
	return l;
}

static void
lookup_link(struct lookup *l)
{
	l->next = l->dns->lookups;
	if (l->next != NULL)
		l->next->prev = l;
	l->dns->lookups = l;
}

static void
lookup_free(struct lookup *l)
{
	if (l->prev != NULL)
		l->prev->next = l->next;
	else
		l->dns->lookups = l->next;
	if (l->next != NULL)
		l->next->prev = l->prev;
	for (size_t i = 0; i < l->n; i++)
		ub_resolve_free(l->questions[i].result);
	pthread_cond_destroy(&l->changed);
	mem_free(l);
}

/* On the taker's thread. */
static void
on_answer(void *arg, int error, struct ub_result *result)
{
	struct question *q = arg;
	struct lookup *l = q->lookup;
	struct dns *dns = l->dns;

	pthread_mutex_lock(&dns->mutex);
	q->error = error;
	q->result = result;
	l->waiting--;
	if (!l->is_left)
		pthread_cond_signal(&l->changed);
	else if (l->waiting == 0)
		lookup_free(l);
	pthread_mutex_unlock(&dns->mutex);
}

static void *
take_answers(void *arg)
{
	struct dns *dns = arg;
	struct pollfd fds[] = {
	    {.fd = ub_fd(dns->ctx), .events = POLLIN},
	    {.fd = dns->stop, .events = POLLIN},
	};

	for (;;) {
		if (poll(fds, ARRAY_LEN(fds), -1) < 0)
			continue;
		if (fds[1].revents != 0)
			return NULL;
		if (ub_process(dns->ctx) != 0)
			log_error(NULL, "dns answers cannot be read", NULL);
	}
}

/* Setting up. */

static int
set_options(struct ub_ctx *ctx)
{
	static const struct {
		const char *name, *value;
	} options[] = {
	    /* A resolver on this host is the usual case. */
	    {"do-not-query-localhost:", "no"},
	    {"outgoing-range:", "256"},
	    {"num-queries-per-thread:", "1024"},
	    {"msg-cache-size:", "4m"},
	    {"rrset-cache-size:", "8m"},
	    /* Nobody wants to wait a day, or for a domain that was just made,
	     * because of an answer of yesterday. */
	    {"cache-max-ttl:", "3600"},
	    {"cache-max-negative-ttl:", "300"},
	    /* A resolver that was down is asked again soon. */
	    {"infra-host-ttl:", "60"},
	    {"infra-keep-probing:", "yes"},
	};

	for (size_t i = 0; i < ARRAY_LEN(options); i++)
		if (ub_ctx_set_option(ctx, options[i].name, options[i].value) !=
		    0)
			return -1;
	return 0;
}

static const char *
find_root_key(void)
{
	static const char *const places[] = {
	    "/usr/share/dns/root.key",   /* Debian, dns-root-data */
	    "/var/lib/unbound/root.key", /* unbound-anchor's */
	    "/etc/unbound/root.key",     /* Arch */
	    "/etc/trusted-key.key",      /* ldns */
	    "/usr/local/etc/unbound/root.key",
	};

	for (size_t i = 0; i < ARRAY_LEN(places); i++)
		if (access(places[i], R_OK) == 0)
			return places[i];
	return NULL;
}

static int
set_anchor(struct ub_ctx *ctx, const struct dns_conf *conf, const char **file,
    struct fault *f)
{
	*file = NULL;
	if (conf->no_dnssec)
		return 0;
	*file =
	    conf->trust_anchor != NULL ? conf->trust_anchor : find_root_key();
	if (*file == NULL) {
		log_warn(
		    NULL, "dnssec is off: no trust anchor was found", NULL);
		return 0;
	}
	if (access(*file, R_OK) < 0)
		return fault_perm(f, "5.3.5", "dns_trust_anchor: %s: %s", *file,
		    strerror(errno));
	if (ub_ctx_add_ta_file(ctx, *file) != 0)
		return fault_perm(f, "5.3.5", "dns_trust_anchor: %s", *file);
	return 0;
}

static int
set_server(struct ub_ctx *ctx, const char *server, struct fault *f)
{
	if (server == NULL) {
		if (ub_ctx_resolvconf(ctx, NULL) == 0)
			return 0;
		return fault_perm(
		    f, "5.3.5", "/etc/resolv.conf cannot be read");
	}
	if (ub_ctx_set_fwd(ctx, server) == 0)
		return 0;
	return fault_perm(f, "5.3.5",
	    "dns_server: \"%s\" is not ADDRESS or ADDRESS@PORT", server);
}

/*
 * libunbound reads its files and checks itself when it is first used, here by
 * naming zones: it knows by itself that names below these do not exist, but a
 * house may have them, and what is in use is for its own resolver to say.
 */
static int
finish(struct ub_ctx *ctx, const char *anchor, struct fault *f)
{
	static const char *const zones[] = {"test.", "home.arpa."};

	for (size_t i = 0; i < ARRAY_LEN(zones); i++) {
		int error = ub_ctx_zone_add(ctx, zones[i], "transparent");

		if (error == 0)
			continue;
		return fault_perm(f, "5.3.5",
		    "the resolver cannot start: %s%s%s", ub_strerror(error),
		    anchor != NULL ? "; is this a trust anchor: " : "",
		    anchor != NULL ? anchor : "");
	}
	return 0;
}

static int
set_up(struct dns *dns, const struct dns_conf *conf, struct fault *f)
{
	const char *anchor;

	dns->ctx = ub_ctx_create();
	if (dns->ctx == NULL)
		return fault_errno(f, "the resolver cannot start");
	/* It would write to stderr; what matters is in each answer. */
	ub_ctx_debugout(dns->ctx, NULL);
	if (set_options(dns->ctx) < 0 || ub_ctx_async(dns->ctx, 1) != 0)
		return fault_temp(f, "4.3.0", "the resolver cannot start");
	if (set_server(dns->ctx, conf->server, f) < 0 ||
	    set_anchor(dns->ctx, conf, &anchor, f) < 0 ||
	    finish(dns->ctx, anchor, f) < 0)
		return -1;
	dns->stop = eventfd(0, EFD_CLOEXEC);
	if (dns->stop < 0)
		return fault_errno(f, "the resolver cannot start");
	errno = pthread_create(&dns->taker, NULL, take_answers, dns);
	if (errno != 0)
		return fault_errno(f, "the resolver cannot start");
	dns->has_taker = true;
	return 0;
}

struct dns *
dns_new(const struct dns_conf *conf, struct fault *f)
{
	struct dns *dns = mem_new(struct dns);

	dns->stop = -1;
	pthread_mutex_init(&dns->mutex, NULL);
	if (set_up(dns, conf, f) < 0)
		dns_free(&dns);
	return dns;
}

void
dns_free(struct dns **dns)
{
	struct dns *d = *dns;

	if (d == NULL)
		return;
	if (d->has_taker) {
		eventfd_write(d->stop, 1);
		pthread_join(d->taker, NULL);
	}
	if (d->ctx != NULL)
		ub_ctx_delete(d->ctx);
	while (d->lookups != NULL)
		lookup_free(d->lookups);
	if (d->stop >= 0)
		close(d->stop);
	pthread_mutex_destroy(&d->mutex);
	mem_free(d);
	*dns = NULL;
}

/* Asking. */

/* What came; neither result nor error where nothing came in time. */
struct reply {
	struct ub_result *result;
	int error;
};

/* Takes the lookup; answers may still be under way to it. */
static void
finish_lookup(struct lookup *l, int64_t deadline, struct reply *replies)
{
	struct dns *dns = l->dns;
	struct timespec until = {
	    .tv_sec = (time_t)(deadline / 1000),
	    .tv_nsec = (long)(deadline % 1000) * 1000000,
	};

	loop_blocking_begin();
	pthread_mutex_lock(&dns->mutex);
	while (l->waiting > 0 && pthread_cond_timedwait(&l->changed,
				     &dns->mutex, &until) != ETIMEDOUT)
		continue;
	for (size_t i = 0; i < l->n; i++) {
		replies[i].result = l->questions[i].result;
		replies[i].error = l->questions[i].error;
		l->questions[i].result = NULL;
	}
	l->is_left = true;
	if (l->waiting == 0)
		lookup_free(l);
	pthread_mutex_unlock(&dns->mutex);
	loop_blocking_end();
}

static int
ask(struct dns *dns, const char *text, const int *types, size_t n,
    int64_t deadline, struct reply *replies, struct fault *f)
{
	struct lookup *l;
	char name[DNS_NAME_SIZE];

	if (!dns_record_ask(str(text), name))
		return fault_perm(
		    f, "5.1.2", "\"%.100s\" is no domain name", text);
	l = lookup_new(dns, n);
	pthread_mutex_lock(&dns->mutex);
	lookup_link(l);
	l->waiting = (unsigned)n;
	pthread_mutex_unlock(&dns->mutex);
	for (size_t i = 0; i < n; i++) {
		int error = ub_resolve_async(dns->ctx, name, types[i], CLASS_IN,
		    &l->questions[i], on_answer, NULL);

		if (error != 0)
			on_answer(&l->questions[i], error, NULL);
	}
	finish_lookup(l, deadline, replies);
	return 0;
}

static const char *
type_name(int type)
{
	switch (type) {
	case TYPE_A:
		return "A";
	case TYPE_AAAA:
		return "AAAA";
	case TYPE_MX:
		return "MX";
	case TYPE_TXT:
		return "TXT";
	default:
		return "TLSA";
	}
}

/* Fills the answer; -1 where there is nothing to build on. */
static int
read_reply(const struct reply *reply, const char *name, int type,
    struct dns_answer *a, struct fault *f)
{
	static const char *const rcodes[] = {
	    "no error", "FORMERR", "SERVFAIL", "NXDOMAIN", "NOTIMP", "REFUSED"};
	const struct ub_result *r = reply->result;
	const char *what = type_name(type);

	memset(a, 0, sizeof *a);
	if (reply->error != 0)
		return fault_temp(f, "4.4.3", "DNS, %s of %.100s: %s", what,
		    name, ub_strerror(reply->error));
	if (r == NULL)
		return fault_temp(
		    f, "4.4.3", "DNS, %s of %.100s: no answer", what, name);
	a->bogus = r->bogus != 0;
	if (r->bogus)
		return fault_temp(f, "4.4.3",
		    "DNS, %s of %.60s: DNSSEC validation failed: %.120s", what,
		    name, r->why_bogus != NULL ? r->why_bogus : "");
	if (r->rcode != 0 && r->rcode != RCODE_NXDOMAIN)
		return fault_temp(f, "4.4.3", "DNS, %s of %.100s: %s", what,
		    name,
		    (size_t)r->rcode < ARRAY_LEN(rcodes) ? rcodes[r->rcode]
							 : "failed");
	a->exists = !r->nxdomain;
	a->secure = r->secure != 0;
	if (r->ttl > 0)
		a->ttl = r->ttl < TTL_MAX ? (uint32_t)r->ttl : TTL_MAX;
	return 0;
}

typedef bool parse_record(struct str bytes, void *at);

/* Where the records go. */
struct records {
	parse_record *parse;
	void *at;
	size_t size; /* of one */
};

static void
take_records(const struct ub_result *r, const struct records *records,
    struct dns_answer *a)
{
	if (!r->havedata)
		return;
	for (size_t i = 0; r->data[i] != NULL && a->n < DNS_RECORDS_MAX; i++) {
		struct str bytes = str_n(r->data[i], (size_t)r->len[i]);

		if (records->parse(
			bytes, (char *)records->at + a->n * records->size))
			a->n++;
		else
			a->malformed++;
	}
}

static int
look_up(struct dns *dns, const char *name, int type, int64_t deadline,
    const struct records *records, struct dns_answer *a, struct fault *f)
{
	struct reply reply;
	int rc = -1;

	memset(a, 0, sizeof *a);
	if (ask(dns, name, &type, 1, deadline, &reply, f) < 0)
		return -1;
	if (read_reply(&reply, name, type, a, f) < 0)
		goto out;
	take_records(reply.result, records, a);
	rc = 0;
out:
	ub_resolve_free(reply.result);
	return rc;
}

static bool
parse_mx(struct str bytes, void *at)
{
	return dns_record_mx(bytes, at);
}

static bool
parse_tlsa(struct str bytes, void *at)
{
	return dns_record_tlsa(bytes, at);
}

static bool
parse_txt(struct str bytes, void *at)
{
	return dns_record_txt(bytes, at);
}

static bool
parse_a(struct str bytes, void *at)
{
	return dns_record_a(bytes, at);
}

static bool
parse_aaaa(struct str bytes, void *at)
{
	return dns_record_aaaa(bytes, at);
}

int
dns_mx(struct dns *dns, const char *domain, int64_t deadline,
    struct dns_answer *a, struct dns_mx *mx, struct fault *f)
{
	const struct records records = {parse_mx, mx, sizeof *mx};

	return look_up(dns, domain, TYPE_MX, deadline, &records, a, f);
}

int
dns_tlsa(struct dns *dns, const char *host, uint16_t port, int64_t deadline,
    struct dns_answer *a, struct dns_tlsa *tlsa, struct fault *f)
{
	const struct records records = {parse_tlsa, tlsa, sizeof *tlsa};
	char name[DNS_NAME_SIZE + 16];

	snprintf(
	    name, sizeof name, "_%u._tcp.%.*s", port, DNS_NAME_SIZE - 1, host);
	return look_up(dns, name, TYPE_TLSA, deadline, &records, a, f);
}

int
dns_txt(struct dns *dns, const char *name, int64_t deadline,
    struct dns_answer *a, char (*texts)[DNS_TXT_SIZE], struct fault *f)
{
	const struct records records = {parse_txt, texts, sizeof *texts};

	return look_up(dns, name, TYPE_TXT, deadline, &records, a, f);
}

/* The name that the records have. */
static void
take_canonical(const struct reply *replies, size_t n, const char *host,
    char canonical[DNS_NAME_SIZE])
{
	const char *name = host;

	for (size_t i = 0; i < n; i++) {
		const struct ub_result *r = replies[i].result;

		if (r != NULL && r->havedata && r->canonname != NULL)
			name = r->canonname;
	}
	if (!dns_record_ask(str(name), canonical))
		canonical[0] = '\0';
}

/* b may be of a failed look-up, rc < 0. */
static void
join_answers(struct dns_answer *a, const struct dns_answer *b, int rc)
{
	if (rc < 0) {
		a->secure = false;
		return;
	}
	a->exists = a->exists || b->exists;
	a->secure = a->secure && b->secure;
	if (b->ttl < a->ttl)
		a->ttl = b->ttl;
}

int
dns_addresses(struct dns *dns, const char *host, int64_t deadline,
    struct dns_answer *a, struct net_address *addresses, char *canonical,
    struct fault *f)
{
	static const int types[] = {TYPE_AAAA, TYPE_A};
	static parse_record *const parsers[] = {parse_aaaa, parse_a};
	struct reply replies[ARRAY_LEN(types)];
	struct dns_answer one;
	bool failed = false;
	int rc = -1;

	memset(a, 0, sizeof *a);
	if (ask(dns, host, types, ARRAY_LEN(types), deadline, replies, f) < 0)
		return -1;
	a->secure = true;
	a->ttl = TTL_MAX;
	for (size_t i = 0; i < ARRAY_LEN(types); i++) {
		int got = read_reply(&replies[i], host, types[i], &one, f);

		failed = failed || got < 0;
		join_answers(a, &one, got);
		if (got == 0)
			take_records(replies[i].result,
			    &(struct records){
				parsers[i], addresses, sizeof *addresses},
			    a);
	}
	if (failed && a->n == 0)
		goto out;
	if (canonical != NULL)
		take_canonical(replies, ARRAY_LEN(replies), host, canonical);
	rc = 0;
out:
	for (size_t i = 0; i < ARRAY_LEN(types); i++)
		ub_resolve_free(replies[i].result);
	return rc;
}
