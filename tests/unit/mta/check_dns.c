/* SPDX-License-Identifier: ISC */
/*
 * What does not need a name server: one that never answers, bad settings, and
 * what libunbound knows by itself. The rest is in tests/system/dns_answers.py.
 */
#include "config.h"

#include "mta/send/dns.h"

#include <netinet/in.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "tests/unit/unit.h"

/* Bound and never read: questions get lost without an error. */
struct silent {
	int fd;
	char server[64];
};

static void
silent_open(struct silent *s)
{
	struct sockaddr_in sin = {
	    .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t len = sizeof sin;

	s->fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	ck_assert_int_ge(s->fd, 0);
	ck_assert_int_eq(bind(s->fd, (struct sockaddr *)&sin, len), 0);
	ck_assert_int_eq(getsockname(s->fd, (struct sockaddr *)&sin, &len), 0);
	snprintf(
	    s->server, sizeof s->server, "127.0.0.1@%u", ntohs(sin.sin_port));
}

static struct dns *
open_dns(const char *server)
{
	const struct dns_conf conf = {.server = server, .no_dnssec = true};
	struct fault f = {.text = ""};
	struct dns *dns = dns_new(&conf, &f);

	ck_assert_msg(dns != NULL, "%s", f.text);
	return dns;
}

START_TEST(a_silent_server_holds_nobody_past_the_deadline)
{
	struct silent s;
	struct dns *dns;
	struct dns_answer a;
	static struct dns_mx mx[DNS_RECORDS_MAX];
	int64_t start = clock_ms();
	struct fault f;

	silent_open(&s);
	dns = open_dns(s.server);
	ck_assert_int_eq(
	    dns_mx(dns, "example.org", clock_ms() + 100, &a, mx, &f), -1);
	ck_assert_int_eq(f.kind, FAULT_TEMP);
	ck_assert_str_eq(f.dsn, "4.4.3");
	ck_assert_msg(strstr(f.text, "no answer") != NULL, "%s", f.text);
	ck_assert_uint_eq(a.n, 0);
	ck_assert_int_lt(clock_ms() - start, 20000);
	/* With the question still open. */
	dns_free(&dns);
	ck_assert(dns == NULL);
	close(s.fd);
}
END_TEST

struct asker {
	struct dns *dns;
	pthread_t thread;
	int wrong;
};

static void *
ask_much(void *arg)
{
	struct asker *asker = arg;
	struct net_address addresses[DNS_RECORDS_MAX];
	struct dns_answer a;
	struct fault f;

	for (int i = 0; i < 20; i++) {
		if (dns_addresses(asker->dns, "localhost", clock_ms() + 30000,
			&a, addresses, NULL, &f) < 0 ||
		    a.n != 2)
			asker->wrong++;
		if (dns_addresses(asker->dns, "example.org", clock_ms() + 1, &a,
			addresses, NULL, &f) == 0)
			asker->wrong++;
	}
	return NULL;
}

START_TEST(many_threads_ask_at_once)
{
	struct silent s;
	struct asker askers[20];
	struct dns *dns;

	silent_open(&s);
	dns = open_dns(s.server);
	for (size_t i = 0; i < ARRAY_LEN(askers); i++) {
		askers[i] = (struct asker){.dns = dns};
		pthread_create(&askers[i].thread, NULL, ask_much, &askers[i]);
	}
	for (size_t i = 0; i < ARRAY_LEN(askers); i++) {
		pthread_join(askers[i].thread, NULL);
		ck_assert_int_eq(askers[i].wrong, 0);
	}
	dns_free(&dns);
	close(s.fd);
}
END_TEST

START_TEST(localhost_is_known_without_asking)
{
	struct silent s;
	struct dns *dns;
	struct net_address addresses[DNS_RECORDS_MAX];
	struct dns_answer a;
	struct fault f;
	char canonical[DNS_NAME_SIZE], text[140];

	silent_open(&s);
	dns = open_dns(s.server);
	ck_assert_int_eq(dns_addresses(dns, "LocalHost.", clock_ms() + 30000,
			     &a, addresses, canonical, &f),
	    0);
	ck_assert(a.exists);
	ck_assert_uint_eq(a.n, 2);
	net_format(&addresses[0], text, sizeof text);
	ck_assert_str_eq(text, "[::1]:0");
	net_format(&addresses[1], text, sizeof text);
	ck_assert_str_eq(text, "127.0.0.1:0");
	ck_assert_str_eq(canonical, "localhost");
	dns_free(&dns);
	close(s.fd);
}
END_TEST

START_TEST(what_is_no_name_is_not_asked)
{
	struct silent s;
	struct dns *dns;
	struct dns_answer a;
	static struct dns_mx mx[DNS_RECORDS_MAX];
	struct fault f;

	silent_open(&s);
	dns = open_dns(s.server);
	ck_assert_int_eq(
	    dns_mx(dns, "a..b", clock_ms() + 30000, &a, mx, &f), -1);
	ck_assert_int_eq(f.kind, FAULT_PERM);
	ck_assert_str_eq(f.dsn, "5.1.2");
	dns_free(&dns);
	close(s.fd);
}
END_TEST

START_TEST(bad_settings_are_faults_at_the_start)
{
	static const struct {
		struct dns_conf conf;
		const char *word;
	} bad[] = {
	    {{.server = "example.org", .no_dnssec = true}, "dns_server"},
	    {{.server = "127.0.0.1@x", .no_dnssec = true}, "dns_server"},
	    {{.server = "127.0.0.1", .trust_anchor = "/nonexistent"},
		"dns_trust_anchor"},
	    {{.server = "127.0.0.1", .trust_anchor = "/proc/self/status"},
		"trust anchor"},
	};
	struct fault f;

	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		f.text[0] = '\0';
		ck_assert(dns_new(&bad[i].conf, &f) == NULL);
		ck_assert_int_eq(f.kind, FAULT_PERM);
		ck_assert_msg(
		    strstr(f.text, bad[i].word) != NULL, "%s", f.text);
	}
}
END_TEST

UNIT_MAIN("dns", a_silent_server_holds_nobody_past_the_deadline,
    many_threads_ask_at_once, localhost_is_known_without_asking,
    what_is_no_name_is_not_asked, bad_settings_are_faults_at_the_start)
