/* SPDX-License-Identifier: ISC */
/*
 * What the tests of the sender share: two servers, a message, a DNS and policies
 * of MTA-STS of their own.
 */
#ifndef TESTS_UNIT_MTA_SENDER_H
#define TESTS_UNIT_MTA_SENDER_H

#include "mta/send/sender.h"
#include <netinet/in.h>
#include <string.h>
#include "base/mem.h"
#include "mta/send/sts.h"
#include "mta/send/tls_stats.h"
#include "tests/unit/base/certificate.h"
#include "tests/unit/mta/sink.h"
#include "tests/unit/unit.h"

enum { RCPTS = 5 };

static struct peer servers[2];
static struct sink sinks[2];
static struct sender *sender;
static struct sender_conf conf;
static struct target target;
static struct envelope_mail mail;
static struct envelope_rcpt rcpts[RCPTS];
static struct send_outcome outcomes[RCPTS];
static struct arena arena;
static struct send_report report;
static bool tls_optional;
static const char *text = "Subject: x\r\n\r\n.dot\r\n";

/* Names of the tests: "a" and "b" are the servers, all else does not exist.
 * Ports are those of the servers: MX hosts of one port would not do. */
int
dns_addresses(struct dns *dns, const char *host, int64_t deadline,
    struct dns_answer *a, struct net_address *addresses, char *canonical,
    struct fault *f)
{
	(void)dns;
	(void)deadline;
	*a = (struct dns_answer){.exists = true, .secure = true};
	if (strcmp(host, "fails.example") == 0)
		return fault_temp(f, "4.4.3", "no answer");
	if (strcmp(host, "none.example") == 0 || host[0] == '[')
		return 0;
	if (canonical != NULL)
		snprintf(canonical, DNS_NAME_SIZE, "%s", host);
	a->n = 1;
	if (strcmp(host, "dead.example") == 0)
		return net_parse(str("127.0.0.99:1"), &addresses[0], f);
	if (strcmp(host, "both.example") == 0) {
		a->n = 2;
		ck_assert_int_eq(
		    net_parse(str("[::1]:1"), &addresses[0], f), 0);
		return net_parse(str("127.0.0.1:1"), &addresses[1], f);
	}
	return net_parse(str("127.0.0.1:1"), &addresses[0], f);
}

/* What the fake DNS says of TLSA records. */
static struct {
	bool fails;
	struct dns_answer answer;
	struct dns_tlsa record;
	unsigned asked;
} tlsa;

int
dns_tlsa(struct dns *dns, const char *host, uint16_t port, int64_t deadline,
    struct dns_answer *a, struct dns_tlsa *records, struct fault *f)
{
	(void)dns;
	(void)deadline;
	ck_assert_str_eq(host, target.hosts[0].name);
	ck_assert_uint_eq(port, target.route.port);
	tlsa.asked++;
	if (tlsa.fails)
		return fault_temp(f, "4.4.3", "bogus");
	*a = tlsa.answer;
	records[0] = tlsa.record;
	return 0;
}

/* What the fake of sts.c knows; NULL: no policy. */
static struct {
	const char *policy;
	char domain[DNS_NAME_SIZE];
	unsigned asked, doubted;
} sts;

void
sts_find(struct sts *unused, const char *domain, struct sts_found *found)
{
	struct fault f;

	(void)unused;
	memset(found, 0, sizeof *found);
	sts.asked++;
	snprintf(sts.domain, sizeof sts.domain, "%s", domain);
	snprintf(found->domain, sizeof found->domain, "%s", domain);
	if (sts.policy == NULL)
		return;
	found->text = mem_dup(sts.policy);
	ck_assert_int_eq(
	    sts_parse_policy(str(found->text), &found->policy, &f), 0);
}

void
sts_found_clear(struct sts_found *found)
{
	mem_free(found->text);
	found->text = NULL;
}

void
sts_doubt(struct sts *unused, const char *domain)
{
	(void)unused;
	ck_assert_str_eq(domain, sts.domain);
	sts.doubted++;
}

static inline void
set_up(void)
{
	struct net_address address;
	struct fault f;

	memset(sinks, 0, sizeof sinks);
	memset(&tlsa, 0, sizeof tlsa);
	memset(&sts, 0, sizeof sts);
	for (size_t i = 0; i < ARRAY_LEN(servers); i++)
		peer_start_tcp(&servers[i], sink_serve, &sinks[i]);
	conf = (struct sender_conf){.hostname = "c.example"};
	memset(&target, 0, sizeof target);
	target.route.kind = ROUTE_HOST;
	target.route.tls = ROUTE_TLS_MAY;
	ck_assert_int_eq(net_parse(str(servers[0].address), &address, &f), 0);
	target.route.port = net_port(&address);
	snprintf(target.key, sizeof target.key, "a");
	snprintf(target.hosts[0].name, DNS_NAME_SIZE, "a.example");
	target.n_hosts = 1;
	memset(&mail, 0, sizeof mail);
	memset(rcpts, 0, sizeof rcpts);
	ck_assert_int_eq(
	    address_parse(str("me@c.example"), &mail.reverse_path, &f), 0);
	for (size_t i = 0; i < RCPTS; i++) {
		char name[32];

		snprintf(name, sizeof name, "u%zu@s.example", i);
		ck_assert_int_eq(
		    address_parse(str(name), &rcpts[i].forward_path, &f), 0);
	}
}

static inline void
tear_down(void)
{
	sender_free(&sender);
	arena_clear(&arena);
	for (size_t i = 0; i < ARRAY_LEN(servers); i++)
		peer_clear(&servers[i]);
}

static inline int
give(void *ctx, int (*piece)(void *to, struct str bytes, struct fault *f),
    void *to, struct fault *f)
{
	struct str bytes = str(ctx);

	/* In two pieces, whatever they are. */
	if (piece(to, str_head(bytes, 5), f) < 0)
		return -1;
	return piece(to, str_from(bytes, 5), f);
}

static inline int
fail_to_give(void *ctx,
    int (*piece)(void *to, struct str bytes, struct fault *f), void *to,
    struct fault *f)
{
	if (piece(to, str_head(str(ctx), 5), f) < 0)
		return -1;
	return fault_temp(f, "4.3.0", "the disk is gone");
}

static inline void
send_as(size_t n, int (*each)(void *ctx,
		      int (*piece)(void *to, struct str bytes, struct fault *f),
		      void *to, struct fault *f))
{
	struct send_message message = {
	    .mail = &mail,
	    .rcpts = rcpts,
	    .n_rcpts = n,
	    .head = str("Received: here\r\n"),
	    .size = strlen(text),
	    .each = each,
	    .ctx = (void *)(uintptr_t)text,
	    .arena = &arena,
	    .tls_optional = tls_optional,
	};
	struct fault f;

	if (sender == NULL)
		sender = sender_new(&conf, &f);
	ck_assert_ptr_nonnull(sender);
	memset(outcomes, 0xff, sizeof outcomes);
	sender_send(sender, &target, &message, outcomes, &report);
}

static inline void
send_to(size_t n)
{
	send_as(n, give);
}

#endif
