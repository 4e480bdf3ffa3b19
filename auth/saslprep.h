/* SPDX-License-Identifier: ISC */
/*
 * The one spelling of a password that both ends of SCRAM hash: SASLprep
 * (RFC 4013), with the normalisation of today's Unicode. The only file that
 * includes libunistring is saslprep.c.
 */
#ifndef AUTH_SASLPREP_H
#define AUTH_SASLPREP_H

#include <stdbool.h>

#include "base/attr.h"
#include "base/buf.h"
#include "base/str.h"

/*
 * Replaces prepared. False where the text has no such spelling: it is no
 * UTF-8, nothing of it is left, has characters that RFC 4013 2.3 prohibits
 * (those that cannot be seen or belong to nobody), or does not fit.
 */
bool saslprep(struct str text, struct buf *prepared) MUST_USE;

#endif
