/* SPDX-License-Identifier: ISC */
/* The SASL mechanisms that there are; which of them are offered is an option. */
#ifndef AUTH_MECHANISM_H
#define AUTH_MECHANISM_H

#include <stdbool.h>

#include "base/str.h"

struct mechanism {
	const char *name;  /* "SCRAM-SHA-256" */
	const char *flags; /* as the auth protocol lists them: "\tplaintext" */
	unsigned form;     /* enum directory_form; 0: needs none */
	bool binds;        /* to TLS: SCRAM with "-PLUS" */
	bool sha256;       /* which of SCRAM's keys */
	bool plaintext;    /* the password, or a token, comes in the clear */
	bool kerberos; /* the proof is a ticket, and its name has no domain */
	/* No business of libsasl2: a token (bearer.h), or what TLS has proven. */
	bool bearer, external;
};

/* The best first, ended by a NULL name. */
enum { MECHANISMS = 11 };
extern const struct mechanism mechanisms[MECHANISMS + 1];

bool mechanism_is_librarys(const struct mechanism *mechanism);
/* What libsasl2 calls it, which knows -PLUS only by the client's words: its
 * length. */
size_t mechanism_base_len(const struct mechanism *mechanism);

/* In any case of letters; NULL: there is none of that name. */
const struct mechanism *mechanism_find(struct str name);

#endif
