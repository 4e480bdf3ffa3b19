/* SPDX-License-Identifier: ISC */
/*
 * Asks what dns_answers.py wants to know, through mta/send/dns.h and target.h:
 *
 *   dns_ask SERVER ANCHOR MILLISECONDS     (an anchor "-": no DNSSEC)
 *
 * Each line of the input is a question, "mx NAME", "addresses NAME", "txt NAME",
 * "tlsa HOST", "target DOMAIN"; each line of the output its answer, in JSON.
 */
#include "config.h"

#include <stdio.h>
#include <string.h>
#include <sysexits.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/mem.h"
#include "mta/send/dns.h"
#include "mta/send/target.h"

static struct dns *dns;
static int64_t wait_ms;

static void
put_answer(json_t *object, const struct dns_answer *a)
{
	json_put_bool(object, "exists", a->exists);
	json_put_bool(object, "secure", a->secure);
	json_put_int(object, "ttl", a->ttl);
	json_put_int(object, "malformed", (int64_t)a->malformed);
}

static int
ask_mx(const char *name, json_t *object, struct fault *f)
{
	static struct dns_mx mx[DNS_RECORDS_MAX];
	json_t *list = json_new_array();
	struct dns_answer a;
	char text[DNS_NAME_SIZE + 10];
	int rc = dns_mx(dns, name, clock_ms() + wait_ms, &a, mx, f);

	put_answer(object, &a);
	for (size_t i = 0; i < a.n; i++) {
		snprintf(text, sizeof text, "%u %.255s", mx[i].preference,
		    mx[i].host);
		json_add_text(list, text);
	}
	json_put(object, "records", list);
	return rc;
}

static int
ask_addresses(const char *name, json_t *object, struct fault *f)
{
	struct net_address addresses[DNS_RECORDS_MAX];
	json_t *list = json_new_array();
	struct dns_answer a;
	char text[140], canonical[DNS_NAME_SIZE] = "";
	int rc = dns_addresses(
	    dns, name, clock_ms() + wait_ms, &a, addresses, canonical, f);

	put_answer(object, &a);
	for (size_t i = 0; i < a.n; i++) {
		net_format(&addresses[i], text, sizeof text);
		json_add_text(list, text);
	}
	json_put(object, "records", list);
	json_put_text(object, "canonical", canonical);
	return rc;
}

static int
ask_txt(const char *name, json_t *object, struct fault *f)
{
	static char texts[DNS_RECORDS_MAX][DNS_TXT_SIZE];
	json_t *list = json_new_array();
	struct dns_answer a;
	int rc = dns_txt(dns, name, clock_ms() + wait_ms, &a, texts, f);

	put_answer(object, &a);
	for (size_t i = 0; i < a.n; i++)
		json_add_text(list, texts[i]);
	json_put(object, "records", list);
	return rc;
}

static int
ask_tlsa(const char *name, json_t *object, struct fault *f)
{
	static struct dns_tlsa tlsa[DNS_RECORDS_MAX];
	json_t *list = json_new_array();
	struct dns_answer a;
	char text[60];
	int rc = dns_tlsa(dns, name, 25, clock_ms() + wait_ms, &a, tlsa, f);

	put_answer(object, &a);
	for (size_t i = 0; i < a.n; i++) {
		snprintf(text, sizeof text, "%u %u %u, %zu bytes",
		    tlsa[i].usage, tlsa[i].selector, tlsa[i].matching,
		    tlsa[i].len);
		json_add_text(list, text);
	}
	json_put(object, "records", list);
	return rc;
}

static int
ask_target(const char *name, json_t *object, struct fault *f)
{
	static struct target target;
	const struct target_conf conf = {
	    .hostname = "us.example.org", .timeout_ms = wait_ms};
	struct route route = {.kind = ROUTE_MX, .tls = ROUTE_TLS_MAY};
	json_t *list;

	if (!str_copy(str(name), route.host, sizeof route.host) ||
	    target_resolve(&conf, dns, &route, str(name), &target, f) < 0)
		return -1;
	list = json_new_array();
	for (size_t i = 0; i < target.n_hosts; i++)
		json_add_text(list, target.hosts[i].name);
	json_put(object, "hosts", list);
	json_put_bool(object, "secure", target.hosts[0].secure);
	json_put_text(object, "key", target.key);
	json_put_text(object, "provider", target.provider);
	return 0;
}

static const struct {
	const char *name;
	int (*ask)(const char *name, json_t *object, struct fault *f);
} questions[] = {
    {"mx", ask_mx},
    {"addresses", ask_addresses},
    {"txt", ask_txt},
    {"tlsa", ask_tlsa},
    {"target", ask_target},
};

static void
answer(struct str question, const char *name)
{
	json_t *object = json_new_object();
	struct fault f;
	struct buf b;

	for (size_t i = 0; i < ARRAY_LEN(questions); i++)
		if (str_is(question, str(questions[i].name)) &&
		    questions[i].ask(name, object, &f) < 0) {
			json_put_text(object, "dsn", f.dsn);
			json_put_text(object, "fault", f.text);
		}
	buf_init(&b, 1 << 20);
	json_format(&b, object);
	puts(buf_text(&b));
	fflush(stdout);
	buf_clear(&b);
	json_free(&object);
}

int
main(int argc, char **argv)
{
	struct dns_conf conf = {0};
	struct fault f;
	char line[1000];
	uint64_t ms;

	if (argc != 4 || !str_to_u64(str(argv[3]), 1, 600000, &ms))
		die(EX_USAGE, "usage: dns_ask server anchor milliseconds");
	wait_ms = (int64_t)ms;
	conf.server = argv[1];
	conf.no_dnssec = strcmp(argv[2], "-") == 0;
	conf.trust_anchor = argv[2];
	dns = dns_new(&conf, &f);
	if (dns == NULL)
		die(EX_CONFIG, "dns_ask: %s", f.text);
	while (fgets(line, sizeof line, stdin) != NULL) {
		struct str rest = str(line), question;
		char name[1000];

		question = str_cut(&rest, ' ');
		if (str_copy(str_head(rest, str_find(rest, '\n')), name,
			sizeof name))
			answer(question, name);
	}
	dns_free(&dns);
	return 0;
}
