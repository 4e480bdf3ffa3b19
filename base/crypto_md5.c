/* SPDX-License-Identifier: ISC */
/* MD5's inside, for crypto.h: libcrypto shows it only by functions that it
 * calls deprecated and has nothing in place of. */
#include "config.h"

#define OPENSSL_SUPPRESS_DEPRECATED

#include "base/crypto.h"

#include <openssl/md5.h>
#include <string.h>

#include "base/mem.h"

static void
put_word(uint8_t *to, MD5_LONG word)
{
	for (int i = 0; i < 4; i++)
		to[i] = (uint8_t)(word >> (24 - 8 * i));
}

/* After one block: the key, each byte changed by the pad's. */
static void
make_state(const uint8_t block[MD5_CBLOCK], uint8_t pad,
    uint8_t state[CRYPTO_MD5_STATE_LEN])
{
	uint8_t padded[MD5_CBLOCK];
	MD5_CTX md5;

	for (size_t i = 0; i < sizeof padded; i++)
		padded[i] = block[i] ^ pad;
	if (MD5_Init(&md5) != 1 || MD5_Update(&md5, padded, sizeof padded) != 1)
		die_bug("libcrypto has no MD5");
	put_word(state, md5.A);
	put_word(state + 4, md5.B);
	put_word(state + 8, md5.C);
	put_word(state + 12, md5.D);
	mem_wipe(padded, sizeof padded);
	mem_wipe(&md5, sizeof md5);
}

void
crypto_hmac_md5_states(struct str key, uint8_t inner[CRYPTO_MD5_STATE_LEN],
    uint8_t outer[CRYPTO_MD5_STATE_LEN])
{
	uint8_t block[MD5_CBLOCK] = {0};

	if (key.len > sizeof block)
		MD5((const unsigned char *)key.at, key.len, block);
	else if (key.len > 0)
		memcpy(block, key.at, key.len);
	make_state(block, 0x36, inner);
	make_state(block, 0x5c, outer);
	mem_wipe(block, sizeof block);
}
