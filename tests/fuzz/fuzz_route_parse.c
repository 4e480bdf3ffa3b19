/* SPDX-License-Identifier: ISC */
/* mta/send/route_parse.h. The input is a text that each parser gets in turn,
 * and an address whose keys are made. */
#include "config.h"

#include "mta/send/route_parse.h"

#include "base/buf.h"
#include "proto/domain.h"
#include "tests/fuzz/fuzz.h"

static void
check_line(const char *text, size_t size)
{
	FUZZ_CHECK(text[0] != '\0' && strnlen(text, size) < size);
	for (; *text != '\0'; text++)
		FUZZ_CHECK((unsigned char)*text >= ' ' && *text != 0x7f);
}

static void
check_fault(const struct fault *f)
{
	FUZZ_CHECK(f->kind == FAULT_PERM);
	FUZZ_CHECK(str_is(str(f->dsn), STR_LIT("5.3.5")));
	check_line(f->text, sizeof f->text);
}

static void
check_domain(const char *host)
{
	char again[DOMAIN_SIZE];

	FUZZ_CHECK(domain_is_ascii_name(str(host)));
	FUZZ_CHECK(domain_to_ascii(str(host), again));
	FUZZ_CHECK(str_is(str(host), str(again)));
}

/* A name, or a literal as it may stand in an address. Written with its port
 * it is the same host again. */
static void
check_host(const struct route *route)
{
	char literal[ADDRESS_DOMAIN_MAX + 1];
	struct route again;
	struct fault f;
	struct buf b;

	if (route->host[0] == '[')
		FUZZ_CHECK(address_parse_domain(str(route->host), false,
			       literal, sizeof literal, &f) == 0);
	else
		check_domain(route->host);
	buf_init(&b, 300);
	buf_puts(&b, route->host);
	if (route->port != 0)
		buf_putf(&b, ":%u", route->port);
	FUZZ_CHECK(route_parse_host(buf_str(&b), &again, &f) == 0);
	FUZZ_CHECK(str_is(str(again.host), str(route->host)));
	FUZZ_CHECK(again.port == route->port && again.kind == ROUTE_HOST);
	buf_clear(&b);
}

static void
check_lmtp(const struct route *route)
{
	struct net_address again;
	char text[140];
	struct fault f;

	net_format(&route->lmtp, text, sizeof text);
	FUZZ_CHECK(net_parse(str(text), &again, &f) == 0);
	FUZZ_CHECK(again.len == route->lmtp.len);
	FUZZ_CHECK(memcmp(&again.sa, &route->lmtp.sa, again.len) == 0);
}

static void
check_error(const struct route *route)
{
	struct str rest = str(route->fault.dsn);
	uint64_t n, class;

	FUZZ_CHECK(str_to_u64(str_cut(&rest, '.'), 4, 5, &class));
	FUZZ_CHECK(class == (uint64_t)route->fault.kind);
	FUZZ_CHECK(str_to_u64(str_cut(&rest, '.'), 0, 999, &n));
	FUZZ_CHECK(str_to_u64(rest, 0, 999, &n));
	check_line(route->fault.text, sizeof route->fault.text);
}

static void
check_route(const struct route *route)
{
	switch (route->kind) {
	case ROUTE_MX:
		if (route->host[0] != '\0')
			check_domain(route->host);
		break;
	case ROUTE_HOST:
		check_host(route);
		break;
	case ROUTE_LMTP:
		check_lmtp(route);
		break;
	case ROUTE_ERROR:
		check_error(route);
		break;
	case ROUTE_DISCARD:
		break;
	}
}

/* Returns what the parser does, having checked it. */
static int
check_parser(
    int (*parse)(struct str text, struct route *route, struct fault *f),
    struct str text)
{
	static const char mark[] = "as it was";
	struct route route = {.tls = ROUTE_TLS_VERIFY,
	    .implicit_tls = true,
	    .user = mark,
	    .password = mark,
	    .rule = mark,
	    .where = mark};
	struct fault f = {.text = ""};
	int rc = parse(text, &route, &f);

	FUZZ_CHECK(route.tls == ROUTE_TLS_VERIFY && route.implicit_tls);
	FUZZ_CHECK(route.user == mark && route.password == mark);
	FUZZ_CHECK(route.rule == mark && route.where == mark);
	if (rc < 0)
		check_fault(&f);
	else if (rc > 0 || parse != route_parse_transport)
		check_route(&route);
	return rc;
}

static void
check_parsers(struct str text)
{
	struct str trimmed = str_trim(text);
	int rc;

	FUZZ_CHECK(check_parser(route_parse_host, text) <= 0);
	FUZZ_CHECK(check_parser(route_parse_to, text) <= 0);
	rc = check_parser(route_parse_transport, text);
	FUZZ_CHECK(rc <= 1);
	FUZZ_CHECK(
	    (rc == 0) == (trimmed.len == 0 || str_is(trimmed, STR_LIT(":"))));
}

static void
check_key(struct str text)
{
	char key[ADDRESS_TEXT_SIZE], again[ADDRESS_TEXT_SIZE];
	struct fault f = {.text = ""};

	if (route_parse_key(text, key, &f) < 0) {
		check_fault(&f);
		return;
	}
	FUZZ_CHECK(key[0] != '\0' && strnlen(key, sizeof key) < sizeof key);
	/* That of an address has lost its quotes. */
	if (str_has(str(key), '@'))
		return;
	FUZZ_CHECK(route_parse_key(str(key), again, &f) == 0);
	FUZZ_CHECK(str_is(str(key), str(again)));
}

/* Each key ends the one before it, and the operator can write it. */
static void
check_keys(struct str text)
{
	char key[ADDRESS_TEXT_SIZE];
	struct route_keys k;
	struct address a;
	struct fault f;

	if (address_parse(text, &a, &f) < 0)
		return;
	route_keys_of(&a, &k);
	FUZZ_CHECK(k.n >= 1 && k.n <= ROUTE_KEYS_MAX);
	FUZZ_CHECK(str_is(k.keys[k.n - 1], STR_LIT("*")));
	for (size_t i = 0; i < k.n; i++) {
		bool is_whole = i == 0 && a.host == ADDRESS_DOMAIN;

		FUZZ_CHECK(k.keys[i].len > 0);
		if (i > 0 && i < k.n - 1)
			FUZZ_CHECK(str_ends(k.keys[i - 1], k.keys[i]));
		FUZZ_CHECK(
		    route_parse_key(is_whole ? text : k.keys[i], key, &f) == 0);
		FUZZ_CHECK(str_is(k.keys[i], str(key)));
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct str text = str_n((const char *)data, size);

	check_parsers(text);
	check_key(text);
	check_keys(text);
	return 0;
}
