/* SPDX-License-Identifier: ISC */
/* Domain names: syntax, the A-label form of internationalised ones, and whose
 * they are. */
#ifndef PROTO_DOMAIN_H
#define PROTO_DOMAIN_H

#include <stdbool.h>
#include <stddef.h>

#include "base/attr.h"
#include "base/str.h"

enum { DOMAIN_SIZE = 256 };

/* Letters, digits, hyphens (not at a label's ends), labels of 1 to 63 bytes,
 * 255 in all, no trailing dot; underscores are refused. */
bool domain_is_ascii_name(struct str text);
/* Lower case A-labels (IDNA2008, non-transitional). False where text is no
 * domain name. A trailing dot is refused. */
bool domain_to_ascii(struct str text, char domain[DOMAIN_SIZE]) MUST_USE;

/* The organisational domain (public suffix list) of an ASCII name in lower
 * case: "example.co.uk" of "mx.example.co.uk". False for a public suffix. */
bool domain_organisation(struct str text, char domain[DOMAIN_SIZE]) MUST_USE;

#endif
