/* SPDX-License-Identifier: ISC */
/*
 * What a server keeps for CRAM-MD5 (RFC 2195): what HMAC-MD5 has become after
 * the password and before the challenge. The password cannot be read from it,
 * but whoever has it can log in by CRAM-MD5, and try passwords on it as
 * quickly as MD5 goes, on all users' at once: there is no salt. So it is kept
 * only where the operator wants CRAM-MD5.
 */
#ifndef AUTH_CRAM_H
#define AUTH_CRAM_H

#include <stdbool.h>
#include <stdint.h>

#include "base/crypto.h"
#include "base/str.h"

/* In the form of libsasl2: the words of the inner state, then those of the
 * outer one, each with its highest byte first. */
struct cram_key {
	bool is_set;
	uint8_t state[2 * CRYPTO_MD5_STATE_LEN];
};

/* The password's bytes count as they are: this is older than SASLprep. */
void cram_make(struct str password, struct cram_key *key);
/* One of no password, anew each time: CRAM-MD5 shows nothing of it. */
void cram_make_fake(struct cram_key *key);

#endif
