/* SPDX-License-Identifier: ISC */
/*
 * How sessions with other domains' mail servers fared, counted for each domain
 * and day (UTC) in the terms of a TLS report (RFC 8460 4): data and a lock,
 * which asks nobody and keeps nothing on the disk. Bounded: what is too much is
 * counted in sums only, or not at all.
 */
#ifndef MTA_SEND_TLS_STATS_H
#define MTA_SEND_TLS_STATS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/buf.h"
#include "base/json.h"
#include "base/str.h"
#include "mta/send/dns.h"
#include "mta/send/tls_policy.h"

enum {
	TLS_STATS_DAYS_MAX = 5000,
	TLS_STATS_POLICIES_MAX = 8,   /* of a domain, a day */
	TLS_STATS_ROWS_MAX = 100,     /* kinds of failures under each */
	TLS_STATS_WEIGHT_MAX = 50000, /* in all: a row, or 512 bytes of a
				       * policy, is one */
	TLS_STATS_BYTES_MAX = 1 << 20,
};

/* May be used by many threads. */
struct tls_stats;

struct tls_stats *tls_stats_new(void) MUST_USE;
void tls_stats_free(struct tls_stats **stats);

/* What became of TLS in one session, or why none was begun. Borrowed. */
struct tls_session {
	const char *domain; /* whose mail servers: A-labels, lower case */
	const struct tls_policy *policy;
	const struct sts_found *sts; /* of the domain; NULL: none */
	const char *failure;         /* a result-type; NULL: all was well */
	const char *reason;          /* failure-reason-code; NULL: none */
	const char *host;
	const char *from, *to; /* "192.0.2.1"; "" where nobody was reached */
};

/* now: seconds since 1970. */
void tls_stats_count(
    struct tls_stats *stats, int64_t now, const struct tls_session *session);

/* Whether the domain wants reports. */
enum tls_wanted {
	TLS_WANTED_UNKNOWN,
	TLS_WANTED_YES,
	TLS_WANTED_NO, /* nothing more is counted on that day */
};

/* A domain's day; a value. */
struct tls_day {
	char domain[DNS_NAME_SIZE];
	int64_t day; /* since 1970 */
	enum tls_wanted wanted;
	bool is_dirty;   /* counted, and not yet kept */
	bool was_mailed; /* the report, to those who want it by mail */
	int64_t due;     /* ms since 1970; 0: not yet known */
	unsigned tries;
};

/* All that there are, in no order; returns new. */
size_t tls_stats_list(struct tls_stats *stats, struct tls_day **days);
/* What was counted, as the member `policies` of a report; returns new, NULL
 * where there is nothing. keeps: the day is no longer dirty. */
json_t *tls_stats_policies(
    struct tls_stats *stats, const struct tls_day *day, bool keeps) MUST_USE;
/* Sets all but is_dirty, where the day is there. */
void tls_stats_set(struct tls_stats *stats, const struct tls_day *day);
void tls_stats_drop(struct tls_stats *stats, const struct tls_day *day);

/* A day by name and value, for whoever keeps it: "20786/example.org". */
void tls_day_put_name(struct buf *b, const struct tls_day *day);
void tls_day_put_value(
    struct buf *b, const struct tls_day *day, const json_t *policies);
/* What is no such thing is skipped. */
void tls_stats_load(struct tls_stats *stats, struct str name, struct str value);

#endif
