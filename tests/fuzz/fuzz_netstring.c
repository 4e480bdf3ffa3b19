/* SPDX-License-Identifier: ISC */
/* base/netstring.h. The first byte chooses the bound on the length. */
#include "config.h"

#include "base/netstring.h"

#include "base/buf.h"
#include "tests/fuzz/fuzz.h"

/* What was known of the front of a stream does not change with more of it. */
static void
check_growing(struct str in, size_t max)
{
	enum netstring_result result = NETSTRING_MORE;
	struct str payload, first = {0};
	size_t used, first_used = 0;

	for (size_t len = 0; len <= in.len; len++) {
		enum netstring_result now =
		    netstring_take(str_head(in, len), max, &payload, &used);

		if (result == NETSTRING_MORE) {
			result = now;
			first = payload;
			first_used = used;
			if (now == NETSTRING_OK)
				FUZZ_CHECK(used == len);
			continue;
		}
		FUZZ_CHECK(now == result);
		if (now == NETSTRING_OK)
			FUZZ_CHECK(
			    used == first_used && str_is(payload, first));
	}
}

static void
check_taking(struct str in, size_t max)
{
	struct str payload = {0};
	struct buf again;
	size_t used = 0;

	if (netstring_take(in, max, &payload, &used) != NETSTRING_OK)
		return;
	FUZZ_CHECK(payload.len <= max && used <= in.len);
	buf_init(&again, in.len);
	netstring_put(&again, payload);
	FUZZ_CHECK(str_is(buf_str(&again), str_head(in, used)));
	buf_clear(&again);
}

static void
check_putting(struct str payload)
{
	struct str got = {0};
	struct buf b;
	size_t used = 0;

	buf_init(&b, payload.len + 20);
	netstring_put(&b, payload);
	FUZZ_CHECK(netstring_take(buf_str(&b), payload.len, &got, &used) ==
		   NETSTRING_OK);
	FUZZ_CHECK(used == buf_len(&b) && str_is(got, payload));
	if (payload.len > 0)
		FUZZ_CHECK(netstring_take(buf_str(&b), payload.len - 1, &got,
			       &used) == NETSTRING_BAD);
	buf_clear(&b);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const size_t bounds[] = {
	    0, 1, 9, 10, 255, 10000, 999999999, SIZE_MAX};
	struct str in = str_n((const char *)data, size);
	size_t max = bounds[fuzz_take_byte(&in) % ARRAY_LEN(bounds)];

	check_growing(str_head(in, 300), max);
	check_taking(in, max);
	check_putting(in);
	return 0;
}
