/* SPDX-License-Identifier: ISC */
/* proto/sts.h: the record and the policy, and the record of proto/tlsrpt.h. What is taken is well-formed, and is
 * the same when it is put and read again. */
#include "config.h"

#include "proto/sts.h"

#include "proto/tlsrpt.h"
#include "tests/fuzz/fuzz.h"

static void
check_again(const struct sts_policy *p)
{
	struct sts_policy again;
	struct fault f;
	struct buf b;

	buf_init(&b, 2 * STS_TEXT_MAX);
	sts_put_policy(&b, p);
	FUZZ_CHECK(!buf_is_full(&b));
	FUZZ_CHECK(sts_parse_policy(buf_str(&b), &again, &f) == 0);
	FUZZ_CHECK(again.mode == p->mode && again.max_age == p->max_age &&
		   again.n_mx == p->n_mx);
	for (size_t i = 0; i < p->n_mx; i++)
		FUZZ_CHECK(str_is(again.mx[i], p->mx[i]));
	buf_clear(&b);
}

static void
check_policy(struct str in)
{
	struct sts_policy p;
	struct fault f = {.kind = FAULT_TEMP};

	if (sts_parse_policy(in, &p, &f) < 0) {
		FUZZ_CHECK(f.kind == FAULT_PERM && f.text[0] != '\0');
		return;
	}
	FUZZ_CHECK(p.max_age <= STS_AGE_MAX && p.n_mx <= STS_MX_MAX);
	FUZZ_CHECK(p.mode == STS_NONE || p.n_mx > 0);
	for (size_t i = 0; i < p.n_mx; i++)
		if (p.mx[i].at[0] != '*')
			FUZZ_CHECK(sts_has_mx(&p, p.mx[i]));
	check_again(&p);
}

static void
check_uris(struct str in)
{
	struct str uris[TLSRPT_URIS_MAX];
	struct address a;
	size_t n = tlsrpt_parse_record(in, uris);

	FUZZ_CHECK(n <= TLSRPT_URIS_MAX);
	for (size_t i = 0; i < n; i++) {
		FUZZ_CHECK(uris[i].len > 0 && !str_has(uris[i], ' '));
		if (tlsrpt_take_mailto(uris[i], &a))
			FUZZ_CHECK(a.domain[0] != '\0');
	}
	(void)!tlsrpt_take_mailto(in, &a);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *copy = fuzz_copy(str_n((const char *)data, size));
	struct str in = str_n(copy, size), id;

	check_policy(in);
	check_uris(in);
	if (sts_parse_record(in, &id))
		FUZZ_CHECK(
		    sts_is_record(in) && id.len > 0 && id.len <= STS_ID_MAX);
	mem_free(copy);
	return 0;
}
