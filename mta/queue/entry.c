/* SPDX-License-Identifier: ISC */
/*
 * A message's envelope and state as bytes: a version, then fields in a fixed
 * order. Numbers are LEB128 (seven bits a byte, the lowest first); a text is
 * its length and its bytes. What came from a damaged disk is checked like what
 * comes from a stranger: each length against what is left, each enumeration
 * against its range.
 */
#include "config.h"

#include "mta/queue/entry.h"

#include <string.h>

/* 1 had no replies, 2 no next hop by the operator. */
enum { ENTRY_VERSION = 3 };

/* Of the entry. */
enum {
	HELD = 1 << 0,
	NOTICE = 1 << 1,
	BODY_IN_FILE = 1 << 2,
	SMTPUTF8 = 1 << 3,
	REQUIRETLS = 1 << 4,
	HAS_AUTH = 1 << 5,
	VERP = 1 << 6,
	TLS_OPTIONAL = 1 << 7,
	HAS_VIA = 1 << 8, /* since version 3 */
	ENTRY_FLAGS = (1 << 9) - 1,
};

/* Of a recipient; the lowest two bits are its state. */
enum {
	STATE = 3,
	WARNED = 1 << 2,
	RELAYED = 1 << 3,
	HAS_FAULT = 1 << 4,
	HAS_ORCPT = 1 << 5,
	HAS_REPLY = 1 << 6, /* since version 2 */
	GOES_VIA = 1 << 7,  /* since version 3 */
	RCPT_FLAGS = (1 << 8) - 1,
};

/* Flags, an address of two empty texts, and the numbers. */
enum { RCPT_BYTES_MIN = 8 };

static void
put_number(struct buf *b, uint64_t n)
{
	for (; n > 127; n >>= 7)
		buf_putc(b, (char)(n | 128));
	buf_putc(b, (char)n);
}

static void
put_text(struct buf *b, struct str s)
{
	put_number(b, s.len);
	buf_put_str(b, s);
}

static void
put_address(struct buf *b, const struct address *a)
{
	put_number(b, (unsigned)a->host << 1 | a->is_utf8);
	put_text(b, str(a->local));
	put_text(b, str(a->domain));
}

static void
put_mail(struct buf *b, const struct envelope_mail *m)
{
	put_address(b, &m->reverse_path);
	put_number(b, m->body);
	put_number(b, m->ret);
	put_text(b, m->envid);
	put_text(b, m->auth);
}

static void
put_client(struct buf *b, const struct envelope_xforward *x)
{
	put_text(b, x->name);
	put_text(b, x->addr);
	put_text(b, x->port);
	put_text(b, x->proto);
	put_text(b, x->helo);
	put_text(b, x->ident);
	put_text(b, x->source);
}

static void
put_rcpt(struct buf *b, const struct entry_rcpt *r)
{
	bool has_orcpt = r->to.orcpt_type.len > 0;
	bool has_fault = r->fault.kind != 0;

	put_number(
	    b, (unsigned)r->state | (r->was_warned ? WARNED : 0) |
		   (r->relayed ? RELAYED : 0) | (r->goes_via ? GOES_VIA : 0) |
		   (has_fault ? HAS_FAULT : 0) | (has_orcpt ? HAS_ORCPT : 0) |
		   (r->reply.len > 0 ? HAS_REPLY : 0));
	put_address(b, &r->to.forward_path);
	put_number(b, r->to.notify);
	put_number(b, (uint64_t)r->due);
	put_number(b, r->attempts);
	put_number(b, (uint64_t)r->last);
	put_text(b, r->host);
	put_text(b, r->address);
	if (has_orcpt) {
		put_text(b, r->to.orcpt_type);
		put_text(b, r->to.orcpt);
	}
	if (has_fault) {
		put_number(b, r->fault.kind);
		put_text(b, str(r->fault.dsn));
		put_text(b, str(r->fault.text));
	}
	if (r->reply.len > 0)
		put_text(b, r->reply);
}

void
entry_encode(const struct entry *e, struct buf *out)
{
	buf_putc(out, ENTRY_VERSION);
	put_number(out, (e->is_held ? HELD : 0) | (e->is_notice ? NOTICE : 0) |
			    (e->body_in_file ? BODY_IN_FILE : 0) |
			    (e->mail.smtputf8 ? SMTPUTF8 : 0) |
			    (e->mail.requiretls ? REQUIRETLS : 0) |
			    (e->mail.verp ? VERP : 0) |
			    (e->mail.has_auth ? HAS_AUTH : 0) |
			    (e->tls_optional ? TLS_OPTIONAL : 0) |
			    (e->via.len > 0 ? HAS_VIA : 0));
	buf_put(out, e->id.text, IDENT_LEN);
	put_number(out, e->size);
	put_number(out, (uint64_t)e->arrived);
	put_number(out, (uint64_t)e->expires);
	put_mail(out, &e->mail);
	put_client(out, &e->client);
	put_text(out, e->owner);
	if (e->via.len > 0)
		put_text(out, e->via);
	put_number(out, e->n_rcpts);
	for (size_t i = 0; i < e->n_rcpts; i++)
		put_rcpt(out, &e->rcpts[i]);
}

/* What is left of the bytes. Once something is wrong it stays so, and all that
 * is taken is zero: the end asks once. */
struct reader {
	struct str rest;
	bool bad;
};

static uint64_t
take_number(struct reader *r, uint64_t max)
{
	uint64_t n = 0;

	for (unsigned shift = 0; shift < 64 && r->rest.len > 0; shift += 7) {
		unsigned char c = (unsigned char)r->rest.at[0];

		r->rest = str_from(r->rest, 1);
		/* The tenth byte has room for one bit. */
		if (shift == 63 && c > 1)
			break;
		n |= (uint64_t)(c & 127) << shift;
		if (c < 128 && n <= max)
			return n;
		if (c < 128)
			break;
	}
	r->bad = true;
	r->rest.len = 0;
	return 0;
}

static int64_t
take_time(struct reader *r)
{
	return (int64_t)take_number(r, INT64_MAX);
}

static struct str
take_text(struct reader *r)
{
	uint64_t len = take_number(r, r->rest.len);
	struct str text = {0};

	/* The length's own bytes may have been counted in. */
	if (len > r->rest.len) {
		r->bad = true;
		r->rest.len = 0;
		return text;
	}
	text = str_head(r->rest, (size_t)len);
	r->rest = str_from(r->rest, (size_t)len);
	return text;
}

static void
take_chars(struct reader *r, char *text, size_t size)
{
	if (!str_copy(take_text(r), text, size)) {
		r->bad = true;
		r->rest.len = 0;
	}
}

static void
take_address(struct reader *r, struct address *a)
{
	uint64_t flags = take_number(r, ADDRESS_NO_HOST << 1 | 1);

	a->host = (enum address_host)(flags >> 1);
	a->is_utf8 = (flags & 1) != 0;
	take_chars(r, a->local, sizeof a->local);
	take_chars(r, a->domain, sizeof a->domain);
}

static void
take_mail(struct reader *r, struct envelope_mail *m)
{
	take_address(r, &m->reverse_path);
	m->body = (enum envelope_body)take_number(r, BODY_BINARYMIME);
	m->ret = (enum envelope_ret)take_number(r, RET_HDRS);
	m->envid = take_text(r);
	m->auth = take_text(r);
}

static void
take_client(struct reader *r, struct envelope_xforward *x)
{
	x->name = take_text(r);
	x->addr = take_text(r);
	x->port = take_text(r);
	x->proto = take_text(r);
	x->helo = take_text(r);
	x->ident = take_text(r);
	x->source = take_text(r);
}

static void
take_fault(struct reader *r, struct fault *f)
{
	f->kind = (enum fault_kind)take_number(r, FAULT_PERM);
	if (f->kind < FAULT_TEMP)
		r->bad = true;
	take_chars(r, f->dsn, sizeof f->dsn);
	take_chars(r, f->text, sizeof f->text);
}

static void
take_rcpt(struct reader *r, struct entry_rcpt *rcpt)
{
	uint64_t flags = take_number(r, RCPT_FLAGS);

	if ((flags & STATE) > ENTRY_FAILED)
		r->bad = true;
	rcpt->state = (enum entry_state)(flags & STATE);
	rcpt->was_warned = (flags & WARNED) != 0;
	rcpt->relayed = (flags & RELAYED) != 0;
	rcpt->goes_via = (flags & GOES_VIA) != 0;
	take_address(r, &rcpt->to.forward_path);
	rcpt->to.notify = (unsigned)take_number(r, 15);
	rcpt->due = take_time(r);
	rcpt->attempts = (unsigned)take_number(r, UINT32_MAX);
	rcpt->last = take_time(r);
	rcpt->host = take_text(r);
	rcpt->address = take_text(r);
	if ((flags & HAS_ORCPT) != 0) {
		rcpt->to.orcpt_type = take_text(r);
		rcpt->to.orcpt = take_text(r);
	}
	if ((flags & HAS_FAULT) != 0)
		take_fault(r, &rcpt->fault);
	if ((flags & HAS_REPLY) != 0)
		rcpt->reply = take_text(r);
}

static void
take_rcpts(struct reader *r, struct arena *arena, struct entry *e)
{
	size_t n = (size_t)take_number(r, ENTRY_RCPTS_MAX);

	if (n > r->rest.len / RCPT_BYTES_MIN) {
		r->bad = true;
		return;
	}
	e->n_rcpts = n;
	e->rcpts = arena_take(arena, (n + 1) * sizeof *e->rcpts);
	for (size_t i = 0; i < n && !r->bad; i++)
		take_rcpt(r, &e->rcpts[i]);
}

static void
take_entry(struct reader *r, struct arena *arena, struct entry *e)
{
	uint64_t flags = take_number(r, ENTRY_FLAGS);

	e->is_held = (flags & HELD) != 0;
	e->is_notice = (flags & NOTICE) != 0;
	e->body_in_file = (flags & BODY_IN_FILE) != 0;
	e->mail.smtputf8 = (flags & SMTPUTF8) != 0;
	e->mail.requiretls = (flags & REQUIRETLS) != 0;
	e->mail.verp = (flags & VERP) != 0;
	e->mail.has_auth = (flags & HAS_AUTH) != 0;
	e->tls_optional = (flags & TLS_OPTIONAL) != 0;
	if (!ident_is_ours(str_head(r->rest, IDENT_LEN)))
		r->bad = true;
	else
		memcpy(e->id.text, r->rest.at, IDENT_LEN);
	r->rest = str_from(r->rest, IDENT_LEN);
	e->size = take_number(r, INT64_MAX);
	e->arrived = take_time(r);
	e->expires = take_time(r);
	take_mail(r, &e->mail);
	take_client(r, &e->client);
	e->owner = take_text(r);
	if ((flags & HAS_VIA) != 0)
		e->via = take_text(r);
	take_rcpts(r, arena, e);
}

int
entry_decode(
    struct str bytes, struct arena *arena, struct entry *e, struct fault *f)
{
	struct reader r;

	memset(e, 0, sizeof *e);
	if (bytes.len == 0 || bytes.len > ENTRY_BYTES_MAX)
		return fault_perm(
		    f, "5.3.0", "a queue entry of %zu bytes", bytes.len);
	if (bytes.at[0] < 1 || bytes.at[0] > ENTRY_VERSION)
		return fault_perm(f, "5.3.0",
		    "a queue entry of version %u: made by a later program",
		    (unsigned char)bytes.at[0]);
	/* All texts are views into this one copy. */
	r = (struct reader){.rest = str_from(arena_str(arena, bytes), 1)};
	take_entry(&r, arena, e);
	if (!r.bad && r.rest.len == 0)
		return 0;
	memset(e, 0, sizeof *e);
	return fault_perm(f, "5.3.0", "a damaged queue entry");
}

bool
entry_is_open(const struct entry *e)
{
	for (size_t i = 0; i < e->n_rcpts; i++) {
		if (e->rcpts[i].state == ENTRY_WAITING)
			return true;
	}
	return false;
}
