/* SPDX-License-Identifier: ISC */
#include "config.h"

#include "mta/send/dns_record.h"

#include <string.h>

#include "tests/unit/unit.h"

/* Literals with NUL bytes inside. */
#define BYTES(lit) STR_LIT(lit)

START_TEST(names_are_read_from_labels)
{
	static const struct {
		struct str bytes;
		const char *name; /* NULL: refused */
	} cases[] = {
	    {BYTES("\0"), ""},
	    {BYTES("\2mx\7Example\3ORG\0"), "mx.example.org"},
	    {BYTES("\4_mta\4a--b\0"), "_mta.a--b"},
	    {BYTES(""), NULL},
	    {BYTES("\2mx"), NULL},     /* no end */
	    {BYTES("\5mx\0"), NULL},   /* longer than there is */
	    {BYTES("\2mx\0x"), NULL},  /* something behind */
	    {BYTES("\300\014"), NULL}, /* compressed */
	    {BYTES("\3a.b\0"), NULL},  /* a dot inside a label */
	    {BYTES("\3a b\0"), NULL},
	    {BYTES("\3a\0b\0"), NULL},
	    {BYTES("\3\303\274b\0"), NULL},
	    {BYTES("\2a@\0"), NULL},
	};
	char name[DNS_NAME_SIZE];

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		bool ok = dns_record_name(cases[i].bytes, name);

		ck_assert_msg(ok == (cases[i].name != NULL), "case %zu", i);
		ck_assert_str_eq(name, ok ? cases[i].name : "");
	}
}
END_TEST

START_TEST(names_are_255_bytes_at_most)
{
	char bytes[400], name[DNS_NAME_SIZE];
	size_t len = 0;

	/* 4 * 63 + 3 dots is 255. */
	for (int i = 0; i < 4; i++) {
		bytes[len++] = 63;
		memset(bytes + len, 'a', 63);
		len += 63;
	}
	bytes[len] = 0;
	ck_assert(dns_record_name(str_n(bytes, len + 1), name));
	ck_assert_uint_eq(strlen(name), 255);
	memcpy(bytes + len, "\1b", 3);
	ck_assert(!dns_record_name(str_n(bytes, len + 3), name));
	bytes[0] = 64;
	ck_assert(!dns_record_name(str_n(bytes, len + 3), name));
}
END_TEST

START_TEST(mx_has_a_preference_and_a_name)
{
	struct dns_mx mx;

	ck_assert(dns_record_mx(BYTES("\001\002\2mx\3org\0"), &mx));
	ck_assert_uint_eq(mx.preference, 0x102);
	ck_assert_str_eq(mx.host, "mx.org");
	ck_assert(dns_record_mx(BYTES("\377\377\0"), &mx));
	ck_assert_uint_eq(mx.preference, 65535);
	ck_assert_str_eq(mx.host, "");
	ck_assert(!dns_record_mx(BYTES(""), &mx));
	ck_assert(!dns_record_mx(BYTES("\0"), &mx));
	ck_assert(!dns_record_mx(BYTES("\0\1"), &mx));
	ck_assert(!dns_record_mx(BYTES("\0\1\2mx"), &mx));
}
END_TEST

static void
assert_address(const struct net_address *address, const char *text)
{
	char shown[140];

	net_format(address, shown, sizeof shown);
	ck_assert_str_eq(shown, text);
}

START_TEST(addresses_have_one_length)
{
	struct net_address address;

	ck_assert(dns_record_a(BYTES("\300\0\2\1"), &address));
	assert_address(&address, "192.0.2.1:0");
	ck_assert(!dns_record_a(BYTES("\300\0\2"), &address));
	ck_assert(!dns_record_a(BYTES("\300\0\2\1\1"), &address));
	ck_assert(dns_record_aaaa(
	    BYTES("\040\001\015\270\0\0\0\0\0\0\0\0\0\0\0\1"), &address));
	assert_address(&address, "[2001:db8::1]:0");
	ck_assert(!dns_record_aaaa(BYTES("\300\0\2\1"), &address));
}
END_TEST

START_TEST(tlsa_that_is_too_long_is_there_without_data)
{
	struct dns_tlsa tlsa;
	char bytes[3 + sizeof tlsa.data + 1];

	ck_assert(dns_record_tlsa(BYTES("\3\1\1abc"), &tlsa));
	ck_assert_uint_eq(tlsa.usage, 3);
	ck_assert_uint_eq(tlsa.selector, 1);
	ck_assert_uint_eq(tlsa.matching, 1);
	ck_assert_uint_eq(tlsa.len, 3);
	ck_assert_int_eq(memcmp(tlsa.data, "abc", 3), 0);
	ck_assert(!dns_record_tlsa(BYTES("\3\1\1"), &tlsa));
	ck_assert(!dns_record_tlsa(BYTES(""), &tlsa));
	memset(bytes, 0, sizeof bytes);
	ck_assert(dns_record_tlsa(str_n(bytes, sizeof bytes - 1), &tlsa));
	ck_assert_uint_eq(tlsa.len, sizeof tlsa.data);
	ck_assert(dns_record_tlsa(str_n(bytes, sizeof bytes), &tlsa));
	ck_assert_uint_eq(tlsa.len, 0);
}
END_TEST

START_TEST(strings_of_a_text_are_joined)
{
	char text[DNS_TXT_SIZE], bytes[5 * 256];
	size_t len = 0;

	ck_assert(dns_record_txt(BYTES("\10v=STSv1;\0\3 id"), text));
	ck_assert_str_eq(text, "v=STSv1; id");
	ck_assert(!dns_record_txt(BYTES(""), text));
	ck_assert(!dns_record_txt(BYTES("\2a"), text));
	ck_assert(!dns_record_txt(BYTES("\3a\0b"), text));
	for (int i = 0; i < 4; i++) {
		bytes[len++] = (char)255;
		memset(bytes + len, 'a', 255);
		len += 255;
	}
	bytes[len++] = 4;
	memcpy(bytes + len, "bbbbb", 5);
	ck_assert(dns_record_txt(str_n(bytes, len + 4), text));
	ck_assert_uint_eq(strlen(text), DNS_TXT_SIZE - 1);
	bytes[len - 1] = 5;
	ck_assert(!dns_record_txt(str_n(bytes, len + 5), text));
}
END_TEST

START_TEST(names_to_ask_for_are_a_labels)
{
	static const struct {
		const char *text;
		const char *name; /* NULL: refused */
	} cases[] = {
	    {"example.org", "example.org"},
	    {"Example.ORG.", "example.org"},
	    {"localhost", "localhost"},
	    {"mail_1.example.org", "mail_1.example.org"},
	    {"_25._tcp.mx.example.org", "_25._tcp.mx.example.org"},
	    {"b\303\274cher.example", "xn--bcher-kva.example"},
	    {"_mta-sts.B\303\234cher.example",
		"_mta-sts.xn--bcher-kva.example"},
	    {"", NULL},
	    {".", NULL},
	    {"a..b", NULL},
	    {".example.org", NULL},
	    {"example.org..", NULL},
	    {"a b.example", NULL},
	    {"a\\.b", NULL},
	    {"_only.b\303\274", "_only.xn--b-eha"},
	    {"_\303\274.example", NULL},
	    {"\303.example", NULL},
	    {"[192.0.2.1]", NULL},
	};
	char name[DNS_NAME_SIZE];

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		bool ok = dns_record_ask(str(cases[i].text), name);

		ck_assert_msg(ok == (cases[i].name != NULL), "\"%s\" gives %s",
		    cases[i].text, name);
		ck_assert_str_eq(name, ok ? cases[i].name : "");
	}
}
END_TEST

UNIT_MAIN("dns_record", names_are_read_from_labels, names_are_255_bytes_at_most,
    mx_has_a_preference_and_a_name, addresses_have_one_length,
    tlsa_that_is_too_long_is_there_without_data, strings_of_a_text_are_joined,
    names_to_ask_for_are_a_labels)
