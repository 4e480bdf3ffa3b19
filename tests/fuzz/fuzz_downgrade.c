/* SPDX-License-Identifier: ISC */
/*
 * proto/downgrade.h: the first byte chooses what the server takes, the second
 * how the message is cut. However it is cut the result is the same, holds no
 * byte that the server does not take, and needs no further conversion.
 */
#include "config.h"

#include "proto/downgrade.h"

#include "tests/fuzz/fuzz.h"

enum { SIZE_MAX_BYTES = 64 << 10, OUT_ROOM = 4 << 20 };

static bool
survey(struct downgrade *d, struct str message, size_t step)
{
	struct fault f;
	int rc = 0;

	for (; message.len > 0 && rc == 0; message = str_from(message, step))
		rc = downgrade_survey(d, str_head(message, step), &f);
	if (rc == 0)
		rc = downgrade_survey_end(d, &f);
	FUZZ_CHECK(rc == 0 || str_is(str(f.dsn), STR_LIT("5.6.3")));
	return rc == 0;
}

static void
convert(struct downgrade *d, struct str message, size_t step, struct buf *out)
{
	struct buf piece;

	downgrade_begin(d);
	buf_init(&piece, DOWNGRADE_OUT_MAX);
	for (; message.len > 0; message = str_from(message, step)) {
		downgrade_convert(d, str_head(message, step), &piece);
		FUZZ_CHECK(!buf_is_full(&piece));
		buf_put_str(out, buf_str(&piece));
		buf_reset(&piece);
	}
	downgrade_convert_end(d, &piece);
	FUZZ_CHECK(!buf_is_full(&piece));
	buf_put_str(out, buf_str(&piece));
	buf_clear(&piece);
}

/* False where it cannot be converted. */
static bool
run(enum encoding to, struct str message, size_t step, struct buf *out)
{
	struct downgrade *d = downgrade_new(to);
	bool ok = survey(d, message, step);

	if (ok)
		convert(d, message, step, out);
	downgrade_free(&d);
	return ok;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct str message = str_n((const char *)data, size);
	enum encoding to =
	    fuzz_take_byte(&message) & 1 ? ENCODING_8BIT : ENCODING_7BIT;
	size_t step = 1 + fuzz_take_byte(&message);
	struct buf a, b, c;
	bool ok;

	message = str_head(message, SIZE_MAX_BYTES);
	buf_init(&a, OUT_ROOM);
	buf_init(&b, OUT_ROOM);
	buf_init(&c, OUT_ROOM);
	ok = run(to, message, step, &a);
	FUZZ_CHECK(run(to, message, DOWNGRADE_FEED_MAX, &b) == ok);
	FUZZ_CHECK(str_is(buf_str(&a), buf_str(&b)));
	for (size_t i = 0; to == ENCODING_7BIT && i < buf_len(&a); i++)
		FUZZ_CHECK((unsigned char)buf_str(&a).at[i] < 0x80);
	if (ok) {
		FUZZ_CHECK(run(to, buf_str(&a), step, &c));
		FUZZ_CHECK(str_is(buf_str(&a), buf_str(&c)));
	}
	buf_clear(&a);
	buf_clear(&b);
	buf_clear(&c);
	return 0;
}
