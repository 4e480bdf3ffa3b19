/* SPDX-License-Identifier: ISC */
#include "config.h"

#include "mta/send/route_parse.h"

#include <string.h>

#include "base/buf.h"
#include "proto/domain.h"

enum { SHOWN = 80 };

static int
no_host(struct str text, struct fault *f)
{
	return fault_perm(f, "5.3.5",
	    "\"%.*s\" is no host (mx.example.org, 192.0.2.1, [2001:db8::1], "
	    "with or without :PORT)",
	    STR_ARG(str_head(text, SHOWN)));
}

static bool
is_ip(struct str text, bool six)
{
	struct net_address address;
	struct fault ignored;
	struct buf b;
	bool ok;

	buf_init(&b, 100);
	buf_putf(&b, six ? "[%.*s]:1" : "%.*s:1", STR_ARG(str_head(text, 60)));
	/* "localhost" and "*" are addresses too, and these are names. */
	ok =
	    text.len < 60 &&
	    (six || (text.len > 0 && text.at[0] >= '0' && text.at[0] <= '9')) &&
	    net_parse(buf_str(&b), &address, &ignored) == 0;
	buf_clear(&b);
	return ok;
}

/* A name, or an address, which becomes a literal as in an address of mail. */
static bool
put_host(struct str text, char host[ADDRESS_DOMAIN_MAX + 1])
{
	struct buf b;
	bool ok;

	if (str_starts_nocase(text, STR_LIT("IPv6:")))
		text = str_from(text, 5);
	buf_init(&b, ADDRESS_DOMAIN_MAX);
	if (is_ip(text, false))
		buf_putf(&b, "[%.*s]", STR_ARG(text));
	else if (is_ip(text, true))
		buf_putf(&b, "[IPv6:%.*s]", STR_ARG(text));
	ok = buf_len(&b) > 0
		 ? str_copy(buf_str(&b), host, ADDRESS_DOMAIN_MAX + 1)
		 : domain_to_ascii(text, host);
	buf_clear(&b);
	return ok;
}

/* Cuts the port off; false where it is none. */
static bool
take_port(struct str *text, uint16_t *port)
{
	size_t colon = str_find_last(*text, ':');
	size_t bracket = str_find_last(*text, ']');
	uint64_t n;

	*port = 0;
	if (colon == text->len || (bracket < text->len && colon < bracket))
		return true;
	if (!str_to_u64(str_from(*text, colon + 1), 1, 65535, &n))
		return false;
	*port = (uint16_t)n;
	*text = str_head(*text, colon);
	return true;
}

/* Postfix' brackets say that no MX is asked; ours are those of IPv6. */
static bool
take_brackets(struct str *text)
{
	if (text->len < 3 || text->at[0] != '[' ||
	    text->at[text->len - 1] != ']')
		return false;
	*text = str_n(text->at + 1, text->len - 2);
	return true;
}

int
route_parse_host(struct str text, struct route *route, struct fault *f)
{
	struct str rest = text;

	if (!take_port(&rest, &route->port))
		return no_host(text, f);
	take_brackets(&rest);
	if (!put_host(rest, route->host))
		return no_host(text, f);
	route->kind = ROUTE_HOST;
	return 0;
}

static int
parse_lmtp(struct str text, struct route *route, struct fault *f)
{
	struct fault why;

	if (net_parse(text, &route->lmtp, &why) < 0)
		return fault_perm(f, "5.3.5", "lmtp: %s", why.text);
	route->kind = ROUTE_LMTP;
	return 0;
}

static bool
is_digits(struct str s)
{
	for (size_t i = 0; i < s.len; i++)
		if (s.at[i] < '0' || s.at[i] > '9')
			return false;
	return s.len > 0 && s.len <= 3;
}

static bool
is_code(struct str s)
{
	struct str class = str_cut(&s, '.'), subject = str_cut(&s, '.');

	return (str_is(class, STR_LIT("4")) || str_is(class, STR_LIT("5"))) &&
	       is_digits(subject) && is_digits(s);
}

/* "5.1.2 text", or a text alone. */
static void
parse_error(struct str text, const char *dsn, struct route *route)
{
	struct str rest = str_trim(text), code = str_cut(&rest, ' ');
	struct fault *fault = &route->fault;
	char given[sizeof fault->dsn] = "";

	if (is_code(code) && str_copy(code, given, sizeof given)) {
		text = str_trim(rest);
		dsn = given;
	}
	/* What a map says may hold a NUL, which would end the sentence. */
	text = str_head(text, str_find(text, '\0'));
	text = str_trim(str_head(text, sizeof fault->text - 1));
	if (text.len == 0)
		text = STR_LIT("the address is not served");
	if (dsn[0] == '4')
		fault_temp(fault, dsn, "%.*s", STR_ARG(text));
	else
		fault_perm(fault, dsn, "%.*s", STR_ARG(text));
	route->kind = ROUTE_ERROR;
}

static int
parse_mx(struct str domain, struct route *route, struct fault *f)
{
	route->kind = ROUTE_MX;
	route->host[0] = '\0';
	if (domain.len == 0 || domain_to_ascii(domain, route->host))
		return 0;
	return fault_perm(f, "5.3.5", "\"%.*s\" is no domain",
	    STR_ARG(str_head(domain, SHOWN)));
}

int
route_parse_to(struct str text, struct route *route, struct fault *f)
{
	struct str rest = str_trim(text), word = str_cut(&rest, ':');

	route->port = 0;
	if (str_is(word, STR_LIT("mx")))
		return parse_mx(rest, route, f);
	if (str_is(word, STR_LIT("smtp")))
		return route_parse_host(rest, route, f);
	if (str_is(word, STR_LIT("lmtp")))
		return parse_lmtp(rest, route, f);
	if (str_is(word, STR_LIT("error"))) {
		parse_error(rest, "5.4.4", route);
		return 0;
	}
	if (str_is(word, STR_LIT("discard")) && rest.len == 0) {
		route->kind = ROUTE_DISCARD;
		return 0;
	}
	return fault_perm(f, "5.3.5",
	    "to: \"%.*s\" is none of mx, mx:DOMAIN, smtp:HOST[:PORT], "
	    "lmtp:ADDRESS, error:TEXT, discard",
	    STR_ARG(str_head(text, SHOWN)));
}

int
route_parse_via(struct str text, struct route *route, struct fault *f)
{
	static const char *const words[] = {"smtp:", "lmtp:", "mx:"};

	for (size_t i = 0; i < ARRAY_LEN(words); i++)
		if (str_starts(text, str(words[i])) &&
		    text.len > strlen(words[i]))
			return route_parse_to(text, route, f);
	/* Words of `to`, which hosts may be called by too. */
	if (str_is(text, STR_LIT("mx")) || str_is(text, STR_LIT("discard")))
		return no_host(text, f);
	return route_parse_host(text, route, f);
}

/* "[host]:port" is a host, "domain:port" one whose MX is asked. */
static int
parse_nexthop(struct str text, struct route *route, struct fault *f)
{
	struct str rest = text;

	if (text.len == 0)
		return parse_mx(text, route, f);
	if (!take_port(&rest, &route->port))
		return no_host(text, f);
	if (!take_brackets(&rest))
		return parse_mx(rest, route, f);
	if (!put_host(rest, route->host))
		return no_host(text, f);
	route->kind = ROUTE_HOST;
	return 0;
}

int
route_parse_transport(struct str text, struct route *route, struct fault *f)
{
	struct str rest = str_trim(text), word;

	route->port = 0;
	if (rest.len == 0 || str_is(rest, STR_LIT(":")))
		return 0;
	word = str_cut(&rest, ':');
	rest = str_trim(rest);
	if (str_is(word, STR_LIT("smtp")) || str_is(word, STR_LIT("esmtp")) ||
	    str_is(word, STR_LIT("relay")) || (word.len == 0 && rest.len > 0))
		return parse_nexthop(rest, route, f) < 0 ? -1 : 1;
	if (str_is(word, STR_LIT("lmtp"))) {
		if (str_starts(rest, STR_LIT("inet:")))
			rest = str_from(rest, 5);
		return parse_lmtp(rest, route, f) < 0 ? -1 : 1;
	}
	if (str_is(word, STR_LIT("discard"))) {
		route->kind = ROUTE_DISCARD;
		return 1;
	}
	if (str_is(word, STR_LIT("error")) || str_is(word, STR_LIT("retry"))) {
		parse_error(rest, word.at[0] == 'e' ? "5.4.4" : "4.4.4", route);
		return 1;
	}
	return fault_perm(f, "5.3.5", "there is no transport \"%.*s\"",
	    STR_ARG(str_head(text, SHOWN)));
}

/* Keys. */

static int
no_key(struct str text, struct fault *f)
{
	return fault_perm(f, "5.3.5",
	    "route \"%.*s\" is none of user@example.org, example.org, "
	    ".example.org, [192.0.2.1], *",
	    STR_ARG(str_head(text, SHOWN)));
}

int
route_parse_key(struct str text, char key[ADDRESS_TEXT_SIZE], struct fault *f)
{
	struct address a;
	struct fault ignored;

	if (str_is(text, STR_LIT("*")))
		return str_copy(text, key, ADDRESS_TEXT_SIZE) ? 0 : -1;
	/* An "@" in brackets is that of the literal. */
	if (str_starts(text, STR_LIT("["))) {
		if (address_parse_domain(
			text, false, key, ADDRESS_TEXT_SIZE, &ignored) < 0)
			return no_key(text, f);
		return 0;
	}
	if (str_has(text, '@')) {
		if (address_parse(text, &a, &ignored) < 0 ||
		    !address_key(&a, key))
			return no_key(text, f);
		return 0;
	}
	key[0] = '.';
	if (str_starts(text, STR_LIT(".")))
		return domain_to_ascii(str_from(text, 1), key + 1)
			   ? 0
			   : no_key(text, f);
	return domain_to_ascii(text, key) ? 0 : no_key(text, f);
}

static void
put_key(struct route_keys *k, struct str key)
{
	k->keys[k->n++] = key;
}

void
route_keys_of(const struct address *a, struct route_keys *k)
{
	struct str rest;

	memset(k, 0, sizeof *k);
	if (address_key(a, k->text)) {
		struct str whole = str(k->text);

		put_key(k, whole);
		k->domain = str_from(whole, str_find_last(whole, '@') + 1);
	} else if (str_copy(str(a->domain), k->text, sizeof k->text)) {
		k->domain = str(k->text);
	}
	if (k->domain.len > 0)
		put_key(k, k->domain);
	if (a->host == ADDRESS_DOMAIN) {
		rest = k->domain;
		for (int i = 0; i < ROUTE_PARENTS_MAX; i++) {
			rest = str_from(rest, str_find(rest, '.'));
			if (rest.len == 0)
				break;
			put_key(k, rest);
			rest = str_from(rest, 1);
		}
	}
	put_key(k, STR_LIT("*"));
}
