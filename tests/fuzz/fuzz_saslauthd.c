/* SPDX-License-Identifier: ISC */
/* proto/saslauthd.h: what has been read does not change with more of it, but
 * that a fifth string may follow. */
#include "config.h"

#include "proto/saslauthd.h"

#include "tests/fuzz/fuzz.h"

static void
check_strings(struct str in, const struct saslauthd_request *r, size_t used)
{
	const struct str *const strings[] = {
	    &r->user, &r->password, &r->service, &r->realm, &r->client};
	size_t sum = 0;

	for (size_t i = 0; i < ARRAY_LEN(strings); i++) {
		FUZZ_CHECK(strings[i]->len <= SASLAUTHD_FIELD_MAX);
		sum += strings[i]->len;
		FUZZ_CHECK(
		    strings[i]->len == 0 ||
		    (strings[i]->at >= in.at &&
			strings[i]->at + strings[i]->len <= in.at + used));
	}
	FUZZ_CHECK(used <= in.len && used <= SASLAUTHD_REQUEST_MAX);
	FUZZ_CHECK(used == sum + 8 || used == sum + 10);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct str in = str_n((const char *)data, size);
	enum saslauthd_result before = SASLAUTHD_MORE;
	char *copy = fuzz_copy(in);

	in.at = copy;
	for (size_t len = 0; len <= in.len; len++) {
		struct saslauthd_request r = {0};
		size_t used = 0;
		enum saslauthd_result now =
		    saslauthd_take(str_head(in, len), &r, &used);

		if (before == SASLAUTHD_BAD)
			FUZZ_CHECK(now == SASLAUTHD_BAD);
		if (now == SASLAUTHD_OK)
			check_strings(str_head(in, len), &r, used);
		before = now;
	}
	mem_free(copy);
	return 0;
}
