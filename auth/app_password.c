/* SPDX-License-Identifier: ISC */
#include "config.h"

#include "auth/app_password.h"

#include <string.h>

#include "base/buf.h"
#include "base/crypto.h"
#include "base/mem.h"

enum { LETTERS = 20, GROUP = 5 };

/* Without what looks like another one: 0 1 l o. */
static const char alphabet[] = "abcdefghijkmnpqrstuvwxyz23456789";

static void
digest_of(const char letters[LETTERS], char digest[APP_PASSWORD_DIGEST_SIZE])
{
	uint8_t bytes[CRYPTO_SHA256_LEN];
	struct buf text;

	buf_init_secret(&text, APP_PASSWORD_DIGEST_SIZE - 1);
	crypto_sha256(str_n(letters, LETTERS), bytes);
	crypto_base64_put(&text, str_n((const char *)bytes, sizeof bytes));
	if (!str_copy(buf_str(&text), digest, APP_PASSWORD_DIGEST_SIZE))
		die_bug("a digest of %zu bytes", buf_len(&text));
	buf_clear(&text);
	mem_wipe(bytes, sizeof bytes);
}

void
app_password_make(
    char password[APP_PASSWORD_SIZE], char digest[APP_PASSWORD_DIGEST_SIZE])
{
	uint8_t random[LETTERS];
	char letters[LETTERS], *at = password;

	crypto_random(random, sizeof random);
	for (size_t i = 0; i < LETTERS; i++) {
		letters[i] = alphabet[random[i] % 32];
		if (i > 0 && i % GROUP == 0)
			*at++ = '-';
		*at++ = letters[i];
	}
	*at = '\0';
	digest_of(letters, digest);
	mem_wipe(random, sizeof random);
	mem_wipe(letters, sizeof letters);
}

bool
app_password_digest(struct str typed, char digest[APP_PASSWORD_DIGEST_SIZE])
{
	char letters[LETTERS];
	size_t n = 0;
	bool ok = true;

	digest[0] = '\0';
	for (size_t i = 0; ok && i < typed.len; i++) {
		char c = typed.at[i];

		if (c == ' ' || c == '-')
			continue;
		if (c >= 'A' && c <= 'Z')
			c = (char)(c - 'A' + 'a');
		ok = n < LETTERS && c != '\0' && strchr(alphabet, c) != NULL;
		if (ok)
			letters[n++] = c;
	}
	ok = ok && n == LETTERS;
	if (ok)
		digest_of(letters, digest);
	mem_wipe(letters, sizeof letters);
	return ok;
}
