/* SPDX-License-Identifier: ISC */
/* The index record of a message: its form, and what a message's head says. */
#include "config.h"

#include "store/record.h"

#include "proto/header.h"

enum { RECORD_VERSION = 1 };

static void
put_number(struct buf *b, uint64_t n)
{
	unsigned char bytes[8];

	for (size_t i = 0; i < sizeof bytes; i++)
		bytes[i] = (unsigned char)(n >> (8 * i));
	buf_put(b, bytes, sizeof bytes);
}

static void
put_text(struct buf *b, struct str s)
{
	s = str_head(s, RECORD_TEXT_MAX);
	buf_putc(b, (char)(s.len & 0xff));
	buf_putc(b, (char)(s.len >> 8));
	buf_put_str(b, s);
}

void
record_format(const struct record *r, struct buf *b)
{
	buf_putc(b, RECORD_VERSION);
	buf_putc(b, (char)r->place);
	put_number(b, (uint64_t)r->stored);
	put_number(b, (uint64_t)r->date);
	put_number(b, r->size);
	put_number(b, r->wire_size);
	put_text(b, r->info);
	put_text(b, r->ident);
	put_text(b, r->message_id);
	put_text(b, r->subject);
	put_text(b, r->sender);
}

static bool
take_number(struct str *s, uint64_t *n)
{
	if (s->len < 8)
		return false;
	*n = 0;
	for (size_t i = 0; i < 8; i++)
		*n |= (uint64_t)(unsigned char)s->at[i] << (8 * i);
	*s = str_from(*s, 8);
	return true;
}

static bool
take_time(struct str *s, int64_t *t)
{
	uint64_t n;

	if (!take_number(s, &n))
		return false;
	*t = (int64_t)n;
	return true;
}

static bool
take_text(struct str *s, struct str *text)
{
	size_t len;

	if (s->len < 2)
		return false;
	len = (size_t)(unsigned char)s->at[0] | (size_t)(unsigned char)s->at[1]
						    << 8;
	*s = str_from(*s, 2);
	if (len > s->len)
		return false;
	*text = str_head(*s, len);
	*s = str_from(*s, len);
	return true;
}

bool
record_parse(struct str value, struct record *r)
{
	if (value.len < 2 || value.at[0] != RECORD_VERSION ||
	    (value.at[1] != RECORD_NEW && value.at[1] != RECORD_CUR))
		return false;
	r->place = (enum record_place)value.at[1];
	value = str_from(value, 2);
	return take_time(&value, &r->stored) && take_time(&value, &r->date) &&
	       take_number(&value, &r->size) &&
	       take_number(&value, &r->wire_size) &&
	       take_text(&value, &r->info) && take_text(&value, &r->ident) &&
	       take_text(&value, &r->message_id) &&
	       take_text(&value, &r->subject) &&
	       take_text(&value, &r->sender) && value.len == 0;
}

bool
record_is_seen(const struct record *r)
{
	return str_starts(r->info, STR_LIT(":2,")) && str_has(r->info, 'S');
}

struct first_address {
	struct buf *texts;
	bool has;
};

static void
keep_first(void *ctx, struct str addr_spec)
{
	struct first_address *first = ctx;

	if (!first->has)
		buf_put_str(first->texts, str_head(addr_spec, RECORD_TEXT_MAX));
	first->has = true;
}

/* The text that was put behind `before`. Only its length is kept until all are
 * there, since the buffer may move. */
static size_t
text_since(struct buf *texts, size_t before)
{
	if (buf_len(texts) > before + RECORD_TEXT_MAX)
		buf_truncate(texts, before + RECORD_TEXT_MAX);
	return buf_len(texts) - before;
}

enum { MESSAGE_ID, SUBJECT, SENDER, TEXTS };

static void
read_field(struct record *r, const struct header_field *field,
    struct buf *texts, size_t lens[TEXTS], size_t ats[TEXTS])
{
	struct first_address first = {.texts = texts};
	size_t before = buf_len(texts);
	int which;
	time_t t;

	if (str_is_nocase(field->name, STR_LIT("Date"))) {
		if (r->date == 0 && header_parse_date(field->value, &t))
			r->date = (int64_t)t;
		return;
	}
	if (str_is_nocase(field->name, STR_LIT("Message-ID")))
		which = MESSAGE_ID;
	else if (str_is_nocase(field->name, STR_LIT("Subject")))
		which = SUBJECT;
	else if (str_is_nocase(field->name, STR_LIT("From")))
		which = SENDER;
	else
		return;
	if (lens[which] > 0)
		return;
	if (which == MESSAGE_ID)
		buf_put_str(texts, header_message_id(field->value));
	else if (which == SUBJECT)
		header_decode(texts, field->value);
	else
		header_each_address(field->value, keep_first, &first);
	ats[which] = before;
	lens[which] = text_since(texts, before);
}

void
record_read_head(struct record *r, struct str head, struct buf *texts)
{
	size_t lens[TEXTS] = {0}, ats[TEXTS] = {0};
	struct str rest = str_head(head, RECORD_HEAD_MAX);
	struct header_field field;
	const char *at;

	r->date = 0;
	buf_reset(texts);
	while (header_next(&rest, &field))
		read_field(r, &field, texts, lens, ats);
	at = buf_text(texts);
	r->message_id = str_n(at + ats[MESSAGE_ID], lens[MESSAGE_ID]);
	r->subject = str_n(at + ats[SUBJECT], lens[SUBJECT]);
	r->sender = str_n(at + ats[SENDER], lens[SENDER]);
}
