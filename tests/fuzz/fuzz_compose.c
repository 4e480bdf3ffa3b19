/* SPDX-License-Identifier: ISC */
/* mta/submit/compose.h. The first byte says what is asked for and how the input
 * is cut; what comes of it must not depend on the cutting. */
#include "config.h"

#include "mta/submit/compose.h"

#include "base/buf.h"
#include "base/spool.h"
#include "proto/header.h"
#include "tests/fuzz/fuzz.h"

static int
put_piece(void *ctx, struct str bytes, struct fault *f)
{
	(void)f;
	buf_put_str(ctx, bytes);
	return 0;
}

/* False where it is refused. */
static bool
feed(struct compose *c, struct str input, size_t piece)
{
	struct fault f;
	int rc = 0;

	while (rc == 0 && input.len > 0) {
		struct str part = str_head(input, piece);

		rc = compose_feed(c, part, &f);
		input = str_from(input, part.len);
	}
	return rc >= 0 && compose_end(c, &f) == 0;
}

/* What a server takes: every line ends in CR LF, and neither is elsewhere. */
static void
check_lines(struct str text)
{
	while (text.len > 0) {
		struct str line = str_cut(&text, '\n');

		FUZZ_CHECK(text.at != NULL);
		FUZZ_CHECK(str_ends(line, STR_LIT("\r")));
		FUZZ_CHECK(str_find(line, '\r') == line.len - 1);
	}
}

static void
check_head(struct str head)
{
	struct header_field field;
	bool has_from = false;

	while (header_next(&head, &field)) {
		FUZZ_CHECK(!str_is_nocase(field.name, STR_LIT("Bcc")));
		FUZZ_CHECK(!str_is_nocase(field.name, STR_LIT("Resent-Bcc")));
		has_from =
		    has_from || str_is_nocase(field.name, STR_LIT("From"));
	}
	/* The empty line is where we think it is. */
	FUZZ_CHECK(head.len == 0);
	FUZZ_CHECK(has_from);
}

static void
check_recipients(const struct compose *c)
{
	size_t n;
	const struct envelope_rcpt *rcpts = compose_recipients(c, &n);

	for (size_t i = 0; i < n; i++) {
		char text[ADDRESS_TEXT_SIZE];
		struct address again;
		struct fault f;

		address_format(&rcpts[i].forward_path, text);
		FUZZ_CHECK(address_parse(str(text), &again, &f) == 0);
		FUZZ_CHECK(address_is_same(&again, &rcpts[i].forward_path));
		for (size_t k = 0; k < i; k++)
			FUZZ_CHECK(
			    !address_is_same(&rcpts[k].forward_path, &again));
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct str rest = str_n((const char *)data, size);
	unsigned how = fuzz_take_byte(&rest);
	const struct compose_conf conf = {
	    .domain = "x.example",
	    .from = "ann@x.example",
	    .full_name = how & 1 ? "Ann \"of\" Old" : "J\xc3\xbcrgen",
	    .spool_dir = "/tmp",
	    .take_recipients = (how & 2) != 0,
	    .ignore_dots = (how & 4) != 0,
	};
	char *copy = fuzz_copy(rest);
	struct str input = str_n(copy, rest.len);
	struct compose *whole = compose_new(&conf);
	struct compose *cut = compose_new(&conf);
	bool ok = feed(whole, input, SIZE_MAX);
	struct buf a, b;
	struct fault f;

	buf_init(&a, 64 << 20);
	buf_init(&b, 64 << 20);
	FUZZ_CHECK(feed(cut, input, (how >> 3) + 1) == ok);
	if (ok) {
		FUZZ_CHECK(str_is(compose_head(whole), compose_head(cut)));
		check_lines(compose_head(whole));
		check_head(compose_head(whole));
		check_recipients(whole);
		FUZZ_CHECK(
		    spool_each(compose_body(whole), put_piece, &a, &f) == 0);
		FUZZ_CHECK(
		    spool_each(compose_body(cut), put_piece, &b, &f) == 0);
		FUZZ_CHECK(str_is(buf_str(&a), buf_str(&b)));
		check_lines(buf_str(&a));
	}
	buf_clear(&a);
	buf_clear(&b);
	compose_free(&whole);
	compose_free(&cut);
	mem_free(copy);
	return 0;
}
