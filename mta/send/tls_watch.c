/* SPDX-License-Identifier: ISC */
#include "config.h"

#include "mta/send/tls_watch.h"

#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "mta/send/tls_stats.h"
#include "mta/send/tls_verdict.h"

void
tls_watch_begin(struct tls_watch *w, const struct target *target)
{
	char domain[DNS_NAME_SIZE];

	if (w->is_optional || !tls_policy_domain(target, domain))
		return;
	if (target->route.kind == ROUTE_MX)
		memcpy(w->domain, domain, sizeof w->domain);
	if (w->sts != NULL)
		sts_find(w->sts, domain, &w->found);
}

void
tls_watch_clear(struct tls_watch *w)
{
	sts_found_clear(&w->found);
}

void
tls_watch_key(const struct tls_watch *w, char key[TLS_WATCH_KEY_SIZE])
{
	key[0] = '\0';
	if (w->is_optional)
		snprintf(key, TLS_WATCH_KEY_SIZE, " optional");
	else if (w->found.policy.mode != STS_NONE)
		snprintf(key, TLS_WATCH_KEY_SIZE, " sts=%016llx",
		    (unsigned long long)str_hash(str(w->found.text)));
	else if (w->found.text == NULL && w->found.trouble != STS_TROUBLE_NONE)
		/* Its sessions are its own, to be counted as that. */
		snprintf(key, TLS_WATCH_KEY_SIZE, " no-sts=%016llx",
		    (unsigned long long)str_hash(str(w->found.domain)));
}

/* The IP address alone. */
static void
put_ip(const struct net_address *address, char ip[64])
{
	char text[140];
	struct str s;

	ip[0] = '\0';
	if (address == NULL)
		return;
	net_format(address, text, sizeof text);
	s = str_head(str(text), str_find_last(str(text), ':'));
	if (s.len > 2 && s.at[0] == '[')
		s = str_n(s.at + 1, s.len - 2);
	(void)!str_copy(s, ip, 64);
}

static void
count(struct tls_watch *w, const struct tls_watch_session *s,
    const struct tls_verdict *v)
{
	char from[64], to[64];
	const struct tls_session session = {
	    .domain = w->domain,
	    .policy = s->policy,
	    .sts = &w->found,
	    .failure = v->failure,
	    .reason = v->reason,
	    .host = s->host,
	    .from = from,
	    .to = to,
	};

	if (w->stats == NULL || w->domain[0] == '\0')
		return;
	put_ip(s->from, from);
	put_ip(s->to, to);
	tls_stats_count(w->stats, clock_unix_us() / 1000000, &session);
}

static enum sts_mode
mode_of(const struct tls_policy *p)
{
	return p->sts != NULL ? p->sts->policy.mode : STS_NONE;
}

void
tls_watch_note(struct tls_watch *w, const struct tls_watch_session *s)
{
	struct tls_verdict v;

	/* What has not got as far as TLS says nothing of it. */
	if (!s->tls->was_tried)
		return;
	v = tls_verdict_of(s->policy, &w->found, s->tls);
	count(w, s, &v);
	if (v.failure != NULL && mode_of(s->policy) == STS_TESTING)
		log_warn(NULL, "MTA-STS policy would refuse", "domain",
		    w->found.domain, "host", s->host, "address", s->address,
		    "reason", v.reason != NULL ? v.reason : v.failure, NULL);
}

void
tls_watch_note_host(
    struct tls_watch *w, const struct tls_policy *policy, const char *host)
{
	const struct tls_watch_session s = {.policy = policy, .host = host};
	const struct tls_verdict v = tls_verdict_of(policy, &w->found, NULL);

	/* What else there is to say is not of TLS. */
	if (policy->is_bogus || policy->is_foreign)
		count(w, &s, &v);
}

void
tls_watch_refuse(
    struct tls_watch *w, const struct tls_policy *policy, struct fault *f)
{
	const struct fault why = *f;

	if (!tls_watch_is_meant(f) || mode_of(policy) != STS_ENFORCE)
		return;
	/* Perhaps there is a new one. */
	sts_doubt(w->sts, w->found.domain);
	if (policy->is_foreign)
		return;
	fault_temp(f, why.dsn, "MTA-STS policy of %.90s: %.140s",
	    w->found.domain, why.text);
}

bool
tls_watch_is_meant(const struct fault *f)
{
	return strcmp(f->dsn, "4.7.5") == 0 || strcmp(f->dsn, "4.7.10") == 0;
}
