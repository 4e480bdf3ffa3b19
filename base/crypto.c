/* SPDX-License-Identifier: ISC */
/* libcrypto behind base/crypto.h. */
#include "config.h"

#include "base/crypto.h"

#include <errno.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <sys/random.h>
#include <sysexits.h>

#include "base/mem.h"

void
crypto_sha256(struct str bytes, uint8_t digest[CRYPTO_SHA256_LEN])
{
	if (EVP_Digest(bytes.at, bytes.len, digest, NULL, EVP_sha256(), NULL) !=
	    1)
		die_bug("libcrypto has no SHA-256");
}

struct crypto_sha256 {
	EVP_MD_CTX *ctx;
};

static void
begin_sha256(struct crypto_sha256 *hash)
{
	if (EVP_DigestInit_ex(hash->ctx, EVP_sha256(), NULL) != 1)
		die_bug("libcrypto has no SHA-256");
}

struct crypto_sha256 *
crypto_sha256_new(void)
{
	struct crypto_sha256 *hash = mem_new(struct crypto_sha256);

	hash->ctx = EVP_MD_CTX_new();
	if (hash->ctx == NULL)
		die(EX_OSERR, "posthouse: libcrypto: no memory");
	begin_sha256(hash);
	return hash;
}

void
crypto_sha256_free(struct crypto_sha256 **hash)
{
	if (*hash == NULL)
		return;
	EVP_MD_CTX_free((*hash)->ctx);
	mem_free(*hash);
	*hash = NULL;
}

void
crypto_sha256_add(struct crypto_sha256 *hash, struct str bytes)
{
	if (EVP_DigestUpdate(hash->ctx, bytes.at, bytes.len) != 1)
		die_bug("libcrypto refuses bytes");
}

void
crypto_sha256_end(struct crypto_sha256 *hash, uint8_t digest[CRYPTO_SHA256_LEN])
{
	if (EVP_DigestFinal_ex(hash->ctx, digest, NULL) != 1)
		die_bug("libcrypto gives no digest");
	begin_sha256(hash);
}

void
crypto_hmac_sha256(
    struct str key, struct str bytes, uint8_t mac[CRYPTO_SHA256_LEN])
{
	if (HMAC(EVP_sha256(), key.at, (int)key.len,
		(const unsigned char *)bytes.at, bytes.len, mac, NULL) == NULL)
		die_bug("libcrypto has no HMAC");
}

static const EVP_MD *
digest_of(enum crypto_digest kind)
{
	return kind == CRYPTO_SHA1 ? EVP_sha1() : EVP_sha256();
}

size_t
crypto_digest_len(enum crypto_digest kind)
{
	return kind == CRYPTO_SHA1 ? 20 : CRYPTO_SHA256_LEN;
}

void
crypto_digest(enum crypto_digest kind, struct str bytes,
    uint8_t digest[CRYPTO_DIGEST_MAX])
{
	if (EVP_Digest(
		bytes.at, bytes.len, digest, NULL, digest_of(kind), NULL) != 1)
		die_bug("libcrypto has no digest %d", (int)kind);
}

void
crypto_digest_hmac(enum crypto_digest kind, struct str key, struct str bytes,
    uint8_t mac[CRYPTO_DIGEST_MAX])
{
	if (HMAC(digest_of(kind), key.at, (int)key.len,
		(const unsigned char *)bytes.at, bytes.len, mac, NULL) == NULL)
		die_bug("libcrypto has no HMAC");
}

void
crypto_pbkdf2(enum crypto_digest kind, struct str password, struct str salt,
    unsigned iterations, uint8_t key[CRYPTO_DIGEST_MAX])
{
	if (PKCS5_PBKDF2_HMAC(password.at, (int)password.len,
		(const unsigned char *)salt.at, (int)salt.len, (int)iterations,
		digest_of(kind), (int)crypto_digest_len(kind), key) != 1)
		die_bug("libcrypto has no PBKDF2");
}

void
crypto_random(void *bytes, size_t len)
{
	char *at = bytes;

	while (len > 0) {
		ssize_t n = getrandom(at, len, 0);

		if (n < 0 && errno != EINTR)
			die(EX_OSERR, "posthouse: getrandom: %s",
			    strerror(errno));
		if (n > 0) {
			at += n;
			len -= (size_t)n;
		}
	}
}

bool
crypto_is_equal(struct str a, struct str b)
{
	return a.len == b.len &&
	       (a.len == 0 || CRYPTO_memcmp(a.at, b.at, a.len) == 0);
}

void
crypto_base64_put(struct buf *b, struct str bytes)
{
	/* Pieces that are multiples of three need no padding between. */
	enum { PIECE = 48 };
	unsigned char text[PIECE / 3 * 4 + 1];

	while (bytes.len > 0) {
		struct str piece = str_head(bytes, PIECE);
		int n = EVP_EncodeBlock(
		    text, (const unsigned char *)piece.at, (int)piece.len);

		buf_put(b, text, (size_t)n);
		bytes = str_from(bytes, piece.len);
	}
	mem_wipe(text, sizeof text);
}

/* -1 for what is no digit. */
static int
digit(char c)
{
	if (c >= 'A' && c <= 'Z')
		return c - 'A';
	if (c >= 'a' && c <= 'z')
		return c - 'a' + 26;
	if (c >= '0' && c <= '9')
		return c - '0' + 52;
	if (c == '+')
		return 62;
	return c == '/' ? 63 : -1;
}

static bool
take_four(struct buf *b, const char *at, int padding)
{
	unsigned long bits = 0;

	for (int i = 0; i < 4; i++) {
		int d = i < 4 - padding ? digit(at[i]) : 0;

		if (d < 0)
			return false;
		bits = bits << 6 | (unsigned long)d;
	}
	/* Bits that stand for nothing must be zero: one form only. */
	if ((padding == 1 && (bits & 0xff) != 0) ||
	    (padding == 2 && (bits & 0xffff) != 0))
		return false;
	for (int i = 0; i < 3 - padding; i++)
		buf_putc(b, (char)(bits >> (16 - 8 * i) & 0xff));
	return true;
}

bool
crypto_base64_take(struct buf *b, struct str text)
{
	if (text.len % 4 != 0)
		return false;
	for (size_t i = 0; i < text.len; i += 4) {
		int padding = 0;

		if (i + 4 == text.len && text.at[i + 3] == '=')
			padding = text.at[i + 2] == '=' ? 2 : 1;
		if (!take_four(b, text.at + i, padding))
			return false;
	}
	return !buf_is_full(b);
}
