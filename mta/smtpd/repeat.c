/* SPDX-License-Identifier: ISC */
/* A small table of messages that will come again. */
#include "config.h"

#include "mta/smtpd/repeat.h"

#include <pthread.h>
#include <stdatomic.h>
#include <string.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/crypto.h"
#include "base/mem.h"
#include "base/spool.h"

enum { BLOCK = 16384 };

struct entry {
	uint8_t digest[CRYPTO_SHA256_LEN];
	struct ident ident;
	int64_t expires; /* clock_ms(); 0: empty */
};

struct repeats {
	size_t max;
	int64_t keep_ms;
	atomic_size_t n;
	pthread_mutex_t mutex; /* guards entries and next */
	struct entry *entries; /* a ring: next is the oldest */
	size_t next;
};

/* A hash over the bytes, whatever pieces they come in: each block is hashed
 * together with the digest of what was before it. */
struct chain {
	uint8_t digest[CRYPTO_SHA256_LEN];
	struct buf block;
};

struct repeats *
repeats_new(size_t max, int64_t keep_ms)
{
	struct repeats *r = mem_new(struct repeats);

	r->max = max;
	r->keep_ms = keep_ms;
	r->entries = mem_zeroed(max, sizeof *r->entries);
	atomic_init(&r->n, 0);
	pthread_mutex_init(&r->mutex, NULL);
	return r;
}

void
repeats_free(struct repeats **repeats)
{
	struct repeats *r = *repeats;

	if (r == NULL)
		return;
	pthread_mutex_destroy(&r->mutex);
	mem_free(r->entries);
	mem_free(r);
	*repeats = NULL;
}

static void
chain_block(struct chain *chain)
{
	crypto_sha256(buf_str(&chain->block), chain->digest);
	buf_reset(&chain->block);
	buf_put(&chain->block, chain->digest, sizeof chain->digest);
}

static int
chain_put(void *ctx, struct str bytes, struct fault *f)
{
	struct chain *chain = ctx;

	(void)f;
	while (bytes.len > 0) {
		struct str part =
		    str_head(bytes, BLOCK - buf_len(&chain->block));

		buf_put_str(&chain->block, part);
		bytes = str_from(bytes, part.len);
		if (buf_len(&chain->block) == BLOCK)
			chain_block(chain);
	}
	return 0;
}

static bool
hash_message(const struct address *sender, struct spool *body,
    uint8_t digest[CRYPTO_SHA256_LEN])
{
	char text[ADDRESS_TEXT_SIZE];
	struct chain chain;
	struct fault f;
	bool ok;

	buf_init(&chain.block, BLOCK);
	address_format(sender, text);
	ok = chain_put(&chain, str_n(text, strlen(text) + 1), &f) == 0 &&
	     spool_each(body, chain_put, &chain, &f) == 0;
	chain_block(&chain);
	memcpy(digest, chain.digest, CRYPTO_SHA256_LEN);
	buf_clear(&chain.block);
	return ok;
}

static struct entry *
find(struct repeats *r, const uint8_t digest[CRYPTO_SHA256_LEN])
{
	int64_t now = clock_ms();

	for (size_t i = 0; i < r->max; i++) {
		struct entry *e = &r->entries[i];

		if (e->expires != 0 && e->expires <= now) {
			e->expires = 0;
			atomic_fetch_sub(&r->n, 1);
		}
		if (e->expires != 0 &&
		    memcmp(e->digest, digest, CRYPTO_SHA256_LEN) == 0)
			return e;
	}
	return NULL;
}

bool
repeats_take(struct repeats *r, const struct address *sender,
    struct spool *body, struct ident *ident)
{
	uint8_t digest[CRYPTO_SHA256_LEN];
	struct entry *e;

	if (atomic_load(&r->n) == 0 || !hash_message(sender, body, digest))
		return false;
	pthread_mutex_lock(&r->mutex);
	e = find(r, digest);
	if (e != NULL) {
		*ident = e->ident;
		e->expires = 0;
		atomic_fetch_sub(&r->n, 1);
	}
	pthread_mutex_unlock(&r->mutex);
	return e != NULL;
}

void
repeats_put(struct repeats *r, const struct address *sender, struct spool *body,
    const struct ident *ident)
{
	uint8_t digest[CRYPTO_SHA256_LEN];
	struct entry *e;

	if (!hash_message(sender, body, digest))
		return;
	pthread_mutex_lock(&r->mutex);
	e = find(r, digest);
	if (e == NULL) {
		e = &r->entries[r->next];
		r->next = (r->next + 1) % r->max;
	}
	if (e->expires == 0)
		atomic_fetch_add(&r->n, 1);
	memcpy(e->digest, digest, sizeof e->digest);
	e->ident = *ident;
	e->expires = clock_ms() + r->keep_ms;
	pthread_mutex_unlock(&r->mutex);
}
