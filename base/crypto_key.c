/* SPDX-License-Identifier: ISC */
#include "config.h"

#include "base/crypto_key.h"

#include <errno.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>
#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "base/crypto.h"
#include "base/mem.h"

enum {
	FILE_MAX = 64 << 10,
	SECRET_MIN = 32, /* RFC 7518 3.2 */
	RSA_MIN = 2048,  /* bits; RFC 7518 3.3 */
	HALF_MAX = 66,   /* of an ECDSA signature */
};

struct crypto_key {
	EVP_PKEY *public; /* NULL: a secret */
	struct buf secret;
};

enum family { FAMILY_HMAC, FAMILY_RSA, FAMILY_PSS, FAMILY_EC, FAMILY_ED };

static const struct algorithm {
	const char *name;
	enum family family;
	const EVP_MD *(*digest)(void);
	int bits; /* of the curve */
} algorithms[] = {
    {"HS256", FAMILY_HMAC, EVP_sha256, 0},
    {"RS256", FAMILY_RSA, EVP_sha256, 0},
    {"RS384", FAMILY_RSA, EVP_sha384, 0},
    {"RS512", FAMILY_RSA, EVP_sha512, 0},
    {"PS256", FAMILY_PSS, EVP_sha256, 0},
    {"ES256", FAMILY_EC, EVP_sha256, 256},
    {"ES384", FAMILY_EC, EVP_sha384, 384},
    {"EdDSA", FAMILY_ED, NULL, 0},
};

/* Reading. */

static int
read_file(const char *path, struct buf *text, struct fault *f)
{
	FILE *file = fopen(path, "re");
	char part[4096];
	size_t n;
	int rc = 0;

	if (file == NULL)
		return fault_perm(
		    f, "5.3.5", "cannot read %s: %s", path, strerror(errno));
	while ((n = fread(part, 1, sizeof part, file)) > 0)
		buf_put(text, part, n);
	if (ferror(file))
		rc = fault_perm(
		    f, "5.3.5", "cannot read %s: %s", path, strerror(errno));
	else if (buf_is_full(text))
		rc = fault_perm(f, "5.3.5", "%s is too long for a key", path);
	fclose(file);
	mem_wipe(part, sizeof part);
	return rc;
}

static EVP_PKEY *
parse_pem(struct str text)
{
	BIO *bio = BIO_new_mem_buf(text.at, (int)text.len);
	EVP_PKEY *key = PEM_read_bio_PUBKEY(bio, NULL, NULL, NULL);
	X509 *certificate;

	BIO_free(bio);
	if (key == NULL) {
		bio = BIO_new_mem_buf(text.at, (int)text.len);
		certificate = PEM_read_bio_X509(bio, NULL, NULL, NULL);
		if (certificate != NULL)
			key = X509_get_pubkey(certificate);
		X509_free(certificate);
		BIO_free(bio);
	}
	ERR_clear_error();
	return key;
}

static int
take_public(
    struct crypto_key *k, const char *path, struct str text, struct fault *f)
{
	k->public = parse_pem(text);
	if (k->public == NULL)
		return fault_perm(
		    f, "5.3.5", "%s has no public key that is known", path);
	if (EVP_PKEY_get_base_id(k->public) == EVP_PKEY_RSA &&
	    EVP_PKEY_get_bits(k->public) < RSA_MIN)
		return fault_perm(f, "5.3.5",
		    "%s: an RSA key has %d bits at least", path, RSA_MIN);
	return 0;
}

static int
take_secret(
    struct crypto_key *k, const char *path, struct str text, struct fault *f)
{
	if (text.len > 0 && text.at[text.len - 1] == '\n')
		text.len--;
	if (text.len < SECRET_MIN)
		return fault_perm(f, "5.3.5",
		    "%s is neither a key in PEM nor a secret of %d bytes or "
		    "more",
		    path, SECRET_MIN);
	buf_put_str(&k->secret, text);
	return 0;
}

struct crypto_key *
crypto_key_read(const char *path, struct fault *f)
{
	struct crypto_key *k = mem_new(struct crypto_key);
	struct buf text;
	int rc;

	buf_init_secret(&k->secret, FILE_MAX);
	buf_init_secret(&text, FILE_MAX);
	rc = read_file(path, &text, f);
	if (rc == 0)
		rc = strstr(buf_text(&text), "-----BEGIN ") != NULL
			 ? take_public(k, path, buf_str(&text), f)
			 : take_secret(k, path, buf_str(&text), f);
	buf_clear(&text);
	if (rc < 0)
		crypto_key_free(&k);
	return k;
}

void
crypto_key_free(struct crypto_key **key)
{
	struct crypto_key *k = *key;

	if (k == NULL)
		return;
	EVP_PKEY_free(k->public);
	buf_clear(&k->secret);
	mem_free(k);
	*key = NULL;
}

/* Checking. */

static bool
fits(const struct crypto_key *k, const struct algorithm *a)
{
	int id = k->public == NULL ? 0 : EVP_PKEY_get_base_id(k->public);

	switch (a->family) {
	case FAMILY_HMAC:
		return k->public == NULL;
	case FAMILY_RSA:
	case FAMILY_PSS:
		return id == EVP_PKEY_RSA;
	case FAMILY_EC:
		return id == EVP_PKEY_EC &&
		       EVP_PKEY_get_bits(k->public) == a->bits;
	case FAMILY_ED:
		return id == EVP_PKEY_ED25519;
	}
	return false;
}

/* JWS has the two numbers side by side, libcrypto wants them in DER. */
static unsigned char *
to_der(struct str signature, int *len)
{
	const unsigned char *bytes = (const unsigned char *)signature.at;
	int half = (int)signature.len / 2;
	ECDSA_SIG *sig = ECDSA_SIG_new();
	unsigned char *der = NULL;

	if (ECDSA_SIG_set0(sig, BN_bin2bn(bytes, half, NULL),
		BN_bin2bn(bytes + half, half, NULL)) == 1)
		*len = i2d_ECDSA_SIG(sig, &der);
	ECDSA_SIG_free(sig);
	return der;
}

static bool
verify_public(const struct crypto_key *k, const struct algorithm *a,
    struct str bytes, const unsigned char *signature, size_t len)
{
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	EVP_PKEY_CTX *pkey = NULL;
	bool ok =
	    EVP_DigestVerifyInit(ctx, &pkey,
		a->digest == NULL ? NULL : a->digest(), NULL, k->public) == 1;

	if (ok && a->family == FAMILY_PSS)
		ok = EVP_PKEY_CTX_set_rsa_padding(
			 pkey, RSA_PKCS1_PSS_PADDING) == 1 &&
		     EVP_PKEY_CTX_set_rsa_pss_saltlen(
			 pkey, RSA_PSS_SALTLEN_DIGEST) == 1;
	ok = ok && EVP_DigestVerify(ctx, signature, len,
		       (const unsigned char *)bytes.at, bytes.len) == 1;
	EVP_MD_CTX_free(ctx);
	ERR_clear_error();
	return ok;
}

static bool
verify_ec(const struct crypto_key *k, const struct algorithm *a,
    struct str bytes, struct str signature)
{
	unsigned char *der;
	int len = 0;
	bool ok;

	if (signature.len != (size_t)a->bits / 4 ||
	    signature.len > 2 * HALF_MAX)
		return false;
	der = to_der(signature, &len);
	ok = der != NULL && len > 0 &&
	     verify_public(k, a, bytes, der, (size_t)len);
	OPENSSL_free(der);
	return ok;
}

static bool
verify_hmac(const struct crypto_key *k, struct str bytes, struct str signature)
{
	uint8_t mac[CRYPTO_SHA256_LEN];

	crypto_hmac_sha256(buf_str(&k->secret), bytes, mac);
	return signature.len == sizeof mac &&
	       crypto_is_equal(str_n((const char *)mac, sizeof mac), signature);
}

bool
crypto_key_verify(const struct crypto_key *k, struct str algorithm,
    struct str bytes, struct str signature)
{
	for (size_t i = 0; i < ARRAY_LEN(algorithms); i++) {
		const struct algorithm *a = &algorithms[i];

		if (!str_is(algorithm, str(a->name)))
			continue;
		if (!fits(k, a))
			return false;
		if (a->family == FAMILY_HMAC)
			return verify_hmac(k, bytes, signature);
		if (a->family == FAMILY_EC)
			return verify_ec(k, a, bytes, signature);
		return verify_public(k, a, bytes,
		    (const unsigned char *)signature.at, signature.len);
	}
	return false;
}
