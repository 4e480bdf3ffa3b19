/* SPDX-License-Identifier: ISC */
/* proto/authdaemon.h: what was known of the front of a stream does not change
 * with more of it. */
#include "config.h"

#include "proto/authdaemon.h"

#include "tests/fuzz/fuzz.h"

static void
check_view(struct str in, struct str s)
{
	FUZZ_CHECK(
	    s.len == 0 || (s.at >= in.at && s.at + s.len <= in.at + in.len));
}

static void
check_request(struct str in, const struct authdaemon_request *r, size_t used)
{
	FUZZ_CHECK(used > 0 && used <= in.len);
	FUZZ_CHECK(used <= AUTHDAEMON_REQUEST_MAX);
	check_view(str_head(in, used), r->service);
	check_view(str_head(in, used), r->user);
	check_view(str_head(in, used), r->password);
	check_view(str_head(in, used), r->client);
	FUZZ_CHECK(!str_has(r->user, '\n') && !str_has(r->password, '\n'));
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct str in = str_n((const char *)data, size);
	enum authdaemon_result known = AUTHDAEMON_MORE;
	char *copy = fuzz_copy(in);
	size_t used_then = 0;

	in.at = copy;
	for (size_t len = 0; len <= in.len; len++) {
		struct authdaemon_request r;
		size_t used = 0;
		enum authdaemon_result now =
		    authdaemon_take(str_head(in, len), &r, &used);

		if (known != AUTHDAEMON_MORE)
			FUZZ_CHECK(now == known && used == used_then);
		if (now == AUTHDAEMON_OK)
			check_request(str_head(in, len), &r, used);
		known = now;
		used_then = used;
	}
	mem_free(copy);
	return 0;
}
