/* SPDX-License-Identifier: ISC */
/*
 * TLS reports (RFC 8460): asks which domains want them, keeps what was counted
 * for those (once a minute: a crash loses no more), and when a day (UTC) is
 * over sends each its report, some hours later at random: by mail, through the
 * queue, and by HTTPS.
 */
#ifndef MTA_QUEUE_TLS_REPORTER_H
#define MTA_QUEUE_TLS_REPORTER_H

#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/fault.h"
#include "base/json.h"

struct dns;
struct https;
struct queue;
struct tls_reporter;
struct tls_stats;

/* Texts are copied, all else is borrowed. https must be stopped first. */
struct tls_reporter_conf {
	struct queue *queue;
	struct dns *dns;
	struct https *https;
	const char *hostname;
	const char *from;         /* an address, ASCII */
	const char *organization; /* NULL: the domain of from */
	const char *contact;      /* NULL: from */
};

/* Loads what is kept. Makes no thread. */
struct tls_reporter *tls_reporter_new(
    const struct tls_reporter_conf *conf, struct fault *f) MUST_USE;
/* From here on it works by itself. */
int tls_reporter_start(struct tls_reporter *reporter, struct fault *f) MUST_USE;
/* Keeps what was counted last. */
void tls_reporter_free(struct tls_reporter **reporter);

/* Where sessions are counted; lives as long as the reporter. */
struct tls_stats *tls_reporter_stats(struct tls_reporter *reporter);

/* What is due at a time, ms since 1970. Blocks for DNS, HTTPS and the queue. */
void tls_reporter_work(struct tls_reporter *reporter, int64_t now);
/*
 * Reports of all that was counted, for a domain ("": for all), the day that is
 * not over included, at once. How many were sent. Blocks likewise.
 */
size_t tls_reporter_run(struct tls_reporter *reporter, const char *domain);
/* What was counted, [{domain, day: "2026-11-29", wanted?, policies}]; returns
 * new. */
json_t *tls_reporter_counts(
    struct tls_reporter *reporter, const char *domain) MUST_USE;

#endif
