/* SPDX-License-Identifier: ISC */
/*
 * Looking for a text in many others without regard to case: that of each
 * letter of Unicode that has two, one character for one ("ß" is not "SS").
 * Bytes that are not UTF-8 are compared as they are.
 */
#ifndef BASE_CASELESS_H
#define BASE_CASELESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/str.h"

/* Embedded; of zeroes it is the empty text. */
struct caseless {
	/* Private: the characters in lower case, bytes that are none above
	 * them. */
	uint32_t *chars;
	size_t n;
	bool is_ascii;
};

/* What is looked for; copied. */
void caseless_init(struct caseless *c, struct str text);
void caseless_clear(struct caseless *c);

/* Whether text holds it. The empty text is in all. */
bool caseless_is_in(const struct caseless *c, struct str text) MUST_USE;

#endif
