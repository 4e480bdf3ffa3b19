/* SPDX-License-Identifier: ISC */
#include "config.h"

#include "mta/send/txt_one.h"

#include "base/clock.h"
#include "base/mem.h"

enum { DNS_MS = 10000 };

int
txt_one_ask(struct dns *dns, const char *name, bool (*is)(struct str text),
    struct txt_one *one, struct fault *f)
{
	char(*texts)[DNS_TXT_SIZE];
	struct dns_answer answer = {.n = 0};
	size_t n = 0;
	int rc;

	texts = mem_zeroed(DNS_RECORDS_MAX, sizeof *texts);
	rc = dns_txt(dns, name, clock_ms() + DNS_MS, &answer, texts, f);
	one->ttl = answer.ttl;
	for (size_t i = 0; rc == 0 && i < answer.n; i++) {
		if (!is(str(texts[i])))
			continue;
		memcpy(one->text, texts[i], sizeof one->text);
		n++;
	}
	mem_free(texts);
	return rc < 0 ? -1 : n == 1;
}
