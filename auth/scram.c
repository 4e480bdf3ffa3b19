/* SPDX-License-Identifier: ISC */
/* Making SCRAM's keys, by the formulas of RFC 5802 3. */
#include "config.h"

#include "auth/scram.h"

#include <string.h>

#include "auth/password.h"
#include "auth/saslprep.h"
#include "base/buf.h"
#include "base/crypto.h"
#include "base/loop.h"
#include "base/mem.h"

enum { SALT_LEN = 16, PREPARED_MAX = 8 * PASSWORD_MAX };

static const struct {
	enum crypto_digest digest;
	const char *name;
} kinds[] = {
    {CRYPTO_SHA256, "SCRAM-SHA-256"},
    {CRYPTO_SHA1, "SCRAM-SHA-1"},
};

static struct str
view(const uint8_t *bytes, size_t len)
{
	return str_n((const char *)bytes, len);
}

static char *
key_of(struct scram_keys *keys, size_t kind)
{
	return kinds[kind].digest == CRYPTO_SHA256 ? keys->sha256 : keys->sha1;
}

/* server may be the same bytes as stored. */
static void
format_key(size_t kind, struct str salt, const uint8_t *stored,
    const uint8_t *server, char key[SCRAM_KEY_SIZE])
{
	size_t len = crypto_digest_len(kinds[kind].digest);
	struct buf b;

	buf_init_secret(&b, SCRAM_KEY_SIZE - 1);
	buf_putf(&b, "%s$%d:", kinds[kind].name, SCRAM_ITERATIONS);
	crypto_base64_put(&b, salt);
	buf_putc(&b, '$');
	crypto_base64_put(&b, view(stored, len));
	buf_putc(&b, ':');
	crypto_base64_put(&b, view(server, len));
	if (!str_copy(buf_str(&b), key, SCRAM_KEY_SIZE))
		die_bug("a SCRAM key of %zu bytes", buf_len(&b));
	buf_clear(&b);
}

static void
make_key(size_t kind, struct str password, char key[SCRAM_KEY_SIZE])
{
	enum crypto_digest digest = kinds[kind].digest;
	size_t len = crypto_digest_len(digest);
	struct {
		uint8_t salt[SALT_LEN];
		uint8_t salted[CRYPTO_DIGEST_MAX], client[CRYPTO_DIGEST_MAX];
		uint8_t stored[CRYPTO_DIGEST_MAX], server[CRYPTO_DIGEST_MAX];
	} k;

	crypto_random(k.salt, sizeof k.salt);
	crypto_pbkdf2(digest, password, view(k.salt, sizeof k.salt),
	    SCRAM_ITERATIONS, k.salted);
	crypto_digest_hmac(
	    digest, view(k.salted, len), STR_LIT("Client Key"), k.client);
	crypto_digest(digest, view(k.client, len), k.stored);
	crypto_digest_hmac(
	    digest, view(k.salted, len), STR_LIT("Server Key"), k.server);
	format_key(kind, view(k.salt, sizeof k.salt), k.stored, k.server, key);
	mem_wipe(&k, sizeof k);
}

bool
scram_make(struct str password, struct scram_keys *keys)
{
	struct buf prepared;
	bool ok;

	memset(keys, 0, sizeof *keys);
	buf_init_secret(&prepared, PREPARED_MAX);
	ok = saslprep(password, &prepared);
	loop_blocking_begin();
	for (size_t i = 0; ok && i < ARRAY_LEN(kinds); i++)
		make_key(i, buf_str(&prepared), key_of(keys, i));
	loop_blocking_end();
	buf_clear(&prepared);
	return ok;
}

void
scram_make_fake(const uint8_t secret[SCRAM_SECRET_LEN], struct str name,
    struct scram_keys *keys)
{
	uint8_t random[CRYPTO_DIGEST_MAX], mac[CRYPTO_SHA256_LEN];
	struct buf text;

	crypto_random(random, sizeof random);
	buf_init(&text, 512);
	for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
		buf_reset(&text);
		buf_puts(&text, kinds[i].name);
		buf_putc(&text, ' ');
		buf_put_str(&text, name);
		crypto_hmac_sha256(
		    view(secret, SCRAM_SECRET_LEN), buf_str(&text), mac);
		format_key(
		    i, view(mac, SALT_LEN), random, random, key_of(keys, i));
	}
	buf_clear(&text);
}
