/* SPDX-License-Identifier: ISC */
/*
 * The values of Content-Type and Content-Disposition (RFC 2045 5.1, RFC 2183 2),
 * unfolded: a kind, and parameters behind it. What is ill-formed is read as
 * mail programs read it; nothing here fails.
 */
#ifndef PROTO_CONTENT_H
#define PROTO_CONTENT_H

#include <stdbool.h>
#include <stddef.h>

#include "base/attr.h"
#include "base/str.h"

/* What stands before the parameters: "text" and "plain", or "attachment" and
 * nothing. Views into value. */
struct content_kind {
	struct str type, subtype;
};
struct content_kind content_kind(struct str value);

/*
 * The value of the first parameter of this name, without case, as a C string.
 * False where there is none, or it is empty or does not fit.
 */
bool content_param(
    struct str value, const char *name, char *to, size_t size) MUST_USE;
/* Whether there is such a parameter, in the forms of RFC 2231 ("name*",
 * "name*0", "name*0*") too. */
bool content_has_param(struct str value, const char *name);

#endif
