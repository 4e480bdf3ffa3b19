/* SPDX-License-Identifier: ISC */
/* The client's side of SCRAM (RFC 5802), so far as a test needs it. */
#ifndef TESTS_UNIT_AUTH_SCRAM_CLIENT_H
#define TESTS_UNIT_AUTH_SCRAM_CLIENT_H

#include <stdio.h>

#include "base/crypto.h"
#include "tests/unit/unit.h"

struct scram_client {
	enum crypto_digest digest;
	const char *header;  /* of GS2: "n,,", or "p=KIND,," and then */
	const char *channel; /* what that channel is bound by; NULL: none */
	char bare[300];      /* client-first-message-bare */
	char first[400];     /* with the GS2 header */
	char last[600];
	char signature[64]; /* "v=…", which the server should give */
};

static inline void
scram_client_bind(struct scram_client *c, bool sha256, const char *user,
    const char *header, const char *channel)
{
	c->header = header;
	c->channel = channel;
	c->digest = sha256 ? CRYPTO_SHA256 : CRYPTO_SHA1;
	snprintf(c->bare, sizeof c->bare, "n=%s,r=fyko+d2lbbFgONRv9qkx", user);
	snprintf(c->first, sizeof c->first, "%s%s", header, c->bare);
}

static inline void
scram_client_begin(struct scram_client *c, bool sha256, const char *user)
{
	scram_client_bind(c, sha256, user, "n,,", NULL);
}

/* "c=…" */
static inline void
scram_put_binding(const struct scram_client *c, struct buf *b)
{
	struct buf bound;

	buf_init(&bound, 300);
	buf_puts(&bound, c->header);
	buf_puts(&bound, c->channel != NULL ? c->channel : "");
	buf_puts(b, "c=");
	crypto_base64_put(b, buf_str(&bound));
	buf_clear(&bound);
}

static inline struct str
scram_bytes(const uint8_t *bytes, enum crypto_digest digest)
{
	return str_n((const char *)bytes, crypto_digest_len(digest));
}

static inline void
scram_sign(const struct scram_client *c, const uint8_t *salted,
    const char *what, bool hashes, const char *message, uint8_t *signature)
{
	uint8_t key[CRYPTO_DIGEST_MAX], stored[CRYPTO_DIGEST_MAX];

	crypto_digest_hmac(
	    c->digest, scram_bytes(salted, c->digest), str(what), key);
	crypto_digest(c->digest, scram_bytes(key, c->digest), stored);
	crypto_digest_hmac(c->digest,
	    scram_bytes(hashes ? stored : key, c->digest), str(message),
	    signature);
	if (!hashes)
		return;
	for (size_t i = 0; i < crypto_digest_len(c->digest); i++)
		signature[i] ^= key[i];
}

/* The answer to "r=…,s=…,i=…" and what should come after it. */
static inline void
scram_client_answer(
    struct scram_client *c, const char *challenge, const char *password)
{
	uint8_t salted[CRYPTO_DIGEST_MAX], proof[CRYPTO_DIGEST_MAX];
	struct str rest = str(challenge), nonce = str_cut(&rest, ',');
	struct str salt = str_from(str_cut(&rest, ','), 2);
	char message[1000], without[400];
	uint64_t iterations;
	struct buf b;

	ck_assert(str_starts(rest, STR_LIT("i=")));
	ck_assert(str_to_u64(str_from(rest, 2), 4096, 1 << 20, &iterations));
	buf_init(&b, 400);
	ck_assert(crypto_base64_take(&b, salt));
	crypto_pbkdf2(c->digest, str(password), buf_str(&b),
	    (unsigned)iterations, salted);
	buf_reset(&b);
	scram_put_binding(c, &b);
	snprintf(
	    without, sizeof without, "%s,%.*s", buf_text(&b), STR_ARG(nonce));
	snprintf(
	    message, sizeof message, "%s,%s,%s", c->bare, challenge, without);
	scram_sign(c, salted, "Client Key", true, message, proof);
	buf_reset(&b);
	crypto_base64_put(&b, scram_bytes(proof, c->digest));
	snprintf(c->last, sizeof c->last, "%s,p=%s", without, buf_text(&b));
	scram_sign(c, salted, "Server Key", false, message, proof);
	buf_reset(&b);
	crypto_base64_put(&b, scram_bytes(proof, c->digest));
	snprintf(c->signature, sizeof c->signature, "v=%s", buf_text(&b));
	buf_clear(&b);
}

#endif
