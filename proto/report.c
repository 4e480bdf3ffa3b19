/* SPDX-License-Identifier: ISC */
/*
 * Delivery status notifications.
 *
 *   head      fields of the message
 *             text/plain                  for people
 *             message/delivery-status     for programs
 *             the fields of the third part, and the header section where
 *             no more is returned
 *   original  passes through from its source
 *   tail      the last boundary
 *
 * Invariant: nothing that came from outside can begin a field, end a part or
 * make a line too long.
 */
#include "config.h"

#include "proto/report.h"

#include "base/clock.h"
#include "base/mem.h"
#include "base/utf8.h"
#include "proto/address.h"
#include "proto/header.h"
#include "proto/mime.h"

enum {
	HEAD_MAX = 16 << 20,
	HEADERS_MAX = 256 << 10, /* of a header section that is returned */
	DIAGNOSTIC_MAX = 4000,
	MESSAGE_ID_MAX = 900,
};

struct report {
	struct buf head;
	struct report_original original; /* each is NULL: is not returned */
	uint64_t original_size;
	struct str tail; /* within head's bytes */
	bool is_8bit, needs_smtputf8;
};

/* What is known of the original and decided about the report. */
struct plan {
	const struct report_facts *facts;
	struct mime_scan original;
	struct header_scan header_scan;
	struct buf headers; /* of the original, as they came */
	char boundary[MIME_BOUNDARY_SIZE];
	bool has_original; /* the third part is there at all */
	bool is_full;
	bool utf8_status;  /* message/global-delivery-status */
	bool utf8_headers; /* the original's are UTF-8, and SMTPUTF8 was said */
	bool is_8bit;
};

const char *
report_action_name(enum report_action action)
{
	static const char *const names[] = {
	    [REPORT_FAILED] = "failed",
	    [REPORT_DELAYED] = "delayed",
	    [REPORT_DELIVERED] = "delivered",
	    [REPORT_RELAYED] = "relayed",
	    [REPORT_EXPANDED] = "expanded",
	    [REPORT_HELD] = "held",
	};

	return names[action];
}

static int
look_at_piece(void *ctx, struct str bytes, struct fault *f)
{
	struct plan *p = ctx;

	(void)f;
	mime_scan_feed(&p->original, bytes);
	if (!p->header_scan.done) {
		buf_put_str(&p->headers,
		    str_head(bytes, HEADERS_MAX - buf_len(&p->headers)));
		header_scan_feed(&p->header_scan, bytes);
	}
	return 0;
}

/* Cuts the header section exactly, at the end of its last whole field. */
static void
cut_headers(struct buf *headers)
{
	struct str rest = buf_str(headers), before = rest;
	struct header_field field;
	size_t len = 0;

	while (
	    header_next(&rest, &field) && str_ends(field.whole, STR_LIT("\n")))
		len = (size_t)(field.whole.at - before.at) + field.whole.len;
	buf_truncate(headers, len);
}

static bool
is_utf8_text(struct str s)
{
	return !mime_is_ascii(s) && utf8_is_valid(s);
}

/* Whether the part for programs must be UTF-8. */
static bool
has_utf8_rcpt(const struct report_facts *facts)
{
	for (size_t i = 0; i < facts->n_rcpts; i++) {
		const struct report_rcpt *r = &facts->rcpts[i];

		if (is_utf8_text(r->final) || is_utf8_text(r->orcpt))
			return true;
	}
	return false;
}

static bool
has_failed(const struct report_facts *facts)
{
	for (size_t i = 0; i < facts->n_rcpts; i++) {
		if (facts->rcpts[i].action == REPORT_FAILED)
			return true;
	}
	return false;
}

/* The text comes between boundaries too. */
static void
find_boundary(struct plan *p)
{
	struct mime_scan scan = p->original;

	mime_scan_feed(&scan, STR_LIT("\r\n"));
	mime_scan_feed(&scan, p->facts->text);
	p->has_original = mime_scan_boundary(&scan, p->boundary);
	if (p->has_original)
		return;
	/* Somebody knew the id beforehand: his message is left out, and the
	 * text is put in quoted-printable, which never has "=_". */
	mime_scan_init(&scan, STR_LIT("text"));
	if (!mime_scan_boundary(&scan, p->boundary))
		die_bug("no boundary is free in nothing");
}

static int
plan_make(
    struct plan *p, const struct report_original *original, struct fault *f)
{
	const struct report_facts *facts = p->facts;

	mime_scan_init(&p->original,
	    str_head(facts->message_id, str_find(facts->message_id, '@')));
	header_scan_init(&p->header_scan);
	if (original->each(original->source, look_at_piece, p, f) < 0)
		return -1;
	cut_headers(&p->headers);
	find_boundary(p);
	p->is_full = p->has_original && has_failed(facts) &&
		     facts->ret != RET_HDRS &&
		     p->original.size <= facts->full_max &&
		     !mime_scan_is_binary(&p->original);
	p->utf8_status = facts->smtputf8 && has_utf8_rcpt(facts);
	p->utf8_headers = p->has_original && facts->smtputf8 &&
			  is_utf8_text(buf_str(&p->headers));
	p->is_8bit = p->utf8_status || p->utf8_headers ||
		     !mime_is_ascii(facts->to) ||
		     (p->is_full && p->original.is_8bit);
	return 0;
}

/* A value's next character, harmless: controls become blanks; so does what is
 * no UTF-8, or "?" where all must be ASCII. */
static struct str
harmless(struct str *text, bool utf8)
{
	size_t len = utf8_get(*text, NULL);
	struct str c = str_head(*text, len);

	*text = str_from(*text, len > 0 ? len : 1);
	if (len == 1 && ((unsigned char)*c.at < ' ' || *c.at == 0x7f))
		return STR_LIT(" ");
	if (len == 1 || (len > 1 && utf8))
		return c;
	return STR_LIT("?");
}

static void
put_field(struct buf *b, const char *name, struct str value, bool utf8)
{
	struct buf line;

	buf_init(&line, (size_t)3 * (value.len + 1));
	while (value.len > 0)
		buf_put_str(&line, harmless(&value, utf8));
	buf_putf(b, "%s: ", name);
	mime_put_folded(b, buf_str(&line), strlen(name) + 2);
	buf_puts(b, "\r\n");
	buf_clear(&line);
}

static void
put_date(struct buf *b, const char *name, time_t when)
{
	char date[CLOCK_DATE_SIZE];

	if (when == 0)
		return;
	clock_format_date(when, date);
	buf_putf(b, "%s: %s\r\n", name, date);
}

static bool
is_printable(struct str s)
{
	for (size_t i = 0; i < s.len; i++) {
		if (s.at[i] < ' ' || s.at[i] > '~')
			return false;
	}
	return true;
}

static bool
has_control(struct str s)
{
	for (size_t i = 0; i < s.len; i++) {
		if ((unsigned char)s.at[i] < ' ' || s.at[i] == 0x7f)
			return true;
	}
	return false;
}

/* RFC 6533 3: utf-8-addr-xtext, for who cannot read UTF-8. */
static void
put_unicode_xtext(struct buf *b, struct str text)
{
	while (text.len > 0) {
		uint32_t c;
		size_t len = utf8_get(text, &c);

		if (c > '~' || strchr(" \\+=", (int)c) != NULL)
			buf_putf(b, "\\x{%02X}", (unsigned)c);
		else
			buf_putc(b, (char)c);
		text = str_from(text, len);
	}
}

/* "rfc822; user@example.org". Addresses are not folded: they are bounded. */
static void
put_address(struct buf *b, const char *name, struct str type, struct str addr,
    bool utf8)
{
	buf_putf(b, "%s: ", name);
	if (is_printable(addr)) {
		buf_put_str(b, type);
		buf_puts(b, "; ");
		buf_put_str(b, addr);
	} else if (utf8_is_valid(addr) && !has_control(addr)) {
		buf_puts(b, "utf-8; ");
		if (utf8)
			buf_put_str(b, addr);
		else
			put_unicode_xtext(b, addr);
	} else {
		buf_put_str(b, type);
		buf_puts(b, "; ");
		xtext_put(b, addr);
	}
	buf_puts(b, "\r\n");
}

static void
put_diagnostic(struct buf *b, const struct report_rcpt *r, bool utf8)
{
	bool is_reply = r->reply.len > 0;
	struct buf value;

	if (!is_reply && r->diagnostic.len == 0)
		return;
	buf_init(&value, DIAGNOSTIC_MAX + 20);
	buf_puts(&value, is_reply ? "smtp; " : "x-posthouse; ");
	buf_put_str(&value,
	    str_head(is_reply ? r->reply : r->diagnostic, DIAGNOSTIC_MAX));
	put_field(b, "Diagnostic-Code", buf_str(&value), utf8);
	buf_clear(&value);
}

static void
put_rcpt(struct buf *b, const struct report_rcpt *r, bool utf8)
{
	buf_puts(b, "\r\n");
	if (r->orcpt_type.len > 0)
		put_address(
		    b, "Original-Recipient", r->orcpt_type, r->orcpt, utf8);
	put_address(b, "Final-Recipient", STR_LIT("rfc822"), r->final, utf8);
	buf_putf(b, "Action: %s\r\n",
	    report_action_name(
		r->action == REPORT_HELD ? REPORT_DELAYED : r->action));
	put_field(b, "Status", r->status, false);
	if (r->remote_mta.len > 0) {
		buf_puts(b, "Remote-MTA: dns; ");
		xtext_put(b, r->remote_mta);
		buf_puts(b, "\r\n");
	}
	put_diagnostic(b, r, utf8);
	put_date(b, "Last-Attempt-Date", r->last_attempt);
	if (r->action == REPORT_DELAYED)
		put_date(b, "Will-Retry-Until", r->retry_until);
}

/* RFC 3461 6.3 (a): decoded. What cannot stand in a field stays encoded. */
static void
put_envid(struct buf *b, struct str envid)
{
	if (envid.len == 0)
		return;
	buf_puts(b, "Original-Envelope-Id: ");
	if (is_printable(envid))
		buf_put_str(b, envid);
	else
		xtext_put(b, envid);
	buf_puts(b, "\r\n");
}

static void
put_boundary(struct buf *b, const struct plan *p, const char *after)
{
	buf_putf(b, "\r\n--%s%s\r\n", p->boundary, after);
}

static void
put_status_part(struct buf *b, const struct plan *p)
{
	const struct report_facts *facts = p->facts;

	put_boundary(b, p, "");
	buf_puts(b, "Content-Description: Delivery report\r\n");
	buf_puts(b, p->utf8_status
			? "Content-Type: message/global-delivery-status\r\n"
			  "Content-Transfer-Encoding: 8bit\r\n\r\n"
			: "Content-Type: message/delivery-status\r\n\r\n");
	put_envid(b, facts->envid);
	buf_putf(b, "Reporting-MTA: dns; %s\r\n", facts->hostname);
	if (facts->id.len > 0)
		put_field(b, "X-Posthouse-Id", facts->id, false);
	put_date(b, "Arrival-Date", facts->arrival);
	for (size_t i = 0; i < facts->n_rcpts; i++)
		put_rcpt(b, &facts->rcpts[i], p->utf8_status);
}

static void
put_text_part(struct buf *b, const struct plan *p)
{
	const struct report_facts *facts = p->facts;

	put_boundary(b, p, "");
	buf_puts(b, "Content-Description: Notification\r\n");
	buf_putf(b, "Content-Type: text/plain; charset=%s\r\n",
	    mime_is_ascii(facts->text) ? "us-ascii" : "utf-8");
	if (facts->language.len > 0)
		put_field(b, "Content-Language", facts->language, false);
	if (p->has_original && mime_encoding_of(facts->text) == MIME_7BIT) {
		buf_puts(b, "\r\n");
		mime_put_lines(b, facts->text);
		return;
	}
	buf_puts(b, "Content-Transfer-Encoding: quoted-printable\r\n\r\n");
	mime_put_quoted_printable(b, facts->text);
}

/* RFC 6522 4: fields that are not 7bit as they are may be quoted-printable.
 * RFC 6533 5.1 would rather have 8bit, where the whole notification is. */
static void
put_headers_part(struct buf *b, const struct plan *p)
{
	static const char *const names[] = {"7bit", "8bit", "quoted-printable"};
	struct str headers = buf_str(&p->headers);
	enum mime_encoding encoding = mime_encoding_of(headers);

	if (encoding == MIME_8BIT && !p->utf8_headers)
		encoding = MIME_QUOTED_PRINTABLE;
	buf_puts(b, "Content-Description: Header fields of the message\r\n");
	buf_putf(b, "Content-Type: %s\r\nContent-Transfer-Encoding: %s\r\n\r\n",
	    p->utf8_headers ? "message/global-headers" : "text/rfc822-headers",
	    names[encoding]);
	if (encoding == MIME_QUOTED_PRINTABLE)
		mime_put_quoted_printable(b, headers);
	else
		mime_put_lines(b, headers);
}

/* The third part, or how it begins where it is the whole message. */
static void
put_original_part(struct buf *b, const struct plan *p)
{
	if (!p->has_original)
		return;
	put_boundary(b, p, "");
	if (!p->is_full) {
		put_headers_part(b, p);
		return;
	}
	buf_puts(b, "Content-Description: The message\r\n");
	buf_putf(b, "Content-Type: message/%s\r\n",
	    p->utf8_headers ? "global" : "rfc822");
	if (p->original.is_8bit)
		buf_puts(b, "Content-Transfer-Encoding: 8bit\r\n");
	buf_puts(b, "\r\n");
}

/* RFC 3834 3.1.5: by which mail programs show it beside the original. */
static void
put_reference(struct buf *b, const struct plan *p)
{
	struct header_field field;
	struct str id;

	if (!header_find(buf_str(&p->headers), "Message-ID", &field))
		return;
	id = header_message_id(field.value);
	if (id.len == 0 || id.len > MESSAGE_ID_MAX || !mime_is_ascii(id))
		return;
	buf_putf(b, "In-Reply-To: <%.*s>\r\nReferences: <%.*s>\r\n",
	    STR_ARG(id), STR_ARG(id));
}

static void
put_from(struct buf *b, const struct report_facts *facts)
{
	struct buf from;

	buf_init(&from, 1000);
	if (facts->from.len > 0)
		buf_put_str(&from, facts->from);
	else
		buf_putf(&from, "Mail Delivery System <postmaster@%s>",
		    facts->hostname);
	put_field(b, "From", buf_str(&from), !mime_is_ascii(facts->to));
	buf_clear(&from);
}

static void
put_fields(struct buf *b, const struct plan *p)
{
	const struct report_facts *facts = p->facts;

	put_date(b, "Date", facts->date);
	put_from(b, facts);
	put_field(b, "To", facts->to, true);
	buf_puts(b, "Subject: ");
	mime_put_words(b, facts->subject, strlen("Subject: "));
	buf_putf(b, "\r\nMessage-ID: <%.*s>\r\n", STR_ARG(facts->message_id));
	put_reference(b, p);
	buf_puts(b, "Auto-Submitted: auto-replied\r\nMIME-Version: 1.0\r\n");
	buf_puts(b, "Content-Type: multipart/report; "
		    "report-type=delivery-status;\r\n");
	buf_putf(b, "\tboundary=\"%s\"\r\n", p->boundary);
	if (p->is_8bit)
		buf_puts(b, "Content-Transfer-Encoding: 8bit\r\n");
	buf_puts(b, "\r\nThis is a notification in the form of RFC 3464.\r\n");
}

struct report *
report_new(const struct report_facts *facts,
    const struct report_original *original, struct fault *f)
{
	struct report *r = mem_new(struct report);
	struct plan p = {.facts = facts};
	bool ok = false;
	size_t head;

	if (facts->to.len == 0)
		die_bug("a notification to the null reverse-path");
	buf_init(&p.headers, HEADERS_MAX);
	buf_init(&r->head, HEAD_MAX);
	if (plan_make(&p, original, f) < 0)
		goto out;
	put_fields(&r->head, &p);
	put_text_part(&r->head, &p);
	put_status_part(&r->head, &p);
	put_original_part(&r->head, &p);
	head = buf_len(&r->head);
	put_boundary(&r->head, &p, "--");
	if (buf_is_full(&r->head)) {
		fault_perm(f, "5.3.4", "notification too big");
		goto out;
	}
	r->tail = str_from(buf_str(&r->head), head);
	if (p.is_full) {
		r->original = *original;
		r->original_size = p.original.size;
	}
	r->is_8bit = p.is_8bit;
	r->needs_smtputf8 =
	    p.utf8_status || p.utf8_headers || !mime_is_ascii(facts->to);
	ok = true;
out:
	buf_clear(&p.headers);
	if (!ok)
		report_free(&r);
	return r;
}

void
report_free(struct report **report)
{
	if (*report == NULL)
		return;
	buf_clear(&(*report)->head);
	mem_free(*report);
	*report = NULL;
}

uint64_t
report_size(const struct report *r)
{
	return buf_len(&r->head) + r->original_size;
}

bool
report_is_8bit(const struct report *r)
{
	return r->is_8bit;
}

bool
report_needs_smtputf8(const struct report *r)
{
	return r->needs_smtputf8;
}

int
report_each(
    const struct report *r, report_piece *piece, void *ctx, struct fault *f)
{
	struct str head = buf_str(&r->head);

	if (piece(ctx, str_head(head, head.len - r->tail.len), f) < 0)
		return -1;
	if (r->original.each != NULL &&
	    r->original.each(r->original.source, piece, ctx, f) < 0)
		return -1;
	return piece(ctx, r->tail, f);
}
