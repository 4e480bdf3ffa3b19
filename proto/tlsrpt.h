/* SPDX-License-Identifier: ISC */
/*
 * TLS reports (RFC 8460): where a domain wants them, and the message that
 * carries one.
 */
#ifndef PROTO_TLSRPT_H
#define PROTO_TLSRPT_H

#include <stdbool.h>
#include <stddef.h>
#include <time.h>

#include "base/attr.h"
#include "base/buf.h"
#include "base/str.h"
#include "proto/address.h"

enum { TLSRPT_URIS_MAX = 10 };

/* Whether a TXT record at _smtp._tls is meant to be one: see txt_record.h. */
bool tlsrpt_is_record(struct str text);
/* "v=TLSRPTv1; rua=mailto:a@b,https://c/d": how many URIs, views; those past
 * TLSRPT_URIS_MAX are left out. 0 where the record is ill-formed. */
size_t tlsrpt_parse_record(struct str text, struct str uris[TLSRPT_URIS_MAX]);
/* The address of "mailto:a%2Bb@c". False for another URI. */
bool tlsrpt_take_mailto(struct str uri, struct address *address) MUST_USE;

/* Borrowed. */
struct tlsrpt_mail {
	const char *from; /* an address, ASCII */
	const char *to;
	const char *domain;       /* that is reported about, A-labels */
	const char *submitter;    /* our domain */
	const char *organization; /* UTF-8 */
	const char *report_id;    /* "id@host" */
	const char *message_id;
	time_t begin, end; /* of the time reported about */
	time_t date;
	struct str gzip; /* the report */
};

/* "example.net!example.org!1795392000!1795478399!id.json.gz" */
void tlsrpt_put_filename(struct buf *b, const struct tlsrpt_mail *mail);
/* The whole message, 7-bit, lines that end in CR LF (RFC 8460 5.3). */
void tlsrpt_put_mail(struct buf *b, const struct tlsrpt_mail *mail);

#endif
