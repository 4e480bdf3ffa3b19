/* SPDX-License-Identifier: ISC */
/*
 * Trace fields, as they stand on top of a message.
 *
 *   Received: from client.example ([192.0.2.7])
 *   	by mail.example.org with ESMTPSA id 06b0v8z3k9m2q4tx
 *   	(TLSv1.3 TLS_AES_256_GCM_SHA384)
 *   	for <ann@example.org>; Mon, 23 Nov 2026 17:05:38 +0000
 *
 * Invariant: what a client said can end neither a comment nor a line.
 */
#include "config.h"

#include "proto/trace.h"

#include "base/clock.h"

enum { WORD_MAX = 255 };

const char *
trace_protocol(const struct trace_facts *facts)
{
	/* By dialect, UTF-8, TLS and authentication. */
	static const char *const names[2][2][2][2] = {
	    {{{"ESMTP", "ESMTPA"}, {"ESMTPS", "ESMTPSA"}},
		{{"UTF8SMTP", "UTF8SMTPA"}, {"UTF8SMTPS", "UTF8SMTPSA"}}},
	    {{{"LMTP", "LMTPA"}, {"LMTPS", "LMTPSA"}},
		{{"UTF8LMTP", "UTF8LMTPA"}, {"UTF8LMTPS", "UTF8LMTPSA"}}},
	};

	/* After HELO there is no keyword that would say more. */
	if (facts->dialect == DIALECT_SMTP && !facts->esmtp)
		return "SMTP";
	return names[facts->dialect == DIALECT_LMTP][facts->smtputf8]
		    [facts->tls][facts->authenticated];
}

/* A word that may stand in the field and within a comment. */
static void
put_word(struct buf *b, struct str word)
{
	word = str_head(word, WORD_MAX);
	if (word.len == 0)
		buf_puts(b, "unknown");
	for (size_t i = 0; i < word.len; i++) {
		char c = word.at[i];
		bool odd = c <= ' ' || c > '~' || strchr("()\\\"<>,;", c);

		buf_putc(b, odd ? '?' : c);
	}
}

static void
put_local_user(struct buf *b, const struct trace_facts *facts)
{
	buf_puts(b, " (user ");
	put_word(b, str(facts->local_user));
	buf_putf(b, ", uid %u)", facts->local_uid);
}

/* " ([192.0.2.7])", the TCP-info of RFC 5321 4.4; a plain comment for what is
 * no address of IP. */
static void
put_client_address(struct buf *b, struct str address)
{
	bool is_ipv6 = str_has(address, ':');
	bool is_ip = is_ipv6 || str_has(address, '.');

	if (address.len == 0)
		return;
	buf_puts(b, is_ipv6 ? " ([IPv6:" : is_ip ? " ([" : " (");
	put_word(b, address);
	buf_puts(b, is_ip ? "])" : ")");
}

void
trace_put_received(struct buf *b, const struct trace_facts *facts)
{
	char date[CLOCK_DATE_SIZE];

	buf_puts(b, "Received: from ");
	put_word(b, facts->helo);
	if (facts->local_user != NULL)
		put_local_user(b, facts);
	else
		put_client_address(b, facts->client_address);
	buf_putf(b, "\r\n\tby %s with %s id ", facts->hostname,
	    trace_protocol(facts));
	put_word(b, str(facts->id));
	if (facts->tls_version != NULL) {
		buf_putf(b, "\r\n\t(%s", facts->tls_version);
		if (facts->tls_cipher != NULL)
			buf_putf(b, " %s", facts->tls_cipher);
		buf_putc(b, ')');
	}
	if (facts->rcpt != NULL) {
		buf_puts(b, "\r\n\tfor ");
		address_put(b, facts->rcpt, true);
		buf_putc(b, ';');
	} else {
		buf_puts(b, ";\r\n\t");
	}
	clock_format_date(facts->when, date);
	buf_putf(b, "%s%s\r\n", facts->rcpt != NULL ? " " : "", date);
}

void
trace_put_return_path(struct buf *b, const struct address *reverse_path)
{
	buf_puts(b, "Return-Path: ");
	address_put(b, reverse_path, true);
	buf_puts(b, "\r\n");
}
