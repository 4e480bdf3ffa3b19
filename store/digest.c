/* SPDX-License-Identifier: ISC */
/* Digests of a whole file and of its body. */
#include "config.h"

#include "store/digest.h"

#include <string.h>

#include "base/mem.h"

/* Where the header section ends: behind the first line that is empty. */
struct scan {
	bool in_line; /* something has come since the last line end */
	bool in_body;
};

struct digest {
	struct crypto_sha256 *file, *body;
	struct scan scan;
};

/* The part of the bytes that belongs to the body. */
static struct str
skip_head(struct scan *s, struct str bytes)
{
	size_t i = 0;

	for (; i < bytes.len && !s->in_body; i++) {
		if (bytes.at[i] == '\n') {
			s->in_body = !s->in_line;
			s->in_line = false;
		} else if (bytes.at[i] != '\r') {
			s->in_line = true;
		}
	}
	return str_from(bytes, i);
}

static void
put_body(const uint8_t whole[CRYPTO_SHA256_LEN], uint8_t digest[DIGEST_LEN])
{
	memcpy(digest + DIGEST_FILE_LEN, whole, DIGEST_BODY_LEN);
}

void
digest_take(struct str file, uint8_t digest[DIGEST_LEN])
{
	uint8_t whole[CRYPTO_SHA256_LEN];
	struct scan scan = {0};

	crypto_sha256(skip_head(&scan, file), whole);
	crypto_sha256(file, digest);
	put_body(whole, digest);
}

struct digest *
digest_new(void)
{
	struct digest *d = mem_new(struct digest);

	d->file = crypto_sha256_new();
	d->body = crypto_sha256_new();
	return d;
}

void
digest_free(struct digest **digest)
{
	if (*digest == NULL)
		return;
	crypto_sha256_free(&(*digest)->file);
	crypto_sha256_free(&(*digest)->body);
	mem_free(*digest);
	*digest = NULL;
}

void
digest_add(struct digest *d, struct str bytes)
{
	crypto_sha256_add(d->file, bytes);
	crypto_sha256_add(d->body, skip_head(&d->scan, bytes));
}

void
digest_end(struct digest *d, uint8_t digest[DIGEST_LEN])
{
	uint8_t whole[CRYPTO_SHA256_LEN];

	crypto_sha256_end(d->body, whole);
	crypto_sha256_end(d->file, digest);
	put_body(whole, digest);
	d->scan = (struct scan){0};
}
