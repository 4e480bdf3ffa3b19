/* SPDX-License-Identifier: ISC */
#include "config.h"

#include "mta/queue/limit.h"

#include "base/mem.h"
#include "mta/queued_options.h"
#include "proto/domain.h"

enum { RATE_MAX = 1000000, SECOND = 1000 };

int
limit_parse_provider(
    struct str text, char provider[LIMIT_PROVIDER_SIZE], struct fault *f)
{
	char domain[DOMAIN_SIZE], organisation[DOMAIN_SIZE];

	if (str_is(text, STR_LIT("*")) || str_has(text, ':'))
		return str_copy(text, provider, LIMIT_PROVIDER_SIZE)
			   ? 0
			   : fault_perm(f, "5.3.5",
				 "a provider's name is "
				 "shorter");
	if (!domain_to_ascii(text, domain) ||
	    !domain_organisation(str(domain), organisation))
		return fault_perm(f, "5.3.5",
		    "\"%.100s\" is no organisation's domain, such as "
		    "example.com, no next hop, and not *",
		    text.at);
	if (strcmp(domain, organisation) != 0)
		return fault_perm(f, "5.3.5",
		    "the provider of %.100s is %.100s", domain, organisation);
	return str_copy(str(domain), provider, LIMIT_PROVIDER_SIZE) ? 0 : -1;
}

int
limit_parse_rate(struct str text, struct pace_limit *limit, struct fault *f)
{
	static const struct {
		const char *name;
		int64_t ms;
	} units[] = {{"s", SECOND}, {"min", 60 * SECOND}, {"h", 3600 * SECOND},
	    {"d", 86400 * SECOND}};
	struct str unit = text, number = str_cut(&unit, '/');
	uint64_t n;

	for (size_t i = 0; i < ARRAY_LEN(units); i++) {
		if (!str_is(str_trim(unit), str(units[i].name)) ||
		    !str_to_u64(str_trim(number), 1, RATE_MAX, &n))
			continue;
		limit->rate = (uint32_t)n;
		limit->period_ms = units[i].ms;
		return 0;
	}
	return fault_perm(f, "5.3.5",
	    "rate: \"%.60s\" is none, such as 20/min (1 to %d; s, min, h, d)",
	    text.at, RATE_MAX);
}

struct board_limit *
limits_new(const struct conf_sections *providers)
{
	const struct provider_options *o = providers->bytes;
	struct board_limit *limits =
	    mem_zeroed(providers->n + 1, sizeof *limits);

	for (size_t i = 0; i < providers->n; i++, o++) {
		char name[LIMIT_PROVIDER_SIZE];
		struct pace_limit *pace = &limits[i].pace;
		struct fault f;

		if (limit_parse_provider(str(o->title), name, &f) < 0 ||
		    (o->rate != NULL &&
			limit_parse_rate(str(o->rate), pace, &f) < 0))
			die_bug("a limit was not checked: %s", f.text);
		limits[i].provider = mem_dup(name);
		pace->max = (unsigned)o->concurrency;
		pace->gap_ms = (int64_t)o->gap;
	}
	return limits;
}

void
limits_free(struct board_limit **limits, size_t n)
{
	for (size_t i = 0; *limits != NULL && i < n; i++)
		mem_free((*limits)[i].provider);
	mem_free(*limits);
	*limits = NULL;
}
