/* SPDX-License-Identifier: ISC */
/* auth/bearer.h, and auth/jwt.h with no key: the first byte chooses. */
#include "config.h"

#include "auth/bearer.h"
#include "auth/jwt.h"

#include "tests/fuzz/fuzz.h"

static bool
is_within(struct str part, struct str whole)
{
	return part.len == 0 || (part.at >= whole.at &&
				    part.at + part.len <= whole.at + whole.len);
}

static void
check_messages(struct str in)
{
	struct buf name;
	struct bearer b;

	buf_init(&name, 64);
	if (bearer_parse_oauth(in, &b, &name)) {
		FUZZ_CHECK(is_within(b.token, in));
		FUZZ_CHECK(is_within(b.user, buf_str(&name)));
		FUZZ_CHECK(memchr(b.token.at, '\1', b.token.len) == NULL);
	}
	if (bearer_parse_xoauth2(in, &b)) {
		FUZZ_CHECK(is_within(b.token, in) && is_within(b.user, in));
		FUZZ_CHECK(memchr(b.user.at, '\1', b.user.len) == NULL);
	}
	buf_clear(&name);
}

/* Nothing is signed where there is no key. */
static void
check_token(struct str in)
{
	const struct jwt_rules rules = {.claim = "email"};
	struct fault f = {.text = ""};
	struct buf user;

	buf_init(&user, 64);
	FUZZ_CHECK(jwt_check(&rules, in, 1700000000, &user, &f) < 0);
	FUZZ_CHECK(f.kind == FAULT_PERM && f.text[0] != '\0');
	FUZZ_CHECK(buf_len(&user) == 0);
	buf_clear(&user);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct str in = str_n((const char *)data, size);
	unsigned which = fuzz_take_byte(&in);
	char *copy = fuzz_copy(in);

	in.at = copy;
	if (which % 2 == 0)
		check_messages(in);
	else
		check_token(in);
	mem_free(copy);
	return 0;
}
