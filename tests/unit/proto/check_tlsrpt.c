/* SPDX-License-Identifier: ISC */
#include "config.h"

#include "proto/tlsrpt.h"

#include <string.h>

#include "tests/unit/unit.h"

/* The URIs of a record, joined by blanks; "": it is ill-formed. */
static const struct {
	const char *text, *uris;
} records[] = {
    {"v=TLSRPTv1; rua=mailto:reports@example.com",
	"mailto:reports@example.com"},
    {"v=TLSRPTv1;rua=https://r.example.com/v1?a=b , mailto:x@y;",
	"https://r.example.com/v1?a=b mailto:x@y"},
    {"v=TLSRPTv1; ext=1; rua=a:1,a:2,a:3,a:4,a:5,a:6,a:7,a:8,a:9,a:10,a:11",
	"a:1 a:2 a:3 a:4 a:5 a:6 a:7 a:8 a:9 a:10"},
    {"v=TLSRPTv1;", ""},
    {"v=TLSRPTv1", ""},
    {"v=TLSRPTv1; rua=", ""},
    {"v=TLSRPTv1; rua=mailto:a@b,,mailto:c@d", ""},
    {"v=TLSRPTv1; rua=mailto:a@b mailto:c@d", ""},
    {"v=TLSRPTv1; rua=mailto:a@b; rua=mailto:c@d", ""},
    {"v=TLSRPTv1; rua=mailto:\x01@b", ""},
    {"v=STSv1; rua=mailto:a@b", ""},
    {"", ""},
};

START_TEST(tlsrpt_reads_records)
{
	for (size_t i = 0; i < ARRAY_LEN(records); i++) {
		struct str uris[TLSRPT_URIS_MAX];
		struct buf b;
		size_t n = tlsrpt_parse_record(str(records[i].text), uris);

		buf_init(&b, 1000);
		for (size_t k = 0; k < n; k++)
			buf_putf(
			    &b, "%s%.*s", k > 0 ? " " : "", STR_ARG(uris[k]));
		ck_assert_str_eq(buf_text(&b), records[i].uris);
		buf_clear(&b);
	}
	ck_assert(tlsrpt_is_record(str("v=TLSRPTv1; nonsense")));
	ck_assert(!tlsrpt_is_record(str("v=TLSRPTv2; rua=mailto:a@b")));
}
END_TEST

/* NULL: no address. */
static const struct {
	const char *uri, *address;
} mailtos[] = {
    {"mailto:reports@example.com", "reports@example.com"},
    {"MAILTO:a%2Bb%21@example.com?subject=x", "a+b!@example.com"},
    {"mailto:", NULL},
    {"mailto:nobody", NULL},
    {"mailto:a%4", NULL},
    {"mailto:a%zz@b.example", NULL},
    {"mailto:a%0D%0ABcc:x@b.example", NULL},
    {"mailto:%C3%A9@b.example", NULL},
    {"https://b.example/a@b.example", NULL},
};

START_TEST(tlsrpt_takes_addresses)
{
	for (size_t i = 0; i < ARRAY_LEN(mailtos); i++) {
		char text[ADDRESS_TEXT_SIZE];
		struct address a;
		bool ok = tlsrpt_take_mailto(str(mailtos[i].uri), &a);

		ck_assert_msg(
		    ok == (mailtos[i].address != NULL), "%s", mailtos[i].uri);
		if (!ok)
			continue;
		address_format(&a, text);
		ck_assert_str_eq(text, mailtos[i].address);
	}
}
END_TEST

START_TEST(tlsrpt_puts_a_message)
{
	const struct tlsrpt_mail m = {
	    .from = "tls@example.net",
	    .to = "reports@example.org",
	    .domain = "example.org",
	    .submitter = "example.net",
	    .organization = "Caf\xc3\xa9",
	    .report_id = "abc@mail.example.net",
	    .message_id = "abc.1@mail.example.net",
	    .begin = 1795392000,
	    .end = 1795478399,
	    .date = 1795480000,
	    .gzip = str("\x1f\x8b bytes"),
	};
	static const char *const lines[] = {
	    "From: <tls@example.net>\r\nTo: <reports@example.org>\r\n",
	    "\r\nMessage-ID: <abc.1@mail.example.net>\r\n",
	    "\r\nSubject: Report Domain: example.org Submitter: example.net",
	    "\r\nTLS-Report-Domain: example.org\r\n",
	    "\r\nTLS-Report-Submitter: example.net\r\n",
	    "\r\nTLS-Required: No\r\n",
	    "\r\nContent-Type: multipart/report; report-type=\"tlsrpt\";\r\n",
	    "\r\nContent-Type: application/tlsrpt+gzip\r\n",
	    ("filename=\"example.net!example.org!1795392000!1795478399!abc"
	     ".json.gz\"\r\n\r\nH4sgYnl0ZXM=\r\n--=_tlsrpt--\r\n"),
	    "Caf=C3=A9",
	};
	struct buf b;

	buf_init(&b, 10000);
	tlsrpt_put_mail(&b, &m);
	for (size_t i = 0; i < ARRAY_LEN(lines); i++)
		ck_assert_msg(strstr(buf_text(&b), lines[i]) != NULL,
		    "\"%s\" is not in:\n%s", lines[i], buf_text(&b));
	for (size_t i = 0; i < buf_len(&b); i++)
		ck_assert_int_lt((unsigned char)b.bytes[i], 128);
	ck_assert_uint_eq(strlen(buf_text(&b)), buf_len(&b));
	buf_clear(&b);
}
END_TEST

UNIT_MAIN("tlsrpt", tlsrpt_reads_records, tlsrpt_takes_addresses,
    tlsrpt_puts_a_message)
