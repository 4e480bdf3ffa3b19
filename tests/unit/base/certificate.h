/* SPDX-License-Identifier: ISC */
/* Makes self-signed certificates for tests. */
#ifndef TESTS_UNIT_BASE_CERTIFICATE_H
#define TESTS_UNIT_BASE_CERTIFICATE_H

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <unistd.h>

#include "base/tls.h"
#include "tests/unit/unit.h"

struct certificate {
	char chain[128], key[128];
};

static inline void
certificate_add_names(X509 *x, const char *names)
{
	X509_EXTENSION *e =
	    X509V3_EXT_conf_nid(NULL, NULL, NID_subject_alt_name, names);

	ck_assert_ptr_nonnull(e);
	ck_assert_int_eq(X509_add_ext(x, e, -1), 1);
	X509_EXTENSION_free(e);
}

static inline X509 *
certificate_sign(EVP_PKEY *key, const char *names, long seconds)
{
	X509 *x = X509_new();
	X509_NAME *name = X509_get_subject_name(x);

	X509_set_version(x, 2);
	ASN1_INTEGER_set(X509_get_serialNumber(x), 1);
	X509_gmtime_adj(X509_getm_notBefore(x), -86400);
	X509_gmtime_adj(X509_getm_notAfter(x), seconds);
	X509_NAME_add_entry_by_txt(
	    name, "CN", MBSTRING_ASC, (const unsigned char *)"t", -1, -1, 0);
	X509_set_issuer_name(x, name);
	X509_set_pubkey(x, key);
	certificate_add_names(x, names);
	ck_assert_int_gt(X509_sign(x, key, EVP_sha256()), 0);
	return x;
}

/* Writes dir/name.pem and dir/name.key. names: "DNS:a.example,DNS:*.b.example";
 * password: NULL for none; seconds: how long it is good. */
static inline void
certificate_make(struct certificate *c, const char *dir, const char *name,
    const char *names, const char *password, long seconds)
{
	EVP_PKEY *key = EVP_EC_gen("P-256");
	X509 *x = certificate_sign(key, names, seconds);
	FILE *file;

	snprintf(c->chain, sizeof c->chain, "%s/%s.pem", dir, name);
	snprintf(c->key, sizeof c->key, "%s/%s.key", dir, name);
	file = fopen(c->chain, "w");
	ck_assert_int_eq(PEM_write_X509(file, x), 1);
	fclose(file);
	file = fopen(c->key, "w");
	ck_assert_int_eq(PEM_write_PrivateKey(file, key,
			     password != NULL ? EVP_aes_128_cbc() : NULL, NULL,
			     0, NULL, (void *)(uintptr_t)password),
	    1);
	fclose(file);
	X509_free(x);
	EVP_PKEY_free(key);
}

static inline void
certificate_remove(const struct certificate *c)
{
	unlink(c->chain);
	unlink(c->key);
}

#endif
