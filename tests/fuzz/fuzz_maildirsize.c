/* SPDX-License-Identifier: ISC */
/* store/maildirsize.h: what is believed has sums that can be. */
#include "config.h"

#include "store/maildirsize.h"

#include "tests/fuzz/fuzz.h"

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct str in = str_n((const char *)data, size);
	char *copy;
	struct maildirsize s;

	in = str_head(in, MAILDIRSIZE_MAX);
	copy = fuzz_copy(in);
	if (maildirsize_parse(str_n(copy, in.len), &s)) {
		FUZZ_CHECK(s.lines > 0 && s.lines < MAILDIRSIZE_MAX / 4);
		FUZZ_CHECK(s.bytes <= INT64_MAX && s.messages <= INT64_MAX);
		FUZZ_CHECK(s.limits.bytes <= INT64_MAX);
	}
	mem_free(copy);
	return 0;
}
