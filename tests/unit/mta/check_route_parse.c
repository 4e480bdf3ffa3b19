/* SPDX-License-Identifier: ISC */
#include "config.h"

#include "mta/send/route_parse.h"

#include <stdio.h>
#include <string.h>

#include "tests/unit/unit.h"

/* One line that says all that was parsed. */
static const char *
shown(const struct route *route)
{
	static char text[600];
	char lmtp[140];

	switch (route->kind) {
	case ROUTE_MX:
		snprintf(
		    text, sizeof text, "mx %s %u", route->host, route->port);
		break;
	case ROUTE_HOST:
		snprintf(
		    text, sizeof text, "host %s %u", route->host, route->port);
		break;
	case ROUTE_LMTP:
		net_format(&route->lmtp, lmtp, sizeof lmtp);
		snprintf(text, sizeof text, "lmtp %s", lmtp);
		break;
	case ROUTE_ERROR:
		snprintf(text, sizeof text, "error %d %s %s", route->fault.kind,
		    route->fault.dsn, route->fault.text);
		break;
	case ROUTE_DISCARD:
		return "discard";
	}
	return text;
}

struct parsing {
	const char *text;
	const char *route; /* as shown() has it; "" nothing; NULL: a fault */
};

static void
check_all(const struct parsing *cases, size_t n,
    int (*parse)(struct str text, struct route *route, struct fault *f))
{
	for (size_t i = 0; i < n; i++) {
		struct route route = {.kind = ROUTE_MX};
		struct fault f = {.text = ""};
		int rc = parse(str(cases[i].text), &route, &f);

		ck_assert_msg((rc >= 0) == (cases[i].route != NULL),
		    "\"%s\" is %s %s", cases[i].text,
		    rc < 0 ? "refused:" : "taken as",
		    rc < 0 ? f.text : shown(&route));
		if (rc < 0) {
			ck_assert_int_eq(f.kind, FAULT_PERM);
			ck_assert_str_eq(f.dsn, "5.3.5");
			continue;
		}
		if (cases[i].route[0] == '\0')
			ck_assert_int_eq(rc, 0);
		else
			ck_assert_str_eq(shown(&route), cases[i].route);
	}
}

START_TEST(operators_write_where_to)
{
	static const struct parsing cases[] = {
	    {"mx", "mx  0"},
	    {"mx:Example.ORG", "mx example.org 0"},
	    {"smtp:mx.example.org", "host mx.example.org 0"},
	    {"smtp:MX.example.org:587", "host mx.example.org 587"},
	    {"smtp:localhost:2525", "host localhost 2525"},
	    {"smtp:192.0.2.1", "host [192.0.2.1] 0"},
	    {"smtp:192.0.2.1:25", "host [192.0.2.1] 25"},
	    {"smtp:[192.0.2.1]:25", "host [192.0.2.1] 25"},
	    {"smtp:[2001:db8::1]:25", "host [IPv6:2001:db8::1] 25"},
	    {"smtp:[IPv6:2001:db8::1]", "host [IPv6:2001:db8::1] 0"},
	    {"smtp:[mx.example.org]:26", "host mx.example.org 26"},
	    {"lmtp:unix:/run/lmtp", "lmtp unix:/run/lmtp"},
	    {"lmtp:127.0.0.1:24", "lmtp 127.0.0.1:24"},
	    {"error:5.1.2 no such thing", "error 5 5.1.2 no such thing"},
	    {"error:4.2.1 later", "error 4 4.2.1 later"},
	    {"error:gone: for good", "error 5 5.4.4 gone: for good"},
	    {"error:5.1 words", "error 5 5.4.4 5.1 words"},
	    {"error:2.0.0 fine", "error 5 5.4.4 2.0.0 fine"},
	    {"error:", "error 5 5.4.4 the address is not served"},
	    {"discard", "discard"},
	    {"", NULL},
	    {"smtp", NULL},
	    {"smtp:", NULL},
	    {"smtp:a_b.example", NULL},
	    {"smtp:mx.example.org:", NULL},
	    {"smtp:mx.example.org:0", NULL},
	    {"smtp:mx.example.org:65536", NULL},
	    {"smtp:mx.example.org:smtp", NULL},
	    {"smtp:*:25", NULL},
	    {"lmtp:mail.example.org:24", NULL},
	    {"lmtp:", NULL},
	    {"mx:a..b", NULL},
	    {"discard:x", NULL},
	    {"SMTP:a", NULL},
	    {"local", NULL},
	};

	check_all(cases, ARRAY_LEN(cases), route_parse_to);
}
END_TEST

START_TEST(maps_speak_as_postfix_does)
{
	static const struct parsing cases[] = {
	    {"", ""},
	    {":", ""},
	    {"smtp:", "mx  0"},
	    {"smtp:example.org", "mx example.org 0"},
	    {"smtp:example.org:2525", "mx example.org 2525"},
	    {"smtp:[mx.example.org]", "host mx.example.org 0"},
	    {"relay:[mx.example.org]:587", "host mx.example.org 587"},
	    {"esmtp:[192.0.2.1]", "host [192.0.2.1] 0"},
	    {"smtp:[2001:db8::1]:25", "host [IPv6:2001:db8::1] 25"},
	    {"smtp:[ipv6:2001:db8::1]", "host [IPv6:2001:db8::1] 0"},
	    {":[mx.example.org]", "host mx.example.org 0"},
	    {":example.org", "mx example.org 0"},
	    {"lmtp:unix:/run/lmtp", "lmtp unix:/run/lmtp"},
	    {"lmtp:inet:127.0.0.1:24", "lmtp 127.0.0.1:24"},
	    {"lmtp:[::1]:24", "lmtp [::1]:24"},
	    {"error:5.7.1 no", "error 5 5.7.1 no"},
	    {"error:no", "error 5 5.4.4 no"},
	    {"retry:later", "error 4 4.4.4 later"},
	    {"discard:", "discard"},
	    {"discard:why not", "discard"},
	    {"local:", NULL},
	    {"virtual:", NULL},
	    {"maildrop:x", NULL},
	    {"example.org", NULL},
	    {"smtp:[a b]", NULL},
	    {"lmtp:unix:private/lmtp", NULL},
	};

	check_all(cases, ARRAY_LEN(cases), route_parse_transport);
}
END_TEST

START_TEST(titles_are_keys)
{
	static const struct {
		const char *title, *key; /* NULL: refused */
	} cases[] = {
	    {"*", "*"},
	    {"Example.ORG", "example.org"},
	    {".Example.ORG", ".example.org"},
	    {"Ann@Example.ORG", "ann@example.org"},
	    {"b\303\274cher.example", "xn--bcher-kva.example"},
	    {"ann@b\303\274cher.example", "ann@xn--bcher-kva.example"},
	    {"[192.0.2.1]", "[192.0.2.1]"},
	    {"[tag:a@b]", "[tag:a@b]"},
	    {"localhost", "localhost"},
	    {"", NULL},
	    {".", NULL},
	    {"*.example.org", NULL},
	    {"@example.org", NULL},
	    {"ann@", NULL},
	    {"a b", NULL},
	    {"[x", NULL},
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		char key[ADDRESS_TEXT_SIZE];
		struct fault f;
		int rc = route_parse_key(str(cases[i].title), key, &f);

		ck_assert_msg((rc == 0) == (cases[i].key != NULL), "\"%s\"",
		    cases[i].title);
		if (rc == 0)
			ck_assert_str_eq(key, cases[i].key);
	}
}
END_TEST

START_TEST(an_address_has_keys_from_near_to_far)
{
	static const struct {
		const char *address, *keys;
	} cases[] = {
	    {"Ann@a.Example.org",
		"ann@a.example.org a.example.org .example.org .org *"},
	    {"ann@localhost", "ann@localhost localhost *"},
	    {"ann@[192.0.2.1]", "[192.0.2.1] *"},
	    {"a@1.2.3.4.5.6.7.8.9.10.11.12.org",
		"a@1.2.3.4.5.6.7.8.9.10.11.12.org "
		"1.2.3.4.5.6.7.8.9.10.11.12.org .2.3.4.5.6.7.8.9.10.11.12.org "
		".3.4.5.6.7.8.9.10.11.12.org .4.5.6.7.8.9.10.11.12.org "
		".5.6.7.8.9.10.11.12.org .6.7.8.9.10.11.12.org "
		".7.8.9.10.11.12.org .8.9.10.11.12.org .9.10.11.12.org "
		".10.11.12.org .11.12.org *"},
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct address a;
		struct route_keys k;
		struct fault f;
		struct buf b;

		ck_assert_int_eq(
		    address_parse(str(cases[i].address), &a, &f), 0);
		route_keys_of(&a, &k);
		buf_init(&b, 1000);
		for (size_t n = 0; n < k.n; n++)
			buf_putf(
			    &b, "%s%.*s", n > 0 ? " " : "", STR_ARG(k.keys[n]));
		ck_assert_str_eq(buf_text(&b), cases[i].keys);
		buf_clear(&b);
	}
}
END_TEST

START_TEST(the_null_path_has_only_the_last_key)
{
	struct address a = {.host = ADDRESS_NO_HOST};
	struct route_keys k;

	route_keys_of(&a, &k);
	ck_assert_uint_eq(k.n, 1);
	ck_assert_view_eq(k.keys[0], "*");
	ck_assert_uint_eq(k.domain.len, 0);
}
END_TEST

START_TEST(single_messages_have_a_next_hop_and_no_more)
{
	static const struct {
		const char *text;
		enum route_kind kind;
		const char *host;
		unsigned port;
	} good[] = {
	    {"mx.example.org", ROUTE_HOST, "mx.example.org", 0},
	    {"mx.example.org:2525", ROUTE_HOST, "mx.example.org", 2525},
	    {"smtp:[192.0.2.1]:26", ROUTE_HOST, "[192.0.2.1]", 26},
	    {"mx:example.org", ROUTE_MX, "example.org", 0},
	    {"lmtp:127.0.0.1:24", ROUTE_LMTP, "", 0},
	};
	static const char *const bad[] = {"", "mx",
	    "mx:", "smtp:", "lmtp:", "discard", "error:5.1.1 no", "a b",
	    "lmtp:nowhere"};
	struct fault f;

	for (size_t i = 0; i < ARRAY_LEN(good); i++) {
		struct route r = {.kind = ROUTE_ERROR};

		ck_assert_msg(route_parse_via(str(good[i].text), &r, &f) == 0,
		    "%s", good[i].text);
		ck_assert_int_eq(r.kind, good[i].kind);
		ck_assert_str_eq(r.host, good[i].host);
		ck_assert_uint_eq(r.port, good[i].port);
	}
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		struct route r = {.kind = ROUTE_HOST};

		ck_assert_msg(
		    route_parse_via(str(bad[i]), &r, &f) < 0, "%s", bad[i]);
	}
}
END_TEST

UNIT_MAIN("route_parse", single_messages_have_a_next_hop_and_no_more,
    operators_write_where_to, maps_speak_as_postfix_does, titles_are_keys,
    an_address_has_keys_from_near_to_far, the_null_path_has_only_the_last_key)
