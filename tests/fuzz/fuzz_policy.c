/* SPDX-License-Identifier: ISC */
/* proto/policy.h: what is taken is whole lines, what is put can be taken again,
 * and a refusal has a code that fits. */
#include "config.h"

#include "proto/policy.h"

#include "tests/fuzz/fuzz.h"

static void
check_put(struct str value)
{
	struct str lines, again;
	struct buf b;
	size_t used;

	buf_init(&b, POLICY_REQUEST_MAX);
	policy_put(&b, "recipient", str_head(value, 1000));
	policy_put_end(&b);
	FUZZ_CHECK(policy_take(buf_str(&b), &lines, &used) == POLICY_OK);
	FUZZ_CHECK(used == buf_len(&b));
	FUZZ_CHECK(policy_get(lines, "recipient", &again));
	FUZZ_CHECK(again.len == str_head(value, 1000).len);
	buf_clear(&b);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *copy = fuzz_copy(str_n((const char *)data, size));
	struct str in = str_n(copy, size), lines, value;
	struct fault f;
	size_t used;

	if (policy_take(in, &lines, &used) == POLICY_OK) {
		FUZZ_CHECK(used <= size && lines.len < used);
		FUZZ_CHECK(used <= POLICY_REQUEST_MAX);
		if (policy_get(lines, "action", &value))
			FUZZ_CHECK(!str_has(value, '\n'));
	}
	if (policy_parse_action(in, &f) < 0) {
		FUZZ_CHECK(f.dsn[0] == (f.kind == FAULT_TEMP ? '4' : '5'));
		FUZZ_CHECK(f.text[0] != '\0');
	}
	check_put(in);
	mem_free(copy);
	return 0;
}
