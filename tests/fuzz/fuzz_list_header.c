/* SPDX-License-Identifier: ISC */
/* mta/smtpd/list_header.h. The first byte's lowest bit says whether From is
 * rewritten, the next one whether the list has a title. */
#include "config.h"

#include "mta/smtpd/list_header.h"

#include "proto/header.h"
#include "tests/fuzz/fuzz.h"

enum { OUT_MAX = 1 << 22 };

struct count {
	size_t fields, lists, from;
};

static struct count
count_fields(struct str header)
{
	struct header_field field;
	struct count n = {0};

	while (header_next(&header, &field)) {
		n.fields++;
		n.lists += str_starts_nocase(field.name, STR_LIT("List-")) ||
			   str_is_nocase(field.name, STR_LIT("Precedence"));
		n.from += str_is_nocase(field.name, STR_LIT("From"));
	}
	return n;
}

/* The addresses of a From, and whether each is the list's. */
struct seen {
	struct str list;
	size_t n, others;
};

static void
see(void *ctx, struct str addr_spec)
{
	struct seen *s = ctx;

	s->n++;
	s->others += !str_is(addr_spec, s->list);
}

/* Nothing that came may stand beside the list's address. */
static void
check_from(struct str header, const struct list_facts *l)
{
	struct header_field field, original;
	struct seen s = {.list = l->address};

	if (!header_find(header, "X-Original-From", &original) ||
	    !header_find(header, "From", &field) ||
	    !str_ends(field.value, STR_LIT("<team@example.org>")))
		return;
	FUZZ_CHECK(header_each_address(field.value, see, &s));
	FUZZ_CHECK(s.n == 1 && s.others == 0);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct str all = str_n((const char *)data, size);
	unsigned how = fuzz_take_byte(&all);
	struct list_facts l = {
	    .address = STR_LIT("team@example.org"),
	    .owner = STR_LIT("owner-team@example.org"),
	    .id = STR_LIT("team.example.org"),
	    .title = how & 2 ? STR_LIT("Caf\xc3\xa9 \"x\"") : STR_LIT(""),
	    .rewrites_from = how & 1,
	};
	char *copy = fuzz_copy(all);
	struct str header = str_n(copy, all.len);
	struct count before = count_fields(header), after;
	struct buf out, again;
	bool changed;

	buf_init(&out, OUT_MAX);
	buf_init(&again, OUT_MAX);
	(void)list_header_is_looping(header, &l);
	changed = list_header_put_rest(&out, header, &l);
	FUZZ_CHECK(changed || str_is(buf_str(&out), header));
	after = count_fields(buf_str(&out));
	FUZZ_CHECK(!buf_is_full(&out));
	FUZZ_CHECK(after.lists == 0);
	FUZZ_CHECK(after.from == before.from);
	FUZZ_CHECK(after.fields <= before.fields + 2);
	FUZZ_CHECK(after.fields >= before.fields - before.lists);
	if (l.rewrites_from && changed)
		check_from(buf_str(&out), &l);
	/* What was done once needs not be done again. */
	FUZZ_CHECK(!list_header_put_rest(&again, buf_str(&out), &l));
	FUZZ_CHECK(str_is(buf_str(&again), buf_str(&out)));
	buf_clear(&out);
	buf_clear(&again);
	mem_free(copy);
	return 0;
}
