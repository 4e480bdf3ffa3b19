/* SPDX-License-Identifier: ISC */
/* What tls.c and tls_client.c share. */
#ifndef BASE_TLS_PRIVATE_H
#define BASE_TLS_PRIVATE_H

#include <openssl/ssl.h>

#include "base/tls.h"

enum { TLS_KEY_LEN = 32 };

struct tls {
	SSL *ssl;
	struct tls_client *client; /* NULL: the server's side; counted */
	uint8_t key[TLS_KEY_LEN];  /* of the demand, for resumption */
	bool broken;               /* no close_notify any more */
};

SSL_CTX *tls_new_ctx(const SSL_METHOD *method, struct fault *f);
struct tls *tls_new(SSL_CTX *ctx, int fd);
/* The library's oldest complaint is the cause; the rest are echoes. */
const char *tls_complaint(char *text, size_t size);
int tls_fail_file(struct fault *f, const char *path, const char *what);

#endif
