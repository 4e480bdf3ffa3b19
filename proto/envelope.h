/* SPDX-License-Identifier: ISC */
/*
 * What SMTP and LMTP say about a message outside of it (RFC 5321 2.3.1),
 * with the parameters of the extensions: RFC 1870 SIZE, RFC 6152 and 3030
 * BODY, RFC 6531 SMTPUTF8, RFC 3461 DSN, RFC 4954 AUTH=, RFC 8689 REQUIRETLS,
 * and Postfix' XVERP.
 */
#ifndef PROTO_ENVELOPE_H
#define PROTO_ENVELOPE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/str.h"
#include "proto/address.h"

enum envelope_body {
	BODY_7BIT,
	BODY_8BITMIME,
	BODY_BINARYMIME,
};

enum envelope_ret {
	RET_UNSET,
	RET_FULL,
	RET_HDRS,
};

/* Strings live as long as the transaction's arena. */
struct envelope_mail {
	struct address reverse_path;
	uint64_t size; /* declared; 0: not */
	enum envelope_body body;
	bool smtputf8;
	bool requiretls;
	/* Each recipient is to get a reverse-path of its own
	 * (address_make_verp()). */
	bool verp;
	enum envelope_ret ret;
	struct str envid; /* decoded xtext; empty: unset */
	bool has_auth;
	struct str auth; /* decoded; "" for AUTH=<> */
};

enum {
	NOTIFY_UNSET = 0,
	NOTIFY_NEVER = 1,
	NOTIFY_SUCCESS = 2,
	NOTIFY_FAILURE = 4,
	NOTIFY_DELAY = 8,
};

struct envelope_rcpt {
	struct address forward_path;
	unsigned notify;       /* NOTIFY_ bits */
	struct str orcpt_type; /* "rfc822"; empty: unset */
	struct str orcpt;      /* decoded xtext */
};

/*
 * What XFORWARD says about the client that a trusted part speaks for. Empty:
 * not said, or [UNAVAILABLE].
 */
struct envelope_xforward {
	struct str name, addr, port, proto, helo, ident, source;
};

#endif
