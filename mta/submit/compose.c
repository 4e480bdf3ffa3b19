/* SPDX-License-Identifier: ISC */
/*
 * Two steps: line() makes lines of what comes; take() keeps them until the
 * header section is whole, rewrites that, and passes the rest on.
 */
#include "config.h"

#include "mta/submit/compose.h"

#include "base/buf.h"
#include "base/mem.h"
#include "base/spool.h"
#include "base/utf8.h"
#include "mta/submit/qualify.h"
#include "proto/encode.h"
#include "proto/header.h"

enum {
	HEAD_MAX = 1 << 20,
	IN_MEMORY = 256 * 1024,
	PIECE = 16 * 1024,
	MBOX_LINE_MAX = 512,
	NAME_MAX_BYTES = 200,
	ADDRESSES_BYTES = HEAD_MAX * 4, /* with domains added */
};

struct compose {
	const struct compose_conf *conf;
	/* Lines. */
	bool in_line;    /* something of it has come */
	bool after_cr;   /* which is not written yet */
	bool lone_dot;   /* the line is a dot so far, not written yet */
	bool is_over;    /* a lone dot has come */
	struct buf text; /* with CRLF, on its way to take() */
	/* The header section as it came, until it is whole. */
	struct buf raw;
	struct header_scan scan;
	size_t scanned;
	bool has_begun; /* its first line was looked at */
	bool has_head;
	/* Results. */
	struct buf head;
	struct spool *body;
	bool is_8bit;
	struct envelope_rcpt *rcpts;
	size_t n_rcpts, room;
};

struct compose *
compose_new(const struct compose_conf *conf)
{
	struct compose *c = mem_new(struct compose);

	c->conf = conf;
	buf_init(&c->text, 4 * PIECE);
	buf_init(&c->raw, HEAD_MAX + 4 * PIECE);
	buf_init(&c->head, ADDRESSES_BYTES);
	header_scan_init(&c->scan);
	c->body = spool_new(conf->spool_dir, IN_MEMORY);
	return c;
}

void
compose_free(struct compose **compose)
{
	struct compose *c = *compose;

	if (c == NULL)
		return;
	buf_clear(&c->text);
	buf_clear(&c->raw);
	buf_clear(&c->head);
	spool_free(&c->body);
	mem_free(c->rcpts);
	mem_free(c);
	*compose = NULL;
}

/* Recipients. */

struct adding {
	struct compose *compose;
	struct fault *fault;
	bool failed;
};

static void
add_recipient(void *ctx, struct str text)
{
	struct adding *a = ctx;
	struct compose *c = a->compose;
	struct address to;

	if (a->failed)
		return;
	a->failed = address_parse(text, &to, a->fault) < 0;
	for (size_t i = 0; !a->failed && i < c->n_rcpts; i++)
		if (address_is_same(&c->rcpts[i].forward_path, &to))
			return;
	if (!a->failed && c->n_rcpts == COMPOSE_RECIPIENTS_MAX) {
		fault_perm(a->fault, "5.5.3", "more than %d recipients",
		    COMPOSE_RECIPIENTS_MAX);
		a->failed = true;
	}
	if (a->failed)
		return;
	if (c->n_rcpts == c->room) {
		c->room = c->room == 0 ? 4 : 2 * c->room;
		c->rcpts = mem_resize(c->rcpts, c->room, sizeof *c->rcpts);
	}
	c->rcpts[c->n_rcpts++] = (struct envelope_rcpt){.forward_path = to};
}

int
compose_add_recipients(struct compose *c, struct str list, struct fault *f)
{
	struct adding adding = {.compose = c, .fault = f};
	struct buf whole;
	bool ok;

	buf_init(&whole, ADDRESSES_BYTES);
	qualify_addresses(&whole, list, c->conf->domain);
	ok = header_each_address(buf_str(&whole), add_recipient, &adding);
	buf_clear(&whole);
	if (adding.failed)
		return -1;
	if (ok)
		return 0;
	list = str_head(str_trim(list), 100);
	return fault_perm(
	    f, "5.1.3", "\"%.*s\" is no list of addresses", STR_ARG(list));
}

/* The header section. */

static bool
is_one_of(struct str name, const char *const *names)
{
	for (; *names != NULL; names++)
		if (str_is_nocase(name, str(*names)))
			return true;
	return false;
}

/* Fields that are not for others, or stand for the envelope. */
static bool
is_dropped(struct str name)
{
	static const char *const names[] = {
	    "Bcc", "Resent-Bcc", "Return-Path", "Content-Length", NULL};

	return is_one_of(name, names);
}

static bool
has_addresses(struct str name)
{
	static const char *const names[] = {"From", "Sender", "Reply-To", "To",
	    "Cc", "Resent-From", "Resent-Sender", "Resent-To", "Resent-Cc",
	    NULL};

	return is_one_of(name, names);
}

static bool
is_recipients(struct str name, bool resent)
{
	static const char *const plain[] = {"To", "Cc", "Bcc", NULL};
	static const char *const again[] = {
	    "Resent-To", "Resent-Cc", "Resent-Bcc", NULL};

	return is_one_of(name, resent ? again : plain);
}

/* A message that is sent on goes to whom it is sent on (RFC 5322 3.6.6), not
 * to those whom it has reached before. */
static int
take_recipients(struct compose *c, struct str raw, struct fault *f)
{
	struct str rest = raw;
	struct header_field field;
	bool resent = false;

	while (header_next(&rest, &field))
		resent = resent || is_recipients(field.name, true);
	while (header_next(&raw, &field)) {
		if (!is_recipients(field.name, resent))
			continue;
		if (compose_add_recipients(c, field.value, f) < 0)
			return -1;
	}
	return 0;
}

/* A display name as RFC 5322 and 2047 want it. */
static void
put_name(struct buf *b, struct str name)
{
	bool is_ascii = true;

	name = str_head(name, NAME_MAX_BYTES);
	for (size_t i = 0; i < name.len; i++)
		is_ascii = is_ascii && name.at[i] >= ' ' && name.at[i] <= '~';
	if (!is_ascii) {
		/* Each word has 75 characters at most, so 45 bytes. */
		while (name.len > 0) {
			struct str part = str_head(name, 45);
			struct encode e;

			/* Not within a character of UTF-8. */
			while (
			    part.len > 1 && part.len < name.len &&
			    ((unsigned char)name.at[part.len] & 0xc0) == 0x80)
				part.len--;
			buf_puts(b, "=?UTF-8?B?");
			encode_init(&e, ENCODING_BASE64);
			encode_put(&e, part, b);
			encode_end(&e, b);
			buf_puts(b, "?= ");
			name = str_from(name, part.len);
		}
		return;
	}
	buf_putc(b, '"');
	for (size_t i = 0; i < name.len; i++) {
		if (name.at[i] == '"' || name.at[i] == '\\')
			buf_putc(b, '\\');
		buf_putc(b, name.at[i]);
	}
	buf_puts(b, "\" ");
}

static void
put_from(struct compose *c)
{
	struct str name = str_trim(str(c->conf->full_name));

	buf_puts(&c->head, "From: ");
	if (name.len > 0 && utf8_is_valid(name))
		put_name(&c->head, name);
	buf_putf(&c->head, "<%s>\r\n", c->conf->from);
}

static void
put_field(struct compose *c, const struct header_field *field)
{
	if (is_dropped(field->name))
		return;
	if (!has_addresses(field->name)) {
		buf_put_str(&c->head, field->whole);
		return;
	}
	buf_put_str(&c->head, field->name);
	buf_putc(&c->head, ':');
	qualify_addresses(&c->head, field->value, c->conf->domain);
	buf_puts(&c->head, "\r\n");
}

/* All of the header section is in raw, with some of the body. */
static int
make_head(struct compose *c, struct fault *f)
{
	struct str rest = buf_str(&c->raw);
	struct header_field field;
	bool has_from = false;

	c->has_head = true;
	if (c->conf->take_recipients && take_recipients(c, rest, f) < 0)
		return -1;
	while (header_next(&rest, &field)) {
		has_from =
		    has_from || str_is_nocase(field.name, STR_LIT("From"));
		put_field(c, &field);
	}
	if (!has_from)
		put_from(c);
	buf_puts(&c->head, "\r\n");
	if (buf_is_full(&c->head))
		return fault_perm(f, "5.3.4", "the header section is too long");
	return spool_put(c->body, rest, f);
}

/* Drops what mailboxes put between messages, "From ann Mon Nov 23 17:05:38
 * 2026". False where more must come to know whether it is there. */
static bool
skip_mbox_line(struct compose *c)
{
	struct str raw = buf_str(&c->raw);
	size_t end = str_find(raw, '\n');

	if (end == raw.len && end < MBOX_LINE_MAX)
		return false;
	if (end < MBOX_LINE_MAX && str_starts(raw, STR_LIT("From ")))
		buf_consume(&c->raw, end + 1);
	return true;
}

/* Looks at what has come of the header section since the last time. */
static void
scan(struct compose *c)
{
	struct str raw;

	if (!c->has_begun)
		c->has_begun = skip_mbox_line(c);
	if (!c->has_begun)
		return;
	raw = buf_str(&c->raw);
	header_scan_feed(&c->scan, str_from(raw, c->scanned));
	c->scanned = raw.len;
}

/* Takes what is in c->text. */
static int
take(struct compose *c, struct fault *f)
{
	int rc = 0;

	if (c->has_head) {
		rc = spool_put(c->body, buf_str(&c->text), f);
	} else {
		buf_put_str(&c->raw, buf_str(&c->text));
		scan(c);
		if (!c->scan.done && buf_len(&c->raw) > HEAD_MAX)
			rc = fault_perm(
			    f, "5.3.4", "the header section is too long");
		else if (c->scan.done)
			rc = make_head(c, f);
	}
	buf_reset(&c->text);
	return rc;
}

/* Lines. */

static void
put_byte(struct compose *c, char b)
{
	/* A CR that ends no line would be taken for an attempt to hide what
	 * follows it; a blank is what it looks like. */
	if (c->lone_dot)
		buf_putc(&c->text, '.');
	if (c->after_cr)
		buf_putc(&c->text, ' ');
	c->after_cr = c->lone_dot = false;
	c->in_line = true;
	c->is_8bit = c->is_8bit || (unsigned char)b > 0x7f;
	buf_putc(&c->text, b);
}

static void
end_line(struct compose *c)
{
	if (c->lone_dot && !c->conf->ignore_dots) {
		c->is_over = true;
		return;
	}
	if (c->lone_dot)
		buf_putc(&c->text, '.');
	buf_puts(&c->text, "\r\n");
	c->in_line = c->after_cr = c->lone_dot = false;
}

static void
line(struct compose *c, char b)
{
	if (b == '\n') {
		end_line(c);
	} else if (b == '\r' && !c->after_cr) {
		c->after_cr = true;
	} else if (b == '.' && !c->in_line && !c->after_cr && !c->lone_dot) {
		c->lone_dot = true;
	} else {
		put_byte(c, b == '\r' ? ' ' : b);
	}
}

int
compose_feed(struct compose *c, struct str bytes, struct fault *f)
{
	for (size_t i = 0; i < bytes.len && !c->is_over; i++) {
		line(c, bytes.at[i]);
		if (buf_len(&c->text) >= PIECE && take(c, f) < 0)
			return -1;
	}
	if (buf_len(&c->text) > 0 && take(c, f) < 0)
		return -1;
	return c->is_over ? 1 : 0;
}

int
compose_end(struct compose *c, struct fault *f)
{
	if (!c->is_over && (c->in_line || c->after_cr || c->lone_dot))
		end_line(c);
	if (buf_len(&c->text) > 0 && take(c, f) < 0)
		return -1;
	if (!c->has_head)
		return make_head(c, f);
	return 0;
}

struct str
compose_head(const struct compose *c)
{
	return buf_str(&c->head);
}

struct spool *
compose_body(const struct compose *c)
{
	return c->body;
}

bool
compose_is_8bit(const struct compose *c)
{
	return c->is_8bit;
}

const struct envelope_rcpt *
compose_recipients(const struct compose *c, size_t *n)
{
	*n = c->n_rcpts;
	return c->rcpts;
}
