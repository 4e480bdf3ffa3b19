/* SPDX-License-Identifier: ISC */
/* proto/attachments.h: the first byte says how the message is cut. However it
 * is cut, the count is the same, and there are no more attachments than lines. */
#include "config.h"

#include "proto/attachments.h"

#include "tests/fuzz/fuzz.h"

static uint32_t
count(struct str message, size_t step)
{
	struct attachments a;

	attachments_init(&a);
	for (; message.len > 0; message = str_from(message, step)) {
		struct str piece = str_head(message, step);
		char *copy = fuzz_copy(piece);

		attachments_feed(&a, str_n(copy, piece.len));
		mem_free(copy);
	}
	attachments_end(&a);
	return a.count;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct str message = str_n((const char *)data, size);
	size_t step = fuzz_take_byte(&message) + 1, lines = 1;
	uint32_t n = count(message, size + 1);

	for (size_t i = 0; i < message.len; i++)
		lines += message.at[i] == '\n';
	FUZZ_CHECK(n <= lines);
	FUZZ_CHECK(count(message, step) == n);
	FUZZ_CHECK(count(message, 1) == n);
	return 0;
}
