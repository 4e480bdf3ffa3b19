/* SPDX-License-Identifier: ISC */
/* proto/address.h and proto/domain.h: whatever is taken for an address is one,
 * is written as one, and is the same when it is read again. */
#include "config.h"

#include "proto/address.h"

#include "base/utf8.h"
#include "proto/domain.h"
#include "tests/fuzz/fuzz.h"

typedef int parse_path(struct str text, bool utf8, struct address *a,
    struct str *rest, struct fault *f);

static bool
is_printable(const char *s)
{
	for (; *s != '\0'; s++) {
		if ((unsigned char)*s < ' ' || *s == 0x7f)
			return false;
	}
	return true;
}

static bool
has_high(const char *s)
{
	while (*s != '\0' && !(*s & 0x80))
		s++;
	return *s != '\0';
}

static void
check_address(const struct address *a)
{
	size_t local = strlen(a->local), domain = strlen(a->domain);

	FUZZ_CHECK(is_printable(a->local) && is_printable(a->domain));
	FUZZ_CHECK(utf8_is_valid(str(a->local)));
	FUZZ_CHECK(local <= ADDRESS_LOCAL_MAX && domain <= ADDRESS_DOMAIN_MAX);
	FUZZ_CHECK(a->is_utf8 == (has_high(a->local) || has_high(a->domain)));
	FUZZ_CHECK((a->host == ADDRESS_NO_HOST) == (domain == 0));
	FUZZ_CHECK(!str_ends(str(a->domain), STR_LIT(".")));
	FUZZ_CHECK((a->domain[0] == '[') ==
		   (a->host == ADDRESS_IPV4 || a->host == ADDRESS_IPV6 ||
		       a->host == ADDRESS_GENERAL));
	if (a->host == ADDRESS_NO_HOST)
		FUZZ_CHECK(
		    local == 0 || str_is(str(a->local), STR_LIT("postmaster")));
}

static void
check_written(const struct address *a)
{
	char text[ADDRESS_TEXT_SIZE];
	struct address again;
	struct str rest;
	struct fault f;
	struct buf b;

	buf_init(&b, ADDRESS_TEXT_SIZE + 2);
	address_put(&b, a, true);
	FUZZ_CHECK(!buf_is_full(&b));
	FUZZ_CHECK((address_is_null(a) ? address_parse_reverse
				       : address_parse_forward)(
		       buf_str(&b), true, &again, &rest, &f) == 0);
	FUZZ_CHECK(rest.len == 0 && address_is_same(a, &again));
	FUZZ_CHECK(a->is_utf8 == again.is_utf8);
	address_format(a, text);
	if (a->host != ADDRESS_NO_HOST) {
		FUZZ_CHECK(address_parse(str(text), &again, &f) == 0);
		FUZZ_CHECK(address_is_same(a, &again));
	}
	buf_clear(&b);
}

static void
check_key(const struct address *a)
{
	char key[ADDRESS_TEXT_SIZE], again[DOMAIN_SIZE];
	size_t at;

	if (!address_key(a, key))
		return;
	at = str_find_last(str(key), '@');
	FUZZ_CHECK(at == strlen(a->local));
	FUZZ_CHECK(domain_is_ascii_name(str_from(str(key), at + 1)));
	FUZZ_CHECK(domain_to_ascii(str_from(str(key), at + 1), again));
	FUZZ_CHECK(str_is(str(again), str_from(str(key), at + 1)));
	for (const char *c = key; *c != '\0'; c++)
		FUZZ_CHECK(*c < 'A' || *c > 'Z');
}

static void
check_detail(struct str local)
{
	struct str user, detail = {0};

	if (!address_split_detail(local, '+', &user, &detail)) {
		FUZZ_CHECK(str_is(user, local));
		return;
	}
	FUZZ_CHECK(user.len > 0 && user.len + 1 + detail.len == local.len);
	FUZZ_CHECK(local.at[user.len] == '+' && !str_has(user, '+'));
}

static void
check_path(struct str text, parse_path *parse, const char *dsn)
{
	static const struct address none;
	struct address plain, utf8;
	struct str rest = {0};
	struct fault f = {0};

	if (parse(text, true, &utf8, &rest, &f) < 0) {
		FUZZ_CHECK(f.kind == FAULT_PERM && f.dsn[0] == '5');
		FUZZ_CHECK(!memcmp(&utf8, &none, sizeof none));
		FUZZ_CHECK(parse(text, false, &plain, &rest, &f) < 0);
		FUZZ_CHECK(!strcmp(f.dsn, dsn) || !strcmp(f.dsn, "5.6.7"));
		return;
	}
	FUZZ_CHECK(rest.len == 0 || rest.at[0] == ' ');
	check_address(&utf8);
	check_written(&utf8);
	check_key(&utf8);
	check_detail(str(utf8.local));
	if (parse(text, false, &plain, &rest, &f) == 0)
		FUZZ_CHECK(!plain.is_utf8 && address_is_same(&plain, &utf8));
}

static void
check_text(struct str text)
{
	char domain[DOMAIN_SIZE], again[DOMAIN_SIZE];
	struct address a;
	struct fault f;

	if (address_parse(text, &a, &f) == 0) {
		FUZZ_CHECK(a.host != ADDRESS_NO_HOST);
		check_address(&a);
		check_written(&a);
	}
	if (address_parse_domain(text, true, domain, sizeof domain, &f) == 0)
		FUZZ_CHECK(domain[0] != '\0' && is_printable(domain));
	if (domain_to_ascii(text, domain)) {
		FUZZ_CHECK(domain_is_ascii_name(str(domain)));
		FUZZ_CHECK(domain_to_ascii(str(domain), again));
		FUZZ_CHECK(!strcmp(domain, again));
	}
}

static void
check_xtext(struct str bytes)
{
	struct buf text, back;

	buf_init(&text, 3 * bytes.len);
	buf_init(&back, bytes.len);
	xtext_put(&text, bytes);
	FUZZ_CHECK(!buf_is_full(&text) && is_printable(buf_text(&text)));
	FUZZ_CHECK(xtext_take(&back, buf_str(&text)));
	FUZZ_CHECK(str_is(buf_str(&back), bytes));
	buf_reset(&back);
	buf_reset(&text);
	if (xtext_take(&back, bytes)) {
		FUZZ_CHECK(buf_len(&back) <= bytes.len);
		xtext_put(&text, buf_str(&back));
		FUZZ_CHECK(buf_len(&text) <= 3 * bytes.len);
	}
	buf_clear(&text);
	buf_clear(&back);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct str text = str_n((const char *)data, size);

	check_path(text, address_parse_forward, "5.1.3");
	check_path(text, address_parse_reverse, "5.1.7");
	check_text(text);
	check_xtext(text);
	return 0;
}
