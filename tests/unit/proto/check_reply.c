/* SPDX-License-Identifier: ISC */
/* proto/reply.h: what goes over the wire, and what comes. */
#include "config.h"

#include "proto/reply.h"

#include "base/utf8.h"
#include "tests/unit/unit.h"

static void
assert_wire(const struct smtp_reply *r, const char *wire)
{
	struct buf out;

	buf_init(&out, 100000);
	reply_put(&out, r);
	ck_assert_str_eq(buf_text(&out), wire);
	buf_clear(&out);
}

START_TEST(each_line_has_the_codes)
{
	struct smtp_reply r;

	reply_init(&r);
	reply_set(&r, 250, "2.1.5", "hello %d", 7);
	assert_wire(&r, "250 2.1.5 hello 7\r\n");
	reply_set(&r, 250, NULL, "a\nPIPELINING\n");
	assert_wire(&r, "250-a\r\n250-PIPELINING\r\n250 \r\n");
	reply_set(&r, 334, NULL, "%s", "");
	assert_wire(&r, "334 \r\n");
	reply_set(&r, 550, "5.7.1", "no\nnever");
	assert_wire(&r, "550-5.7.1 no\r\n550 5.7.1 never\r\n");
	reply_clear(&r);
}
END_TEST

START_TEST(text_from_outside_cannot_forge_a_reply)
{
	struct smtp_reply r;

	reply_init(&r);
	reply_set(
	    &r, 550, NULL, "a\r\n250 ok\x7f\x1b[m\t\xff \xc3\xbc \xc2\x85");
	assert_wire(&r, "550-a?\r\n550 250 ok??[m?? \xc3\xbc ?\r\n");
	reply_clear(&r);
}
END_TEST

START_TEST(a_line_has_at_most_512_bytes)
{
	char text[REPLY_TEXT_MAX * 2 + 1];
	struct smtp_reply r;
	struct buf out;
	struct str line;

	memset(text, 'x', sizeof text - 1);
	text[sizeof text - 1] = '\0';
	reply_init(&r);
	reply_set(&r, 550, "5.7.1", "%s", text);
	ck_assert_uint_eq(buf_len(&r.text), REPLY_TEXT_MAX);
	buf_init(&out, 100000);
	reply_put(&out, &r);
	ck_assert_uint_eq(buf_len(&out), 512);
	/* Not within a character: 498 bytes of text are 249 umlauts, and with
	 * an x in front the last one does not fit. */
	for (size_t i = 0; i < 2 * 300; i += 2)
		memcpy(text + i, "\xc3\xbc", 2);
	text[600] = '\0';
	buf_reset(&out);
	reply_set(&r, 550, "5.70.1", "%s", text);
	reply_put(&out, &r);
	ck_assert_uint_eq(buf_len(&out), 511);
	ck_assert(buf_take_line(&out, &line));
	ck_assert(str_ends(line, str("\xc3\xbc")));
	buf_clear(&out);
	reply_clear(&r);
}
END_TEST

static const struct {
	enum fault_kind kind;
	const char *dsn;
	int code;
} faults[] = {
    {FAULT_TEMP, "4.3.0", 451},
    {FAULT_PERM, "5.3.0", 550},
    {FAULT_PERM, "5.1.1", 550},
    {FAULT_PERM, "5.1.3", 501},
    {FAULT_PERM, "5.1.7", 501},
    {FAULT_TEMP, "4.3.1", 452},
    {FAULT_TEMP, "4.2.2", 452},
    {FAULT_PERM, "5.2.2", 552},
    {FAULT_PERM, "5.3.4", 552},
    {FAULT_TEMP, "4.5.3", 452},
    {FAULT_PERM, "5.4.6", 554},
    {FAULT_PERM, "5.6.7", 553},
    {FAULT_TEMP, "4.7.0", 454},
    {FAULT_PERM, "5.7.0", 550},
    {FAULT_PERM, "5.7.1", 550},
    {FAULT_PERM, "5.7.8", 535},
    {FAULT_TEMP, "", 451},
};

START_TEST(a_fault_becomes_the_code_that_fits)
{
	struct smtp_reply r;
	struct fault f;

	reply_init(&r);
	for (size_t i = 0; i < ARRAY_LEN(faults); i++) {
		if (faults[i].kind == FAULT_TEMP)
			fault_temp(&f, faults[i].dsn, "100%% full");
		else
			fault_perm(&f, faults[i].dsn, "100%% full");
		reply_set_fault(&r, &f);
		ck_assert_msg(r.code == faults[i].code, "%s gave %d",
		    faults[i].dsn, r.code);
		ck_assert_str_eq(r.dsn, faults[i].dsn);
		ck_assert_view_eq(buf_str(&r.text), "100% full");
	}
	reply_clear(&r);
}
END_TEST

static const struct {
	const char *wire;
	enum reply_result result;
	int code;
	const char *dsn, *text, *rest;
} wires[] = {
    {"", REPLY_MORE, 0, "", "", ""},
    {"250 ok", REPLY_MORE, 0, "", "", ""},
    {"250-a\r\n", REPLY_MORE, 0, "", "", ""},
    {"250-a\r\n250 b", REPLY_MORE, 0, "", "", ""},
    {"250 ok\r\n", REPLY_OK, 250, "", "ok", ""},
    {"250 ok\r\n354 go\r\n", REPLY_OK, 250, "", "ok", "354 go\r\n"},
    {"250 ok\n354 go\n", REPLY_OK, 250, "", "ok", "354 go\n"},
    {"250\r\n", REPLY_OK, 250, "", "", ""},
    {"250 \r\n", REPLY_OK, 250, "", "", ""},
    {"250 2.1.5 ok\r\n", REPLY_OK, 250, "2.1.5", "ok", ""},
    {"250 2.1.5\r\n", REPLY_OK, 250, "2.1.5", "", ""},
    {"250-a.example\r\n250-8BITMIME\r\n250 SIZE\r\n", REPLY_OK, 250, "",
	"a.example\n8BITMIME\nSIZE", ""},
    {"550-5.1.1 a\r\n550-5.2.0 b\r\n550 c\r\n", REPLY_OK, 550, "5.1.1",
	"a\nb\nc", ""},
    {"550 4.1.1 a\r\n", REPLY_OK, 550, "", "4.1.1 a", ""},
    {"550 5.1 a\r\n", REPLY_OK, 550, "", "5.1 a", ""},
    {"550 5.1.1a\r\n", REPLY_OK, 550, "", "5.1.1a", ""},
    {"550 5.1.1234 a\r\n", REPLY_OK, 550, "", "5.1.1234 a", ""},
    {"550 5.123.123 a\r\n", REPLY_OK, 550, "5.123.123", "a", ""},
    {"550 a\x01\xff\r b\r\n", REPLY_OK, 550, "", "a??? b", ""},
    {"25\r\n", REPLY_BAD, 0, "", "", ""},
    {"199 x\r\n", REPLY_BAD, 0, "", "", ""},
    {"600 x\r\n", REPLY_BAD, 0, "", "", ""},
    {"250x\r\n", REPLY_BAD, 0, "", "", ""},
    {"250-a\r\n251 b\r\n", REPLY_BAD, 0, "", "", ""},
    {"+50 a\r\n", REPLY_BAD, 0, "", "", ""},
    {"\r\n", REPLY_BAD, 0, "", "", ""},
    {"HTTP/1.1 400\r\n", REPLY_BAD, 0, "", "", ""},
};

START_TEST(a_reply_is_taken_whole_or_not_at_all)
{
	struct smtp_reply r;
	struct buf in;

	reply_init(&r);
	buf_init(&in, 1000);
	for (size_t i = 0; i < ARRAY_LEN(wires); i++) {
		buf_reset(&in);
		buf_puts(&in, wires[i].wire);
		ck_assert_msg(reply_take(&in, &r) == wires[i].result, "%s",
		    wires[i].wire);
		if (wires[i].result != REPLY_OK) {
			ck_assert_str_eq(buf_text(&in), wires[i].wire);
			continue;
		}
		ck_assert_int_eq(r.code, wires[i].code);
		ck_assert_str_eq(r.dsn, wires[i].dsn);
		ck_assert_str_eq(buf_text(&r.text), wires[i].text);
		ck_assert_str_eq(buf_text(&in), wires[i].rest);
	}
	buf_clear(&in);
	reply_clear(&r);
}
END_TEST

START_TEST(a_reply_that_does_not_end_is_given_up)
{
	struct smtp_reply r;
	struct buf in;
	enum reply_result result;
	size_t n = 0;

	reply_init(&r);
	buf_init(&in, 1000000);
	while ((result = reply_take(&in, &r)) == REPLY_MORE && n++ < 10000)
		buf_puts(&in, "250-a\r\n");
	ck_assert_int_eq(result, REPLY_BAD);
	ck_assert_uint_eq(n, REPLY_LINES_MAX);
	buf_reset(&in);
	n = 0;
	while ((result = reply_take(&in, &r)) == REPLY_MORE && n++ < 100000)
		buf_puts(&in, "2");
	ck_assert_int_eq(result, REPLY_BAD);
	ck_assert_uint_eq(n, REPLY_WIRE_MAX);
	buf_clear(&in);
	reply_clear(&r);
}
END_TEST

START_TEST(a_refusal_becomes_a_fault_of_its_kind)
{
	struct smtp_reply r;
	struct fault f;

	reply_init(&r);
	reply_set(&r, 550, "5.1.1", "no %%s\nreally");
	reply_to_fault(&r, &f);
	ck_assert_int_eq(f.kind, FAULT_PERM);
	ck_assert_str_eq(f.dsn, "5.1.1");
	ck_assert_str_eq(f.text, "no %s really");
	reply_set(&r, 421, NULL, "later");
	reply_to_fault(&r, &f);
	ck_assert_int_eq(f.kind, FAULT_TEMP);
	ck_assert_str_eq(f.dsn, "4.0.0");
	reply_set(&r, 250, "2.0.0", "fine");
	reply_to_fault(&r, &f);
	ck_assert_int_eq(f.kind, FAULT_TEMP);
	ck_assert_str_eq(f.dsn, "4.5.0");
	ck_assert(reply_is_ok(&r));
	reply_clear(&r);
}
END_TEST

START_TEST(a_reply_is_kept_as_one_line)
{
	static const struct {
		const char *wire, *line;
	} cases[] = {
	    {"550 5.1.1 no such user\r\n", "550 5.1.1 no such user"},
	    {"250\r\n", "250"},
	    {"450-  one \r\n450-\r\n450 two\r\n", "450 one two"},
	    {"550-5.7.1 a\r\n550 5.7.1 b\r\n", "550 5.7.1 a b"},
	    {"550 5.7.1 caf\xc3\xa9 \xff\x01\r\n", "550 5.7.1 caf\xc3\xa9 ??"},
	};
	char text[REPLY_LINE_MAX * 2 + 2];
	struct smtp_reply r;
	struct buf in, line;

	buf_init(&in, 4000);
	buf_init(&line, REPLY_LINE_MAX);
	reply_init(&r);
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		buf_puts(&in, cases[i].wire);
		ck_assert_int_eq(reply_take(&in, &r), REPLY_OK);
		reply_put_joined(&line, &r);
		ck_assert_str_eq(buf_text(&line), cases[i].line);
		buf_reset(&line);
	}
	/* However long it is, it fits, and ends with a whole character. */
	for (size_t i = 0; i + 2 < sizeof text; i += 2)
		memcpy(text + i, "\xc3\xa9", 3);
	for (size_t n = 0; n < 3; n++) {
		reply_set(&r, 550, "5.1.1", "%.*s%s", (int)n, "xx", text);
		reply_put_joined(&line, &r);
		ck_assert(!buf_is_full(&line));
		ck_assert_uint_ge(buf_len(&line), REPLY_LINE_MAX - 2);
		ck_assert(utf8_is_valid(buf_str(&line)));
		buf_reset(&line);
	}
	reply_clear(&r);
	buf_clear(&in);
	buf_clear(&line);
}
END_TEST

UNIT_MAIN("reply", each_line_has_the_codes,
    text_from_outside_cannot_forge_a_reply, a_line_has_at_most_512_bytes,
    a_fault_becomes_the_code_that_fits, a_reply_is_taken_whole_or_not_at_all,
    a_reply_that_does_not_end_is_given_up,
    a_refusal_becomes_a_fault_of_its_kind, a_reply_is_kept_as_one_line)
