/* SPDX-License-Identifier: ISC */
/*
 * Ids of messages and sessions: 5 bits a character, most significant first, so
 * that text order is time order.
 */
#include "config.h"

#include "proto/ident.h"

#include "base/clock.h"
#include "base/crypto.h"

enum {
	RANDOM_BITS = 28,
	TIME_BITS = 52,
	/* The character that holds the end of the time and the beginning of
	 * the random bits, 2 and 3 of them. */
	SHARED = 10,
};

static const char alphabet[] = "0123456789abcdefghjkmnpqrstvwxyz";

/* n characters for the lowest 5 * n bits. */
static void
put(char *text, uint64_t bits, size_t n)
{
	while (n-- > 0) {
		text[n] = alphabet[bits & 31];
		bits >>= 5;
	}
}

static int
value_of(char c)
{
	const char *p = c == '\0' ? NULL : strchr(alphabet, c);

	return p == NULL ? -1 : (int)(p - alphabet);
}

void
ident_make(struct ident *id)
{
	uint64_t time = (uint64_t)clock_unix_us(), random;

	crypto_random(&random, sizeof random);
	time &= (UINT64_C(1) << TIME_BITS) - 1;
	random &= (UINT64_C(1) << RANDOM_BITS) - 1;
	put(id->text, time >> 2, SHARED);
	put(id->text + SHARED, (time & 3) << RANDOM_BITS | random,
	    IDENT_LEN - SHARED);
	id->text[IDENT_LEN] = '\0';
}

void
ident_sibling(const struct ident *id, unsigned n, struct ident *sibling)
{
	enum { CHANGED = 3, BITS = 5 * CHANGED };
	uint64_t bits = 0;

	for (size_t i = IDENT_LEN - CHANGED; i < IDENT_LEN; i++)
		bits = bits << 5 | (uint64_t)value_of(id->text[i]);
	bits = (bits + n) & ((UINT64_C(1) << BITS) - 1);
	*sibling = *id;
	put(sibling->text + IDENT_LEN - CHANGED, bits, CHANGED);
}

void
ident_make_session(char text[IDENT_SESSION_SIZE])
{
	uint64_t random;

	crypto_random(&random, sizeof random);
	put(text, random, IDENT_SESSION_SIZE - 1);
	text[IDENT_SESSION_SIZE - 1] = '\0';
}

bool
ident_is_ours(struct str text)
{
	if (text.len != IDENT_LEN)
		return false;
	for (size_t i = 0; i < text.len; i++) {
		if (value_of(text.at[i]) < 0)
			return false;
	}
	return true;
}

int64_t
ident_time_us(struct str text)
{
	int64_t time = 0;

	for (size_t i = 0; i < SHARED; i++)
		time = time << 5 | value_of(text.at[i]);
	return time << 2 | value_of(text.at[SHARED]) >> 3;
}
