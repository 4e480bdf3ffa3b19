/* SPDX-License-Identifier: ISC */
/* mta/queue/entry.h: an entry comes back from its bytes as it was. */
#include "config.h"

#include "mta/queue/entry.h"

#include <stdio.h>

#include "base/mem.h"
#include "proto/reply.h"
#include "tests/unit/unit.h"

static struct arena arena;
static struct buf bytes;

static void
begin(void)
{
	arena_init(&arena);
	buf_init(&bytes, ENTRY_BYTES_MAX);
}

static void
end(void)
{
	arena_clear(&arena);
	buf_clear(&bytes);
}

static void
set_address(struct address *a, const char *text)
{
	struct fault f;

	ck_assert_msg(address_parse(str(text), a, &f) == 0, "%s", f.text);
}

/* Two recipients: one that is fresh, one with all that may be there. */
static void
make_example(struct entry *e)
{
	static struct entry_rcpt rcpts[2];

	memset(e, 0, sizeof *e);
	memset(rcpts, 0, sizeof rcpts);
	memcpy(e->id.text, "01kb0q8zwx5v7a2c", IDENT_SIZE);
	e->arrived = 1700000000123;
	e->expires = INT64_MAX;
	set_address(&e->mail.reverse_path, "\"a b\"@example.org");
	e->mail.body = BODY_BINARYMIME;
	e->mail.ret = RET_HDRS;
	e->mail.envid = str("env=1\n");
	e->mail.has_auth = true;
	e->mail.auth = str("ann@example.org");
	e->mail.smtputf8 = e->mail.requiretls = e->mail.verp = true;
	e->client = (struct envelope_xforward){str("client.example"),
	    str("192.0.2.1"), str("4711"), str("ESMTP"), str("helo"), str("id"),
	    str("REMOTE")};
	e->owner = str("ann");
	e->via = str("smtp:new.example:2525");
	e->size = UINT64_C(1) << 40;
	e->is_held = e->is_notice = e->body_in_file = true;
	e->tls_optional = true;
	e->n_rcpts = 2;
	e->rcpts = rcpts;
	set_address(&rcpts[0].to.forward_path, "bob@example.net");
	rcpts[0].due = 1;
	rcpts[0].goes_via = true;
	set_address(&rcpts[1].to.forward_path, "ça@exämple.net");
	rcpts[1].to.notify = NOTIFY_SUCCESS | NOTIFY_DELAY;
	rcpts[1].to.orcpt_type = str("rfc822");
	rcpts[1].to.orcpt = str("c@example.com");
	rcpts[1].state = ENTRY_FAILED;
	rcpts[1].due = INT64_MAX;
	rcpts[1].attempts = UINT32_MAX;
	rcpts[1].last = 1700000001000;
	fault_perm(&rcpts[1].fault, "5.1.1", "no such user");
	rcpts[1].host = str("mx.example.net");
	rcpts[1].address = str("192.0.2.9:25");
	rcpts[1].reply = str("550 5.1.1 no such user");
	rcpts[1].was_warned = rcpts[1].relayed = true;
}

static void
decode(struct entry *e)
{
	struct fault f = {0};

	ck_assert_msg(
	    entry_decode(buf_str(&bytes), &arena, e, &f) == 0, "%s", f.text);
}

START_TEST(an_entry_comes_back_as_it_was)
{
	struct entry was, e;

	begin();
	make_example(&was);
	entry_encode(&was, &bytes);
	decode(&e);
	ck_assert_str_eq(e.id.text, was.id.text);
	ck_assert_int_eq(e.arrived, was.arrived);
	ck_assert_int_eq(e.expires, INT64_MAX);
	ck_assert(
	    address_is_same(&e.mail.reverse_path, &was.mail.reverse_path));
	ck_assert_int_eq(e.mail.body, BODY_BINARYMIME);
	ck_assert_int_eq(e.mail.ret, RET_HDRS);
	ck_assert_view_eq(e.mail.envid, "env=1\n");
	ck_assert(e.mail.has_auth && e.mail.smtputf8 && e.mail.requiretls &&
		  e.mail.verp);
	ck_assert_view_eq(e.mail.auth, "ann@example.org");
	ck_assert_view_eq(e.client.name, "client.example");
	ck_assert_view_eq(e.client.addr, "192.0.2.1");
	ck_assert_view_eq(e.client.port, "4711");
	ck_assert_view_eq(e.client.proto, "ESMTP");
	ck_assert_view_eq(e.client.helo, "helo");
	ck_assert_view_eq(e.client.ident, "id");
	ck_assert_view_eq(e.client.source, "REMOTE");
	ck_assert_view_eq(e.owner, "ann");
	ck_assert_view_eq(e.via, "smtp:new.example:2525");
	ck_assert_uint_eq(e.size, UINT64_C(1) << 40);
	ck_assert(e.is_held && e.is_notice && e.body_in_file);
	ck_assert(e.tls_optional);
	ck_assert_uint_eq(e.n_rcpts, 2);
	end();
}
END_TEST

START_TEST(recipients_come_back_with_their_last_attempt)
{
	struct entry was, e;

	begin();
	make_example(&was);
	entry_encode(&was, &bytes);
	decode(&e);
	ck_assert(address_is_same(
	    &e.rcpts[0].to.forward_path, &was.rcpts[0].to.forward_path));
	ck_assert_int_eq(e.rcpts[0].state, ENTRY_WAITING);
	ck_assert_int_eq(e.rcpts[0].due, 1);
	ck_assert(e.rcpts[0].goes_via && !e.rcpts[1].goes_via);
	ck_assert_int_eq(e.rcpts[0].fault.kind, 0);
	ck_assert_uint_eq(e.rcpts[0].to.orcpt_type.len, 0);
	ck_assert(!e.rcpts[0].was_warned && !e.rcpts[0].relayed);
	ck_assert(address_is_same(
	    &e.rcpts[1].to.forward_path, &was.rcpts[1].to.forward_path));
	ck_assert(e.rcpts[1].to.forward_path.is_utf8);
	ck_assert_uint_eq(e.rcpts[1].to.notify, NOTIFY_SUCCESS | NOTIFY_DELAY);
	ck_assert_view_eq(e.rcpts[1].to.orcpt_type, "rfc822");
	ck_assert_view_eq(e.rcpts[1].to.orcpt, "c@example.com");
	ck_assert_int_eq(e.rcpts[1].state, ENTRY_FAILED);
	ck_assert_int_eq(e.rcpts[1].due, INT64_MAX);
	ck_assert_uint_eq(e.rcpts[1].attempts, UINT32_MAX);
	ck_assert_int_eq(e.rcpts[1].last, 1700000001000);
	ck_assert_int_eq(e.rcpts[1].fault.kind, FAULT_PERM);
	ck_assert_str_eq(e.rcpts[1].fault.dsn, "5.1.1");
	ck_assert_str_eq(e.rcpts[1].fault.text, "no such user");
	ck_assert_view_eq(e.rcpts[1].host, "mx.example.net");
	ck_assert_view_eq(e.rcpts[1].address, "192.0.2.9:25");
	ck_assert_view_eq(e.rcpts[1].reply, "550 5.1.1 no such user");
	ck_assert_uint_eq(e.rcpts[0].reply.len, 0);
	ck_assert(e.rcpts[1].was_warned && e.rcpts[1].relayed);
	end();
}
END_TEST

START_TEST(the_null_path_and_a_bare_postmaster_come_back)
{
	struct entry was, e;
	struct str rest;
	struct fault f;

	begin();
	make_example(&was);
	ck_assert_int_eq(address_parse_reverse(str("<>"), false,
			     &was.mail.reverse_path, &rest, &f),
	    0);
	ck_assert_int_eq(address_parse_forward(str("<postmaster>"), false,
			     &was.rcpts[0].to.forward_path, &rest, &f),
	    0);
	entry_encode(&was, &bytes);
	decode(&e);
	ck_assert(address_is_null(&e.mail.reverse_path));
	ck_assert_int_eq(e.rcpts[0].to.forward_path.host, ADDRESS_NO_HOST);
	ck_assert_str_eq(e.rcpts[0].to.forward_path.local, "postmaster");
	end();
}
END_TEST

START_TEST(an_entry_without_recipients_is_closed)
{
	struct entry was, e;

	begin();
	make_example(&was);
	was.n_rcpts = 0;
	entry_encode(&was, &bytes);
	decode(&e);
	ck_assert_uint_eq(e.n_rcpts, 0);
	ck_assert(!entry_is_open(&e));
	end();
}
END_TEST

START_TEST(an_entry_is_open_while_a_recipient_waits)
{
	struct entry e;

	make_example(&e);
	ck_assert(entry_is_open(&e));
	e.rcpts[0].state = ENTRY_DELIVERED;
	ck_assert(!entry_is_open(&e));
}
END_TEST

START_TEST(a_fresh_entry_is_small)
{
	struct entry e;

	begin();
	make_example(&e);
	e.n_rcpts = 1;
	e.client = (struct envelope_xforward){0};
	entry_encode(&e, &bytes);
	ck_assert_uint_lt(buf_len(&bytes), 150);
	end();
}
END_TEST

START_TEST(a_damaged_entry_is_a_fault_and_never_a_crash)
{
	struct entry was, e;
	struct fault f;
	char *copy;
	size_t n;

	begin();
	make_example(&was);
	entry_encode(&was, &bytes);
	n = buf_len(&bytes);
	/* On the heap, so that a checker sees a read past the end. */
	for (size_t len = 0; len < n; len++) {
		copy = mem_dup_n(buf_text(&bytes), len);
		ck_assert_msg(
		    entry_decode(str_n(copy, len), &arena, &e, &f) < 0,
		    "%zu bytes", len);
		ck_assert_int_eq(f.kind, FAULT_PERM);
		ck_assert_str_eq(f.dsn, "5.3.0");
		ck_assert_uint_eq(e.n_rcpts, 0);
		mem_free(copy);
	}
	for (size_t i = 0; i < n; i++) {
		for (unsigned bit = 0; bit < 8; bit++) {
			copy = mem_dup_n(buf_text(&bytes), n);
			copy[i] = (char)(copy[i] ^ 1 << bit);
			/* Found out or not, it stays within its bytes. */
			if (entry_decode(str_n(copy, n), &arena, &e, &f) == 0)
				ck_assert_uint_le(e.n_rcpts, ENTRY_RCPTS_MAX);
			mem_free(copy);
		}
	}
	buf_putc(&bytes, 'x');
	ck_assert_int_lt(entry_decode(buf_str(&bytes), &arena, &e, &f), 0);
	end();
}
END_TEST

START_TEST(an_entry_of_a_later_version_is_a_fault_that_says_so)
{
	struct entry was, e;
	struct fault f;
	char *copy;

	begin();
	make_example(&was);
	entry_encode(&was, &bytes);
	copy = mem_dup_n(buf_text(&bytes), buf_len(&bytes));
	copy[0]++;
	ck_assert_int_lt(
	    entry_decode(str_n(copy, buf_len(&bytes)), &arena, &e, &f), 0);
	ck_assert_str_eq(f.dsn, "5.3.0");
	ck_assert_ptr_nonnull(strstr(f.text, "version"));
	mem_free(copy);
	end();
}
END_TEST

/* As a queue of that time has it: the same, but without replies, and without a
 * next hop of the operator's. */
START_TEST(an_entry_of_the_first_version_is_read)
{
	struct entry was, e;
	struct fault f;
	char *copy;

	begin();
	make_example(&was);
	was.rcpts[1].reply = was.via = (struct str){0};
	was.rcpts[0].goes_via = false;
	entry_encode(&was, &bytes);
	copy = mem_dup_n(buf_text(&bytes), buf_len(&bytes));
	copy[0] = 1;
	ck_assert_int_eq(
	    entry_decode(str_n(copy, buf_len(&bytes)), &arena, &e, &f), 0);
	ck_assert_str_eq(e.rcpts[1].fault.text, "no such user");
	ck_assert_view_eq(e.rcpts[1].host, "mx.example.net");
	ck_assert_uint_eq(e.rcpts[1].reply.len, 0);
	copy[0] = 0;
	ck_assert_int_lt(
	    entry_decode(str_n(copy, buf_len(&bytes)), &arena, &e, &f), 0);
	mem_free(copy);
	end();
}
END_TEST

/* Lengths and counts that no bytes stand behind. */
START_TEST(a_count_without_its_recipients_takes_no_memory)
{
	struct entry was, e;
	struct fault f;

	begin();
	make_example(&was);
	was.n_rcpts = 0;
	entry_encode(&was, &bytes);
	buf_truncate(&bytes, buf_len(&bytes) - 1);
	/* 20000, and nothing. */
	buf_put(&bytes, "\xa0\x9c\x01", 3);
	ck_assert_int_lt(entry_decode(buf_str(&bytes), &arena, &e, &f), 0);
	end();
}
END_TEST

static void
fill(char *text, size_t size, struct str *s)
{
	memset(text, 'x', size);
	*s = str_n(text, size);
}

START_TEST(the_room_that_is_kept_is_enough_for_any_attempt)
{
	char text[300], reply[REPLY_LINE_MAX];
	struct entry e;
	size_t before;

	begin();
	make_example(&e);
	e.n_rcpts = 1;
	entry_encode(&e, &bytes);
	before = buf_len(&bytes);
	buf_reset(&bytes);
	e.rcpts[0].due = e.rcpts[0].last = INT64_MAX;
	e.rcpts[0].attempts = UINT32_MAX;
	fill(text, 255, &e.rcpts[0].host);
	fill(text, 63, &e.rcpts[0].address);
	fill(reply, sizeof reply, &e.rcpts[0].reply);
	e.rcpts[0].fault.kind = FAULT_PERM;
	memset(e.rcpts[0].fault.dsn, '5', sizeof e.rcpts[0].fault.dsn - 1);
	memset(e.rcpts[0].fault.text, 'x', sizeof e.rcpts[0].fault.text - 1);
	entry_encode(&e, &bytes);
	ck_assert_uint_le(buf_len(&bytes) - before, ENTRY_RCPT_ROOM);
	end();
}
END_TEST

UNIT_MAIN("entry", an_entry_comes_back_as_it_was,
    recipients_come_back_with_their_last_attempt,
    the_null_path_and_a_bare_postmaster_come_back,
    an_entry_without_recipients_is_closed,
    an_entry_is_open_while_a_recipient_waits, a_fresh_entry_is_small,
    a_damaged_entry_is_a_fault_and_never_a_crash,
    an_entry_of_the_first_version_is_read,
    an_entry_of_a_later_version_is_a_fault_that_says_so,
    a_count_without_its_recipients_takes_no_memory,
    the_room_that_is_kept_is_enough_for_any_attempt)
