/* SPDX-License-Identifier: ISC */
#include "config.h"

#include "mta/send/explain.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "mta/queued_options.h"
#include "mta/send/route.h"
#include "mta/send/sts.h"
#include "mta/send/target.h"
#include "tests/unit/unit.h"

/* The DNS of these tests: two MX, the second without an address. */
int
dns_mx(struct dns *dns, const char *domain, int64_t deadline,
    struct dns_answer *a, struct dns_mx *mx, struct fault *f)
{
	(void)dns;
	(void)deadline;
	memset(a, 0, sizeof *a);
	if (strcmp(domain, "ill.example") == 0)
		return fault_temp(f, "4.4.3", "no answer");
	if (strcmp(domain, "two.example") != 0)
		return 0;
	*a = (struct dns_answer){.exists = true, .secure = true, .n = 2};
	mx[0].preference = 10;
	mx[1].preference = 20;
	ck_assert(str_copy(str("a.example"), mx[0].host, DNS_NAME_SIZE));
	ck_assert(str_copy(str("none.example"), mx[1].host, DNS_NAME_SIZE));
	return 0;
}

int
dns_addresses(struct dns *dns, const char *host, int64_t deadline,
    struct dns_answer *a, struct net_address *addresses, char *canonical,
    struct fault *f)
{
	(void)dns;
	(void)deadline;
	memset(a, 0, sizeof *a);
	if (strcmp(host, "a.example") != 0)
		return 0;
	*a = (struct dns_answer){.exists = true, .secure = true, .n = 2};
	if (canonical != NULL)
		ck_assert(str_copy(str(host), canonical, DNS_NAME_SIZE));
	ck_assert_int_eq(
	    net_parse(str("[2001:db8::1]:0"), &addresses[0], f), 0);
	ck_assert_int_eq(net_parse(str("192.0.2.1:0"), &addresses[1], f), 0);
	return 0;
}

int
dns_tlsa(struct dns *dns, const char *host, uint16_t port, int64_t deadline,
    struct dns_answer *a, struct dns_tlsa *tlsa, struct fault *f)
{
	(void)dns;
	(void)deadline;
	(void)f;
	ck_assert_str_eq(host, "a.example");
	*a = (struct dns_answer){.exists = true, .secure = true, .n = 1};
	tlsa[0] = (struct dns_tlsa){3, 1, 1, {0}, 32};
	/* Of this port alone. */
	a->n = port == 2525;
	return 0;
}

/* What the fake of sts.c knows. */
#define POLICY "version: STSv1\nmode: enforce\nmx: *.example\nmax_age: 86400\n"

void
sts_find(struct sts *unused, const char *domain, struct sts_found *found)
{
	struct fault f;

	(void)unused;
	*found = (struct sts_found){.id = "x1", .fetched = 1, .expires = 2};
	ck_assert(str_copy(str(domain), found->domain, DNS_NAME_SIZE));
	if (strcmp(domain, "two.example") != 0) {
		found->trouble = STS_TROUBLE_FETCH;
		memcpy(found->reason, "HTTP", 5);
		return;
	}
	found->text = mem_dup(POLICY);
	ck_assert_int_eq(
	    sts_parse_policy(str(found->text), &found->policy, &f), 0);
}

void
sts_found_clear(struct sts_found *found)
{
	mem_free(found->text);
}

static char file[] = "/tmp/check-explain-XXXXXX";
static struct conf *conf;

static struct routes *
read_routes(const char *text)
{
	static const struct conf_table *const known[] = {&queued_table};
	struct routes_conf rc = {.run_dir = "/nonexistent"};
	struct routes *routes;
	struct fault f;
	int fd;

	memset(file + sizeof file - 7, 'X', 6);
	fd = mkstemp(file);
	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(write(fd, text, strlen(text)), (int)strlen(text));
	close(fd);
	conf = conf_read(file, known, ARRAY_LEN(known), true, &f);
	unlink(file);
	ck_assert_msg(conf != NULL, "%s", f.text);
	rc.options = conf_get(conf, &queued_table);
	routes = routes_new(&rc, &f);
	ck_assert_msg(routes != NULL, "%s", f.text);
	return routes;
}

/* NULL: without MTA-STS. */
static struct sts *policies;

/* Without the name of the file, which is another each time. */
static void
check_explained(const char *sections, const char *to, const char *want)
{
	const struct target_conf target = {.hostname = "us.example"};
	struct explain_conf e = {
	    .target = &target, .sts = policies, .port = 2525};
	struct address from = {.host = ADDRESS_NO_HOST}, rcpt;
	struct fault f;
	struct buf b;
	json_t *json;
	char *place;

	e.routes = read_routes(sections);
	ck_assert_int_eq(address_parse(str(to), &rcpt, &f), 0);
	json = explain(&e, &from, &rcpt);
	buf_init(&b, 10000);
	json_format(&b, json);
	place = strstr(b.bytes, file);
	if (place != NULL)
		memset(place, 'F', strlen(file));
	ck_assert_str_eq(buf_text(&b), want);
	buf_clear(&b);
	json_free(&json);
	routes_free(&e.routes);
	conf_free(&conf);
}

#define F "FFFFFFFFFFFFFFFFFFFFFFFFF"

START_TEST(each_decision_is_told_with_its_rule)
{
	check_explained("queued {\nroute \"two.example\" { to = mx }\n}\n",
	    "u@two.example",
	    "{\"from\":\"\",\"to\":\"u@two.example\","
	    "\"route\":{\"kind\":\"mx\",\"rule\":\"route \\\"two.example\\\"\","
	    "\"where\":\"" F ":2\",\"host\":\"two.example\",\"tls\":\"may\"},"
	    "\"target\":{\"key\":\"smtp:a.example+1-f24fae1b\","
	    "\"provider\":\"a.example\",\"hosts\":["
	    "{\"name\":\"a.example\",\"preference\":10,\"secure\":true,"
	    "\"addresses\":[\"[2001:db8::1]:2525\",\"192.0.2.1:2525\"],"
	    "\"tls\":{\"level\":\"verify\",\"rule\":\"dane\","
	    "\"verify\":\"a.example\",\"tlsa\":1}},"
	    "{\"name\":\"none.example\",\"preference\":20,\"secure\":true,"
	    "\"addresses\":[],\"fault\":{\"kind\":\"temporary\","
	    "\"dsn\":\"4.4.4\",\"text\":\"none.example has no address\"}}]}}");
	check_explained(
	    "queued { route \"*\" { to = \"smtp:a.example:587\" tls = encrypt "
	    "}\n}\n",
	    "u@x.example",
	    "{\"from\":\"\",\"to\":\"u@x.example\",\"route\":{\"kind\":\"host\","
	    "\"rule\":\"route \\\"*\\\"\",\"where\":\"" F ":1\","
	    "\"host\":\"a.example\",\"port\":587,\"tls\":\"encrypt\"},"
	    "\"target\":{\"key\":\"smtp:a.example:587,encrypt\","
	    "\"provider\":\"a.example\",\"hosts\":[{\"name\":\"a.example\","
	    "\"secure\":true,\"addresses\":[\"[2001:db8::1]:587\","
	    "\"192.0.2.1:587\"],\"tls\":{\"level\":\"encrypt\","
	    "\"rule\":\"route\"}}]}}");
}
END_TEST

START_TEST(a_policy_of_mta_sts_is_told)
{
	int any;

	policies = (struct sts *)(void *)&any;
	check_explained("queued {\nroute \"*\" { to = mx }\n}\n",
	    "u@two.example",
	    "{\"from\":\"\",\"to\":\"u@two.example\","
	    "\"route\":{\"kind\":\"mx\",\"rule\":\"route \\\"*\\\"\","
	    "\"where\":\"" F ":2\",\"host\":\"two.example\",\"tls\":\"may\"},"
	    "\"target\":{\"sts\":{\"domain\":\"two.example\","
	    "\"mode\":\"enforce\",\"id\":\"x1\",\"fetched\":1,\"expires\":2,"
	    "\"mx\":[\"*.example\"]},"
	    "\"key\":\"smtp:a.example+1-f24fae1b\","
	    "\"provider\":\"a.example\",\"hosts\":["
	    "{\"name\":\"a.example\",\"preference\":10,\"secure\":true,"
	    "\"addresses\":[\"[2001:db8::1]:2525\",\"192.0.2.1:2525\"],"
	    "\"tls\":{\"level\":\"verify\",\"rule\":\"dane\","
	    "\"verify\":\"a.example\",\"tlsa\":1}},"
	    "{\"name\":\"none.example\",\"preference\":20,\"secure\":true,"
	    "\"addresses\":[],\"fault\":{\"kind\":\"temporary\","
	    "\"dsn\":\"4.4.4\",\"text\":\"none.example has no address\"}}]}}");
	check_explained(
	    "queued { route \"*\" { to = \"smtp:a.example:587\" }\n}\n",
	    "u@x.example",
	    "{\"from\":\"\",\"to\":\"u@x.example\",\"route\":{\"kind\":\"host\","
	    "\"rule\":\"route \\\"*\\\"\",\"where\":\"" F ":1\","
	    "\"host\":\"a.example\",\"port\":587,\"tls\":\"may\"},"
	    "\"target\":{\"sts\":{\"domain\":\"a.example\","
	    "\"trouble\":\"HTTP\"},\"key\":\"smtp:a.example:587\","
	    "\"provider\":\"a.example\",\"hosts\":[{\"name\":\"a.example\","
	    "\"secure\":true,\"addresses\":[\"[2001:db8::1]:587\","
	    "\"192.0.2.1:587\"],\"tls\":{\"level\":\"may\","
	    "\"rule\":\"route\"}}]}}");
	policies = NULL;
}
END_TEST

START_TEST(what_is_not_sent_has_a_reason)
{
	check_explained(
	    "queued { route \"*\" { to = \"error:5.1.6 moved\" } }\n",
	    "u@x.example",
	    "{\"from\":\"\",\"to\":\"u@x.example\",\"route\":{\"kind\":\"error\","
	    "\"rule\":\"route \\\"*\\\"\",\"where\":\"" F ":1\","
	    "\"tls\":\"may\"},\"fault\":{\"kind\":\"permanent\","
	    "\"dsn\":\"5.1.6\",\"text\":\"moved\"}}");
	check_explained("queued { route \"*\" { to = mx } }\n", "u@ill.example",
	    "{\"from\":\"\",\"to\":\"u@ill.example\",\"route\":{\"kind\":\"mx\","
	    "\"rule\":\"route \\\"*\\\"\",\"where\":\"" F ":1\","
	    "\"host\":\"ill.example\",\"tls\":\"may\"},"
	    "\"fault\":{\"kind\":\"temporary\",\"dsn\":\"4.4.3\","
	    "\"text\":\"no answer\"}}");
	check_explained("queued { route \"*\" { to = discard } }\n",
	    "u@x.example",
	    "{\"from\":\"\",\"to\":\"u@x.example\",\"route\":{"
	    "\"kind\":\"discard\",\"rule\":\"route \\\"*\\\"\","
	    "\"where\":\"" F ":1\",\"tls\":\"may\"}}");
}
END_TEST

START_TEST(a_socket_is_shown_with_its_route)
{
	check_explained(
	    "queued { route \"*\" { to = \"lmtp:127.0.0.1:24\" } }\n",
	    "u@x.example",
	    "{\"from\":\"\",\"to\":\"u@x.example\",\"route\":{\"kind\":\"lmtp\","
	    "\"rule\":\"route \\\"*\\\"\",\"where\":\"" F ":1\","
	    "\"address\":\"127.0.0.1:24\",\"tls\":\"may\"},"
	    "\"target\":{\"key\":\"lmtp:127.0.0.1:24\","
	    "\"provider\":\"lmtp:127.0.0.1:24\",\"hosts\":[]}}");
}
END_TEST

UNIT_MAIN("explain", each_decision_is_told_with_its_rule,
    a_policy_of_mta_sts_is_told, what_is_not_sent_has_a_reason,
    a_socket_is_shown_with_its_route)
