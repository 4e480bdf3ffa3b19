/* SPDX-License-Identifier: ISC */
/* MAIL, RCPT and XFORWARD with their parameters. */
#include "config.h"

#include "proto/smtp_command.h"

#include "proto/address.h"
#include "proto/smtp_peer.h"

enum {
	XFORWARD_LINE_MAX = 510,
	XFORWARD_VALUE_MAX = 255,
	/* xtext of the longest value, with a name and what stands between. */
	XFORWARD_FIELD_MAX = 3 * XFORWARD_VALUE_MAX + 16,
};

static void
put_body(struct buf *out, enum envelope_body body, unsigned extensions)
{
	if (body == BODY_BINARYMIME && (extensions & EXT_BINARYMIME) != 0)
		buf_puts(out, " BODY=BINARYMIME");
	else if (body == BODY_8BITMIME && (extensions & EXT_8BITMIME) != 0)
		buf_puts(out, " BODY=8BITMIME");
}

static void
put_xtext(struct buf *out, const char *name, struct str bytes)
{
	buf_puts(out, name);
	xtext_put(out, bytes);
}

/* RFC 3461 4.3 and 4.4. */
static void
put_mail_dsn(struct buf *out, const struct envelope_mail *mail)
{
	if (mail->ret != RET_UNSET)
		buf_puts(
		    out, mail->ret == RET_FULL ? " RET=FULL" : " RET=HDRS");
	if (mail->envid.len > 0)
		put_xtext(out, " ENVID=", mail->envid);
}

/* RFC 4954 5. */
static void
put_auth(struct buf *out, const struct envelope_mail *mail)
{
	if (!mail->has_auth)
		return;
	if (mail->auth.len == 0)
		buf_puts(out, " AUTH=<>");
	else
		put_xtext(out, " AUTH=", mail->auth);
}

void
smtp_command_put_mail(struct buf *out, const struct envelope_mail *mail,
    bool smtputf8, uint64_t size, unsigned extensions)
{
	buf_puts(out, "MAIL FROM:");
	address_put(out, &mail->reverse_path, true);
	if (size > 0 && (extensions & EXT_SIZE) != 0)
		buf_putf(out, " SIZE=%llu", (unsigned long long)size);
	put_body(out, mail->body, extensions);
	if (smtputf8 && (extensions & EXT_SMTPUTF8) != 0)
		buf_puts(out, " SMTPUTF8");
	if ((extensions & EXT_DSN) != 0)
		put_mail_dsn(out, mail);
	if ((extensions & EXT_AUTH) != 0)
		put_auth(out, mail);
	if (mail->requiretls && (extensions & EXT_REQUIRETLS) != 0)
		buf_puts(out, " REQUIRETLS");
	if (mail->verp && (extensions & EXT_XVERP) != 0)
		buf_puts(out, " XVERP");
	buf_puts(out, "\r\n");
}

static void
put_notify(struct buf *out, unsigned notify)
{
	static const struct {
		unsigned bit;
		const char *word;
	} words[] = {
	    {NOTIFY_SUCCESS, "SUCCESS"},
	    {NOTIFY_FAILURE, "FAILURE"},
	    {NOTIFY_DELAY, "DELAY"},
	};
	char before = '=';

	if (notify == NOTIFY_UNSET)
		return;
	buf_puts(out, " NOTIFY");
	/* It excludes the others (RFC 3461 4.1). */
	if ((notify & NOTIFY_NEVER) != 0) {
		buf_puts(out, "=NEVER");
		return;
	}
	for (size_t i = 0; i < ARRAY_LEN(words); i++) {
		if ((notify & words[i].bit) == 0)
			continue;
		buf_putf(out, "%c%s", before, words[i].word);
		before = ',';
	}
}

void
smtp_command_put_rcpt(
    struct buf *out, const struct envelope_rcpt *rcpt, unsigned extensions)
{
	buf_puts(out, "RCPT TO:");
	address_put(out, &rcpt->forward_path, true);
	if ((extensions & EXT_DSN) != 0) {
		put_notify(out, rcpt->notify);
		if (rcpt->orcpt_type.len > 0) {
			buf_puts(out, " ORCPT=");
			buf_put_str(out, rcpt->orcpt_type);
			put_xtext(out, ";", rcpt->orcpt);
		}
	}
	buf_puts(out, "\r\n");
}

/* What is to be said under this name; empty where nothing is. */
static struct str
value_of(const struct envelope_xforward *x, struct str name)
{
	const struct {
		const char *name;
		struct str value;
	} all[] = {
	    {"NAME", x->name},
	    {"ADDR", x->addr},
	    {"PORT", x->port},
	    {"PROTO", x->proto},
	    {"HELO", x->helo},
	    {"IDENT", x->ident},
	    {"SOURCE", x->source},
	};

	for (size_t i = 0; i < ARRAY_LEN(all); i++)
		if (str_is_nocase(name, str(all[i].name)))
			return str_head(all[i].value, XFORWARD_VALUE_MAX);
	return (struct str){0};
}

unsigned
smtp_command_put_xforward(struct buf *out,
    const struct envelope_xforward *xforward, const char *names)
{
	struct str rest = str(names);
	size_t used = XFORWARD_LINE_MAX;
	struct buf field;
	unsigned lines = 0;

	buf_init(&field, XFORWARD_FIELD_MAX);
	while (rest.len > 0) {
		struct str name = str_cut(&rest, ' ');
		struct str value = value_of(xforward, name);

		if (value.len == 0)
			continue;
		buf_reset(&field);
		buf_putc(&field, ' ');
		buf_put_str(&field, name);
		put_xtext(&field, "=", value);
		if (used + buf_len(&field) > XFORWARD_LINE_MAX) {
			buf_puts(
			    out, lines++ > 0 ? "\r\nXFORWARD" : "XFORWARD");
			used = sizeof "XFORWARD" - 1;
		}
		buf_put_str(out, buf_str(&field));
		used += buf_len(&field);
	}
	if (lines > 0)
		buf_puts(out, "\r\n");
	buf_clear(&field);
	return lines;
}
