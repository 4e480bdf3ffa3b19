/* SPDX-License-Identifier: ISC */
/*
 * Keys that signatures are checked with, by the algorithms of JSON Web
 * Signatures (RFC 7518 3, RFC 8037): HS256, RS256, RS384, RS512, PS256, ES256,
 * ES384, EdDSA (Ed25519).
 */
#ifndef BASE_CRYPTO_KEY_H
#define BASE_CRYPTO_KEY_H

#include <stdbool.h>

#include "base/attr.h"
#include "base/fault.h"
#include "base/str.h"

struct crypto_key;

/*
 * A file with one public key in PEM ("BEGIN PUBLIC KEY"), or a certificate's;
 * RSA has 2048 bits at least. Any other file that is not in PEM is a secret
 * for HMAC, of 32 bytes or more, a line end behind it not counted. Permanent
 * 5.3.5 where it is none of these, or cannot be read.
 */
struct crypto_key *crypto_key_read(const char *path, struct fault *f) MUST_USE;
void crypto_key_free(struct crypto_key **key);

/* Whether the signature is the key's. False too where the algorithm is none of
 * those above, or not one for such a key: the key decides what can be done
 * with it, not who sends the signature. */
bool crypto_key_verify(const struct crypto_key *key, struct str algorithm,
    struct str bytes, struct str signature) MUST_USE;

#endif
