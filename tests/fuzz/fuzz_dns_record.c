/* SPDX-License-Identifier: ISC */
/* mta/send/dns_record.h. The input is the bytes of a record, which is read as
 * each kind in turn, and as a text that is to be asked for. */
#include "config.h"

#include "mta/send/dns_record.h"

#include <netinet/in.h>

#include "base/buf.h"
#include "tests/fuzz/fuzz.h"

static void
check_label(struct str label)
{
	FUZZ_CHECK(label.len >= 1 && label.len <= 63);
	for (size_t i = 0; i < label.len; i++) {
		char c = label.at[i];

		FUZZ_CHECK((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') ||
			   c == '-' || c == '_');
	}
}

/* A name that was taken, not the root. Its labels go to wire as they would
 * stand in a record. */
static void
check_name(const char *name, struct buf *wire)
{
	struct str rest = str(name);

	FUZZ_CHECK(rest.len > 0 && rest.len < DNS_NAME_SIZE);
	while (rest.at != NULL) {
		struct str label = str_cut(&rest, '.');

		check_label(label);
		buf_putc(wire, (char)label.len);
		buf_put_str(wire, label);
	}
	buf_putc(wire, '\0');
}

static void
check_record_name(struct str bytes)
{
	char name[DNS_NAME_SIZE], asked[DNS_NAME_SIZE];
	struct buf wire;

	memset(name, 'x', sizeof name);
	if (!dns_record_name(bytes, name)) {
		FUZZ_CHECK(name[0] == '\0');
		return;
	}
	if (name[0] == '\0') {
		FUZZ_CHECK(bytes.len == 1 && bytes.at[0] == '\0');
		return;
	}
	buf_init(&wire, 2 * DNS_NAME_SIZE);
	check_name(name, &wire);
	FUZZ_CHECK(str_is_nocase(buf_str(&wire), bytes));
	/* What a server names can be asked for. */
	FUZZ_CHECK(dns_record_ask(str(name), asked));
	FUZZ_CHECK(str_is(str(name), str(asked)));
	buf_clear(&wire);
}

static void
check_mx(struct str bytes)
{
	char name[DNS_NAME_SIZE];
	struct dns_mx mx;
	bool ok = dns_record_mx(bytes, &mx);

	FUZZ_CHECK(
	    ok == (bytes.len > 2 && dns_record_name(str_from(bytes, 2), name)));
	if (!ok)
		return;
	FUZZ_CHECK(mx.preference >> 8 == (unsigned char)bytes.at[0]);
	FUZZ_CHECK((mx.preference & 255) == (unsigned char)bytes.at[1]);
	FUZZ_CHECK(str_is(str(mx.host), str(name)));
}

/* The address is what an operator would write, and says the same bytes. */
static void
check_address(const struct net_address *address, struct str bytes)
{
	const struct sockaddr_in *sin = (const void *)&address->sa;
	const struct sockaddr_in6 *sin6 = (const void *)&address->sa;
	struct net_address again;
	char text[140];
	struct fault f;

	FUZZ_CHECK(memcmp(address->sa.ss_family == AF_INET
			      ? (const void *)&sin->sin_addr
			      : (const void *)&sin6->sin6_addr,
		       bytes.at, bytes.len) == 0);
	net_format(address, text, sizeof text);
	FUZZ_CHECK(net_parse(str(text), &again, &f) == 0);
	FUZZ_CHECK(net_is_same_host(&again, address));
	/* IPv4 in IPv6 is shown as IPv4. */
	if (again.len == address->len)
		FUZZ_CHECK(memcmp(&again.sa, &address->sa, again.len) == 0);
	else
		FUZZ_CHECK(IN6_IS_ADDR_V4MAPPED(&sin6->sin6_addr));
}

static void
check_addresses(struct str bytes)
{
	struct net_address address;

	FUZZ_CHECK(dns_record_a(bytes, &address) == (bytes.len == 4));
	if (bytes.len == 4)
		check_address(&address, bytes);
	FUZZ_CHECK(dns_record_aaaa(bytes, &address) == (bytes.len == 16));
	if (bytes.len == 16)
		check_address(&address, bytes);
}

static void
check_tlsa(struct str bytes)
{
	struct dns_tlsa tlsa;
	struct str data = str_from(bytes, 3);

	FUZZ_CHECK(dns_record_tlsa(bytes, &tlsa) == (data.len > 0));
	if (data.len == 0)
		return;
	FUZZ_CHECK(tlsa.usage == (unsigned char)bytes.at[0]);
	FUZZ_CHECK(tlsa.selector == (unsigned char)bytes.at[1]);
	FUZZ_CHECK(tlsa.matching == (unsigned char)bytes.at[2]);
	/* Whole, or not at all. */
	FUZZ_CHECK(tlsa.len == (data.len <= sizeof tlsa.data ? data.len : 0));
	FUZZ_CHECK(memcmp(tlsa.data, data.at, tlsa.len) == 0);
}

static void
check_txt(struct str bytes)
{
	char text[DNS_TXT_SIZE];
	struct buf want;

	if (!dns_record_txt(bytes, text))
		return;
	buf_init(&want, bytes.len);
	while (bytes.len > 0) {
		size_t len = (unsigned char)bytes.at[0];

		FUZZ_CHECK(len < bytes.len);
		buf_put_str(&want, str_n(bytes.at + 1, len));
		bytes = str_from(bytes, 1 + len);
	}
	FUZZ_CHECK(buf_len(&want) < DNS_TXT_SIZE);
	FUZZ_CHECK(str_is(str(text), buf_str(&want)));
	buf_clear(&want);
}

static void
check_ask(struct str text)
{
	char name[DNS_NAME_SIZE], again[DNS_NAME_SIZE];
	struct buf wire;

	memset(name, 'x', sizeof name);
	if (!dns_record_ask(text, name)) {
		FUZZ_CHECK(name[0] == '\0');
		return;
	}
	buf_init(&wire, 2 * DNS_NAME_SIZE);
	check_name(name, &wire);
	FUZZ_CHECK(dns_record_ask(str(name), again));
	FUZZ_CHECK(str_is(str(name), str(again)));
	FUZZ_CHECK(dns_record_name(buf_str(&wire), again));
	FUZZ_CHECK(str_is(str(name), str(again)));
	buf_clear(&wire);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct str bytes = str_n((const char *)data, size);

	check_record_name(bytes);
	check_mx(bytes);
	check_addresses(bytes);
	check_tlsa(bytes);
	check_txt(bytes);
	check_ask(bytes);
	return 0;
}
