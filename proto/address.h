/* SPDX-License-Identifier: ISC */
/*
 * Mail addresses as SMTP has them (RFC 5321 4.1.2, 4.1.3; RFC 6531 3.3),
 * parsed once at the edge and never again.
 *
 * Limits (RFC 5321 4.5.3.1): local part 64 bytes as on the wire, quotes
 * included; domain 255, path 254.
 */
#ifndef PROTO_ADDRESS_H
#define PROTO_ADDRESS_H

#include <stdbool.h>
#include <stddef.h>

#include "base/attr.h"
#include "base/buf.h"
#include "base/fault.h"
#include "base/str.h"

enum {
	ADDRESS_LOCAL_MAX = 64,
	ADDRESS_DOMAIN_MAX = 255,
	ADDRESS_MAX = 254,
};

enum address_host {
	ADDRESS_DOMAIN,  /* "example.org", letters or U-labels */
	ADDRESS_IPV4,    /* "[192.0.2.1]" */
	ADDRESS_IPV6,    /* "[IPv6:2001:db8::1]" */
	ADDRESS_GENERAL, /* "[tag:text]" */
	ADDRESS_NO_HOST, /* <> and <postmaster>, in lower case */
};

/*
 * A value; no owner. local has its quotes and backslashes removed (so it may
 * hold blanks, "@", "/" and "..": it is text, never a file name); domain is
 * as written (a trailing dot is refused), ASCII letters in lower case, address
 * literals with their brackets. After a fault, all zeroes.
 */
struct address {
	char local[ADDRESS_LOCAL_MAX + 1];
	char domain[ADDRESS_DOMAIN_MAX + 1];
	enum address_host host;
	bool is_utf8; /* holds bytes over 127: needs SMTPUTF8 */
};

/*
 * The path of MAIL ("<a@b>", "<>") or RCPT ("<a@b>", "<postmaster>") at the
 * front of text; *rest gets what stands behind ">", which is nothing or begins
 * with a blank. A source route is parsed and ignored (RFC 5321 4.1.1.3,
 * appendix C). Without `utf8`, bytes over 127 are refused (5.6.7); with it they
 * must be well-formed UTF-8, and a domain must have an A-label form. Faults
 * are permanent: 5.1.7 for a reverse-path, 5.1.3 for a forward-path.
 */
int address_parse_reverse(struct str text, bool utf8, struct address *a,
    struct str *rest, struct fault *f) MUST_USE;
int address_parse_forward(struct str text, bool utf8, struct address *a,
    struct str *rest, struct fault *f) MUST_USE;

/* An address as an operator writes it: "user@example.org", no brackets, UTF-8
 * allowed. */
int address_parse(struct str text, struct address *a, struct fault *f) MUST_USE;
/* A domain as it may stand in an address, or in EHLO (address literals too).
 * Faults are permanent, 5.5.4. */
int address_parse_domain(struct str text, bool utf8, char *domain, size_t size,
    struct fault *f) MUST_USE;

/* The null reverse-path. */
bool address_is_null(const struct address *a);
/* Domains compare without case; local parts byte for byte. */
bool address_is_same(const struct address *a, const struct address *b);

/* "local@domain", the local part quoted where it must be; nothing for the
 * null path. With `brackets`: "<local@domain>" or "<>". */
void address_put(struct buf *b, const struct address *a, bool brackets);
/* The same as a C string, in the form without brackets. */
enum { ADDRESS_TEXT_SIZE = 2 * ADDRESS_LOCAL_MAX + ADDRESS_DOMAIN_MAX + 6 };
void address_format(const struct address *a, char text[ADDRESS_TEXT_SIZE]);

/*
 * The key under which the directory knows a recipient: local part in lower
 * case (ASCII), "@", the domain in lower case and A-label form (libidn2).
 * False where the domain has no A-label form or is a literal.
 */
bool address_key(const struct address *a, char key[ADDRESS_TEXT_SIZE]) MUST_USE;

/* "user+detail" with separator '+': *user and *detail are views into
 * local, cut at the first '+'; false, and *user the whole, where there is no
 * detail or nothing before it. A separator of 0 is never there. */
bool address_split_detail(
    struct str local, char separator, struct str *user, struct str *detail);

/*
 * A variable envelope return path, as Postfix makes it: "owner-list" for
 * "jane@far.example" is "owner-list+jane=far.example". False, and *verp is the
 * sender as it is, where that would be too long, the recipient's local part
 * needs quotes, or there is no sender.
 */
bool address_make_verp(const struct address *sender,
    const struct address *recipient, struct address *verp);

/* RFC 3461 4: xtext. Decoding is strict; false where text is not xtext. */
void xtext_put(struct buf *b, struct str bytes);
bool xtext_take(struct buf *b, struct str text) MUST_USE;

#endif
