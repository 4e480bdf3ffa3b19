/* SPDX-License-Identifier: ISC */
/*
 * The id of a message, made at MAIL: it stands in every log line, in
 * Received:, in the 250 reply, and in XFORWARD IDENT, by which the store knows
 * a delivery that is repeated. Sixteen characters of base32 (digits and
 * lower-case letters without i l o u): 52 bits of microseconds since 1970, 28 random
 * bits. It sorts by time and does not come twice.
 */
#ifndef PROTO_IDENT_H
#define PROTO_IDENT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/str.h"

enum { IDENT_LEN = 16, IDENT_SIZE = IDENT_LEN + 1 };

struct ident {
	char text[IDENT_SIZE];
};

void ident_make(struct ident *id);
/* Another id for a part of the message, the same each time: n from 1 to 32767.
 * id must be ours. */
void ident_sibling(const struct ident *id, unsigned n, struct ident *sibling);
/* Eight random characters of the same alphabet, for a session. */
enum { IDENT_SESSION_SIZE = 9 };
void ident_make_session(char text[IDENT_SESSION_SIZE]);
/* Whether text has the form that ident_make() gives. */
bool ident_is_ours(struct str text);
/* Microseconds since 1970; text must be ours. */
int64_t ident_time_us(struct str text);

#endif
