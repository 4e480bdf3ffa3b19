/* SPDX-License-Identifier: ISC */
/*
 * One delivery and what its domain says of TLS: finds the policy of MTA-STS,
 * and tells what became of it: to the log, to the counts for reports, and to
 * who keeps the policies.
 */
#ifndef MTA_SEND_TLS_WATCH_H
#define MTA_SEND_TLS_WATCH_H

#include <stdbool.h>

#include "base/fault.h"
#include "base/net.h"
#include "mta/send/dns.h"
#include "mta/send/opening.h"
#include "mta/send/sts.h"
#include "mta/send/target.h"
#include "mta/send/tls_policy.h"

struct tls_stats;

/* Embedded. */
struct tls_watch {
	struct sts *sts;            /* NULL: no MTA-STS */
	struct tls_stats *stats;    /* NULL: nothing is counted */
	bool is_optional;           /* the message's tls_optional */
	char domain[DNS_NAME_SIZE]; /* by whose MX it goes; "": by none */
	struct sts_found found;     /* text NULL: there is no policy */
};

/* sts, stats and is_optional are set. Blocks as sts_find(). */
void tls_watch_begin(struct tls_watch *watch, const struct target *target);
void tls_watch_clear(struct tls_watch *watch);

/* What a wire's key must have, so that it is taken only under the same rules. */
enum { TLS_WATCH_KEY_SIZE = 40 };
void tls_watch_key(const struct tls_watch *watch, char key[TLS_WATCH_KEY_SIZE]);

/* What became of a session. */
struct tls_watch_session {
	const struct tls_policy *policy;
	const char *host;
	const char *address;            /* "192.0.2.1:25", for the log */
	const struct net_address *from; /* NULL: not known */
	const struct net_address *to;
	const struct opening_tls *tls;
};
void tls_watch_note(
    struct tls_watch *watch, const struct tls_watch_session *session);
/* No session was begun with the host: there is no policy for it (f says why),
 * or it forbids it. */
void tls_watch_note_host(
    struct tls_watch *watch, const struct tls_policy *policy, const char *host);
/* f: why a host gets no mail. Where that is for want of TLS, f says whose policy
 * wants it. */
void tls_watch_refuse(
    struct tls_watch *watch, const struct tls_policy *policy, struct fault *f);
/* Whether f is for want of TLS, or of a proof. */
bool tls_watch_is_meant(const struct fault *f);

#endif
