/* SPDX-License-Identifier: ISC */
/* Hashes, keys made of passwords, random bytes and base64; the only files that include libcrypto's
 * part of OpenSSL are crypto.c and crypto_md5.c. */
#ifndef BASE_CRYPTO_H
#define BASE_CRYPTO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/buf.h"
#include "base/str.h"

enum { CRYPTO_SHA256_LEN = 32 };

void crypto_sha256(struct str bytes, uint8_t digest[CRYPTO_SHA256_LEN]);

/* The same of what comes in pieces. */
struct crypto_sha256;

struct crypto_sha256 *crypto_sha256_new(void) MUST_USE;
void crypto_sha256_free(struct crypto_sha256 **hash);
void crypto_sha256_add(struct crypto_sha256 *hash, struct str bytes);
/* The digest of all that was added; the next piece begins anew. */
void crypto_sha256_end(
    struct crypto_sha256 *hash, uint8_t digest[CRYPTO_SHA256_LEN]);

/* RFC 2104. */
void crypto_hmac_sha256(
    struct str key, struct str bytes, uint8_t mac[CRYPTO_SHA256_LEN]);

/* The hash functions of SCRAM (RFC 5802, RFC 7677). */
enum crypto_digest { CRYPTO_SHA1, CRYPTO_SHA256 };

enum { CRYPTO_DIGEST_MAX = 32 };

size_t crypto_digest_len(enum crypto_digest kind);
void crypto_digest(enum crypto_digest kind, struct str bytes,
    uint8_t digest[CRYPTO_DIGEST_MAX]);
void crypto_digest_hmac(enum crypto_digest kind, struct str key,
    struct str bytes, uint8_t mac[CRYPTO_DIGEST_MAX]);
/* PBKDF2 (RFC 8018 5.2) with HMAC; as long as the digest is. */
void crypto_pbkdf2(enum crypto_digest kind, struct str password,
    struct str salt, unsigned iterations, uint8_t key[CRYPTO_DIGEST_MAX]);

/* HMAC-MD5 (RFC 2104) after the key and before any text: what MD5 has become
 * within, and around; the words in order, the highest byte first. */
enum { CRYPTO_MD5_STATE_LEN = 16 };
void crypto_hmac_md5_states(struct str key, uint8_t inner[CRYPTO_MD5_STATE_LEN],
    uint8_t outer[CRYPTO_MD5_STATE_LEN]);

/* Dies where the kernel gives none. */
void crypto_random(void *bytes, size_t len);
/* Equal, in a time that does not depend on where they differ. */
bool crypto_is_equal(struct str a, struct str b);

/* RFC 4648 4, padded, no line breaks. */
void crypto_base64_put(struct buf *b, struct str bytes);
/* Strict: false for anything but the padded alphabet, or where b is full. */
bool crypto_base64_take(struct buf *b, struct str text) MUST_USE;

#endif
