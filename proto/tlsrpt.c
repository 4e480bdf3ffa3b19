/* SPDX-License-Identifier: ISC */
#include "config.h"

#include "proto/tlsrpt.h"

#include "base/clock.h"
#include "proto/encode.h"
#include "proto/mime.h"
#include "proto/txt_record.h"

#define VERSION_FIELD "v=TLSRPTv1"
/* Neither text nor base64 has it. */
#define BOUNDARY "=_tlsrpt"

enum { URI_MAX = 1000 };

/* The record. */

bool
tlsrpt_is_record(struct str text)
{
	return txt_record_is(text, VERSION_FIELD);
}

size_t
tlsrpt_parse_record(struct str text, struct str uris[TLSRPT_URIS_MAX])
{
	struct str list;
	size_t n = 0;

	if (!txt_record_take(text, VERSION_FIELD, "rua", &list))
		return 0;
	while (list.at != NULL && n < TLSRPT_URIS_MAX) {
		struct str uri = str_trim(str_cut(&list, ','));

		if (uri.len == 0 || str_has(uri, ' '))
			return 0;
		uris[n++] = uri;
	}
	return n;
}

static int
hex_of(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

/* RFC 3986 2.1. */
static bool
decode(struct str text, struct buf *b)
{
	for (size_t i = 0; i < text.len; i++) {
		int high, low;

		if (text.at[i] != '%') {
			buf_putc(b, text.at[i]);
			continue;
		}
		if (i + 2 >= text.len)
			return false;
		high = hex_of(text.at[i + 1]);
		low = hex_of(text.at[i + 2]);
		if (high < 0 || low < 0)
			return false;
		buf_putc(b, (char)(high * 16 + low));
		i += 2;
	}
	return !buf_is_full(b);
}

bool
tlsrpt_take_mailto(struct str uri, struct address *address)
{
	struct str scheme = str("mailto:"), path;
	struct fault ignored;
	struct buf b;
	bool ok;

	if (!str_starts_nocase(uri, scheme))
		return false;
	uri = str_from(uri, scheme.len);
	/* Fields of a header are not for others to say. */
	path = str_cut(&uri, '?');
	buf_init(&b, URI_MAX);
	ok = decode(path, &b) && mime_is_ascii(buf_str(&b)) &&
	     address_parse(buf_str(&b), address, &ignored) == 0 &&
	     address->domain[0] != '\0';
	buf_clear(&b);
	return ok;
}

/* The message. */

static struct str
id_of(const struct tlsrpt_mail *m)
{
	struct str whole = str(m->report_id);

	return str_cut(&whole, '@');
}

void
tlsrpt_put_filename(struct buf *b, const struct tlsrpt_mail *m)
{
	buf_putf(b, "%s!%s!%lld!%lld!%.*s.json.gz", m->submitter, m->domain,
	    (long long)m->begin, (long long)m->end, STR_ARG(id_of(m)));
}

static void
put_field(struct buf *b, const char *name, const char *value)
{
	buf_putf(b, "%s: ", name);
	mime_put_words(b, str(value), str(name).len + 2);
	buf_puts(b, "\r\n");
}

static void
put_subject(struct buf *b, const struct tlsrpt_mail *m)
{
	struct buf text;

	buf_init(&text, 4096);
	buf_putf(&text, "Report Domain: %s Submitter: %s Report-ID: <%s>",
	    m->domain, m->submitter, m->report_id);
	put_field(b, "Subject", buf_text(&text));
	buf_clear(&text);
}

static void
put_header(struct buf *b, const struct tlsrpt_mail *m)
{
	char date[CLOCK_DATE_SIZE];

	clock_format_date(m->date, date);
	buf_putf(
	    b, "From: <%s>\r\nTo: <%s>\r\nDate: %s\r\n", m->from, m->to, date);
	buf_putf(b, "Message-ID: <%s>\r\n", m->message_id);
	put_subject(b, m);
	buf_putf(b, "TLS-Report-Domain: %s\r\nTLS-Report-Submitter: %s\r\n",
	    m->domain, m->submitter);
	/* RFC 8689 5: it may be TLS that does not work there. */
	buf_puts(b,
	    "TLS-Required: No\r\nAuto-Submitted: auto-generated\r\n"
	    "MIME-Version: 1.0\r\nContent-Type: multipart/report;"
	    " report-type=\"tlsrpt\";\r\n\tboundary=\"" BOUNDARY "\"\r\n\r\n");
}

static void
put_text(struct buf *b, const struct tlsrpt_mail *m)
{
	char date[CLOCK_DATE_SIZE];
	struct buf text;

	buf_init(&text, 4096);
	clock_format_date(m->begin, date);
	buf_putf(&text,
	    "This is a report (RFC 8460) about TLS at the mail servers of\n"
	    "%s, as %s has found it\non the day that began at %s.\n",
	    m->domain, m->organization, date);
	buf_puts(b,
	    "--" BOUNDARY "\r\nContent-Type: text/plain; charset=utf-8\r\n"
	    "Content-Transfer-Encoding: quoted-printable\r\n\r\n");
	mime_put_quoted_printable(b, buf_str(&text));
	buf_clear(&text);
}

static void
put_report(struct buf *b, const struct tlsrpt_mail *m)
{
	struct encode e;

	buf_puts(b,
	    "\r\n--" BOUNDARY "\r\nContent-Type: application/tlsrpt+gzip\r\n"
	    "Content-Transfer-Encoding: base64\r\n"
	    "Content-Disposition: attachment;\r\n\tfilename=\"");
	tlsrpt_put_filename(b, m);
	buf_puts(b, "\"\r\n\r\n");
	encode_init(&e, ENCODING_BASE64);
	encode_put(&e, m->gzip, b);
	encode_end(&e, b);
	buf_puts(b, "\r\n--" BOUNDARY "--\r\n");
}

void
tlsrpt_put_mail(struct buf *b, const struct tlsrpt_mail *m)
{
	put_header(b, m);
	put_text(b, m);
	put_report(b, m);
}
