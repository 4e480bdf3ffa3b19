/* SPDX-License-Identifier: ISC */
/* auth/checkpassword.h: name and password are what was given, and no more. */
#include "config.h"

#include "auth/checkpassword.h"

#include "tests/fuzz/fuzz.h"

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *copy = fuzz_copy(str_n((const char *)data, size));
	struct str in = str_n(copy, size), user, password;

	if (checkpassword_parse(in, &user, &password)) {
		FUZZ_CHECK(user.len > 0 && user.at == in.at);
		FUZZ_CHECK(password.at == user.at + user.len + 1);
		FUZZ_CHECK(!str_has(user, '\0') && !str_has(password, '\0'));
		/* Behind both: NUL, and a timestamp that has its own. */
		FUZZ_CHECK(user.len + password.len + 3 <= in.len);
	}
	mem_free(copy);
	return 0;
}
