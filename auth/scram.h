/* SPDX-License-Identifier: ISC */
/*
 * What a server keeps for SCRAM (RFC 5802, RFC 7677): keys that are made of a
 * password and show that a client knows it, but do not let their thief log in
 * before he has guessed it.
 *
 * All keys have the same number of iterations: were it an option, those from
 * before a change of it would show whose account exists.
 */
#ifndef AUTH_SCRAM_H
#define AUTH_SCRAM_H

#include <stdbool.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/str.h"

enum {
	SCRAM_ITERATIONS = 10000, /* RFC 7677 4: 4096 at least */
	SCRAM_KEY_SIZE = 160,
	SCRAM_SECRET_LEN = 32,
};

/* In the form of RFC 5803: "SCRAM-SHA-256$ITERATIONS:SALT$STORED:SERVER", and
 * so for SHA-1. Both empty: none. */
struct scram_keys {
	char sha256[SCRAM_KEY_SIZE], sha1[SCRAM_KEY_SIZE];
};

/* New keys with salts of their own. False, and none, for what SASLprep has no
 * spelling of (saslprep.h): then only mechanisms that send it can be used. */
bool scram_make(struct str password, struct scram_keys *keys) MUST_USE;

/*
 * Keys of no password for a name that has none, so that a client learns
 * nothing: always the same salts for the same name, and nobody who does not
 * have the secret can tell them from real ones.
 */
void scram_make_fake(const uint8_t secret[SCRAM_SECRET_LEN], struct str name,
    struct scram_keys *keys);

#endif
