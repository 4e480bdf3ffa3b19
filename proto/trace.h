/* SPDX-License-Identifier: ISC */
/* Trace fields: Received (RFC 5321 4.4, keywords of RFC 3848 and RFC 6531)
 * and Return-Path. */
#ifndef PROTO_TRACE_H
#define PROTO_TRACE_H

#include <stdbool.h>
#include <time.h>

#include "base/buf.h"
#include "base/str.h"
#include "proto/address.h"
#include "proto/smtp_server.h"

struct trace_facts {
	enum smtp_dialect dialect;
	bool esmtp, tls, authenticated, smtputf8; /* ESMTPSA, UTF8LMTP… */
	struct str helo;
	struct str client_address; /* "192.0.2.1"; "unix"; empty: left out */
	const char *local_user;    /* stands in its place; NULL: none */
	unsigned local_uid;
	const char *tls_version; /* NULL where plain */
	const char *tls_cipher;
	const char *hostname; /* by */
	const char *id;
	const struct address *rcpt; /* "for", or NULL */
	time_t when;
};

/* "SMTP", "ESMTPSA", "UTF8SMTPS", "LMTP", … */
const char *trace_protocol(const struct trace_facts *facts);
/* The whole field, folded, ending in CRLF. What came from the client is made
 * harmless: parentheses, backslashes and controls become "?". */
void trace_put_received(struct buf *b, const struct trace_facts *facts);
void trace_put_return_path(struct buf *b, const struct address *reverse_path);

#endif
