/* SPDX-License-Identifier: ISC */
/* A folder and a base name, hashed. */
#include "config.h"

#include "store/handle.h"

#include <stdint.h>

#include "base/buf.h"
#include "base/crypto.h"
#include "store/maildir.h"

void
handle_format(struct str dir, struct str base, char text[HANDLE_SIZE])
{
	static const char digits[] = "0123456789abcdefghjkmnpqrstvwxyz";
	uint8_t digest[CRYPTO_SHA256_LEN];
	struct buf whole;

	buf_init(&whole, MAILDIR_PATH_SIZE + MAILDIR_NAME_SIZE);
	buf_put_str(&whole, dir);
	buf_putc(&whole, '/');
	buf_put_str(&whole, base);
	crypto_sha256(buf_str(&whole), digest);
	buf_clear(&whole);
	for (size_t i = 0; i < HANDLE_LEN; i++) {
		size_t at = i * 5 / 8, shift = i * 5 % 8;
		unsigned two = (unsigned)digest[at] << 8 | digest[at + 1];

		text[i] = digits[two >> (11 - shift) & 31];
	}
	text[HANDLE_LEN] = '\0';
}

bool
handle_means(struct str text, struct str dir, struct str base)
{
	char handle[HANDLE_SIZE];
	struct maildir_name name;

	if (text.len == 0)
		return false;
	if (text.len == HANDLE_LEN) {
		handle_format(dir, base, handle);
		if (str_is(text, str(handle)))
			return true;
	}
	if (maildir_name_parse(base, &name) && str_is(text, name.ident))
		return true;
	return maildir_name_parse(text, &name) && str_is(name.base, base);
}
