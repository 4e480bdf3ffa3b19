/* SPDX-License-Identifier: ISC */
#include "config.h"

#include "auth/cram.h"

void
cram_make(struct str password, struct cram_key *key)
{
	crypto_hmac_md5_states(
	    password, key->state, key->state + CRYPTO_MD5_STATE_LEN);
	key->is_set = true;
}

void
cram_make_fake(struct cram_key *key)
{
	crypto_random(key->state, sizeof key->state);
	key->is_set = true;
}
