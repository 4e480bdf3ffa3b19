/* SPDX-License-Identifier: ISC */
/* A policy service of a test: peer_start(&peer, serve_quota, NULL). Of what is
 * asked, full@… has no room, small@… none for more than 1000 bytes. */
#ifndef TESTS_UNIT_MTA_QUOTA_STATUS_H
#define TESTS_UNIT_MTA_QUOTA_STATUS_H

#include <stdatomic.h>
#include <stdio.h>

#include "proto/policy.h"
#include "tests/unit/peer.h"
#include "tests/unit/unit.h"

static atomic_uint quotas_asked; /* so often */

static inline const char *
quota_answer(struct str lines)
{
	struct str recipient, size;
	uint64_t n;

	ck_assert(policy_get(lines, "recipient", &recipient));
	ck_assert(policy_get(lines, "size", &size));
	ck_assert(str_to_u64(size, 0, UINT64_MAX, &n));
	if (str_starts(recipient, STR_LIT("full@")))
		return "action=452 4.2.2 full\n\n";
	if (str_starts(recipient, STR_LIT("closed@")))
		return "action=554 5.2.2 full for good\n\n";
	if (str_starts(recipient, STR_LIT("small@")) && n > 1000)
		return "action=552 5.2.2 too large\n\n";
	if (str_starts(recipient, STR_LIT("unknown@")))
		return "action=REJECT Unknown user\n\n";
	return "action=OK\n\n";
}

static inline void
serve_quota(struct peer *peer, FILE *in, FILE *out)
{
	struct buf b;
	int c;

	(void)peer;
	buf_init(&b, POLICY_REQUEST_MAX);
	while ((c = getc(in)) != EOF) {
		struct str lines;
		size_t used;

		buf_putc(&b, (char)c);
		if (policy_take(buf_str(&b), &lines, &used) != POLICY_OK)
			continue;
		atomic_fetch_add(&quotas_asked, 1);
		fputs(quota_answer(lines), out);
		fflush(out);
		buf_reset(&b);
	}
	buf_clear(&b);
}

#endif
