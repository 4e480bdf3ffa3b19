/* SPDX-License-Identifier: ISC */
/* proto/header.h. The first byte says where the message is cut for the scan;
 * each field's value goes to every parser, whatever its name. */
#include "config.h"

#include "proto/header.h"

#include "base/clock.h"
#include "base/utf8.h"
#include "tests/fuzz/fuzz.h"

static bool
is_one_line(struct str s)
{
	for (size_t i = 0; i < s.len; i++) {
		if ((unsigned char)s.at[i] < ' ' || s.at[i] == 0x7f)
			return false;
	}
	return true;
}

static void
check_text(struct str value)
{
	struct buf line, again;

	/* A byte becomes three at most. */
	buf_init(&line, 3 * value.len);
	buf_init(&again, 3 * value.len);
	header_unfold(&line, value);
	FUZZ_CHECK(!str_has(buf_str(&line), '\n'));
	FUZZ_CHECK(!str_has(buf_str(&line), '\r'));
	header_unfold(&again, buf_str(&line));
	FUZZ_CHECK(str_is(buf_str(&line), buf_str(&again)));
	buf_reset(&line);
	header_decode(&line, value);
	FUZZ_CHECK(!buf_is_full(&line) && utf8_is_valid(buf_str(&line)));
	FUZZ_CHECK(is_one_line(buf_str(&line)));
	buf_clear(&line);
	buf_clear(&again);
}

static void
check_date(struct str value)
{
	char text[CLOCK_DATE_SIZE];
	time_t t = 0, again = 0;

	if (!header_parse_date(value, &t))
		return;
	/* 1900 to 9999, by any zone. */
	FUZZ_CHECK(t > -2209352400 && t < 253402662000);
	if (t < -2208902400 || t > 253402214400)
		return;
	clock_format_date(t, text);
	FUZZ_CHECK(header_parse_date(str(text), &again) && t == again);
}

static void
check_message_id(struct str value)
{
	struct str id = header_message_id(value);

	FUZZ_CHECK(is_one_line(id) && !str_has(id, ' '));
	FUZZ_CHECK(!str_has(id, '<') && !str_has(id, '>'));
	if (id.len > 0)
		FUZZ_CHECK(id.at >= value.at &&
			   id.at + id.len <= value.at + value.len);
}

struct seen {
	struct str spec;
	unsigned n;
	bool inner;
};

static void
see_address(void *ctx, struct str spec)
{
	struct seen *seen = ctx, inner = {.spec = spec, .inner = true};

	FUZZ_CHECK(++seen->n <= 1000);
	FUZZ_CHECK(str_has(spec, '@'));
	FUZZ_CHECK(!str_has(spec, '\r') && !str_has(spec, '\n'));
	if (seen->inner) {
		FUZZ_CHECK(str_is(spec, seen->spec));
		return;
	}
	/* What was called is a list of one address: itself. */
	FUZZ_CHECK(header_each_address(spec, see_address, &inner));
	FUZZ_CHECK(inner.n == 1);
}

static void
check_addresses(struct str value)
{
	struct seen seen = {0};
	bool ok = header_each_address(value, see_address, &seen);

	FUZZ_CHECK(ok || seen.n <= 1000);
}

static void
check_scan(struct str message, size_t cut, struct str body, unsigned received)
{
	size_t head = message.len - body.len;
	struct header_scan whole, parts;

	header_scan_init(&whole);
	header_scan_init(&parts);
	header_scan_feed(&whole, message);
	header_scan_feed(&parts, str_head(message, cut));
	header_scan_feed(&parts, str_from(message, cut));
	FUZZ_CHECK(whole.done == parts.done && whole.size == parts.size);
	FUZZ_CHECK(whole.received == parts.received);
	FUZZ_CHECK(whole.has_date == parts.has_date);
	FUZZ_CHECK(whole.has_message_id == parts.has_message_id);
	FUZZ_CHECK(whole.has_from == parts.has_from);
	FUZZ_CHECK(whole.size <= message.len);
	FUZZ_CHECK(whole.received == received);
	/* It ends at the empty line, or within the line that is no field. */
	FUZZ_CHECK(whole.size >= head);
	FUZZ_CHECK(whole.size <= head + str_find(body, '\n') + 1);
	FUZZ_CHECK(whole.done || whole.size == message.len);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct str message = str_n((const char *)data, size), rest;
	size_t cut = fuzz_take_byte(&message), used = 0;
	struct header_field field, found;
	unsigned received = 0;

	rest = message;
	while (header_next(&rest, &field)) {
		FUZZ_CHECK(field.whole.at == message.at + used);
		FUZZ_CHECK(field.name.at == field.whole.at);
		FUZZ_CHECK(field.name.len > 0);
		FUZZ_CHECK(field.value.at > field.name.at + field.name.len);
		used += field.whole.len;
		FUZZ_CHECK(rest.len == message.len - used);
		check_text(field.value);
		check_date(field.value);
		check_message_id(field.value);
		check_addresses(field.value);
		received += str_is_nocase(field.name, STR_LIT("received"));
	}
	/* Fields, at most an empty line, and the body are the message. */
	FUZZ_CHECK(message.len - used - rest.len <= 2);
	FUZZ_CHECK(rest.at + rest.len == message.at + message.len);
	check_scan(message, cut, rest, received);
	FUZZ_CHECK(header_find(message, "Received", &found) == (received > 0));
	return 0;
}
