/* SPDX-License-Identifier: ISC */
/*
 * What identifies the bytes of a message: SHA-256 of its file, and behind it the
 * first bytes of SHA-256 of its body, which is what follows the header section.
 * Copies that came by different ways have other trace fields, and the same body.
 */
#ifndef STORE_DIGEST_H
#define STORE_DIGEST_H

#include <stdint.h>

#include "base/attr.h"
#include "base/crypto.h"
#include "base/str.h"

enum {
	DIGEST_FILE_LEN = CRYPTO_SHA256_LEN,
	DIGEST_BODY_LEN = 8,
	DIGEST_LEN = DIGEST_FILE_LEN + DIGEST_BODY_LEN,
};

void digest_take(struct str file, uint8_t digest[DIGEST_LEN]);

/* The same of a file that comes in pieces. */
struct digest;

struct digest *digest_new(void) MUST_USE;
/* Null-safe. */
void digest_free(struct digest **digest);
void digest_add(struct digest *d, struct str bytes);
/* Of all that was added; the next piece begins anew. */
void digest_end(struct digest *d, uint8_t digest[DIGEST_LEN]);

#endif
